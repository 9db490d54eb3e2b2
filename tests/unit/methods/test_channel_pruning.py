"""Channel pruning: what leaves, what is coupled, and that the rest computes as before."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F  # noqa: N812

from secateur.data.batch import Batch
from secateur.data.tasks import task_of
from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.coupling.channels import couplings
from secateur.graph.network import TorchModel
from secateur.methods.prune.channel import ChannelPruning, removed_channels
from secateur.model.description import Coupling, Port
from secateur.model.encoding import Encodings, WeightEncoding


class PaddedShortcut(nn.Module):
    """Half the places, twice the channels, no weights: the shortcut of a ResNet for small images."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.pad(inputs[:, :, ::2, ::2], (0, 0, 0, 0, 3, 5), "constant", 0)


class Block(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        self.shortcut = nn.Sequential() if stride == 1 else PaddedShortcut()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        inside = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(inputs)))))
        return F.relu(inside + self.shortcut(inputs))


class SmallResNet(nn.Module):
    """8 channels, then 16 through a padded shortcut, then a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.narrow, self.wide = Block(8, 8), Block(8, 16, 2)
        self.head = nn.Linear(16, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.wide(self.narrow(F.relu(self.norm(self.stem(images)))))
        x = F.avg_pool2d(x, x.size()[3])
        return self.head(x.view(x.size(0), -1))


class Depthwise(nn.Module):
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=groups)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.relu(self.last(F.relu(self.depth(F.relu(self.first(images)))))).mean((2, 3))


class Joined(nn.Module):
    """Two branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 6, 1), nn.Conv2d(3, 10, 1)
        self.after = nn.Conv2d(16, 7, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.after(F.relu(torch.cat([self.left(images), self.right(images)], 1))).mean((2, 3))


class FixedSizes(nn.Module):
    """Reshapes by numbers in its code."""

    def __init__(self) -> None:
        super().__init__()
        self.bound, self.free, self.head = nn.Conv2d(3, 6, 1), nn.Linear(6 * 64, 9), nn.Linear(9, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.bound(images).reshape(images.size(0), 6, 64).permute(0, 2, 1).reshape(images.size(0), 384)
        return self.head(F.relu(self.free(x)))


def settled(module: nn.Module) -> nn.Module:
    """Weights and batch norm statistics away from their trivial starting values, the same on every call."""
    random = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=random)
                tensor.copy_(0.5 + noise if "running_var" in name else noise - 0.4)
    return module.eval()


def model_of(module: nn.Module, size: int = 8, outputs: int = 5) -> TorchModel:
    ports = (Port("image", "float32", (None, 3, size, size)),), (Port("scores", "float32", (None, outputs)),)
    return TorchModel("small", settled(module), *ports)


@pytest.fixture
def model() -> TorchModel:
    return model_of(SmallResNet())


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(4, 3, 8, 8)).astype(np.float32)


def prunable(model: TorchModel) -> list[str]:
    return [name for name, found in couplings(model).layers.items() if not found.reason]


def width(model: TorchModel, name: str) -> int:
    return int(model.module.get_submodule(name).weight.shape[0])  # type: ignore[union-attr, index]


