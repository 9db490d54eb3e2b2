"""Spreads a state over the panels: each is shown anew where a part of the state that it shows is new."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, Signal

from secateur.ui.main_window import MainWindow
from secateur.ui.toolbar import WhyNot
from secateur.ui.turns import turns

if TYPE_CHECKING:
    from secateur.model.documents import Predicted
    from secateur.session.session import Session
    from secateur.session.state import SessionState
    from secateur.ui.workspace import Workspace

PREDICTED: Final = frozenset(
    {"checked", "model", "spectra", "recipe", "tables", "baseline", "activations", "singular_values", "timed", "target"}
)
"""What predictions depend on."""
FRONT: Final = frozenset({"explained", "front", "runs", "solved"})
"""What the front shows besides."""


class Display(QObject):
    """Holds the selection, the one thing on the screen that is not in the session's state.

    Every view says in `shows` which parts of the state it shows. Rows come first, because they decide what is selected;
    the other views follow in turns of their own.
    """

    shown = Signal(object)
    selection_changed = Signal(tuple)

    def __init__(self, window: MainWindow, workspace: "Workspace", session: "Session", why_not: WhyNot) -> None:
        super().__init__(window)
        self._window, self._workspace, self._session, self._why_not = window, workspace, session, why_not
        self._known: dict[str, tuple[tuple[Any, ...], Any]] = {}
        self._state = session.state
        self._busy = False
        self.selected: tuple[str, ...] = ()
        workspace.layers.selection_changed.connect(self._on_selection)

    def show(self, state: "SessionState", changed: frozenset[str]) -> None:
        """Show `state`, in which these parts are new (see `session.changes`)."""
        self._state = state
        if changed & self._workspace.layers.shows:
            self._busy = True
            self._workspace.show_layers(state)
            self._busy = False
        names = self._workspace.layers.selected()
        is_other = tuple(names) != self.selected
        self._select(names)
        is_new = "model" in changed
        if not is_new and (is_other or changed & (PREDICTED | self._workspace.plan.shows)):
            self._show_plan()  # at once: its fields follow what a person edits in them
        detail = self._workspace.detail
        detail.take(state, self.selected)
        parts: tuple[tuple[Callable[[], None], frozenset[str]], ...] = (
            (self._show_window, self._window.shows),
            (self._show_plan, frozenset({"model"})),
            (self._show_detail, frozenset(changed) if is_other else detail.shows),
            (self._show_plan_bar, PREDICTED | self._workspace.plan_bar.shows),
            (self._show_autopilot, self._workspace.autopilot.shows),
            (self._show_jobs, PREDICTED | self._workspace.jobs.shows),
            (self.show_front, PREDICTED | FRONT),
        )
        for show, shows in parts:
            if changed & shows:
                turns.add(show, alone=show in {self._show_window, self._show_detail})
        turns.add(self._end)

    @property
    def is_settled(self) -> bool:
        """Whether all of the newest state is shown."""
        is_newest = self._state is self._session.state
        return is_newest and not turns.waits(self._end) and not turns.is_painting

    # These show the newest state, whichever was the newest when they began to wait.

    def _show_detail(self) -> None:
        newest = self._session.state
        if newest.model is self._state.model:  # else its rows are not shown yet
            # A tab that asks for what it lacks must see what was asked a moment ago, or it asks again.
            self._workspace.detail.take(newest, self.selected)
        self._workspace.detail.show_current()

    def _show_window(self) -> None:
        self._window.show_state(self._state, self._why_not)

    def _show_plan_bar(self) -> None:
        state = self._state
        budget = self._remember("budget", (state.model, state.tables, state.least), self._session.budget.range)
        limits = self._session.budget.latency_range()
        unchecked = self._why_not("check")
        self._workspace.plan_bar.show_state(state, self._predicted(), budget, self._why_not("run"), limits, unchecked)

    def _show_autopilot(self) -> None:
        self._workspace.show_autopilot(is_open=self._state.pilot.is_open)
        self._workspace.autopilot.show_state(self._state)

    def _show_jobs(self) -> None:
        self._workspace.jobs.show_state(self._state, self._predicted())

    def _end(self) -> None:
        if turns.is_painting:
            turns.add(self._end)
        else:
            self.shown.emit(self._state)

    def _predicted(self) -> "Predicted | None":
        depends = predicted_from(self._state)
        predicted: Predicted | None = self._remember("predicted", depends, self._session.predicted)
        return predicted

    def _on_selection(self, names: list[str]) -> None:
        if not self._busy:
            self._state = self._session.state
            self._select(names)
            self._show_plan()
            self._workspace.detail.take(self._state, self.selected)
            self._workspace.detail.show_current()
            self._show_window()

    def _select(self, names: Sequence[str]) -> None:
        if tuple(names) != self.selected:
            self.selected = tuple(names)
            self.selection_changed.emit(self.selected)

    def _show_plan(self) -> None:
        state = self._state
        depends = (*predicted_from(state), self.selected)
        effect = self._remember("effect", depends, lambda: self._session.effect(self.selected))
        self._remember(
            "plan",
            (state.model, state.recipe, state.data, state.chosen_step, state.kept, self.selected),
            lambda: self._workspace.plan.show_state(state, self.selected),
        )
        source = effect_source(state)
        self._remember("shown effect", (effect, source), lambda: self._workspace.plan.show_effect(effect, source))

        one = self.selected[0] if len(self.selected) == 1 else ""
        self._remember(
            "why",
            (state.explained, self.selected),
            lambda: self._workspace.plan.show_why(self._session.explaining.why(one)),
        )

    def show_front(self) -> None:
        """Show the best plans, where their panel is open."""
        state, panel, told = self._state, self._workspace.front, self._session.explaining
        if panel is not None and panel.isVisible():
            places = self._remember("front", (state.front, *predicted_from(state)), told.places)
            damage = self._remember("front damage", predicted_from(state), told.damage)
            panel.show_state(state, places, self._predicted(), damage, told.buys())

    def renew_plan(self) -> None:
        """Show the plan's form again, whatever was shown last: a person's edit stands in it already.

        Where that edit is refused, or taken back before the next frame, the plan is the one that was shown before.
        """
        self._known.pop("plan", None)
        self._session.changed(self._session.state, frozenset({"recipe"}))

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


def predicted_from(state: "SessionState") -> tuple[object, ...]:
    """The parts of `state` that predictions depend on."""
    return tuple(getattr(state, name) for name in sorted(PREDICTED))


def effect_source(state: "SessionState") -> str:
    """Where the predicted effect comes from, in words."""
    if state.measured is not None:
        return "instant, from measurements"
    if state.estimated is not None:
        return "instant, from few samples"
    return "instant, from spectrum"
