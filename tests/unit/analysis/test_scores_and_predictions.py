"""What is scored and predicted of a small network, beside what the methods then make of it."""

from typing import Any

import numpy as np
import pytest

from secateur.analysis.free import score_free
from secateur.analysis.measured import measure_sensitivity
from secateur.analysis.tallies import Question
from secateur.data.tasks import task_of
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context
from secateur.graph.coupling.channels import couplings
from secateur.methods.base import Method
from secateur.methods.facts import facts_of
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.documents import Evaluation, Metric, SensitivityTable
from secateur.model.singular_values import as_matrix, singular_values
from secateur.recipe.options import OPTIONS
from secateur.recipe.prediction import predict_plan
from secateur.recipe.quality import metric_per_damage
from secateur.recipe.recipe import Recipe, Step

SINGLE = tuple(option for option in OPTIONS if not option.method.changes_widths)

SAMPLES = 128


@pytest.fixture
def description(lowered_network: Any) -> Any:
    return describe(lowered_network).with_couplings(couplings(lowered_network))


@pytest.fixture
def facts(lowered_network: Any, description: Any) -> Any:
    from secateur.model.counting import spectra_of

    layers, weights = description.weighted_layers, lowered_network.weights()
    spectra = {layer.name: spectra_of(weights[layer.name], layer.channel_axis) for layer in layers}
    values = {layer.name: singular_values(as_matrix(weights[layer.name], layer.channel_axis)) for layer in layers}
    return facts_of(layers, spectra, singular_values=values)


@pytest.fixture
def measured(lowered_network: Any, noise_set: Any, description: Any, facts: Any) -> SensitivityTable:
    question = Question(description.weighted_layers, facts, OPTIONS, SAMPLES, task_of("classification"))
    return measure_sensitivity(lowered_network, noise_set, question, lambda done, total, text: None)


def baseline(value: float) -> Evaluation:
    return Evaluation(
        metric=Metric(name="top1", value=value, ci95=(value, value)), loss=None, samples=SAMPLES, bytes=1, zip_bytes=1,
        params=1, nonzero_params=1, macs=1, latency_ms=None,
    )  # fmt: skip


def test_what_is_predicted_of_an_option_is_what_it_does_to_the_weights(
    lowered_network: Any, description: Any, facts: Any
) -> None:
    table = score_free(description.weighted_layers, facts, SINGLE)
    weights = lowered_network.weights()
    for option in SINGLE:
        for layer in description.weighted_layers:
            row = table.row(layer.name, option.id)
            assert row is not None
            if row.unavailable:
                continue
            weight = weights[layer.name]
            changed = option.method.perturb(weight, facts[layer.name])
            assert changed.shape == weight.shape
            error = np.square(weight - changed).sum() / np.square(weight).sum()
            slack = (
                0.15 if option.method.stored_bits == 2 else 0.1
            )  # of few weights with few levels the grid is found by trying
            assert row.damage == pytest.approx(error, rel=slack), (option.id, layer.name)


def test_the_metric_falls_by_the_damage_of_the_measured_cells(measured: SensitivityTable) -> None:
    cells = [row for row in measured.rows if row.damage is not None and row.damage < 1.0]
    wanted = sum(row.metric_drop or 0.0 for row in cells) / sum(row.damage or 0.0 for row in cells)
    assert metric_per_damage(measured) == pytest.approx(max(0.0, wanted))


@pytest.mark.parametrize("option", SINGLE, ids=lambda option: option.id)
def test_the_damage_of_a_plan_of_options_is_the_sum_of_their_cells(
    description: Any, facts: Any, measured: SensitivityTable, option: Any
) -> None:
    rows = [measured.row(layer.name, option.id) for layer in description.weighted_layers]
    names = tuple(row.layer for row in rows if row is not None and row.damage is not None)
    wanted = sum(row.damage or 0.0 for row in rows if row is not None)
    found = predict_plan(description, facts, Recipe((Step(option.method, names),)), measured, baseline(0.5))
    assert found.damage == pytest.approx(wanted)
    per_damage = metric_per_damage(measured)
    assert per_damage is not None
    assert found.metric == pytest.approx(max(0.0, 0.5 - per_damage * wanted), abs=1e-6)


def test_a_ratio_between_two_options_is_interpolated(description: Any, facts: Any, measured: SensitivityTable) -> None:
    ends = [measured.row("conv2", name) for name in ("prune50", "prune75")]
    low, high = (row.damage for row in ends if row is not None)
    recipe = Recipe((Step(MagnitudePruning(ratio=0.6), ("conv2",)),))
    assert predict_plan(description, facts, recipe, measured, None).damage == pytest.approx(low + 0.4 * (high - low))
    beyond = Recipe((Step(MagnitudePruning(ratio=0.95), ("conv2",)),))
    assert predict_plan(description, facts, beyond, measured, None).damage is None


@pytest.mark.parametrize(
    ("method", "option"),
    [
        (StaticInt8(observer="minmax"), "int8"),
        (WeightOnly(bits=4, observer="minmax"), "int4"),
        (WeightOnly(bits=8), "w8"),
        (WeightOnly(bits=4, scheme="affine"), ""),
        (ChannelPruning(ratio=0.5), ""),
    ],
)
def test_a_method_has_the_damage_of_the_option_like_it(
    description: Any, facts: Any, measured: SensitivityTable, method: Method, option: str
) -> None:
    row = measured.row("conv1", option)
    found = predict_plan(description, facts, Recipe((Step(method, ("conv1",)),)), measured, None)
    assert found.damage == (row.damage if row is not None else None)


@pytest.mark.parametrize(
    ("steps", "macs"),
    [
        ((Step(MagnitudePruning(ratio=0.5), ("*",)),), 1.0),
        ((Step(WeightOnly(bits=8), ("*",)),), 1.0),
        ((Step(ChannelPruning(ratio=0.5, repair=False), ("conv2",)),), 0.5),
        ((Step(ChannelPruning(ratio=0.5, repair=False), ("conv2",)), Step(WeightOnly(bits=8), ("fc",))), 0.5),
    ],
)
def test_the_predicted_size_and_multiplications_are_those_of_the_model_that_comes_out(
    lowered_network: Any, description: Any, facts: Any, steps: Any, macs: float
) -> None:
    found = predict_plan(description, facts, Recipe(steps), None, None)
    model = lowered_network
    for step in steps:
        names = [layer.name for layer in description.weighted_layers if step.selects(layer.name)]
        model = step.method.apply(model, names, Context())
    after = describe(model)
    assert found.macs == pytest.approx(after.macs, rel=0.02)
    assert found.params == pytest.approx(after.params, rel=0.02)
    assert found.macs < description.macs or macs == 1.0
