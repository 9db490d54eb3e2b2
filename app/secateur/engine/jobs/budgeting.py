"""Solving a budget: quick, and independent of everything that is open."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from secateur.engine.reporting import Reporter
from secateur.engine.requests import ExplainPlan, FindFront, SolveBudget
from secateur.engine.solving import BudgetUnmet, FrontFound, PlanExplained, PlanSolved
from secateur.errors import UserError
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.binding import binding
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.choices import FLOAT
from secateur.recipe.chosen import choice_in, recipe_of
from secateur.recipe.front import POINTS, Axis, FrontPoint, bought, front, point_of
from secateur.recipe.kept import Kept, kept_in
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost, speed_cost
from secateur.recipe.why import why
from secateur.targets.timings import Timings

NOT_TOLD: Final = "what another choice would cost beside it is not known."

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


def explain(request: ExplainPlan) -> PlanExplained:
    """Why a layer is planned as it is, and by how much the file gets smaller for more damage.

    Both are told beside the plan as it is, whoever made it: a layer whose plan is no option counts as what it costs.
    """
    budget, plan = budget_of(request.model, request.table, request.timings), request.plan
    named = {name: choice_in(plan, name) for name in budget.programme.layers}
    known = {(choice.layer, choice.option) for choice in budget.programme.choices}
    chosen = {name: option for name, option in named.items() if option is not None and (name, option) in known}
    pins = {name: chosen[name] for name in request.kept if name in chosen}
    others = {name: cost for name, cost in request.costs.items() if name not in chosen}
    kept = kept_in(budget, pins, others)
    whole = {name: chosen.get(name, FLOAT) for name in budget.programme.layers}
    sentence = ""
    if request.layer in chosen:
        limits = kept.limits_of_programme(request.limits)
        is_kept = request.layer in request.kept
        sentence = why(budget, whole, limits, request.layer, is_kept, request.by_budget)
    elif request.layer in whole:
        sentence = f"What is planned for {request.layer} is none of the options that were scored: {NOT_TOLD}"
    more = request.more_damage if request.more_damage is not None else point_of(budget, whole).damage / 2
    try:
        gain = bought(budget, whole, more, kept.pins) if more > 0 else None
    except UserError:
        gain = None
    return PlanExplained(request.layer, sentence, more, gain)


def find_front(request: FindFront, reporter: Reporter) -> FrontFound:
    """The whole front along an axis; what kept layers take besides is counted as they are planned."""
    budget = budget_of(request.model, request.table, request.timings)
    kept = kept_in(budget, request.pins, request.costs)
    found = front(budget, kept.pins, request.axis, each=lambda done: reporter.progress(done, POINTS, "Finding plans"))
    return FrontFound(request.axis, tuple(_as_planned(point, kept, request.axis) for point in found))


def _as_planned(point: FrontPoint, kept: Kept, axis: Axis) -> FrontPoint:
    saved = kept.saved
    ms = point.latency_ms
    return replace(
        point,
        chosen={name: option for name, option in point.chosen.items() if name not in kept.own},
        bytes=point.bytes - round(saved.get("bytes", 0.0)),
        macs=point.macs - round(saved.get("macs", 0.0)),
        latency_ms=None if ms is None else ms - saved.get("latency_ms", 0.0),
        limit=kept.limits_of_plan({axis: point.limit})[axis],
    )


def budget_of(model: ModelDescription, table: SensitivityTable, timings: Timings | None) -> Budget:
    """The choices of a network, of which those that were asked for last are kept."""
    known = next(iter(_last), None)
    if known is not None and known.is_of(model, table, timings):
        return known
    _last[:] = [Budget(model, table, timings)]
    return _last[0]
