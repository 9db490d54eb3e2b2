"""Low rank: the nearest two narrow layers, told before as they come out, and worked on by later steps."""

from typing import Any

import numpy as np
import pytest
from torch import nn

from secateur.analysis.free import score_free
from secateur.analysis.layer_errors import layer_errors
from secateur.engine.jobs.applying import layers_left
from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context, LeftOut
from secateur.graph.lowering import to_onnx
from secateur.graph.network import TorchModel
from secateur.methods.base import Method
from secateur.methods.factorize.low_rank import LowRank, largest_rank
from secateur.methods.facts import Facts, facts_of
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.counting import spectra_of
from secateur.model.description import Port
from secateur.model.singular_values import as_matrix, factors, singular_values
from secateur.recipe.prediction import predict_plan
from secateur.recipe.quality import damage_of
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Recipe, Step

RANDOM = np.random.default_rng(4)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.narrow = nn.Conv2d(16, 32, 1, bias=False)
        self.deep = nn.Conv2d(32, 32, 3, padding=2, dilation=2)
        self.apart = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.head = nn.Linear(32, 20)

    def forward(self, x: Any) -> Any:
        x = self.stem(x).relu()
        x = self.deep(self.narrow(x).relu()).relu()
        return self.head(self.apart(x).mean((2, 3)))


@pytest.fixture
def model() -> TorchModel:
    import torch

    torch.manual_seed(0)
    return TorchModel(
        "net", Net().eval(), (Port("x", "float32", (None, 3, 12, 12)),), (Port("y", "float32", (None, 20)),)
    )


@pytest.fixture
def known(model: TorchModel) -> Any:
    layers, weights = describe(model).weighted_layers, model.weights()
    spectra = {layer.name: spectra_of(weights[layer.name], layer.channel_axis) for layer in layers}
    values = {layer.name: singular_values(as_matrix(weights[layer.name], layer.channel_axis)) for layer in layers}
    return facts_of(layers, spectra, singular_values=values)


SPLIT = ("narrow", "deep", "head")


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (12, 12), (1, 5)])
def test_the_singular_values_are_those_of_a_plain_decomposition(shape: tuple[int, int]) -> None:
    matrix = RANDOM.standard_normal(shape).astype(np.float32)
    wanted = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert singular_values(matrix) == pytest.approx(wanted, rel=1e-5)
    for rank in (1, min(shape)):
        left, right = factors(matrix, rank)
        lost = np.square(matrix - left.astype(np.float64) @ right).sum()
        assert lost == pytest.approx(np.square(wanted[rank:]).sum(), abs=1e-4)


def test_a_split_network_answers_as_one_with_the_nearest_weights_of_that_rank(model: TorchModel) -> None:
    method = LowRank(by="rank", rank=6)
    axes = dict.fromkeys(SPLIT, 0)
    near = model.with_weights({n: method.perturb(model.weights()[n], Facts(channel_axis=axes[n])) for n in SPLIT})
    made = method.apply(model, SPLIT, Context())
    x = RANDOM.standard_normal((4, 3, 12, 12)).astype(np.float32)
    assert isinstance(made, TorchModel)
    assert made.run(x) == pytest.approx(near.run(x), abs=1e-5)
    assert {"narrow.first", "narrow.second"} <= set(made.weights())
    assert set(model.weights()) == {"stem", "narrow", "deep", "apart", "head"}


@pytest.mark.parametrize("method", [LowRank(energy=0.6), LowRank(rank_ratio=0.25), LowRank(rank=5)])
def test_rank_size_multiplications_and_error_are_told_before_as_they_come_out(
    model: TorchModel, known: Any, method: Method, tmp_path: Any
) -> None:
    description = describe(model)
    told = predict_plan(description, known, Recipe((Step(method, SPLIT),)), None, None)
    made = method.apply(model, SPLIT, Context())
    after = describe(made)
    assert (told.params, told.macs) == (after.params, after.macs)
    assert told.macs < description.macs
    saved = [path_of(m, tmp_path / name).stat().st_size for m, name in ((model, "a.onnx"), (made, "b.onnx"))]
    untouched = predict_plan(description, known, Recipe(), None, None)
    assert told.bytes - untouched.bytes == pytest.approx(saved[1] - saved[0], abs=150 * len(SPLIT))
    for name in SPLIT:
        weight = model.weights()[name]
        error = np.square(weight - method.perturb(weight, known[name])).sum() / np.square(weight).sum()
        effect = method.predict(description.layer(name), known[name])
        assert effect.sqnr_db == pytest.approx(-10 * np.log10(error), abs=0.01)


def path_of(model: Any, path: Any) -> Any:
    format_named("onnx").write(model, path)
    return path


def test_the_energy_that_was_asked_for_is_kept_with_the_least_rank(known: Any, model: TorchModel) -> None:
    squares = np.square(known["deep"].singular_values.astype(np.float64))
    weight = as_matrix(model.weights()["deep"], 0)
    rank = LowRank(energy=0.7).rank_of(*weight.shape, known["deep"].singular_values)
    assert rank is not None
    assert squares[:rank].sum() >= 0.7 * squares.sum() > squares[: rank - 1].sum()


