"""Layers that lose channels together have one cell: what the network answers without those channels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from secateur.analysis.estimated import Limits, estimate_sensitivity
from secateur.analysis.free import score_free
from secateur.analysis.measured import measure_sensitivity
from secateur.analysis.tallies import Cell, Keeper, Question, Tallies
from secateur.data.sources import open_data
from secateur.data.task import damage_of
from secateur.engine.requests import DataSource
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context
from secateur.graph.coupling.channels import couplings
from secateur.graph.lowering import lower
from secateur.graph.network import TorchModel
from secateur.methods.change import Lowered
from secateur.methods.facts import facts_of
from secateur.methods.prune.channel import ChannelPruning
from secateur.model.counting import spectra_of
from secateur.model.description import Layer, Port
from secateur.recipe.options import OPTIONS
from secateur.recipe.widths import groups_of

SAMPLES = 96
CHANNELS = tuple(option.suited(2) for option in OPTIONS if option.method.changes_widths)


class Residual(nn.Module):
    """A stem and a block that add up, what reads them side by side, and functions of which zero is not zero."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.inner, self.outer = nn.Conv2d(8, 12, 3, 1, 1), nn.Conv2d(12, 8, 3, 1, 1)
        self.left, self.right = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stem = torch.sigmoid(self.norm(self.stem(images)))
        x = F.relu(stem + self.outer(torch.sigmoid(self.inner(stem))))
        x = torch.cat([self.left(x), self.right(x)], 1)
        return self.head(F.avg_pool2d(x, 12).flatten(1))  # type: ignore[no-any-return]


class Kept(Keeper):
    def __init__(self) -> None:
        self.cells: list[Cell] = []

    def keep(self, found: Tallies) -> None:
        self.cells += found


@pytest.fixture(scope="module")
def network() -> TorchModel:
    torch.manual_seed(4)
    module = Residual().eval()
    module.norm.running_var.uniform_(0.5, 1.5)  # type: ignore[operator, union-attr]
    ports = (Port("image", "float32", (None, 3, 12, 12)),), (Port("logits", "float32", (None, 10)),)
    return lower(TorchModel("residual", module, *ports), Context())


@pytest.fixture(scope="module")
def data(network: TorchModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = Path(tmp_path_factory.mktemp("data")) / "noise.npz"
    inputs = np.random.default_rng(3).standard_normal((600, 3, 12, 12)).astype(np.float32)
    np.savez(place, inputs=inputs, labels=np.arange(600) % 10)
    return open_data(DataSource(str(place)), network.inputs)


@pytest.fixture(scope="module")
def layers(network: TorchModel) -> tuple[Layer, ...]:
    return describe(network).with_couplings(couplings(network)).weighted_layers


@pytest.fixture(scope="module")
def question(network: TorchModel, layers: tuple[Layer, ...], data: Any) -> Question:
    weights = network.weights()
    spectra = {layer.name: spectra_of(weights[layer.name], layer.channel_axis) for layer in layers}
    return Question(layers, facts_of(layers, spectra), CHANNELS, SAMPLES, data.task, groups_of(layers))


def quiet(done: int, total: int, text: str) -> None:
    assert done <= total


@pytest.mark.parametrize("option", CHANNELS, ids=lambda option: option.id)
def test_a_narrowed_network_answers_as_one_whose_channels_were_removed_without_repair(
    network: TorchModel, data: Any, layers: tuple[Layer, ...], option: Any
) -> None:
    inputs = data.batch("validation", range(SAMPLES)).first
    asked = Lowered(network, [layer.name for layer in layers], Context(data=data))
    bare = option.method.model_copy(update={"repair": False})
    for name in ("stem", "inner", "left", "right"):
        module = option.method.change(name, asked).module
        with torch.inference_mode():
            answers = module(torch.from_numpy(inputs)).numpy()
        removed = bare.apply(network, [name], Context(data=data))
        assert np.allclose(answers, removed.run(inputs), atol=1e-6)
        assert not np.allclose(answers, network.run(inputs), atol=1e-3)


@pytest.mark.parametrize("depth", ["measure", "estimate"])
def test_coupled_layers_have_the_damage_of_their_group_which_is_measured_once(
    network: TorchModel, data: Any, question: Question, depth: str
) -> None:
    kept, told = Kept(), {}
    emit = lambda rows, unit: told.update({(row.layer, row.option): row for row in rows})  # noqa: E731
    if depth == "measure":
        table = measure_sensitivity(network, data, question, quiet, emit, kept)
    else:
        table = estimate_sensitivity(network, data, question, Limits(goal=2.0), quiet, emit, kept)
    assert not table.pending
    assert question.groups["outer"] == question.groups["stem"] == ("stem", "outer")
    inputs = data.batch("validation", range(SAMPLES)).first
    for option in CHANNELS:
        assert len({table.row(name, option.id).damage for name in ("stem", "outer")}) == 1
        assert Cell("stem", option.id) in kept.cells
        assert Cell("outer", option.id) not in kept.cells
        for name in ("stem", "inner", "left"):
            removed = option.method.model_copy(update={"repair": False}).apply(network, [name], Context())
            true = damage_of(data.task, network.run(inputs), removed.run(inputs))
            assert table.row(name, option.id).damage == pytest.approx(true, rel=1e-3 if depth == "measure" else 1.0)
    assert {(row.layer, row.option) for row in table.rows if row.damage is not None} <= set(told)


def test_a_layer_whose_channels_stay_says_why(question: Question, data: Any, network: TorchModel) -> None:
    table = measure_sensitivity(network, data, question, quiet)
    assert "answers" in table.row("head", CHANNELS[0].id).unavailable
    wide = replace(question, options=tuple(option.suited(16) for option in CHANNELS))
    row = measure_sensitivity(network, data, wide, quiet).row("stem", CHANNELS[0].id)
    assert "to a multiple of 16" in row.unavailable


def test_before_couplings_are_known_the_cells_say_so(network: TorchModel, question: Question) -> None:
    layers = describe(network).weighted_layers
    table = score_free(layers, question.facts, CHANNELS)
    assert all("leave together" in row.unavailable for row in table.rows)


def test_without_data_a_group_has_one_damage_and_more_channels_do_more(question: Question) -> None:
    table = score_free(question.layers, question.facts, CHANNELS)
    few, many = ([row for row in table.rows if row.option == option.id] for option in CHANNELS)
    assert few[0].damage == few[2].damage  # stem and outer
    for one, other in zip(few, many, strict=True):
        assert one.unavailable == other.unavailable
        assert one.unavailable or 0 < one.damage < other.damage < 1


def test_layers_of_which_one_can_lose_channels_alone_stand_for_themselves() -> None:
    def layer(name: str) -> Layer:
        return Layer(name, "Conv2d", None)

    together = {"a": ("b",), "b": (), "c": ("d",), "d": ("c",)}
    layers = [replace(layer(name), coupled=own) for name, own in together.items()]
    assert groups_of(layers) == {"c": ("c", "d"), "d": ("c", "d")}


def test_asking_takes_nothing_out_of_the_network(network: TorchModel, data: Any, layers: tuple[Layer, ...]) -> None:
    inputs = data.batch("validation", range(8)).first
    before = network.run(inputs)
    asked = Lowered(network, [layer.name for layer in layers], Context(data=data))
    method = ChannelPruning(ratio=0.5, round_to=1)
    first, _, again = (method.change(name, asked).module for name in ("inner", "stem", "inner"))
    fed = torch.from_numpy(inputs)
    with torch.inference_mode():
        assert torch.equal(first(fed), again(fed))
    assert np.array_equal(network.run(inputs), before)
