"""Starts the window: first the frame, then the engine and the panels, a little at a time."""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from secateur.session.preferences import Preferences, load_preferences, save_preferences
from secateur.ui.commands import Commands
from secateur.ui.dialogs.opened import Dialogs
from secateur.ui.main_window import MainWindow
from secateur.ui.recents import Recents
from secateur.ui.startup import Startup
from secateur.ui.theme.palette import DARK, LIGHT, Theme
from secateur.ui.theme.style import apply_theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from secateur.engine.events import Event
    from secateur.session.session import Engine
    from secateur.session.state import SessionState
    from secateur.ui.bridge import EngineBridge, MakeEngine

_log = logging.getLogger(__name__)


def main(argv: list[str] | None = None, model: str = "", data: str = "") -> int:
    """Open the window on `model` and `data` (both may be empty) and stay until it is closed; the exit status."""
    application = QApplication.instance() or QApplication(argv if argv is not None else sys.argv)
    if not isinstance(application, QApplication):
        raise TypeError("A Qt application without windows is already running in this process.")
    application.setApplicationName("Secateur")
    application.setDesktopFileName("secateur")
    window = build_window(model or None, data or None)
    window.show()
    return application.exec()


def build_window(
    model: str | None = None, data: str | None = None, engine: "MakeEngine | None" = None, *, factory: str = ""
) -> MainWindow:
    """The main window, dressed but not shown; showing it starts the engine after the first frame.

    `engine` makes the engine from an event callback; without it the real process is started. `model` and
    `data` are opened as soon as they can be.
    """
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        raise TypeError("Make a QApplication before the window.")
    preferences = load_preferences()
    apply_theme(application, chosen_theme(preferences))
    window = MainWindow(preferences)
    Assembly(window, engine or _start_engine, model or "", data or "", factory)
    return window


def chosen_theme(preferences: Preferences) -> Theme:
    """The theme that a person chose, else the system's, else dark."""
    if preferences.theme != "system":
        return DARK if preferences.theme == "dark" else LIGHT
    return LIGHT if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light else DARK


def _start_engine(on_event: "Callable[[Event], None]") -> "Engine":
    from secateur.engine.client import EngineClient

    return EngineClient(on_event)


