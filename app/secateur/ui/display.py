"""Spreads one state over the panels, and asks for predictions only when what they depend on has changed."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from secateur.ui.main_window import MainWindow
from secateur.ui.toolbar import WhyNot
from secateur.ui.turns import turns

if TYPE_CHECKING:
    from secateur.model.documents import Predicted
    from secateur.session.session import Session
    from secateur.session.state import SessionState
    from secateur.ui.workspace import Workspace


LIVE_FIELDS = frozenset({"jobs", "questions", "curve", "answers", "looks", "channel", "followed"})
LIVE_TABS = frozenset({"weights", "sensitivity", "activations", "graph", "distil", "netron"})
"""Tabs that show the progress of a job."""


class Display(QObject):
    """Holds the selection, the one thing on the screen that is not in the session's state."""

    shown = Signal(object)
    selection_changed = Signal(tuple)

    def __init__(self, window: MainWindow, workspace: "Workspace", session: "Session", why_not: WhyNot) -> None:
        super().__init__(window)
        self._window, self._workspace, self._session, self._why_not = window, workspace, session, why_not
        self._known: dict[str, tuple[tuple[Any, ...], Any]] = {}
        self._last: SessionState | None = None
        self._busy = False
        self.selected: tuple[str, ...] = ()
        workspace.layers.selection_changed.connect(self._on_selection)

    def show(self, state: "SessionState") -> None:
        """Every panel shows `state`; rows first, because they decide what is selected.

        The other parts follow in turns of their own. The progress of a job, twenty times a second, goes to the panels
        that show it and to no others.
        """
        before, self._last = self._last, state
        if before is not None and before is not state and is_progress(before, state):
            self._show_jobs()
            if self._workspace.detail.current in LIVE_TABS:
                self._show_detail()
            self.shown.emit(state)
            return
        self._busy = True
        self._window.show_state(state, self._why_not)
        self._workspace.show_layers(state)
        self._busy = False
        self._show_plan(state, self._workspace.layers.selected())
        for part in (self._show_detail, self._show_plan_bar, self._show_jobs, self._end):
            turns.add(part)

    # The parts show the newest state, whichever was the newest when they began to wait.

    def _show_detail(self) -> None:
        if self._last is not None:
            self._workspace.detail.show_state(self._last, self.selected)

    def _show_plan_bar(self) -> None:
        state = self._last
        if state is not None:
            budget = self._remember("budget", (state.model, state.tables), self._session.budget.range)
            self._workspace.plan_bar.show_state(state, self._predicted(state), budget, self._why_not("run"))

    def _show_jobs(self) -> None:
        if self._last is not None:
            self._workspace.jobs.show_state(self._last, self._predicted(self._last))

    def _end(self) -> None:
        self.shown.emit(self._last)

    def _predicted(self, state: "SessionState") -> "Predicted | None":
        depends = (state.model, state.spectra, state.recipe, state.tables, state.baseline)
        predicted: Predicted | None = self._remember("predicted", depends, self._session.predicted)
        return predicted

    def _on_selection(self, names: list[str]) -> None:
        if not self._busy:
            self._show_plan(self._session.state, names)
            self._workspace.detail.show_state(self._session.state, self.selected)
            self._window.show_state(self._session.state, self._why_not)

    def _show_plan(self, state: "SessionState", names: Sequence[str]) -> None:
        changed = tuple(names) != self.selected
        self.selected = tuple(names)
        depends = (state.model, state.spectra, state.recipe, state.tables, state.baseline, self.selected)
        effect = self._remember("effect", depends, lambda: self._session.effect(self.selected))
        self._remember(
            "plan",
            (state.model, state.recipe, state.data, self.selected),
            lambda: self._workspace.plan.show_state(state, self.selected),
        )
        source = effect_source(state)
        self._remember("shown effect", (effect, source), lambda: self._workspace.plan.show_effect(effect, source))
        if changed:
            self.selection_changed.emit(self.selected)

    def renew_plan(self) -> None:
        """Show the plan's form again, whatever was shown last: a person's edit stands in it already.

        Where that edit is refused, or taken back before the next frame, the plan is the one that was shown before.
        """
        self._known.pop("plan", None)
        self._session.changed(self._session.state)

    def _remember(self, name: str, depends: tuple[Any, ...], compute: Any) -> Any:
        """The value computed for these very objects, computed again only when one of them is another."""
        known = self._known.get(name)
        if (
            known is None
            or len(known[0]) != len(depends)
            or any(a is not b for a, b in zip(known[0], depends, strict=True))
        ):
            known = self._known[name] = (depends, compute())
        return known[1]


def is_progress(before: "SessionState", after: "SessionState") -> bool:
    """Whether nothing is new but how far the same jobs are, and the points of their curves."""
    changed = {field.name for field in fields(after) if getattr(before, field.name) is not getattr(after, field.name)}
    same_jobs = [job.job for job in before.jobs] == [job.job for job in after.jobs]
    same_questions = [asked.job for asked in before.questions] == [asked.job for asked in after.questions]
    return changed <= LIVE_FIELDS and same_jobs and same_questions


def effect_source(state: "SessionState") -> str:
    """Where the predicted effect comes from, in words."""
    if state.measured is not None:
        return "instant, from measurements"
    return "instant, from spectrum"
