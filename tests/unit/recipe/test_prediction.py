"""What a plan is predicted to cost: the metric moves in its own direction."""

import numpy as np
import pytest

from secateur.analysis.documents import Evaluation, Metric, SensitivityRow, SensitivityTable
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.counting import spectra_of
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.recipe.prediction import metric_per_damage, predict_plan
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
    predicted = predict_plan(model, {"a": spectra_of(WEIGHT)}, recipe, table, baseline(name, value))
    assert predicted.metric == pytest.approx(wanted)
