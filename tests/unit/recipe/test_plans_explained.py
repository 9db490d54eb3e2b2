"""What the engine tells of a plan beside it: why, the whole front, what more damage would buy."""

import threading
from dataclasses import replace

import pytest
from four_layers import NAMES, model, table

from secateur.engine.jobs.budgeting import explain, find_front, solve
from secateur.engine.reporting import Reporter
from secateur.engine.solving import ExplainPlan, FindFront, PlanSolved, SolveBudget
from secateur.errors import Cancelled
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.costs import Costs
from secateur.recipe.editing import with_method
from secateur.recipe.recipe import Recipe


def solved(size: float) -> Recipe:
    answer = solve(SolveBudget(model(), table(), {"bytes": size}, Recipe()))
    assert isinstance(answer, PlanSolved)
    return answer.recipe


def asked(plan: Recipe, layer: str = "a", **more: object) -> ExplainPlan:
    return replace(ExplainPlan(model(), table(), plan, {"bytes": 620.0}, layer, by_budget=True), **more)  # type: ignore[arg-type]


def reporter() -> Reporter:
    return Reporter(1, lambda event: None)


# ---------------------------------------------------------------------- why


def test_the_budgets_choice_is_told_with_the_next_better_and_the_next_smaller() -> None:
    told = explain(asked(solved(620)))
    assert told.layer == "a"
    assert told.sentence.startswith("a is planned as 8-bit static: ")
    assert "less damage" in told.sentence
    assert "for which the size budget has no room" in told.sentence
    assert "would save" in told.sentence


def test_a_choice_that_is_kept_and_a_plan_that_no_budget_made_are_called_so() -> None:
    assert explain(asked(solved(620), kept=frozenset({"a"}))).sentence.startswith("a is kept as 8-bit static: ")
    by_hand = explain(asked(solved(620), by_budget=False, limits={})).sentence
    assert by_hand.startswith("a is planned as 8-bit static, which no budget chose: ")
    assert "has no room" not in by_hand


def test_what_is_no_option_is_not_explained_by_options() -> None:
    plan = with_method(solved(620), ["a"], "weight_pruning", MagnitudePruning(ratio=0.37))
    told = explain(asked(plan, costs={"a": Costs(300, 100)}))
    assert "none of the options" in told.sentence
    assert explain(asked(plan, "b", costs={"a": Costs(300, 100)})).sentence.startswith("b is planned as")


def test_a_layer_without_options_has_no_reasons() -> None:
    assert explain(asked(solved(620), "")).sentence == ""


# ---------------------------------------------------------------------- what more damage buys


def test_more_damage_buys_bytes_and_none_buys_nothing() -> None:
    told = explain(asked(solved(620), more_damage=0.1))
    assert told.bought_bytes is not None
    assert 0 < told.bought_bytes < 620
    assert explain(asked(solved(620), more_damage=0.0)).bought_bytes is None


def test_without_a_metric_it_is_told_of_half_as_much_damage_again() -> None:
    told = explain(asked(solved(420), more_damage=None))
    assert told.more_damage > 0


# ---------------------------------------------------------------------- the front


def test_a_plan_of_the_front_is_found_again_for_its_limit() -> None:
    found = find_front(FindFront(model(), table()), reporter())
    assert len(found.points) > 4
    for point in found.points:
        answer = solve(SolveBudget(model(), table(), {"bytes": point.limit}, Recipe()))
        assert isinstance(answer, PlanSolved)
        again = explain(asked(answer.recipe, "a", more_damage=0.0))
        assert again.sentence
        assert {name: choice for name, choice in point.chosen.items() if choice} == {
            name: choice for name, choice in _choices(answer.recipe).items() if choice
        }


def _choices(recipe: Recipe) -> dict[str, str | None]:
    from secateur.recipe.chosen import choice_in

    return {name: choice_in(recipe, name) for name in NAMES}


def test_the_front_counts_kept_layers_as_they_are_planned() -> None:
    free = find_front(FindFront(model(), table()), reporter()).points
    kept = find_front(FindFront(model(), table(), costs={"b": Costs(390, 100)}), reporter()).points
    assert kept[0].bytes == free[0].bytes - 30 + 390
    assert "b" not in kept[0].chosen


def test_finding_a_front_stops_when_it_is_told_to() -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Cancelled):
        find_front(FindFront(model(), table()), Reporter(1, lambda event: None, stopped))
