"""After channels went, each layer has the statistics that it had before."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from secateur.data.batch import Batch
from secateur.data.tasks import task_of
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.repair import REPAIR_BATCH, REPAIR_SAMPLES, calibration_batches
from secateur.model.description import Port
from secateur.training.normalization import bare_convolutions, output_statistics


class Images:
    """Calibration images, as a data set gives them."""

    task = task_of("none")

    def __init__(self, samples: int) -> None:
        self.inputs = np.random.default_rng(4).normal(size=(samples, 3, 8, 8)).astype(np.float32)

    def size(self, split: str) -> int:
        return len(self.inputs)

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        inputs = self.inputs[:limit]
        for start in range(0, len(inputs), batch_size):
            fed = inputs[start : start + batch_size]
            yield Batch({"image": fed}, np.zeros(len(fed), dtype=np.int64))


def model_of(*layers: nn.Module) -> TorchModel:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 3)).eval()
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape) - 0.2)
    ports = (Port("image", "float32", (None, 3, 8, 8)),), (Port("scores", "float32", (None, 3)),)
    return TorchModel("plain", module, *ports)


@pytest.fixture
def folded() -> TorchModel:
    """Batch norm is folded away: convolutions with biases alone."""
    return model_of(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 12, 3), nn.ReLU())


@pytest.fixture
def normed() -> TorchModel:
    model = model_of(nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 12, 3), nn.ReLU())
    with torch.no_grad():
        model.module[1].running_var.fill_(1.0)  # type: ignore[index, union-attr, operator]
    return model


def statistics(model: TorchModel, data: Images) -> dict[str, Any]:
    module = copy.deepcopy(model.module)
    batches = [(torch.from_numpy(data.inputs),)]
    return output_statistics(module, bare_convolutions(module, batches[0]), batches)


def test_what_is_left_has_the_mean_and_spread_it_had(folded: TorchModel) -> None:
    data = Images(64)
    pruned = ChannelPruning(round_to=1, ratio=0.5).apply(folded, ["0"], Context(data=data))
    before, after = statistics(folded, data)["2"], statistics(pruned, data)["2"]
    torch.testing.assert_close(after[0], before[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after[1], before[1], rtol=1e-2, atol=1e-3)


def test_the_answers_are_nearer_to_the_original_than_without_repair(folded: TorchModel) -> None:
    data = Images(64)
    truth = folded.run(data.inputs)

    def error(method: ChannelPruning) -> float:
        answers = method.apply(folded, ["0"], Context(data=data)).run(data.inputs)
        return float(np.square(answers - truth).mean())

    assert error(ChannelPruning(round_to=1, ratio=0.5)) < 0.1 * error(
        ChannelPruning(round_to=1, ratio=0.5, repair=False)
    )


def test_batch_norm_that_is_there_is_measured_anew_and_keeps_its_momentum(normed: TorchModel) -> None:
    pruned = ChannelPruning(round_to=1, ratio=0.25).apply(normed, ["0"], Context(data=Images(64)))
    norm = pruned.module[1]  # type: ignore[index]
    assert norm.momentum == normed.module[1].momentum  # type: ignore[index]
    assert norm.running_mean.shape == (12,)
    inputs = pruned.module[0](torch.from_numpy(Images(64).inputs))  # type: ignore[index, operator]
    torch.testing.assert_close(norm.running_mean, inputs.mean((0, 2, 3)), rtol=1e-3, atol=1e-3)


def test_nothing_is_repaired_where_nothing_was_removed(folded: TorchModel) -> None:
    same = ChannelPruning(round_to=1, ratio=0.0).apply(folded, ["0"], Context(data=Images(64)))
    np.testing.assert_array_equal(same.weights()["2"], folded.weights()["2"])


def test_few_samples_are_not_trusted(folded: TorchModel) -> None:
    few, none = Context(data=Images(8)), Context()
    a, b = (ChannelPruning(round_to=1, ratio=0.5).apply(folded, ["0"], context) for context in (few, none))
    np.testing.assert_array_equal(a.weights()["2"], b.weights()["2"])


def test_the_original_is_not_changed(folded: TorchModel) -> None:
    before = {name: tensor.clone() for name, tensor in folded.module.state_dict().items()}
    ChannelPruning(round_to=1, ratio=0.5).apply(folded, ["0"], Context(data=Images(64)))
    for name, tensor in folded.module.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("samples", [32, 127, 128, 129, 130, 257, 385, 511, 512, 513])
def test_no_batch_of_the_repair_is_much_smaller_than_the_others(samples: int) -> None:
    sizes = [len(fed[0]) for fed in calibration_batches(Images(samples))]
    assert sum(sizes) == min(samples, REPAIR_SAMPLES)
    assert max(sizes) <= REPAIR_BATCH
    assert max(sizes) - min(sizes) < len(sizes)


def test_a_network_of_linear_layers_is_repaired_on_one_sample_more_than_a_batch() -> None:
    class Vectors(Images):
        def __init__(self) -> None:
            self.inputs = np.random.default_rng(4).normal(size=(REPAIR_BATCH + 1, 8)).astype(np.float32)

    module = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3)).eval()
    model = TorchModel("flat", module, (Port("x", "float32", (None, 8)),), (Port("y", "float32", (None, 3)),))
    pruned = ChannelPruning(round_to=1, ratio=0.25).apply(model, ["0"], Context(data=Vectors()))
    assert pruned.module[1].running_var.shape == (24,)  # type: ignore[index, union-attr]
    assert torch.isfinite(pruned.module[1].running_var).all()  # type: ignore[index, union-attr]
