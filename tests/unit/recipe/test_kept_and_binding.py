"""Layers that stay as a person planned them, options or not, and which limits keep the others from better choices."""

import pytest
from four_layers import NAMES, model, table

from secateur.engine.jobs.budgeting import solve
from secateur.engine.solving import BudgetUnmet, PlanSolved, SolveBudget
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.costs import Costs
from secateur.recipe.binding import binding
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.chosen import choice_in, recipe_of
from secateur.recipe.front import point_of
from secateur.recipe.kept import kept_in
from secateur.recipe.recipe import Recipe, Step

OWN = Recipe((Step(MagnitudePruning(ratio=0.37), ("b",)),))


def budget() -> Budget:
    return Budget(model(), table())


def asked(limits: dict[str, float], keep: Recipe = OWN, **more: object) -> PlanSolved | BudgetUnmet:
    return solve(SolveBudget(model(), table(), limits, keep, **more))  # type: ignore[arg-type]


# ---------------------------------------------------------------------- choices of a recipe


@pytest.mark.parametrize("limit", [1700, 700, 420, 330])
def test_the_choices_of_a_solved_recipe_are_those_that_it_was_made_of(limit: int) -> None:
    chosen = budget().solve(Wish({"bytes": limit}))
    recipe = recipe_of(chosen)
    assert {name: choice_in(recipe, name) for name in NAMES} == chosen


def test_a_step_that_is_no_option_is_no_choice() -> None:
    assert choice_in(OWN, "b") is None
    assert choice_in(OWN, "a") == ""


# ---------------------------------------------------------------------- what is kept


@pytest.mark.parametrize("limit", [1000, 700, 520])
def test_what_is_kept_without_being_an_option_stays_and_counts_as_what_it_costs(limit: int) -> None:
    costs = {"b": Costs(200, 100)}
    answer = asked({"bytes": limit}, costs=costs)
    assert isinstance(answer, PlanSolved)
    assert [(s.method, s.layers) for s in answer.recipe.final if "b" in s.layers] == [
        (MagnitudePruning(ratio=0.37), ("b",))
    ]
    others = {name: choice_in(answer.recipe, name) or "" for name in NAMES if name != "b"}
    assert point_of(budget(), others).bytes - 400 + costs["b"].bytes <= limit


def test_limits_and_what_is_reached_are_told_of_the_plan_and_not_of_the_untouched_layer() -> None:
    answer = asked({"bytes": 100}, costs={"b": Costs(200, 100)})
    assert isinstance(answer, BudgetUnmet)
    least = 100 + 3 * round(150 * 80 / 400) + 200  # the others in rank25+int4
    assert answer.nearest is not None
    assert answer.reached["bytes"] == pytest.approx(least, abs=2)


def test_a_kept_option_is_pinned_and_one_that_cannot_be_chosen_counts_as_what_it_costs() -> None:
    kept = kept_in(budget(), {"a": "int4", "c": "int2"}, {"a": Costs(80, 100), "c": Costs(50, 100)})
    assert kept.pins == {"a": "int4", "c": ""}
    assert kept.own == {"c"}
    assert kept.saved["bytes"] == 350
    assert kept.limits_of_plan(kept.limits_of_programme({"bytes": 500.0})) == {"bytes": 500.0}


def test_a_layer_that_is_kept_in_float_stays_in_float() -> None:
    answer = asked({"bytes": 800}, keep=Recipe(), pins={"c": ""}, costs={"c": Costs(400, 100)})
    assert isinstance(answer, PlanSolved)
    assert choice_in(answer.recipe, "c") == ""


def test_what_is_kept_shares_a_step_with_what_the_budget_chooses_alike() -> None:
    keep = Recipe((Step(StaticInt8(samples=9), ("b",)), Step(StaticInt8(), ("a",))))
    made = recipe_of({"a": "int8", "b": "", "c": "int8", "d": ""}, keep, {"b"})
    assert [(s.method, s.layers) for s in made.final] == [
        (StaticInt8(), ("a", "c")),
        (StaticInt8(samples=9), ("b",)),
    ]


# ---------------------------------------------------------------------- which limits bind


@pytest.mark.parametrize("limit", [1500, 900, 600, 400])
def test_a_limit_binds_where_more_of_it_gives_less_damage(limit: int) -> None:
    made = budget()
    chosen = made.solve(Wish({"bytes": limit}))
    bound = binding(made, chosen, {"bytes": limit}, {})
    assert bound == {"bytes"}
    roomy = made.solve(Wish({"bytes": limit + 400}))
    assert point_of(made, roomy).damage < point_of(made, chosen).damage


def test_a_limit_with_room_for_the_original_does_not_bind() -> None:
    made = budget()
    assert binding(made, made.solve(Wish({"bytes": 1700})), {"bytes": 1700}, {}) == frozenset()


def test_of_two_limits_that_binds_which_alone_stands_in_the_way() -> None:
    made = budget()
    limits = {"bytes": 1700.0, "macs": 300.0}
    assert binding(made, made.solve(Wish(limits)), limits, {}) == {"macs"}


def test_where_everything_is_pinned_nothing_binds() -> None:
    made, pins = budget(), dict.fromkeys(NAMES, "int4")
    limits = {"bytes": 100.0 + 4 * 80}
    assert binding(made, made.solve(Wish(limits, pins=pins)), limits, pins) == frozenset()


def test_one_choice_changed_takes_what_the_changed_plan_takes() -> None:
    programme = budget().programme
    chosen = {"a": "int8", "b": "int4", "c": "int8", "d": "rank25"}
    swapped = programme.swapped("bytes", programme.items_of(chosen))
    for place, choice in enumerate(programme.choices):
        after = programme.items_of({**chosen, choice.layer: choice.option})
        assert swapped[place] == pytest.approx(programme.takes("bytes", after))
