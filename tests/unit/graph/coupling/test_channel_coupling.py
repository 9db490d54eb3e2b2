"""Channels followed through networks of every make: what goes together, and that removing it is exact.

The law is the same for all of them: silent channels (nothing is computed in them) are removed at random ratios, and
every answer stays. A removal that merely has fitting shapes does not pass.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from secateur.formats import format_named
from secateur.graph.context import Context
from secateur.graph.coupling.channels import ChannelGraph, couplings, example_tensors
from secateur.graph.network import TorchModel
from secateur.methods.prune.channel import ChannelPruning


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(3, 3, 8, 8)).astype(np.float32)


def silence(model: TorchModel, seed: int) -> None:
    """Let a random choice of removable units compute nothing, and all that multiplies or adds in their place."""
    graph = ChannelGraph(model.module, example_tensors(model))
    random = np.random.default_rng(seed)
    found, marks = graph.found, graph.found.marks
    quiet: set[int] = set()
    for group in graph.groups:
        count = int(random.integers(0, group.most + 1))
        for part in group.parts:
            quiet.update(part[int(place)].mark for place in random.permutation(len(part))[:count])
    makers = {id(model.module.get_submodule(name).weight): name for name in graph.outputs}
    parameters = dict(model.module.named_parameters())
    with torch.no_grad():
        for (name, role), own in found.stored.items():
            if name not in parameters:
                continue
            gone = torch.from_numpy(np.flatnonzero(np.isin(marks.roots(own), list(quiet))))
            tensor = parameters[name]
            is_maker = id(tensor) in makers
            layer = model.module.get_submodule(name.rpartition(".")[0])
            axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
            if isinstance(layer, nn.ConvTranspose2d) and role == "blocks":
                width = tensor.shape[1]
                rows = tensor.shape[0] // layer.groups
                for channel in gone.tolist():
                    tensor[channel // width * rows : (channel // width + 1) * rows, channel % width] = 0.0
            elif (is_maker and role == axis) or (not is_maker and isinstance(role, int)):
                tensor.index_fill_(int(role), gone, 0.0)


@pytest.mark.parametrize("ratio", [0.2, 0.35, 0.5, 0.7])
def test_removing_silent_channels_changes_no_answer(
    make_model: Callable[[], TorchModel], ratio: float, images: np.ndarray
) -> None:
    model = make_model()
    silence(model, seed=int(ratio * 100))
    graph = ChannelGraph(model.module, example_tensors(model))
    before = model.run(images)
    silent = [
        [[unit for unit in part if is_silent(model, unit.channels)] for part in group.parts] for group in graph.groups
    ]
    for group, parts in zip(graph.groups, silent, strict=True):
        for part in parts:
            count = min(*map(len, parts), group.most)
            graph.remove(part[:count])
    module, kept, _ = graph.finish()
    assert any(parts[0] for parts in silent)
    for name, channels in kept.items():
        assert len(channels) == graph.width(name) >= 1
    with torch.no_grad():
        after = module(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def is_silent(model: TorchModel, channels: Any) -> bool:
    for name, own in channels.items():
        layer = model.module.get_submodule(name)
        weight = layer.weight.detach()
        if isinstance(layer, nn.ConvTranspose2d):
            width = weight.shape[1]
            rows = weight.shape[0] // layer.groups
            slices = [weight[c // width * rows : (c // width + 1) * rows, c % width] for c in own]
        else:
            slices = [weight[c] for c in own]
        if any(bool(part.any()) for part in slices):
            return False
    return True


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.8])
def test_every_make_loses_channels_and_still_runs(
    make_model: Callable[[], TorchModel], ratio: float, images: np.ndarray
) -> None:
    model = make_model()
    layers = [name for name, found in couplings(model).layers.items() if not found.reason]
    pruned = ChannelPruning(round_to=1, ratio=ratio).apply(model, layers, Context())
    assert pruned.run(images).shape == model.run(images).shape
    before, after = (sum(p.numel() for p in m.module.parameters()) for m in (model, pruned))
    assert after < before


def test_the_pruned_network_is_the_same_in_onnx_runtime(
    make_model: Callable[[], TorchModel], images: np.ndarray, tmp_path: Path
) -> None:
    model = make_model()
    layers = [name for name, found in couplings(model).layers.items() if not found.reason]
    pruned = ChannelPruning(round_to=1, ratio=0.4).apply(model, layers, Context())
    format_named("onnx").write(pruned, tmp_path / "pruned.onnx")
    session = ort.InferenceSession(str(tmp_path / "pruned.onnx"), providers=["CPUExecutionProvider"])
    (answer, *_) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(answer, pruned.run(images), rtol=1e-3, atol=1e-4)


def test_a_deep_dense_network_is_followed_in_one_run(networks: Any) -> None:
    """Where every layer reads all before it, a search along the edges would take exponential time."""
    model = networks.model_of(networks.dense(blocks=40))
    graph = ChannelGraph(model.module, example_tensors(model))
    assert graph.trials == 0
    assert {name for name in graph.outputs if graph.coupling(name).reason} == {"head"}
    assert all(graph.coupling(f"c{number}").together == () for number in range(40))


def test_nothing_that_is_found_depends_on_the_clock(networks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = networks.model_of(networks.unet())
    found = couplings(model).layers
    for name in ("time", "monotonic", "perf_counter", "thread_time", "process_time"):
        monkeypatch.setattr(time, name, lambda: 1e9)
    assert couplings(model).layers == found


def test_channels_that_the_code_cuts_by_number_stay_and_the_rest_goes(networks: Any, images: np.ndarray) -> None:
    class Numbered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 16, 1), nn.Conv2d(8, 6, 1), nn.Conv2d(6, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.a(x))
            return self.c(torch.relu(self.b(x[:, :8] * x[:, 8:]))).mean((2, 3))

    model = networks.model_of(Numbered())
    found = couplings(model).layers
    assert found["a"].reason == "Its channels reach an operation whose sizes are fixed."
    assert found["b"].reason == ""
    assert ChannelPruning(round_to=1, ratio=0.5).apply(model, ["b"], Context()).run(images).shape == (3, 4)


def test_a_shuffle_written_in_pairs_takes_channels_in_pairs(networks: Any, images: np.ndarray) -> None:
    """As ShuffleNet V2 is written: (channels // 2, 2), so that neighbours go to different halves."""

    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Conv2d(3, 16, 1), nn.Conv2d(8, 6, 1), nn.Linear(14, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n, c, h, w = (x := torch.relu(self.a(x))).shape
            x = x.reshape(n, c // 2, 2, h * w).permute(2, 0, 1, 3).reshape(2, n, c // 2, h, w)
            return self.head(torch.cat([x[0], torch.relu(self.b(x[1]))], 1).mean((2, 3)))

    model = networks.model_of(Pairs())
    assert couplings(model).layers["a"].block == 2
    with torch.no_grad():
        model.module.a.weight[[2, 3, 8, 9]] = 0.0  # type: ignore[index, operator, union-attr]
        model.module.a.bias[[2, 3, 8, 9]] = 0.0  # type: ignore[index, operator, union-attr]
    pruned = ChannelPruning(round_to=1, ratio=0.25).apply(model, ["a"], Context())
    assert pruned.weights()["a"].shape[0] == 12
    np.testing.assert_allclose(pruned.run(images), model.run(images), rtol=1e-4, atol=1e-5)


def test_an_operation_that_nobody_follows_is_named(networks: Any) -> None:
    class Sorted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 1), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(torch.sort(self.a(x).mean((2, 3)), 1).values)

    assert "sort" in couplings(networks.model_of(Sorted())).layers["a"].reason


@pytest.mark.parametrize(
    "name", ["hardswish", "hardsigmoid", "silu", "gelu", "logsigmoid", "rrelu", "instance_norm", "normalize"]
)
def test_functions_that_keep_channels_apart_bind_nothing(networks: Any, name: str) -> None:
    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(getattr(F, name)(self.a(x))).mean((2, 3))

    assert couplings(networks.model_of(Between())).layers["a"].reason == ""


def test_the_hidden_layer_of_torchs_own_transformer_layer_can_lose_channels(networks: Any, images: np.ndarray) -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Conv2d(3, 12, 4, 4), nn.Linear(12, 4)
            self.layer = nn.TransformerEncoderLayer(12, 2, 16, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.layer(self.embed(x).flatten(2).transpose(1, 2)).mean(1))

    model = networks.model_of(Encoder())
    assert couplings(model).layers["layer.linear1"].reason == ""
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, ["layer.linear1"], Context())
    assert pruned.weights()["layer.linear2"].shape == (12, 8)
    assert pruned.run(images).shape == (3, 4)


def test_what_the_code_overwrites_by_number_stays(networks: Any) -> None:
    class Overwritten(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.a(x)
            x[:, :4] = 0.0
            return self.b(x).mean((2, 3))

    assert "sizes are fixed" in couplings(networks.model_of(Overwritten())).layers["a"].reason


def test_channels_that_are_computed_from_their_neighbours_stay_together(networks: Any) -> None:
    class Normalized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(F.local_response_norm(self.a(x), 3)).mean((2, 3))

    assert "belong together" in couplings(networks.model_of(Normalized())).layers["a"].reason


def tower(blocks: int) -> nn.Module:
    """A transformer whose heads have a fixed size: channels of queries, keys and values go by whole heads."""

    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = net.embed(x).flatten(2).transpose(1, 2)
        n, t, _ = x.shape
        for block in net.blocks:
            q, k, v = (layer(x).view(n, t, -1, 4).transpose(1, 2) for layer in (block.q, block.k, block.v))
            x = x + block.out((torch.softmax(q @ k.transpose(2, 3), -1) @ v).transpose(1, 2).reshape(n, t, -1))
            x = x + block.down(F.gelu(block.up(x)))
        return net.head(x.mean(1))

    def block() -> nn.Module:
        made = nn.Module()
        sizes = {"q": (8, 8), "k": (8, 8), "v": (8, 8), "out": (8, 8), "up": (8, 12), "down": (12, 8)}
        for name, (narrow, wide) in sizes.items():
            made.add_module(name, nn.Linear(narrow, wide))
        return made

    class Tower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 4)
            self.blocks = nn.ModuleList(block() for _ in range(blocks))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return forward(self, x)

    return Tower()


def test_what_one_block_cannot_lose_is_not_tried_in_all_that_are_like_it(networks: Any, images: np.ndarray) -> None:
    few, many = (networks.model_of(tower(blocks)) for blocks in (3, 60))
    small, large = (ChannelGraph(model.module, example_tensors(model)) for model in (few, many))
    assert 0 < small.trials <= large.trials <= 6
    for layer in ("q", "k", "v", "up", "out"):
        assert large.coupling("blocks.59." + layer).reason == ""
        assert large.coupling("blocks.59." + layer).block == small.coupling("blocks.2." + layer).block
    assert large.coupling("blocks.59.q").block == 4  # a head
    assert large.coupling("blocks.59.up").block == 1
    model = networks.model_of(tower(12))
    layers = tuple(f"blocks.{number}.{name}" for number in range(12) for name in ("q", "v", "up"))
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, layers, Context())
    assert pruned.module.blocks[11].v.out_features == 4
    assert pruned.module.blocks[11].up.out_features == 6
    assert pruned.run(images).shape == model.run(images).shape
