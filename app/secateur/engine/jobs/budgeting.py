"""Solving a budget: quick, and independent of everything that is open."""

from secateur.engine.events import PlanSolved
from secateur.engine.requests import SolveBudget
from secateur.recipe.budget import recipe_of, solve_budget


def solve(request: SolveBudget) -> PlanSolved:
    """The plan of least damage within the limits."""
    return PlanSolved(recipe_of(solve_budget(request.model, request.table, request.limits), request.keep))
