"""The budget slider's wishes: one solution at a time, and of the wishes that wait only the newest."""

from typing import TYPE_CHECKING

from secateur.engine.requests import SolveBudget
from secateur.recipe.budget import SpeedCost, smallest_bytes
from secateur.recipe.recipe import Recipe

if TYPE_CHECKING:
    from secateur.session.session import Session


class Budgeting:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._job: int | None = None
        self._next: tuple[int, str] | None = None
        self._gesture = ""

    def set(self, size_bytes: int, *, merge: str = "budget") -> None:
        """Re-solve the whole plan so that the file keeps within `size_bytes`; the answer comes as an event."""
        if self._job is not None:
            self._next = (size_bytes, merge)
            return
        state = self._session.state
        if state.model is None or state.table is None:
            return
        limits = {"bytes": float(size_bytes)}
        self._job = self._session.engine.submit(SolveBudget(state.model, state.table, limits, state.recipe))
        self._gesture = merge

    def solved(self, recipe: Recipe | None, cost: SpeedCost | None = None) -> None:
        """The solver's answer; None where no plan meets the budget. `cost` stands as long as this plan does."""
        self._job = None
        waiting, self._next = self._next, None
        if recipe is not None:
            self._session.plan(recipe, self._gesture)
            self._session.update(speed_cost=cost)
        if waiting is not None:
            self.set(waiting[0], merge=waiting[1])

    def forget(self) -> None:
        """The solver is gone with the engine: the next wish starts anew."""
        self._job, self._next = None, None

    def is_job(self, job: int) -> bool:
        return self._job == job

    def range(self) -> tuple[int, int] | None:
        """(smallest file that options reach, the original's bytes); None without a sensitivity table."""
        state = self._session.state
        if state.model is None or state.table is None:
            return None
        return smallest_bytes(state.model, state.table), state.model.source_bytes
