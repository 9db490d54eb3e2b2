"""A budget of milliseconds, met by trying: a plan is solved, tried in the target, and solved again with what it took.

What single kernels take tells a network's milliseconds only roughly. The shapes that a plan leads to are timed, then
the plan as a whole is tried; what it took is learned (`Timings.having_tried`), and the next one solved with it, until
one keeps what was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, Protocol

from secateur.methods.facts import Facts
from secateur.model.workload import Workload
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed import to_be_timed, works_after
from secateur.targets.timings import Timings

MOST_TRIES: Final = 5
MOST_ROUNDS_OF_SHAPES: Final = 3
"""Before a plan is tried: what was not timed is told in proportion to its MACs, which looks quicker than it is."""
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

    `kept` is the trial of the plan, None where it could not be tried. `asked` is the most that it was to take, a share,
    and `limit` up to where that counts as kept.
    """

    budget: Budget
    chosen: Mapping[str, str]
    trials: tuple[Trial, ...] = ()
    kept: Trial | None = None
    asked: float = inf
    limit: float = inf

    @property
    def warning(self) -> str:
        """That no plan kept the limit, in one sentence; empty where one did."""
        if self.kept is None or self.kept.measured <= self.limit:
            return ""
        plans = f"{len(self.trials)} plans were" if len(self.trials) > 1 else "One plan was"
        return (
            f"{plans} tried, and none took at most {self.asked:.2f} of the original's time: "
            f"this one took {self.kept.measured:.2f}."
        )


class Bench(Protocol):
    """What can be measured of plans in the target."""

    def share_of(self, recipe: Recipe) -> float | None:
        """What a plan takes, tried, as a share of the untouched network; None where it cannot be tried."""
        ...

    def timed(self, works: tuple[Workload, ...]) -> Timings | None:
        """All that is known of the network, and the milliseconds of these besides."""
        ...


def solve_and_try(budget: Budget, wish: Wish, facts: Mapping[str, Facts], bench: Bench) -> Solved:
    """The plan of least damage that keeps the wish's limits, that of milliseconds as tried.

    Without such a limit a plan that promises to be faster must not be slower. Where none keeps it, the quickest one
    that was tried is the answer. NoPlan where not even what is told allows one.
    """
    search = _Search(budget, wish, facts, bench)
    search.run()
    return search.ended()


@dataclass
class _Search:
    budget: Budget
    wish: Wish
    facts: Mapping[str, Facts]
    bench: Bench
    chosen: Mapping[str, str] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    shapes: list[Workload] = field(default_factory=list)

    @property
    def asked(self) -> float | None:
        """The limit of milliseconds, as a share."""
        asked = self.wish.limits.get("latency_ms")
        return None if asked is None else asked / self.whole

    @property
    def whole(self) -> float:
        return (self.budget.timings.whole if self.budget.timings is not None else None) or 0.0

    @property
    def limit(self) -> float:
        """The most that a plan may take, as a share: nothing slower where the first one promised to be faster."""
        if self.asked is not None:
            return self.asked * ABOVE
        return 1.0 if self.trials and self.trials[0].told < 1 else inf

    def run(self) -> None:
        self.chosen = self.budget.solve(self.wish)
        if not self.whole:
            return
        while not any(self.chosen == one.chosen for one in self.trials):
            self._measure_shapes()
            if not self._try() or self._is_good():
                return
            self._learn()
            self._solve_again()

    def ended(self) -> Solved:
        if not self.trials:
            return Solved(self.budget, self.chosen)
        keeping = [one for one in self.trials if one.measured <= self.limit]
        best = min(keeping, key=lambda one: one.damage) if keeping else min(self.trials, key=lambda one: one.measured)
        asked = self.limit if self.asked is None else self.asked
        return Solved(self.budget, best.chosen, tuple(self.trials), best, asked, self.limit)

    # ------------------------------------------------------------------ one plan

    def _recipe(self) -> Recipe:
        return recipe_of(self.chosen, channel_step=self.budget.channel_step)

    def _measure_shapes(self) -> None:
        """Time what the plan makes of narrowed layers, and solve again, until all of a plan was timed or nearly so."""
        for _ in range(MOST_ROUNDS_OF_SHAPES):
            before = self.budget.timings
            assert before is not None  # noqa: S101 - asked in run
            new = to_be_timed(self.budget.model, self._recipe(), before, self.facts)
            if not new:
                break
            self.shapes += new
            found = self.bench.timed(tuple(self.shapes))
            if found is None:
                break
            self.budget = replace(self.budget, timings=replace(found, learned=before.learned))
            self._solve_again()

    def _try(self) -> bool:
        programme = self.budget.programme_of(self.chosen)
        items = programme.items_of(self.chosen)
        measured = self.bench.share_of(self._recipe()) if any(self.chosen.values()) else 1.0
        if measured is None:
            return False
        told = programme.takes("latency_ms", items) / self.whole
        self.trials.append(Trial(self.chosen, programme.takes("damage", items), told, measured))
        return True

    def _is_good(self) -> bool:
        """Whether the last plan keeps the limit and is not quicker than it need be; or enough were tried."""
        last = self.trials[-1]
        is_needless = self.asked is not None and last.measured < BELOW * self.asked and last.damage > 0
        return len(self.trials) == MOST_TRIES or (last.measured <= self.limit and not is_needless)

    def _learn(self) -> None:
        timings, last = self.budget.timings, self.trials[-1]
        assert timings is not None  # noqa: S101 - asked in run
        works = works_after(self.budget.model, self._recipe(), timings, facts=self.facts)
        learned = timings.having_tried(works, last.told * self.whole, last.measured * self.whole)
        self.budget = replace(self.budget, timings=learned)

    def _solve_again(self) -> None:
        """What is best with what was learned; the nearest where nothing keeps the limits any more."""
        try:
            self.chosen = self.budget.solve(self.wish)
        except NoPlan as none:
            self.chosen = none.nearest or {}
