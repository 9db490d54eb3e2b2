"""The budget's wishes: one solution at a time, and of the wishes that wait only the newest.

While a slider is dragged, plans are solved near the last one, in the channels that it leaves, which is quick; where it
rests, all that there are count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from secateur.engine.events import BudgetUnmet, PlanSolved
from secateur.engine.requests import SolveBudget
from secateur.methods.base import Method
from secateur.recipe.choices import smallest_by_cells
from secateur.recipe.chosen import is_chosen
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed import plan_ms
from secateur.session import notices
from secateur.session.keeping import pins_of
from secateur.session.plans import Planned
from secateur.session.state import Notice

if TYPE_CHECKING:
    from secateur.session.session import Session
    from secateur.targets.timings import Timings

Limits = Mapping[str, float]
"""What a plan is to keep within: `bytes` of the file and `latency_ms` of the network as the plan bar shows them."""

EXACTLY = 1 + 1e-6
"""What is within a limit but for rounding."""

NEAREST = "nearest"
"""The remedy of a notice that tells of limits that cannot be met."""


@dataclass(frozen=True)
class Wish:
    """Limits, the name of the gesture that they were asked with, and whether a person dragged a slider to them."""

    limits: Limits
    gesture: str = ""
    dragged: bool = True
    near: bool = False
    """Whether it is looked for near the last plan, as far as the limits allow."""


class Budgeting:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._job: int | None = None
        self._asked = (Wish({}), Planned(Recipe()))
        self._timings: Timings | None = None
        self._next: Wish | None = None
        self._met: Limits = {}
        self._gesture = 0

    def set(self, limits: Limits, *, merge: str = "budget", dragged: bool = True) -> None:
        """Re-solve the whole plan within all of these limits; the answer comes as an event.

        Limits that were not `dragged` to move the sliders to them.
        """
        self._ask(Wish(limits, merge, dragged, near=dragged and self._session.state.solved is not None))

    def take(self, limits: Limits) -> None:
        """Take the plan of these limits as if the sliders had been moved there, in one step of its own."""
        self._gesture += 1
        self._ask(Wish(limits, f"taken {self._gesture}", dragged=False))

    def solve_what_was_timed(self) -> None:
        """Solve the plan's wish again where what it leads to was timed since, and takes longer than was told."""
        limit, state = self.in_timed(self.limits).get("latency_ms"), self._session.state
        if limit is None or state.model is None or state.timings is None:
            return
        told = plan_ms(state.model, state.recipe, state.timings, facts=state.facts)
        if told is None or told <= limit * EXACTLY:
            return
        last, _ = self._asked
        self._ask(Wish(self.limits, last.gesture, last.dragged))

    def take_nearest(self) -> None:
        """Take the plan nearest to the limits that cannot be met (undoable)."""
        unmet = self._session.state.unmet
        if unmet is not None and unmet.nearest is not None:
            self._gesture += 1
            plan = PlanSolved(unmet.nearest, unmet.speed_cost, unmet.binding)
            self._take(plan, Wish(unmet.reached, f"nearest {self._gesture}", dragged=False))

    def take_better(self, plan: PlanSolved) -> None:
        """Take a plan that was found to be better within the limits of the present one (undoable); sliders stay."""
        self._gesture += 1
        self._take(plan, Wish(self.limits, f"better {self._gesture}"))

    def _ask(self, wish: Wish) -> None:
        if self._job is not None:
            self._next = wish
            return
        state = self._session.state
        if state.model is None or state.table is None:
            return
        pins, costs = pins_of(state)
        limits = self.in_timed(wish.limits)
        request = SolveBudget(state.model, state.table, limits, state.recipe, state.timings, pins, costs, wish.near)
        self._job = self._session.engine.submit(request)
        self._asked, self._timings = (wish, Planned(state.recipe, state.kept)), state.timings

    def answered(self, answer: PlanSolved | BudgetUnmet | None) -> None:
        """The solver's answer, which is None where it failed.

        What a person has changed by hand meanwhile is not lost: for a step of the whole network, and for layers that
        are kept or let go, the wish is solved anew, with it in the plan; a step of some layers counts more than the
        wish.
        """
        self._job = None
        waiting, self._next = self._next, None
        (wish, asked), state = self._asked, self._session.state
        if answer is not None and Planned(state.recipe, state.kept) != asked:
            answer = None
            if waiting is None and _of_layers(state.recipe) == _of_layers(asked.recipe):
                waiting = wish
        match answer:
            case PlanSolved():
                self._take(answer, wish)
            case BudgetUnmet():
                self._tell(answer)
        if waiting is None and wish.near and isinstance(answer, PlanSolved):
            waiting = replace(wish, near=False)
        if waiting is not None:
            self._ask(waiting)
        elif state.timings is not self._timings:  # they came while it was being solved
            self.solve_what_was_timed()

    def _take(self, plan: PlanSolved, wish: Wish) -> None:
        session, before = self._session, self._session.state
        self._met = dict(wish.limits)
        changes = {
            "solved": plan.recipe,
            "speed_cost": plan.speed_cost,
            "binding": plan.binding,
            "unmet": None,
            "taken": {} if wish.dragged else dict(wish.limits),
        }
        session.answered(notices.BUDGET)
        session.plans.take(plan.recipe, wish.gesture, changes=changes)
        if before.solved is None and any(is_chosen(step) for step in before.recipe.final):
            sentence = "The budget has chosen for all layers, those that you had planned yourself too."
            hint = "Keep the choice of a layer (K), and the budget leaves it as it is."
            session.notify(Notice("info", sentence, hint, "undo", subject=notices.KEPT))

    def _tell(self, answer: BudgetUnmet) -> None:
        """Say that there is no plan, and offer the nearest one."""
        unmet = BudgetUnmet(
            answer.sentence,
            answer.hint,
            answer.nearest,
            _scaled(answer.reached, self.shown_per_timed),
            answer.speed_cost,
            answer.binding,
        )
        remedy = NEAREST if answer.nearest is not None else ""
        self._session.update(unmet=unmet)
        self._session.notify(Notice("warn", answer.sentence, answer.hint, remedy, subject=notices.BUDGET))

    @property
    def limits(self) -> Limits:
        """What the plan keeps within, where the budget made it and nothing was changed since; else nothing."""
        state = self._session.state
        return self._met if state.solved is not None and state.recipe == state.solved else {}

    def in_timed(self, limits: Limits) -> dict[str, float]:
        """Limits as the solver counts them: in milliseconds as the options were timed."""
        return _scaled(limits, 1 / self.shown_per_timed)

    def forget(self) -> None:
        """The solver is gone with the engine: the next wish starts anew."""
        self._job, self._next = None, None

    @property
    def is_solving(self) -> bool:
        """Whether a wish is not answered yet."""
        return self._job is not None

    def is_job(self, job: int) -> bool:
        return self._job == job

    def range(self) -> tuple[int, int] | None:
        """(smallest file that options reach, the original's bytes); None without a sensitivity table.

        As long as what all of them together reach is not found, what one a layer does.
        """
        state = self._session.state
        if state.model is None or state.table is None:
            return None
        least = smallest_by_cells(state.model, state.table)
        return min(least, state.least.bytes) if state.least else least, state.model.source_bytes

    def latency_range(self) -> tuple[float, float] | None:
        """(the fastest plan's, the original's) milliseconds; None without a table, or without milliseconds."""
        state = self._session.state
        before, fastest = state.latency_before, state.timed.fastest_ms if state.timed else None
        if state.table is None or state.timings is None or before is None or fastest is None:
            return None
        if state.least is not None and state.least.latency_ms is not None:
            fastest = min(fastest, state.least.latency_ms)
        return fastest * self.shown_per_timed, before

    @property
    def shown_per_timed(self) -> float:
        """The network's milliseconds as shown ÷ as timed with the options: two measurements of the same."""
        state = self._session.state
        whole = state.timings.whole if state.timings else None
        return state.latency_before / whole if state.latency_before and whole else 1.0


def _scaled(limits: Limits, factor: float) -> dict[str, float]:
    """The limits with their milliseconds multiplied: the solver counts in those in which the options were timed."""
    return {name: limit * factor if name == "latency_ms" else limit for name, limit in limits.items()}


def _of_layers(recipe: Recipe) -> list[tuple[Method, tuple[str, ...]]]:
    """What is planned for single layers."""
    return [(step.method, step.layers) for step in recipe.final if step.method.scope == "layer"]
