"""Solving a budget: quick, and independent of everything that is open."""

from collections.abc import Mapping

from secateur.engine.requests import SolveBudget
from secateur.engine.solving import BudgetUnmet, PlanSolved
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.binding import binding
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.kept import Kept, kept_in
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost, speed_cost
from secateur.targets.timings import Timings

_last: list[Budget] = []
"""What was solved last: a slider asks for the same network and table again and again."""


def solve(request: SolveBudget) -> PlanSolved | BudgetUnmet:
    """The plan of least damage within the limits, what it costs in speed, and which limits bind."""
    budget = budget_of(request.model, request.table, request.timings)
    kept = kept_in(budget, request.pins, request.costs)
    limits = kept.limits_of_programme(request.limits)
    try:
        chosen = budget.solve(Wish(limits, pins=kept.pins))
    except NoPlan as none:
        if none.nearest is None:
            return BudgetUnmet(none.sentence, none.hint)
        plan = _told(budget, none.nearest, kept, none.reached, request.keep)
        return BudgetUnmet(none.sentence, none.hint, plan[0], kept.limits_of_plan(none.reached), *plan[1:])
    return PlanSolved(*_told(budget, chosen, kept, limits, request.keep))


def _told(
    budget: Budget, chosen: Mapping[str, str], kept: Kept, limits: Mapping[str, float], keep: Recipe
) -> tuple[Recipe, SpeedCost | None, frozenset[str]]:
    cost = speed_cost(budget, chosen, limits)
    return recipe_of(chosen, keep, kept.own), cost, binding(budget, chosen, limits, kept.pins)


def budget_of(model: ModelDescription, table: SensitivityTable, timings: Timings | None) -> Budget:
    """The choices of a network, of which those that were asked for last are kept."""
    known = next(iter(_last), None)
    if known is not None and known.is_of(model, table, timings):
        return known
    _last[:] = [Budget(model, table, timings)]
    return _last[0]
