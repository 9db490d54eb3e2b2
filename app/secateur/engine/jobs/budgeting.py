"""Solving a budget: quick, and independent of everything that is open."""

from secateur.engine.events import PlanSolved
from secateur.engine.requests import SolveBudget
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.speed_cost import speed_cost
from secateur.targets.timings import Timings

_last: list[Budget] = []
"""What was solved last: a slider asks for the same network and table again and again."""


def solve(request: SolveBudget) -> PlanSolved:
    """The plan of least damage within the limits, and what it costs in speed."""
    budget = budget_of(request.model, request.table, request.timings)
    chosen = budget.solve(Wish(request.limits, pins=request.pins))
    cost = speed_cost(budget, chosen, request.limits)
    return PlanSolved(recipe_of(chosen, request.keep), cost)


def budget_of(model: ModelDescription, table: SensitivityTable, timings: Timings | None) -> Budget:
    """The choices of a network, of which those that were asked for last are kept."""
    known = next(iter(_last), None)
    if known is not None and known.is_of(model, table, timings):
        return known
    _last[:] = [Budget(model, table, timings)]
    return _last[0]
