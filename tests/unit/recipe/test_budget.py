"""The budget solver keeps within the limits and loses as little as any plan can."""

import dataclasses
import itertools

import numpy as np
import pytest
from four_layers import NAMES, model, table_of

from secateur.errors import UserError
from secateur.methods.distil.distillation import Distillation
from secateur.methods.facts import Facts
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import Layer, TensorInfo
from secateur.model.documents import SensitivityRow
from secateur.recipe.budget import Budget, solve_budget
from secateur.recipe.choices import choices_of, fixed_bytes, least_bytes
from secateur.recipe.chosen import recipe_of
from secateur.recipe.prediction import predict_plan
from secateur.recipe.recipe import Recipe, Repeat, Step
from secateur.recipe.speed_cost import speed_cost


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
    return table_of(rows)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [1700, 900, 640, 500, 420])
def test_the_plan_is_the_best_of_all_plans_within_the_budget(seed, limit):
    scores = table(seed)
    choices = choices_of(model(), scores)
    groups = [[c for c in choices if c.layer == n] for n in NAMES]
    fitting = [p for p in itertools.product(*groups) if sum(c.costs.bytes for c in p) + fixed_bytes(model()) <= limit]
    best = min(sum(c.damage for c in p) for p in fitting)
    chosen = solve_budget(model(), scores, {"bytes": limit})
    picked = [c for c in choices if chosen[c.layer] == c.option]
    assert sum(c.costs.bytes for c in picked) + fixed_bytes(model()) <= limit
    assert sum(c.damage for c in picked) == pytest.approx(best, rel=1e-3, abs=1e-6)


def with_a_table():
    """The same beside a table of 1,024 numbers, which is stored in half where nothing stays in float."""
    words = Layer("words", "Embedding", TensorInfo("words", "float32", (64, 16), 4096), params=1024, size_bytes=4096)
    return dataclasses.replace(model(), layers=(*model().layers, words), source_bytes=5796)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [5796, 5000, 4700, 4650, 2700, 2550])
def test_where_no_layer_stays_in_float_the_table_beside_them_counts_half(seed, limit):
    scores = table(seed)
    choices = choices_of(with_a_table(), scores)

    def size(plan):
        return sum(c.costs.bytes for c in plan) + 4196 - (2048 if all(c.option.startswith("int") for c in plan) else 0)

    groups = [[c for c in choices if c.layer == n] for n in NAMES]
    fitting = [plan for plan in itertools.product(*groups) if size(plan) <= limit]
    chosen = solve_budget(with_a_table(), scores, {"bytes": limit})
    picked = [c for c in choices if chosen[c.layer] == c.option]
    assert size(picked) <= limit
    assert sum(c.damage for c in picked) == pytest.approx(min(sum(c.damage for c in p) for p in fitting), rel=1e-3)
    assert least_bytes(with_a_table(), choices_of(with_a_table(), scores)) == 4196 - 2048 + 4 * 80
    with pytest.raises(UserError, match="2,468"):
        solve_budget(with_a_table(), scores, {"bytes": 2467})


def test_the_prediction_counts_the_table_as_the_solver_does():
    facts = {n: Facts(channel_axis=0) for n in NAMES}
    whole, part = (
        predict_plan(with_a_table(), facts, Recipe((Step(StaticInt8(), names),)), None, None)
        for names in (NAMES, NAMES[:-1])
    )
    own = predict_plan(model(), facts, Recipe((Step(StaticInt8(), NAMES),)), None, None)
    assert whole.bytes == own.bytes + 2048
    assert part.bytes > own.bytes + 4096


def test_a_budget_below_the_smallest_plan_says_what_can_be_reached():
    least = least_bytes(model(), choices_of(model(), table(0)))
    assert least == 100 + 4 * 80
    with pytest.raises(UserError, match="420"):
        solve_budget(model(), table(0), {"bytes": least - 1})


