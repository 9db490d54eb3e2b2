"""What a plan is predicted to cost: the metric moves in its own direction."""

import numpy as np
import pytest

from secateur.methods.facts import Facts
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.counting import spectra_of
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import Evaluation, Metric, SensitivityRow, SensitivityTable
from secateur.recipe.prediction import predict_plan
from secateur.recipe.quality import metric_per_damage
from secateur.recipe.recipe import Recipe, Step

WEIGHT = np.random.default_rng(0).normal(0, 0.1, (10, 10)).astype(np.float32)


def baseline(name: str, value: float) -> Evaluation:
    return Evaluation(
        metric=Metric(name=name, value=value, ci95=(value, value)), loss=None, samples=10, bytes=500, zip_bytes=500,
        params=100, nonzero_params=100, macs=100, latency_ms=None,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "value", "wanted"), [("top1", 0.9, 0.7), ("mse", 0.9, 1.1), ("top1", 0.1, 0.0)])
def test_a_predicted_metric_becomes_worse_in_its_own_direction(name, value, wanted):
    layer = Layer("a", "Linear", TensorInfo("a", "float32", (10, 10), 400), params=100, macs=100, size_bytes=400)
    model = ModelDescription("m", ModelSource("m"), "onnx", 500, (layer,), (), ())
    row = SensitivityRow(layer="a", option="prune50", damage=0.1, bytes=400, macs=100, measured=True, metric_drop=0.2)
    table = SensitivityTable(
        depth="measure", metric=name, unit="nats", samples=10, seconds=0, rank_correlation=None, rows=(row,)
    )
    assert metric_per_damage(table) == pytest.approx(2.0)
    recipe = Recipe((Step(MagnitudePruning(ratio=0.5), ("a",)),))
    predicted = predict_plan(model, {"a": Facts(spectra_of(WEIGHT))}, recipe, table, baseline(name, value))
    assert predicted.metric == pytest.approx(wanted)


LAYERS = tuple(
    Layer(name, "Linear", TensorInfo(name, "float32", (10, 10), 400), params=100, macs=100, size_bytes=400)
    for name in ("a", "b")
)
SPECTRA = {layer.name: Facts(spectra_of(WEIGHT)) for layer in LAYERS}


def predicted(steps, *rows):
    table = SensitivityTable(
        depth="measure", metric="top1", unit="nats", samples=10, seconds=0, rank_correlation=None, rows=rows
    )
    model = ModelDescription("m", ModelSource("m"), "onnx", 900, LAYERS, (), ())
    return predict_plan(model, SPECTRA, Recipe(steps), table, baseline("top1", 0.9))


def measured_row(layer, damage=0.1):
    return SensitivityRow(
        layer=layer, option="prune50", damage=damage, bytes=400, macs=100, measured=True, metric_drop=damage
    )


def test_the_damage_of_a_plan_is_that_of_all_its_layers_or_not_told():
    both = (Step(MagnitudePruning(ratio=0.5), ("a", "b")),)
    whole = predicted(both, measured_row("a"), measured_row("b", 0.2))
    assert whole.damage == pytest.approx(0.3)
    assert whole.metric == pytest.approx(0.6)
    part = predicted(both, measured_row("a"))
    assert part.damage is None
    assert part.metric is None


def test_a_method_that_the_table_does_not_know_leaves_the_plans_damage_open():
    steps = (Step(MagnitudePruning(ratio=0.5), ("a",)), Step(ChannelPruning(ratio=0.5), ("b",)))
    assert predicted(steps, measured_row("a"), measured_row("b")).damage is None


def test_a_plan_without_layers_does_no_damage_and_keeps_the_metric():
    untouched = predicted(())
    assert (untouched.damage, untouched.metric) == (0.0, 0.9)