def multiplications(model: TorchModel, images: np.ndarray) -> int:
    total = 0

    def count(layer: Any, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * layer.weight[0].numel()

    module = copy.deepcopy(model.module)
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.register_forward_hook(count)
    module(torch.from_numpy(images[:1]))
    return total


def test_ratio_zero_is_the_identity(model: TorchModel, images: np.ndarray) -> None:
    same = ChannelPruning(round_to=1, ratio=0.0).apply(model, prunable(model), Context())
    np.testing.assert_array_equal(same.run(images), model.run(images))


@pytest.mark.parametrize("ratio", [0.25, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("traced", [False, True])
def test_every_chosen_layer_loses_its_share(ratio: float, traced: bool, model: TorchModel) -> None:
    if traced:
        model = replace(model, module=fx.symbolic_trace(model.module))
    layers = prunable(model)
    pruned = ChannelPruning(round_to=1, ratio=ratio).apply(model, layers, Context())
    assert len(layers) == 5
    for name in layers:
        assert width(model, name) - width(pruned, name) == removed_channels(width(model, name), ratio), name


def test_outputs_keep_their_shape_and_the_work_falls(model: TorchModel, images: np.ndarray) -> None:
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, prunable(model), Context())
    assert pruned.run(images).shape == model.run(images).shape
    assert multiplications(pruned, images) < 0.5 * multiplications(model, images)


def test_the_original_is_not_changed(model: TorchModel, images: np.ndarray) -> None:
    before, names = model.run(images), list(model.module.state_dict())
    ChannelPruning(round_to=1, ratio=0.5).apply(model, prunable(model), Context())
    np.testing.assert_array_equal(model.run(images), before)
    assert list(model.module.state_dict()) == names
    assert isinstance(model.module, SmallResNet)


def test_layers_that_meet_in_an_addition_are_coupled_and_end_equally_wide(model: TorchModel) -> None:
    assert set(couplings(model).layers["stem"].together) == {"narrow.conv2", "wide.conv2"}
    pruned = ChannelPruning(round_to=1, ratio=0.25).apply(model, ["stem"], Context())
    assert width(pruned, "stem") == width(pruned, "narrow.conv2") == 6
    assert width(pruned, "wide.conv2") == 14
    assert width(pruned, "narrow.conv1") == 8


def test_a_wide_layer_first_loses_channels_that_a_padded_shortcut_leaves_empty(model: TorchModel) -> None:
    assert couplings(model).layers["wide.conv2"].together == ()
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, ["wide.conv2"], Context())
    assert width(pruned, "wide.conv2") == 8
    assert width(pruned, "stem") == 8


@pytest.mark.parametrize("layer", ["stem", "narrow.conv1", "wide.conv1", "wide.conv2"])
def test_removing_channels_that_are_silent_changes_no_answer(layer: str, model: TorchModel, images: np.ndarray) -> None:
    """The law that tells a right removal from one that merely has fitting shapes."""
    silent = copy.deepcopy(model.module)
    blocks = {"stem": ["stem", "narrow.conv2", "wide.conv2"]}.get(layer, [layer])
    norms = {"stem": "norm", "narrow.conv1": "narrow.bn1", "narrow.conv2": "narrow.bn2"}
    norms |= {"wide.conv1": "wide.bn1", "wide.conv2": "wide.bn2"}
    with torch.no_grad():
        for name in blocks:
            # the padded shortcut puts channel c of the narrow part on channel c + 3 of the wide one
            shift = 3 if layer == "stem" and name == "wide.conv2" else 0
            own = [channel + shift for channel in (1, 2)] if layer != "wide.conv2" else [0, 13]
            for part in (silent.get_submodule(name), silent.get_submodule(norms[name])):
                part.weight[own] = 0.0  # type: ignore[operator, index]
                if part.bias is not None:
                    part.bias[own] = 0.0  # type: ignore[operator, index]
    quiet = replace(model, module=silent)
    ratio = 2 / width(model, layer)
    pruned = ChannelPruning(round_to=1, ratio=ratio).apply(quiet, [layer], Context())
    assert width(pruned, layer) == width(model, layer) - 2
    np.testing.assert_allclose(pruned.run(images), quiet.run(images), rtol=1e-4, atol=1e-5)


def test_layers_that_give_the_answers_stay(model: TorchModel) -> None:
    assert couplings(model).layers["head"] == Coupling((), "Its outputs are the model's answers.")
    with pytest.raises(UserError, match="answers"):
        ChannelPruning(round_to=1, ratio=0.5).apply(model, ["head"], Context())


def test_a_depthwise_convolution_follows_the_layer_before_it(images: np.ndarray) -> None:
    model = model_of(Depthwise(groups=8), outputs=4)
    assert couplings(model).layers["first"].together == ("depth",)
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, ["first"], Context())
    assert width(pruned, "first") == width(pruned, "depth") == pruned.module.depth.groups == 4  # type: ignore[union-attr]
    assert pruned.run(images).shape == (4, 4)


def test_a_grouped_convolution_loses_as_many_channels_in_each_group(images: np.ndarray) -> None:
    model = model_of(Depthwise(groups=2), outputs=4)
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, ["first", "depth"], Context())
    assert width(pruned, "first") == width(pruned, "depth") == 4
    assert pruned.module.depth.groups == 2  # type: ignore[union-attr]
    assert pruned.run(images).shape == (4, 4)


def test_branches_that_are_joined_side_by_side_shrink_alone(images: np.ndarray) -> None:
    model = model_of(Joined(), outputs=7)
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, ["right"], Context())
    assert (width(pruned, "left"), width(pruned, "right")) == (6, 5)
    assert pruned.module.after.weight.shape[1] == 11  # type: ignore[union-attr, index]
    assert pruned.run(images).shape == (4, 7)


