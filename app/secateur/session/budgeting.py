"""The budget sliders' wishes: one solution at a time, and of the wishes that wait only the newest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from secateur.engine.requests import SolveBudget
from secateur.methods.base import Method
from secateur.recipe.choices import smallest_bytes
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost

if TYPE_CHECKING:
    from secateur.session.session import Session

Limits = Mapping[str, float]
"""What the sliders hold: `bytes` of the file and `latency_ms` of the network as the plan bar shows them."""


class Budgeting:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._job: int | None = None
        self._asked: tuple[Limits, Recipe] = ({}, Recipe())
        self._next: tuple[Limits, str] | None = None
        self._gesture = ""

    def set(self, limits: Limits, *, merge: str = "budget") -> None:
        """Re-solve the whole plan within all of these limits; the answer comes as an event."""
        if self._job is not None:
            self._next = (limits, merge)
            return
        state = self._session.state
        if state.model is None or state.table is None:
            return
        wanted = dict(limits)
        if "latency_ms" in wanted:  # the solver counts in milliseconds as the options were timed
            wanted["latency_ms"] /= self._shown_per_timed
        request = SolveBudget(state.model, state.table, wanted, state.recipe, state.timings)
        self._job = self._session.engine.submit(request)
        self._asked, self._gesture = (limits, state.recipe), merge

    def solved(self, recipe: Recipe | None, cost: SpeedCost | None = None) -> None:
        """The solver's answer; None where no plan meets the budget. `cost` stands as long as this plan does.

        What a person has changed by hand meanwhile is not lost: for a step of the whole network the wish is solved
        anew, with it in the plan; a step of some layers counts more than the wish.
        """
        self._job = None
        waiting, self._next = self._next, None
        (limits, asked), now = self._asked, self._session.state.recipe
        if recipe is not None and now != asked:
            recipe = None
            if waiting is None and _of_layers(now) == _of_layers(asked):
                waiting = limits, self._gesture
        if recipe is not None:
            self._session.update(solved=recipe)
            self._session.plan(recipe, self._gesture)
            self._session.update(speed_cost=cost)
        if waiting is not None:
            self.set(waiting[0], merge=waiting[1])

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
        """(smallest file that options reach, the original's bytes); None without a sensitivity table."""
        state = self._session.state
        if state.model is None or state.table is None:
            return None
        return smallest_bytes(state.model, state.table, timings=state.timings), state.model.source_bytes

    def latency_range(self) -> tuple[float, float] | None:
        """(the fastest plan's, the original's) milliseconds; None without a table, or without milliseconds."""
        state = self._session.state
        before, fastest = state.latency_before, state.timed.fastest_ms if state.timed else None
        if state.table is None or state.timings is None or before is None or fastest is None:
            return None
        return fastest * self._shown_per_timed, before

    @property
    def _shown_per_timed(self) -> float:
        """The network's milliseconds as shown ÷ as timed with the options: two measurements of the same."""
        state = self._session.state
        whole = state.timings.whole if state.timings else None
        return state.latency_before / whole if state.latency_before and whole else 1.0


def _of_layers(recipe: Recipe) -> list[tuple[Method, tuple[str, ...]]]:
    """What is planned for single layers."""
    return [(step.method, step.layers) for step in recipe.final if step.method.scope == "layer"]