def test_training_steps_stay_when_the_budget_is_solved_again():
    keep = Recipe((Step(Distillation()),))
    recipe = recipe_of({"a": "int8", "b": "int4", "c": "", "d": "int8"}, keep)
    assert [step.method.id for step in recipe.steps] == ["distillation", "weight_only", "static_int8"]
    assert recipe.steps[2].layers == ("a", "d")


def slow_table(seed, slow_damage=1.0):
    """Scores in which 4 bits make a layer smaller and not faster; their damage is drawn anew, times `slow_damage`."""
    rows = [
        row.model_copy(update={"faster": row.option == "int8", "damage": row.damage * slow_damage})
        if row.option == "int4"
        else row
        for row in table(seed).rows
    ]
    return table(seed).model_copy(update={"rows": tuple(rows)})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [1700, 900, 640])
def test_a_size_that_fast_options_reach_is_never_bought_with_milliseconds(seed, limit):
    scores = slow_table(seed, slow_damage=1e-6)  # 4 bits would do less damage everywhere
    chosen = solve_budget(model(), scores, {"bytes": limit})
    assert "int4" not in chosen.values()
    assert speed_cost(Budget(model(), scores), chosen, {"bytes": limit}) is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [619, 569, 519, 420])
def test_where_the_size_needs_slow_options_few_are_taken_at_nearly_the_least_damage(seed, limit):
    scores = slow_table(seed)
    choices = choices_of(model(), scores)
    groups = [[c for c in choices if c.layer == n] for n in NAMES]
    fitting = [p for p in itertools.product(*groups) if sum(c.costs.bytes for c in p) + fixed_bytes(model()) <= limit]
    least = min(sum(c.damage for c in p) for p in fitting)
    nearly = [p for p in fitting if sum(c.damage for c in p) <= 1.1 * least]
    fewest = min(sum(not c.faster for c in p) for p in nearly)
    chosen = solve_budget(model(), scores, {"bytes": limit})
    picked = [c for c in choices if chosen[c.layer] == c.option]
    assert sum(c.costs.bytes for c in picked) + fixed_bytes(model()) <= limit
    assert sum(c.damage for c in picked) <= 1.1 * least * (1 + 1e-3) + 1e-6
    assert sum(not c.faster for c in picked) == fewest


def test_a_plan_that_costs_speed_says_which_layers_and_which_budget_would_not():
    scores, limits = slow_table(0), {"bytes": 600.0}
    chosen = solve_budget(model(), scores, limits)
    slow = [name for name, option in chosen.items() if option == "int4"]
    assert len(slow) == 1
    cost = speed_cost(Budget(model(), scores), chosen, limits)
    assert cost is not None
    sentence = cost.sentence
    assert sentence.startswith("The last 20\u00a0B cost speed: ")
    assert slow[0] in sentence
    assert "4-bit" in sentence
    needed = least_bytes(model(), [each for each in choices_of(model(), scores) if each.faster])
    assert needed == 100 + 4 * 130
    assert "620\u00a0B (size=0.37)" in sentence
    assert "int4" not in solve_budget(model(), scores, {"bytes": 0.37 * model().source_bytes}).values()


def test_rounds_and_both_trainings_stay_in_their_places_when_the_budget_is_solved():
    rounds = Repeat(2, (Step(ChannelPruning(ratio=0.1), ("a",)), Step(Distillation(epochs=1))))
    keep = Recipe((rounds, Step(Distillation(epochs=3)), Step(StaticInt8(), NAMES), Step(Distillation(epochs=5))))
    recipe = recipe_of({"a": "int8", "b": "int4", "c": "", "d": "int8"}, keep)
    assert recipe.steps[0] == rounds
    told = [step for step in recipe.steps[1:] if step.method.family != "quantize"]
    assert [step.method.epochs for step in told] == [3, 5]
    assert recipe.steps[-1].method.epochs == 5
