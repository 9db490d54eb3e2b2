"""Solving a budget: quick, and independent of everything that is open."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from secateur.engine.reporting import Reporter
from secateur.engine.requests import ExplainPlan, FindFront, FindLeast, SolveBudget
from secateur.engine.solving import BudgetUnmet, FrontFound, LeastFound, PlanExplained, PlanSolved
from secateur.errors import UserError
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.binding import binding
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.choices import FLOAT, least_bytes, without_channels
from secateur.recipe.chosen import channels_can_be_chosen, choice_in, recipe_of
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
    narrows = _narrows(budget, kept, request.keep)
    if not narrows:
        kept = kept_in(budget, _whole(request.pins), request.costs)
    limits = kept.limits_of_programme(request.limits)
    wish = Wish(limits, pins=kept.pins, narrows=narrows)
    try:
        chosen = _near(budget, wish, request.keep) if request.near else None
        chosen = budget.solve(wish) if chosen is None else chosen
    except NoPlan as none:
        if none.nearest is None:
            return BudgetUnmet(none.sentence, none.hint)
        plan = _told(budget, none.nearest, kept, none.reached, request.keep, narrows)
        return BudgetUnmet(none.sentence, none.hint, plan[0], kept.limits_of_plan(none.reached), *plan[1:])
    return PlanSolved(*_told(budget, chosen, kept, limits, request.keep, narrows))


def _near(budget: Budget, wish: Wish, plan: Recipe) -> dict[str, str] | None:
    """What is best near a plan, in the channels that it leaves; None where the limits cannot be met so."""
    named = {name: choice_in(plan, name) or FLOAT for name in budget.programme.layers}
    try:
        return budget.solve(replace(wish, near=named if wish.narrows else _whole(named)))
    except NoPlan:
        return None


def _told(
    budget: Budget,
    chosen: Mapping[str, str],
    kept: Kept,
    limits: Mapping[str, float],
    keep: Recipe,
    narrows: bool,
) -> tuple[Recipe, SpeedCost | None, frozenset[str]]:
    cost = speed_cost(budget, chosen, limits)
    recipe = recipe_of(chosen, keep, kept.own, budget.channel_step if narrows else None)
    return recipe, cost, binding(budget, chosen, limits, kept.pins)


def _narrows(budget: Budget, kept: Kept, plan: Recipe) -> bool:
    """Whether channels are chosen too: not where what is planned besides is counted as it is, in its own widths."""
    return budget.channel_step is not None and not kept.own and channels_can_be_chosen(plan)


def _whole(pins: Mapping[str, str]) -> dict[str, str]:
    """The pins as they count where channels are not chosen: what takes them stays in the plan all the same."""
    return {name: without_channels(choice) for name, choice in pins.items()}


def explain(request: ExplainPlan) -> PlanExplained:
    """Why a layer is planned as it is, and by how much the file gets smaller for more damage.

    Both are told beside the plan as it is, whoever made it: a layer whose plan is no option counts as what it costs.
    """
    budget, plan = budget_of(request.model, request.table, request.timings), request.plan
    named = {n: option for n in budget.programme.layers if (option := choice_in(plan, n)) is not None}
    narrows = budget.channel_step is not None and channels_can_be_chosen(plan)
    planned = {n: o for n, o in budget.narrowing.completed(named).items() if n in named} if narrows else _whole(named)
    known = {(choice.layer, choice.option) for choice in budget.programme_of(planned).choices}
    chosen = {name: option for name, option in planned.items() if (name, option) in known}
    pins = {name: chosen[name] for name in request.kept if name in chosen}
    others = {name: cost for name, cost in request.costs.items() if name not in chosen}
    kept = kept_in(budget, pins, others)
    narrows = narrows and not kept.own
    whole = {name: chosen.get(name, FLOAT) for name in budget.programme.layers}
    whole = budget.narrowing.completed(whole)
    sentence = ""
    if request.layer in chosen:
        limits = kept.limits_of_programme(request.limits)
        is_kept = request.layer in request.kept
        sentence = why(budget, whole, limits, request.layer, is_kept, request.by_budget)
    elif request.layer in whole:
        sentence = f"What is planned for {request.layer} is none of the options that were scored: {NOT_TOLD}"
    more = request.more_damage if request.more_damage is not None else point_of(budget, whole).damage / 2
    try:
        gain = bought(budget, whole, more, kept.pins, narrows=narrows) if more > 0 else None
    except UserError:
        gain = None
    return PlanExplained(request.layer, sentence, more, gain)


def find_front(request: FindFront, reporter: Reporter) -> FrontFound:
    """The whole front along an axis; what kept layers take besides is counted as they are planned."""
    budget = budget_of(request.model, request.table, request.timings)
    kept = kept_in(budget, request.pins, request.costs)
    narrows = request.narrows and budget.channel_step is not None and not kept.own
    if not narrows:
        kept = kept_in(budget, _whole(request.pins), request.costs)
    each = lambda done: reporter.progress(done, POINTS, "Finding plans")  # noqa: E731
    found = front(budget, kept.pins, request.axis, each=each, narrows=narrows)
    return FrontFound(request.axis, tuple(_as_planned(point, kept, request.axis) for point in found))


def find_least(request: FindLeast) -> LeastFound:
    """What the smallest and the fastest plan take, of the narrowest layers and of those that keep their channels."""
    budget = budget_of(request.model, request.table, request.timings)
    programmes = (budget.programme, budget.smallest()[0])
    sizes = [least_bytes(programme.model, programme.choices) for programme in programmes]
    times = [ms for programme in programmes if (ms := programme.fastest_ms()) is not None]
    return LeastFound(min(sizes), min(times, default=None))


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
