"""A budget of milliseconds, met by trying: a plan is solved, tried in the target, and solved again with what it took.

What single kernels take tells a network's milliseconds only roughly. What a whole plan took, tried, is learned
(`Timings.having_tried`), and the next plan solved with it, until one keeps what was asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from secateur.methods.facts import Facts
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed import works_after

MOST_TRIES: Final = 5
ABOVE: Final = 1.03
"""How far above a limit of milliseconds a plan may be: what measuring it again brings."""
BELOW: Final = 0.95
"""A plan that is quicker than this share of the limit may have given up quality for nothing."""


@dataclass(frozen=True)
class Trial:
    """A plan and its milliseconds, told beforehand and measured, as shares of the untouched network's."""

    chosen: Mapping[str, str]
    damage: float
    told: float
    measured: float


@dataclass(frozen=True)
class Solved:
    """The plan that is best of those tried, the budget with what they taught, and the trials in their order.

    `kept` is the trial of the plan, None where it could not be tried; `limit` is the most that it was to take, a share.
    """

    budget: Budget
    chosen: Mapping[str, str]
    trials: tuple[Trial, ...] = ()
    kept: Trial | None = None
    limit: float = inf

    @property
    def warning(self) -> str:
        """That no plan kept the limit, in one sentence; empty where one did."""
        if self.kept is None or self.kept.measured <= self.limit:
            return ""
        plans = f"{len(self.trials)} plans were" if len(self.trials) > 1 else "One plan was"
        return (
            f"{plans} tried, and none took at most {self.limit:.2f} of the original's time: "
            f"this one took {self.kept.measured:.2f}."
        )


Attempt = Callable[[Recipe], float | None]
"""Milliseconds of a plan, tried in the target, as a share of the untouched network's; None where it cannot be tried."""


def solve_and_try(budget: Budget, wish: Wish, facts: Mapping[str, Facts], attempt: Attempt) -> Solved:
    """The plan of least damage that keeps the wish's limits, that of milliseconds as tried.

    Without such a limit a plan that promises to be faster must not be slower. Where none keeps it, the quickest one
    that was tried is the answer. NoPlan where not even what is told allows one.
    """
    chosen: Mapping[str, str] = budget.solve(wish)
    asked = wish.limits.get("latency_ms")
    whole = budget.timings.whole if budget.timings is not None else None
    if not whole:
        return Solved(budget, chosen)
    trials: list[Trial] = []
    limit = inf if asked is None else asked / whole * ABOVE
    while (trial := _tried(budget, chosen, whole, attempt)) is not None:
        trials.append(trial)
        if asked is None and trials[0].told < 1:
            limit = 1.0
        is_needless = asked is not None and trial.measured < BELOW * asked / whole and trial.damage > 0
        if len(trials) == MOST_TRIES or (trial.measured <= limit and not is_needless):
            break
        budget = _having_learned(budget, trial, facts, whole)
        chosen = _solved_again(budget, wish)
        if any(chosen == one.chosen for one in trials):
            break
    if not trials:
        return Solved(budget, chosen)
    keeping = [one for one in trials if one.measured <= limit]
    best = min(keeping, key=lambda one: one.damage) if keeping else min(trials, key=lambda one: one.measured)
    return Solved(budget, best.chosen, tuple(trials), best, limit)


def _tried(budget: Budget, chosen: Mapping[str, str], whole: float, attempt: Attempt) -> Trial | None:
    programme = budget.programme_of(chosen)
    items = programme.items_of(chosen)
    measured = attempt(recipe_of(chosen, channel_step=budget.channel_step)) if any(chosen.values()) else 1.0
    if measured is None:
        return None
    return Trial(chosen, programme.takes("damage", items), programme.takes("latency_ms", items) / whole, measured)


def _having_learned(budget: Budget, trial: Trial, facts: Mapping[str, Facts], whole: float) -> Budget:
    timings = budget.timings
    assert timings is not None  # noqa: S101 - plans are tried where the network was timed
    recipe = recipe_of(trial.chosen, channel_step=budget.channel_step)
    works = works_after(budget.model, recipe, timings, facts=facts)
    return replace(budget, timings=timings.having_tried(works, trial.told * whole, trial.measured * whole))


def _solved_again(budget: Budget, wish: Wish) -> Mapping[str, str]:
    """What is best with what was learned; the nearest where nothing keeps the limits any more."""
    try:
        return budget.solve(wish)
    except NoPlan as none:
        return none.nearest or {}