class Assembly(QObject):
    """Brings window, session and engine together after the first frame, and takes them apart when it closes."""

    def __init__(self, window: MainWindow, make_engine: "MakeEngine", model: str, data: str, factory: str) -> None:
        super().__init__(window)
        self.setObjectName("assembly")
        self._window, self._make_engine = window, make_engine
        self._opening = (model, data, factory)
        self.dialogs: Dialogs | None = None
        self.bridge: EngineBridge | None = None
        self.commands = Commands(window, self._make_dialogs)
        self.recents = Recents(window, self.commands)
        self.startup = Startup(self._steps, self)
        self.startup.failed.connect(self._report)
        self._hook = sys.excepthook
        sys.excepthook = self._on_exception
        window.painted.connect(self.startup.start)
        window.closing.connect(self._close)
        if model or factory:
            self.commands.when_ready(self._open_first)

    def _make_dialogs(self, commands: Commands) -> Dialogs:
        self.dialogs = Dialogs(self._window, commands)
        return self.dialogs

    # ------------------------------------------------------------------ after the first frame

    def _steps(self) -> Iterator[None]:
        """One widget a turn; each `yield` lets the window breathe."""
        from secateur.session.session import Session
        from secateur.ui.bridge import Coalescer, EngineBridge
        from secateur.ui.display import Display
        from secateur.ui.panels.detail import DetailPanel
        from secateur.ui.panels.jobs import JobsPanel
        from secateur.ui.panels.layers import LayersPanel
        from secateur.ui.panels.notices import NoticesPanel
        from secateur.ui.panels.plan import PlanPanel
        from secateur.ui.panels.plan_bar import PlanBar
        from secateur.ui.wiring import connect_panels
        from secateur.ui.workspace import Workspace

        window, commands = self._window, self.commands
        self.bridge = bridge = EngineBridge(self._make_engine, self)
        yield
        notices = NoticesPanel(window.body)
        window.add_notices(notices)
        yield
        layers = LayersPanel()
        yield
        plan = PlanPanel()
        yield
        plan_bar, jobs = PlanBar(), JobsPanel()
        yield
        detail = DetailPanel(tab_makers())
        workspace = Workspace(layers, detail, plan, plan_bar, jobs)
        window.add_workspace(workspace)
        yield
        coalescer = Coalescer(lambda state: self._show(state), self)
        session = Session(bridge.engine, coalescer.push)
        self._display = Display(window, workspace, session, commands.why_not)
        self._coalescer = coalescer
        bridge.attach(session)
        connect_panels(workspace, session, self._display, commands)
        self._connect_notices(notices)
        bridge.received.connect(self._on_event)
        commands.attach(session, self._display)
        session.changed(session.state)
        for key in tab_makers():
            yield
            detail.tab(key)

    def _connect_notices(self, notices: "QObject") -> None:
        from secateur.ui.panels.notices import NoticesPanel

        assert isinstance(notices, NoticesPanel)  # noqa: S101 - narrows the type
        notices.remedy_wanted.connect(self.commands.trigger)
        notices.dismiss_wanted.connect(lambda index: self.commands.need_session().dismiss(index))
        notices.details_wanted.connect(lambda notice: self._dialogs().report_bug(notice.sentence, notice.details))
        self.commands.refused.connect(self._refuse)

    def _dialogs(self) -> Dialogs:
        if self.dialogs is None:
            raise RuntimeError("asked for a dialog before the window was assembled")
        return self.dialogs

    def _show(self, state: "SessionState") -> None:
        self._display.show(state)
        self.commands.watch_jobs([job.job for job in state.jobs])
        self._dialogs().show_state(state)
        self.recents.note(state)

    def _on_event(self, event: "Event") -> None:
        self._dialogs().receive(event)

    def _refuse(self, what: str, why: str) -> None:
        from secateur.session.state import Notice
        from secateur.ui.actions import ACTIONS

        names = {entry.id: entry.text.rstrip("…") for entry in ACTIONS}
        sentence = f"{names[what]} is not available now." if what in names else what
        self.commands.need_session().notify(Notice("info", sentence, why))

    def _open_first(self) -> None:
        model, data, factory = self._opening
        if data:
            self.commands.open_data(data)
        if model == "sample:model" and data in ("", "sample:mnist"):
            self.commands.need_session().open_sample()
        else:
            self.commands.open_model(model, factory)

    # ------------------------------------------------------------------ bugs, closing

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A bug in a slot: logged, shown with a way to report it; the session survives."""
        self._hook(kind, error, trace)
        if isinstance(error, Exception):
            self._report(error)

    def _report(self, error: Exception) -> None:
        details = "".join(traceback.format_exception(error))
        _log.error("%s", details)
        self._dialogs().report_bug("Something went wrong inside Secateur. The session is kept.", details)

    def _close(self) -> None:
        """Remember the person's choices, stop the engine, leave no thread behind."""
        sys.excepthook = self._hook
        self._window.hide()
        self.startup.stop()
        try:
            save_preferences(self._window.current_preferences())
        except OSError as error:
            _log.warning("The preferences could not be saved: %s", error)
        if self.bridge is not None:
            self.bridge.close()


def tab_makers() -> "dict[str, Callable[[], QObject]]":
    """How each tab of the detail area is made, in order."""
    from secateur.ui.panels.activations import ActivationsTab
    from secateur.ui.panels.compare import CompareTab
    from secateur.ui.panels.distil import DistilTab
    from secateur.ui.panels.sensitivity import SensitivityTab
    from secateur.ui.panels.weights import WeightsTab

    return {
        "weights": WeightsTab,
        "activations": ActivationsTab,
        "sensitivity": SensitivityTab,
        "compare": CompareTab,
        "distil": DistilTab,
    }
