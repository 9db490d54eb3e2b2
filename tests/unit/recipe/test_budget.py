"""The budget solver keeps within the limits and loses as little as any plan can."""

import itertools

import numpy as np
import pytest

from secateur.analysis.documents import SensitivityRow, SensitivityTable
from secateur.errors import UserError
from secateur.methods.distil.distillation import Distillation
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.recipe.budget import choices_of, fixed_bytes, recipe_of, smallest_bytes, solve_budget
from secateur.recipe.recipe import Recipe, Step

NAMES = ("a", "b", "c", "d")


def model():
    layers = tuple(
        Layer(n, "Linear", TensorInfo(n, "float32", (10, 10), 400), params=100, macs=100, size_bytes=400) for n in NAMES
    )
    return ModelDescription("m", ModelSource("m"), "onnx", 1700, layers, (), (), overhead_bytes=100)


def table(seed):
    random = np.random.default_rng(seed)
    rows = [
        SensitivityRow(layer=n, option=o, damage=float(d), bytes=b, macs=100)
        for n in NAMES
        for o, b, d in (
            ("int8", 130, random.random() * 1e-3),
            ("int4", 80, random.random() * 0.2),
            ("prune50", 400, 0.01),
        )
    ]
    return SensitivityTable(
        depth="measure", metric="top1", unit="nats", samples=1, seconds=0, rank_correlation=None, rows=tuple(rows)
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [1700, 900, 640, 500, 420])
def test_the_plan_is_the_best_of_all_plans_within_the_budget(seed, limit):
    scores = table(seed)
    choices = choices_of(model(), scores)
    groups = [[c for c in choices if c.layer == n] for n in NAMES]
    fitting = [p for p in itertools.product(*groups) if sum(c.bytes for c in p) + fixed_bytes(model()) <= limit]
    best = min(sum(c.damage for c in p) for p in fitting)
    chosen = solve_budget(model(), scores, {"bytes": limit})
    picked = [c for c in choices if chosen[c.layer] == c.option]
    assert sum(c.bytes for c in picked) + fixed_bytes(model()) <= limit
    assert sum(c.damage for c in picked) == pytest.approx(best, rel=1e-3, abs=1e-6)


def test_a_budget_below_the_smallest_plan_says_what_can_be_reached():
    least = smallest_bytes(model(), table(0))
    assert least == 100 + 4 * 80
    with pytest.raises(UserError, match="420"):
        solve_budget(model(), table(0), {"bytes": least - 1})


def test_training_steps_stay_when_the_budget_is_solved_again():
    keep = Recipe((Step(Distillation()),))
    recipe = recipe_of({"a": "int8", "b": "int4", "c": "", "d": "int8"}, keep)
    assert [step.method.id for step in recipe.steps] == ["distillation", "weight_only", "static_int8"]
    assert recipe.steps[2].layers == ("a", "d")