def test_channels_that_meet_fixed_sizes_are_reported_and_the_rest_still_prunable(images: np.ndarray) -> None:
    model = model_of(FixedSizes(), outputs=4)
    found = couplings(model).layers
    assert "sizes are fixed" in found["bound"].reason
    assert not found["free"].reason
    assert width(ChannelPruning(round_to=1, ratio=0.5).apply(model, ["free"], Context()), "free") == 5


def test_a_network_that_cannot_be_traced_says_so() -> None:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise ValueError("not today")

    found, *_ = couplings(model_of(Stubborn())).layers.values()
    assert "not today" in found.reason


def test_the_number_of_channels_left_is_a_multiple_where_asked(model: TorchModel) -> None:
    pruned = ChannelPruning(ratio=0.3, round_to=4).apply(model, ["narrow.conv1", "wide.conv1"], Context())
    assert width(pruned, "narrow.conv1") == 8
    assert width(pruned, "wide.conv1") == 12


def test_the_weakest_channels_go(model: TorchModel) -> None:
    module = copy.deepcopy(model.module)
    with torch.no_grad():
        module.narrow.conv1.weight[[2, 5]] *= 0.01  # type: ignore[union-attr, index, operator]
        kept = module.narrow.conv1.weight[[0, 1, 3, 4, 6, 7]].clone()  # type: ignore[union-attr, index]
    for criterion in ("l1", "l2"):
        method = ChannelPruning(round_to=1, ratio=0.25, criterion=criterion)  # type: ignore[arg-type]
        pruned = method.apply(replace(model, module=module), ["narrow.conv1"], Context())
        assert torch.equal(pruned.module.narrow.conv1.weight, kept)  # type: ignore[union-attr]


class FewSamples:
    """The part of a data set that the Taylor criterion uses."""

    task = task_of("classification")

    def size(self, split: str) -> int:
        return 24

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        random = np.random.default_rng(2)
        yield Batch({"image": random.normal(size=(24, 3, 8, 8)).astype(np.float32)}, random.integers(0, 5, 24))


def test_the_taylor_criterion_drops_channels_that_nothing_listens_to(model: TorchModel) -> None:
    module = copy.deepcopy(model.module)
    with torch.no_grad():
        module.narrow.conv2.weight[:, [3, 6]] = 0.0  # type: ignore[union-attr, index, operator]
    method = ChannelPruning(round_to=1, ratio=0.25, criterion="taylor")
    pruned = method.apply(replace(model, module=module), ["narrow.conv1"], Context(data=FewSamples()))
    expected = module.narrow.conv1.weight[[0, 1, 2, 4, 5, 7]]  # type: ignore[union-attr, index]
    assert torch.equal(pruned.module.narrow.conv1.weight, expected)  # type: ignore[union-attr]


def test_the_taylor_criterion_without_data_says_what_to_do(model: TorchModel) -> None:
    with pytest.raises(UserError, match="Open a data set"):
        ChannelPruning(round_to=1, criterion="taylor").apply(model, ["stem"], Context())


def test_an_unknown_layer_is_named(model: TorchModel) -> None:
    with pytest.raises(UserError, match="no layer nowhere"):
        ChannelPruning().apply(model, ["nowhere"], Context())


def test_a_quantized_network_is_refused(model: TorchModel) -> None:
    encoding = WeightEncoding(8, np.ones(8, dtype=np.float32))
    with pytest.raises(UserError, match="quantized already"):
        ChannelPruning().apply(replace(model, encodings=Encodings({"stem": encoding})), ["stem"], Context())


def test_layers_that_shrank_along_are_named_in_the_log(model: TorchModel) -> None:
    log: list[str] = []
    ChannelPruning(round_to=1, ratio=0.5).apply(model, ["stem"], Context(log=log.append))
    assert "stem, narrow.conv2: 8 → 4 channels" in log
    assert "wide.conv2" in log[-1]


def test_frozen_weights_stay_frozen(model: TorchModel) -> None:
    model.module.stem.weight.requires_grad_(False)  # type: ignore[union-attr, operator]
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(model, ["stem"], Context())
    assert not pruned.module.stem.weight.requires_grad  # type: ignore[union-attr]
    assert pruned.module.head.weight.requires_grad  # type: ignore[union-attr]
