"""The main window: toolbar, notices, and either the empty panel or the workspace. It assembles, nothing more.

Its first frame needs neither numpy nor the session: `Startup` adds the workspace after it is on the screen.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from secateur.session.preferences import Preferences
from secateur.ui.actions import ACTIONS
from secateur.ui.naming import named
from secateur.ui.panels.empty import EmptyPanel
from secateur.ui.toolbar import Toolbar, WhyNot

if TYPE_CHECKING:
    from secateur.session.state import SessionState
    from secateur.ui.panels.notices import NoticesPanel
    from secateur.ui.workspace import Workspace

NARROW_WIDTH = 1200
MINIMUM = (1024, 700)
DEFAULT = (1440, 900)


class MainWindow(QMainWindow):
    """`action_wanted` names what a person asked for; `file_dropped` is a path; `painted` comes once.

    `may_close` is asked before a person's wish to close is followed: false where something has to be asked first.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "can_redo",
            "can_undo",
            "chosen_step",
            "data",
            "data_source",
            "deleted",
            "engine_ready",
            "jobs",
            "loading",
            "model",
            "notices",
            "proposed",
            "recipe",
            "runs",
            "shown_run",
            "tables",
        }
    )

    action_wanted = Signal(str)
    file_dropped = Signal(str)
    recent_wanted = Signal(str)
    painted = Signal()
    closing = Signal()

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.workspace: Workspace | None = None
        self.notices: NoticesPanel | None = None
        self.may_close: Callable[[], bool] = lambda: True
        self._was_painted = self._ends = False
        self.setObjectName("main_window")
        self.setWindowTitle("Secateur")
        self.setProperty("role", "window")
        self.setAcceptDrops(True)
        self.setMinimumSize(*MINIMUM)
        self.resize(*DEFAULT)
        self.toolbar = Toolbar(self)
        self.toolbar.wanted.connect(self.action_wanted)
        self.empty = EmptyPanel(self)
        self._connect_empty()
        self.stack = QStackedWidget(self)
        self.stack.addWidget(self.empty)
        self.body = named(QWidget(self), "body")
        self._column = QVBoxLayout(self.body)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.toolbar)
        self._column.addWidget(self.stack, 1)
        self.setCentralWidget(self.body)
        self.body.setFocus()  # else the first button wears the focus ring from the start
        self.key_actions = self._make_key_actions()
        if preferences.geometry:
            self.restoreGeometry(QByteArray.fromBase64(preferences.geometry.encode()))

    def _connect_empty(self) -> None:
        empty = self.empty
        empty.open_wanted.connect(lambda: self.action_wanted.emit("open"))
        empty.folder_wanted.connect(lambda: self.action_wanted.emit("open_folder"))
        empty.sample_wanted.connect(lambda: self.action_wanted.emit("open_sample"))
        empty.code_wanted.connect(lambda: self.action_wanted.emit("open_code"))
        empty.path_dropped.connect(self.file_dropped)
        empty.recent_wanted.connect(self.recent_wanted)

    def _make_key_actions(self) -> dict[str, QAction]:
        made: dict[str, QAction] = {}
        for entry in ACTIONS:
            key_action = QAction(entry.text, self)
            key_action.setObjectName(f"action_{entry.id}")
            key_action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
            key_action.triggered.connect(lambda _checked=False, name=entry.id: self.action_wanted.emit(name))
            made[entry.id] = key_action
            if entry.where == "window":
                self.addAction(key_action)
        return made

    # ------------------------------------------------------------------ what Startup adds

    def add_notices(self, notices: "NoticesPanel") -> None:
        self.notices = notices
        self._column.insertWidget(1, notices)

    def add_workspace(self, workspace: "Workspace") -> None:
        """Put the workspace behind the empty panel, with the keys that count only in the table."""
        self.workspace = workspace
        self.stack.addWidget(workspace)
        view = workspace.layers.view
        for entry in ACTIONS:
            if entry.where == "layers":
                self.key_actions[entry.id].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                view.addAction(self.key_actions[entry.id])
        workspace.restore(self.preferences.columns, self.preferences.splitters)
        workspace.jobs.axes.choose(**self.preferences.pareto)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: "SessionState", why_not: WhyNot) -> None:
        """Toolbar, notices and title; the workspace is shown as soon as a network is open."""
        self.toolbar.show_state(state, why_not)
        if self.notices is not None:
            self.notices.show_notices(state.notices)
        if self.workspace is not None:
            wanted = self.empty if state.model is None else self.workspace
            if self.stack.currentWidget() is not wanted:
                self.stack.setCurrentWidget(wanted)
                self.workspace.layers.view.setFocus()
        self.setWindowTitle(f"{state.model.name} – Secateur" if state.model else "Secateur")

    # ------------------------------------------------------------------ Qt's own events

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            after_this_turn(self.painted.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.toolbar.set_narrow(self.width() < NARROW_WIDTH)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_path(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped_path(event)
        if path:
            event.acceptProposedAction()
            self.file_dropped.emit(path)

    def end(self) -> None:
        """Close without a question: a person has answered it, or the system ends the session."""
        self._ends = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._ends and not self.may_close():
            event.ignore()
            return
        self.closing.emit()
        super().closeEvent(event)

    def current_preferences(self) -> Preferences:
        """What to remember: the preferences with the present size, columns and splitters."""
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        if self.workspace is None:
            return replace(self.preferences, geometry=geometry)
        return replace(
            self.preferences,
            geometry=geometry,
            columns=self.workspace.columns,
            splitters=self.workspace.sizes(),
            pareto=self.workspace.jobs.axes.chosen,
        )


def dropped_path(event: QDropEvent) -> str:
    """The first local file or folder that is being dropped; empty where there is none."""
    return next((url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()), "")


def after_this_turn(call: Callable[[], None]) -> None:
    """Run `call` when the event loop comes round again."""
    QTimer.singleShot(0, call)
