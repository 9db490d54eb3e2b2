"""The parameters that a plan is predicted to leave are those of the file that ships: batch norms are folded there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from secateur.analysis.cost import file_parameters
from secateur.formats import format_named
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.methods.factorize.low_rank import LowRank
from secateur.methods.facts import Facts
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.counting import spectra_of
from secateur.model.description import Port
from secateur.recipe.prediction import predict_plan
from secateur.recipe.recipe import Recipe, Step

SPECTRA = spectra_of(np.random.default_rng(0).normal(0, 0.1, (8, 8)).astype(np.float32))


class Normed(nn.Module):
    """Batch norms that are folded, behind layers with and without a bias, and one that cannot be."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(3, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.second, self.norm2 = nn.Conv2d(12, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.before, self.fc = nn.BatchNorm2d(12), nn.Linear(12, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm1(self.first(images)))
        x = x + self.norm2(self.second(x))
        return self.fc(torch.relu(self.before(x)).mean((2, 3)))


class ReadTwice(nn.Module):
    """A convolution whose output is added past its batch norm: it cannot be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 12, 3, bias=False), nn.BatchNorm2d(12), nn.Linear(12, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv(images)
        return self.fc((x + self.norm(x)).mean((2, 3)))


def opened(module: nn.Module) -> TorchModel:
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean)
    ports = (Port("images", "float32", (None, 3, 8, 8)),), (Port("scores", "float32", (None, 4)),)
    return TorchModel("net", module.eval(), *ports)


@pytest.mark.parametrize("make", [Normed, ReadTwice], ids=["folded", "kept"])
@pytest.mark.parametrize(
    "steps",
    [
        (),
        (Step(LowRank(by="rank", rank=2), ("first", "second", "conv")),),
        (Step(LowRank(by="rank", rank=2), ("second",)), Step(WeightOnly(bits=8), ("fc",))),
    ],
    ids=["nothing", "low rank", "both"],
)
def test_the_predicted_parameters_are_those_of_the_file(tmp_path: Path, make: Any, steps: tuple[Step, ...]) -> None:
    model = opened(make())
    description = describe(model)
    facts = dict.fromkeys(model.weights(), Facts(SPECTRA))
    predicted = predict_plan(description, facts, Recipe(steps), None, None)
    result: Any = model
    for step in steps:
        names = [layer.name for layer in description.weighted_layers if step.selects(layer.name)]
        result = step.method.apply(result, names, Context())
    format_named("onnx").write(result, tmp_path / "net.onnx")
    assert predicted.params == file_parameters(tmp_path / "net.onnx")[0]


def test_only_norms_that_alone_read_a_layer_are_told_to_be_folded() -> None:
    layers = {layer.name: layer.folded_into for layer in describe(opened(Normed())).layers}
    assert {name: into for name, into in layers.items() if into} == {"norm1": "first", "norm2": "second"}
    assert not any(layer.folded_into for layer in describe(opened(ReadTwice())).layers)