def test_a_layer_that_would_not_get_smaller_is_refused_and_left_as_it_is(model: TorchModel, known: Any) -> None:
    layer = describe(model).layer("head")
    most = largest_rank(20, 32)
    assert most * (20 + 32) < 20 * 32 <= (most + 1) * (20 + 32)
    assert LowRank(rank=most).supports(layer) is None
    assert f"smaller up to rank {most}" in (LowRank(rank=most + 1).supports(layer) or "")
    whole = LowRank(energy=1.0)
    assert whole.supports(layer) is None
    assert "no less" in (whole.why_not(layer, known["head"]) or "")
    effect = whole.predict(layer, known["head"])
    assert (effect.costs.bytes, effect.costs.macs, effect.smaller) == (layer.size_bytes, layer.macs, False)
    left: list[LeftOut] = []
    made = whole.apply(model, ["head"], Context(leave_out=left.extend))
    assert made is model
    assert [one.layer for one in left] == ["head"]


@pytest.mark.parametrize(("name", "words"), [("apart", "groups"), ("stem", None)])
def test_which_layers_can_be_split(model: TorchModel, name: str, words: str | None) -> None:
    reason = LowRank().supports(describe(model).layer(name))
    assert (reason is None) if words is None else words in (reason or "")


def test_layers_that_share_a_weight_keep_it(model: TorchModel) -> None:
    other = nn.Linear(32, 20)
    other.weight = model.module.head.weight  # type: ignore[union-attr,assignment]
    model.module.add_module("tied", other)
    left: list[LeftOut] = []
    assert LowRank(rank=4).apply(model, ["head"], Context(leave_out=left.extend)) is model
    assert "shares its weight" in left[0].reason


def test_a_quantized_network_is_not_split_any_more(lowered_network: Any, noise_data: Any) -> None:
    quantized = StaticInt8().apply(lowered_network, ["fc"], Context(data=noise_data))
    with pytest.raises(UserError, match="quantized already"):
        LowRank(rank=2).apply(quantized, ["conv2"], Context())


def test_int8_after_low_rank_quantizes_both_factors(lowered_network: Any, noise_data: Any) -> None:
    split = LowRank(rank=4).apply(lowered_network, ["conv2"], Context())
    names = layers_left(split, ("conv1", "conv2", "fc"))
    assert names == ("conv1", "conv2.first", "conv2.second", "fc")
    quantized = StaticInt8().apply(split, names, Context(data=noise_data))
    assert isinstance(quantized, TorchModel)
    assert set(quantized.encodings.weights) == set(names)
    inputs = noise_data.inputs
    assert np.abs(quantized.run(inputs) - split.run(inputs)).max() < 0.2 * np.abs(split.run(inputs)).max()


def test_a_split_layer_is_compared_as_a_whole(model: TorchModel) -> None:
    made = LowRank(rank=6).apply(model, ["deep"], Context())
    assert isinstance(made, TorchModel)
    x = RANDOM.standard_normal((4, 3, 12, 12)).astype(np.float32)
    errors = {error.layer: error for error in layer_errors(to_onnx(model), to_onnx(made), (x,))}
    weight = model.weights()["deep"]
    lost = np.square(weight - LowRank(rank=6).perturb(weight, Facts())).sum() / np.square(weight).sum()
    assert errors["deep"].weight_sqnr_db == pytest.approx(-10 * np.log10(lost), abs=0.1)
    assert errors["deep"].output_sqnr_db is not None
    assert errors["narrow"].weight_note == "" or errors["narrow"].weight_sqnr_db is None


def test_options_are_scored_from_singular_values_and_damage_between_them_is_interpolated(
    model: TorchModel, known: Any
) -> None:
    layer = describe(model).layer("deep")
    options = LowRank.options()
    table = score_free([layer], known, options)
    mild, hard = (row.damage for row in table.rows)
    assert mild is not None
    assert hard is not None
    assert 0 < mild < hard < 1
    between = damage_of(layer, [LowRank(rank_ratio=0.18)], table, known["deep"])
    assert between is not None
    assert mild < between < hard


@pytest.mark.parametrize(
    ("said", "by"), [({"energy": 0.8}, "energy"), ({"rank_ratio": 0.3}, "rank_ratio"), ({"rank": 12}, "rank")]
)
def test_a_recipe_says_one_measure_and_gets_it_back(said: dict[str, Any], by: str) -> None:
    recipe = parse_recipe({"schema": 1, "steps": [{"method": "low_rank", "layers": ["a"], **said}]})
    method = recipe.steps[0].method
    assert isinstance(method, LowRank)
    assert method.by == by
    assert parse_recipe(recipe.to_document()) == recipe


def test_a_recipe_that_says_two_measures_is_refused() -> None:
    with pytest.raises(UserError, match="low_rank") as refused:
        parse_recipe({"schema": 1, "steps": [{"method": "low_rank", "energy": 0.8, "rank": 3}]})
    assert "energy" in f"{refused.value.sentence} {refused.value.hint}"


def test_a_dragged_cut_is_a_rank() -> None:
    handle = LowRank.handles[0]
    assert LowRank(energy=0.9).dragged(handle, 11.6) == LowRank(energy=0.9, by="rank", rank=12)
    assert LowRank().dragged(handle, -3.0) == LowRank(by="rank", rank=1)
