"""Solving a budget: quick, and independent of everything that is open."""

from secateur.engine.events import PlanSolved
from secateur.engine.requests import SolveBudget
from secateur.recipe.budget import recipe_of, solve_budget
from secateur.recipe.speed_cost import speed_cost


def solve(request: SolveBudget) -> PlanSolved:
    """The plan of least damage within the limits, and what it costs in speed."""
    chosen = solve_budget(request.model, request.table, request.limits, timings=request.timings)
    cost = speed_cost(request.model, request.table, chosen, request.limits, request.timings)
    return PlanSolved(recipe_of(chosen, request.keep), cost)
