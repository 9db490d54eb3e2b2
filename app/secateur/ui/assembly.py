"""Brings window, engine, session and panels together after the first frame, and takes them apart at the end."""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from secateur.session.preferences import Preferences, save_preferences
from secateur.ui.actions import TABS_ON_DEMAND
from secateur.ui.main_window import MainWindow
from secateur.ui.recents import Recents
from secateur.ui.startup import Startup

if TYPE_CHECKING:
    from secateur.engine.events import Event
    from secateur.engine.requests import Configure
    from secateur.session.session import Engine, Session
    from secateur.session.state import SessionState
    from secateur.ui.bridge import Coalescer, EngineBridge, MakeEngine
    from secateur.ui.commands import Commands
    from secateur.ui.display import Display
    from secateur.ui.panels.notices import NoticesPanel
    from secateur.ui.workspace import Workspace

BUG = "Something went wrong inside Secateur. The session is kept."

KEEP_MS = 500
"""What is remembered of a model is written down when it has not changed for so long."""

_log = logging.getLogger(__name__)


class Assembly(QObject):
    """A child of the window. What a person asks for before everything is there is done when it is."""

    def __init__(self, window: MainWindow, make_engine: "MakeEngine | None", opening: tuple[str, str, str]) -> None:
        super().__init__(window)
        self.setObjectName("assembly")
        self.window, self._opening = window, opening
        self._make_engine = make_engine or partial(_start_engine, window.preferences)
        self.recents = Recents(window)
        self.session: Session | None = None
        self.commands: Commands | None = None
        self.display: Display | None = None
        self._bridge: EngineBridge | None = None
        self._coalescer: Coalescer | None = None
        self._waiting: list[Callable[[Commands], None]] = []
        self._keeping = QTimer(self, singleShot=True, interval=KEEP_MS)
        self._keeping.timeout.connect(self._keep)
        self._hook = sys.excepthook
        sys.excepthook = self.on_exception
        self.startup = Startup(self._steps, self)
        self.startup.failed.connect(self._report)
        window.painted.connect(self.startup.start)
        window.closing.connect(self._close)
        window.action_wanted.connect(lambda name: self.when_ready(lambda commands: commands.trigger(name)))
        window.file_dropped.connect(lambda path: self.when_ready(lambda commands: commands.open_path(path)))
        window.recent_wanted.connect(self._open_recent)

    @property
    def is_ready(self) -> bool:
        """Whether everything is assembled and the first wishes are under way."""
        return self.commands is not None

    def when_ready(self, call: "Callable[[Commands], None]") -> None:
        """Do it now, or as soon as the session is there."""
        if self.commands is None:
            self._waiting.append(call)
        else:
            call(self.commands)

    def _open_recent(self, key: str) -> None:
        recent = self.recents.find(key)
        self.when_ready(lambda commands: commands.open_model(recent.path, recent.factory))

    # ------------------------------------------------------------------ after the first frame

    def _steps(self) -> Iterator[None]:
        """One widget a turn; each `yield` lets the window breathe."""
        from secateur.ui.bridge import EngineBridge
        from secateur.ui.panels.autopilot import AutopilotPanel
        from secateur.ui.panels.detail import DetailPanel
        from secateur.ui.panels.jobs import JobsPanel
        from secateur.ui.panels.layers import LayersPanel
        from secateur.ui.panels.notices import NoticesPanel
        from secateur.ui.panels.plan import PlanPanel
        from secateur.ui.panels.plan_bar import PlanBar
        from secateur.ui.workspace import Workspace

        self._bridge = EngineBridge(self._make_engine, self)
        yield
        notices = NoticesPanel(self.window.body)
        self.window.add_notices(notices)
        yield
        workspace = Workspace(self.window.stack)
        layers = LayersPanel(workspace.splitter)  # Tab goes from panel to panel in the order in which they are made
        yield
        detail = DetailPanel(tab_makers(), workspace.splitter)
        yield
        plan = PlanPanel(workspace.splitter)
        yield
        plan_bar = PlanBar(workspace)
        yield
        autopilot = AutopilotPanel(workspace)
        yield
        jobs = JobsPanel(workspace)
        yield
        workspace.fill(layers, detail, plan, plan_bar, autopilot, jobs)
        yield
        self.window.add_workspace(workspace)
        yield
        commands = self._connect(workspace, notices, self._bridge)
        for key in tab_makers():
            if key not in TABS_ON_DEMAND:
                yield
                detail.tab(key)
        yield
        self._open_first(commands)
        # laid out and drawn once while the engine still starts: the first model then appears at once
        for part in (layers, plan, plan_bar, jobs, detail):
            yield
            workspace.resize(self.window.stack.size())
            part.grab()

    def _connect(self, workspace: "Workspace", notices: "NoticesPanel", bridge: "EngineBridge") -> "Commands":
        from secateur.session.changes import EVERYTHING
        from secateur.session.memory import Memory
        from secateur.session.session import Session
        from secateur.ui.bridge import Coalescer
        from secateur.ui.commands import Commands
        from secateur.ui.display import Display
        from secateur.ui.resting import Resting
        from secateur.ui.wiring import connect_panels

        self._coalescer = Coalescer(self._show, self)
        self.session = session = Session(bridge.engine, self._coalescer.push, Memory())
        session.update(settings=settings_of(self.window.preferences))
        commands = Commands(self.window, workspace, session)
        self.display = display = Display(self.window, workspace, session, commands.why_not)
        connect_panels(workspace, session, display, commands)
        Resting(session, display, self)
        notices.remedy_wanted.connect(commands.trigger)
        notices.dismiss_wanted.connect(session.dismiss)
        notices.details_wanted.connect(lambda n: commands.dialogs.report_bug(n.sentence, n.details))
        commands.refused.connect(self._refuse)
        bridge.received.connect(commands.dialogs.receive)
        bridge.attach(session)
        commands.dialogs.hear_plots()
        self.commands = commands
        self.window.may_close = commands.dialogs.may_close
        self._show(session.state, EVERYTHING)
        return commands

    def _open_first(self, commands: "Commands") -> None:
        """What the command line named, then what a person asked for meanwhile."""
        model, factory, data = self._opening
        if model == "sample:model" and data in {"", "sample:mnist"}:
            commands.trigger("open_sample")
        elif model or factory:
            if data:
                commands.open_data(data)
            commands.open_model(model, factory)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call(commands)
        if not (waiting or model or factory):
            commands.session.list_runs()  # one of them may have broken off

    def _keep(self) -> None:
        if self.session is not None:
            self.session.remembering.keep()

    def _show(self, state: "SessionState", changed: frozenset[str]) -> None:
        if self.display is None or self.commands is None:
            return
        self.display.show(state, changed)
        self.commands.watch(state)
        self.commands.dialogs.show_state(state)
        self.recents.note(state)
        self._keeping.start()

    def _refuse(self, what: str, why: str) -> None:
        """Say why something cannot be done, in the strip of notices."""
        from secateur.session.notices import REFUSAL, REFUSED
        from secateur.session.state import Notice
        from secateur.ui.actions import ACTIONS

        names = {entry.id: entry.text.rstrip("…") for entry in ACTIONS}
        sentence = f"{names[what]} is not available now." if what in names else what
        if self.session is not None:
            asked = next((entry.why_not for entry in ACTIONS if entry.id == what), "")
            is_known = bool(asked) and self.session.why_not(asked) == why
            self.session.notify(Notice("info", sentence, why, subject=f"{REFUSED}{asked}" if is_known else REFUSAL))

    # ------------------------------------------------------------------ bugs, closing

    def on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A bug in a slot: logged, shown with a way to report it; the session survives."""
        self._hook(kind, error, trace)
        if isinstance(error, Exception):
            self._report(error)

    def _report(self, error: Exception) -> None:
        from secateur.ui.dialogs.report_bug import ReportBugDialog

        details = "".join(traceback.format_exception(error))
        _log.error("%s", details)
        if self.window.findChild(ReportBugDialog) is None:  # one at a time: the first is the cause
            ReportBugDialog(BUG, details, self.window).show()

    def _close(self) -> None:
        """Remember the person's choices, stop the engine, leave no thread behind."""
        sys.excepthook = self._hook
        self.window.hide()
        self.startup.stop()
        self._keeping.stop()
        self._keep()
        try:
            save_preferences(self.window.current_preferences())
        except OSError as error:
            _log.warning("The preferences could not be saved: %s", error)
        if self._coalescer is not None:
            self._coalescer.close()
        if self._bridge is not None:
            self._bridge.close()


def settings_of(preferences: Preferences) -> "Configure":
    """What a person chose the engine to compute on."""
    from secateur.engine.requests import Configure

    return Configure(preferences.device, preferences.threads)  # type: ignore[arg-type]


def _start_engine(preferences: Preferences, on_event: "Callable[[Event], None]") -> "Engine":
    from secateur.engine.client import EngineClient

    return EngineClient(on_event, settings_of(preferences))


def _make_netron(parent: QWidget) -> QWidget:
    from secateur.ui.netron.tab import NetronTab

    return NetronTab(parent)


def tab_makers() -> "dict[str, Callable[[QWidget], QWidget]]":
    """How each tab of the detail area is made, in order."""
    from secateur.ui.graph.tab import GraphTab
    from secateur.ui.panels.activations import ActivationsTab
    from secateur.ui.panels.compare import CompareTab
    from secateur.ui.panels.distil import DistilTab
    from secateur.ui.panels.sensitivity import SensitivityTab
    from secateur.ui.panels.weights import WeightsTab

    return {
        "weights": WeightsTab,
        "activations": ActivationsTab,
        "sensitivity": SensitivityTab,
        "graph": GraphTab,
        "compare": CompareTab,
        "distil": DistilTab,
        "netron": _make_netron,
    }
