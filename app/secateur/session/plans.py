"""The plan and its past: what was planned before can be taken back, together with which layers a person kept."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from secateur.recipe.recipe import Recipe
from secateur.session import notices

if TYPE_CHECKING:
    from secateur.session.session import Session


NO_CHANGES: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True)
class Planned:
    """A plan, and the layers whose choice a person keeps in it."""

    recipe: Recipe
    kept: frozenset[str] = frozenset()


class Plans:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._undo: list[Planned] = []
        self._redo: list[Planned] = []
        self._gesture = ""

    @property
    def _now(self) -> Planned:
        state = self._session.state
        return Planned(state.recipe, state.kept)

    def take(
        self,
        recipe: Recipe,
        gesture: str = "",
        kept: Collection[str] | None = None,
        changes: Mapping[str, object] = NO_CHANGES,
    ) -> None:
        """Make this the plan, with these layers kept (by default those that are); one `gesture`'s edits are one undo.

        `changes` are further parts of the state that come with the plan.
        """
        now = self._now
        planned = Planned(recipe, now.kept if kept is None else frozenset(kept))
        if planned != now:
            if not gesture or gesture != self._gesture:
                self._undo.append(now)
            self._redo.clear()
            self._show(planned, gesture, changes)
        elif changes:
            self._session.update(**changes)

    def undo(self) -> None:
        if self._undo:
            self._redo.append(self._now)
            self._show(self._undo.pop())

    def redo(self) -> None:
        if self._redo:
            self._undo.append(self._now)
            self._show(self._redo.pop())

    def _show(self, planned: Planned, gesture: str = "", more: Mapping[str, object] = NO_CHANGES) -> None:
        self._gesture = gesture
        session, changes = self._session, dict(more)
        if planned.recipe != session.state.recipe:
            session.answered(notices.BUDGET, notices.RECIPE, notices.CHECKED)
            changes = {"recipe": planned.recipe, "speed_cost": None, "binding": frozenset(), "unmet": None, **changes}
        if planned.kept != session.state.kept:
            session.answered(notices.KEPT)
        session.update(kept=planned.kept, can_undo=bool(self._undo), can_redo=bool(self._redo), **changes)

    def forget(self) -> None:
        """A new model: its plan starts empty, without a past."""
        self._undo.clear()
        self._redo.clear()
        self._gesture = ""
