"""The real window on the real engine, on the bundled sample; and a look behind every test."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked_engines import fork_engines
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from secateur.model.documents import RunDocument
from secateur.session.state import SessionState
from secateur.ui.app import build_window
from secateur.ui.assembly import Assembly
from secateur.ui.dialogs.data import DataDialog
from secateur.ui.dialogs.export import ExportDialog
from secateur.ui.main_window import MainWindow
from secateur.ui.widgets.number_field import NumberField

LONGEST = 600_000
"""Milliseconds that a test waits for one thing, however much goes on meanwhile."""


class RealWindow:
    """What a person has: the mouse, the keys, and eyes."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window, self.qtbot = window, qtbot
        self.assembly = window.findChild(Assembly)

    @property
    def state(self) -> SessionState:
        return self.assembly.session.state

    @property
    def workspace(self):
        return self.window.workspace

    @property
    def engine_pid(self) -> int:
        """The engine's process."""
        return self.assembly.session.engine.pid

    def until(self, condition: Callable[[], object], silence_s: float = 120) -> None:
        """Look until it is so; TimeoutError once nothing new has come from the engine for `silence_s`.

        How long that takes says nothing: the engine's priority is low, and beside other work it is ten times slower.
        """
        newest, since = None, time.monotonic()

        def is_so() -> bool:
            nonlocal newest, since
            state = self.assembly.session.state if self.assembly.session is not None else None
            if state is not newest:
                newest, since = state, time.monotonic()
            if condition():
                return True
            if time.monotonic() - since > silence_s:
                raise TimeoutError(f"nothing new for {silence_s} s; {self._doing()}")
            return False

        self.qtbot.waitUntil(is_so, timeout=LONGEST)

    def _doing(self) -> str:
        """What goes on, and what the plan is: for whoever reads why a test waited in vain."""
        session = self.assembly.session
        if session is None:
            return "no session"
        state = session.state
        plan = [(step.method.badge(), step.layers) for step in state.recipe.final]
        within = f"within {dict(session.budget.limits)}, unmet {state.unmet and state.unmet.reached}"
        return f"jobs {state.jobs}; plan {plan} {within}, predicted {session.predicted()}"

    def until_idle(self) -> None:
        """Until the engine has nothing to do."""
        self.until(lambda: not self.state.jobs and not self.state.loading)

    def settle(self) -> None:
        """Let the newest state be shown and the layout come to rest before places in it are asked for."""
        self.until(lambda: self.assembly.display.is_settled)
        for _ in range(3):
            QApplication.processEvents()

    def find(self, kind: type[QWidget], name: str) -> QWidget:
        """The child of this objectName. What a new state brings comes in a later turn: it is waited for."""
        found = self.window.findChild(kind, name)
        if found is None:
            self.settle()
            found = self.window.findChild(kind, name)
        assert found is not None, f"the window has no {kind.__name__} named {name}"
        return found

    def click(self, widget: QWidget, position: QPoint | None = None) -> None:
        if position is None:
            self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
        else:
            self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=position)

    def drag(self, widget: QWidget, start: QPoint, end: QPoint, steps: int = 8) -> None:
        """Press at `start`, move in `steps`, let go at `end`.

        The moves are sent as events: a test's real cursor cannot leave the small offscreen screen.
        """
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        self.qtbot.mousePress(widget, left, pos=start)
        for step in range(1, steps + 1):
            here = QPointF(start + (end - start) * step / steps)
            place = QPointF(widget.mapToGlobal(here))
            move = QMouseEvent(QEvent.Type.MouseMove, here, place, Qt.MouseButton.NoButton, left, none)
            QApplication.sendEvent(widget, move)
            QApplication.processEvents()
        self.qtbot.mouseRelease(widget, left, pos=end)

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.qtbot.keyClick(self.window, key, modifiers)

    # ------------------------------------------------------------------ what a person does again and again

    def drop(self, path: Path) -> None:
        """Drag a file onto the window."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        self.window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, none))

    def open_files(self, network: Path, data: Path) -> None:
        """Drop a network, then its data, and use the latter as the dialog proposes to read it."""
        self.drop(network)
        self.until(lambda: self.state.model is not None and self.state.model.source.path == str(network))
        self.until_idle()
        self.drop(data)
        dialog = self.find(DataDialog, "data_dialog")
        self.click(dialog.findChild(QPushButton, "data_use"))
        self.until(lambda: self.state.data is not None and self.state.baseline is not None)
        self.close_dialog(dialog.findChild(QPushButton, "data_close"))
        self.until_idle()

    def close_dialog(self, button: QPushButton) -> None:
        """Close a dialog; the window is the active one then, as the desktop makes it."""
        self.click(button)
        self.window.activateWindow()
        self.until(self.window.isActiveWindow)

    def type_number(self, field: NumberField, text: str) -> None:
        self.until(field.isVisible)
        field.setFocus()
        field.selectAll()
        self.qtbot.keyClicks(field, text)
        self.qtbot.keyClick(field, Qt.Key.Key_Return)

    def click_layer(self, name: str) -> None:
        """Select one layer in the table."""
        view = self.workspace.layers.view
        row = self.workspace.layers.shown_rows.names.index(name)
        self.click(view.viewport(), view.visualRect(view.model().index(row, 0)).center())
        self.until(lambda: self.workspace.layers.selected() == (name,))

    def run_plan(self) -> RunDocument:
        """Run what is planned, and wait for what comes of it; every file is proven."""
        before = self.state.run
        self.until(self.workspace.plan_bar.run.isEnabled)
        self.click(self.find(QPushButton, "run_plan"))
        self.until(lambda: self.state.run is not None and self.state.run != before)
        self.until_idle()
        document = self.state.run.document
        assert document.files, document.warnings
        assert all(file.verified for file in document.files), [file.sentence for file in document.files]
        return document

    def export_to(self, path: Path, kind: str = "onnx") -> None:
        """Write the shown run as a format, by the dialog, which proves it."""
        self.press(Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
        dialog = self.find(ExportDialog, "export_dialog")
        choice = dialog.findChild(QComboBox, "export_format")
        choice.setCurrentIndex(choice.findData(kind))
        dialog.findChild(QLineEdit, "export_path").setText(str(path))
        go = dialog.findChild(QPushButton, "export_go")
        self.until(go.isEnabled)
        self.click(go)
        self.until(dialog.verdict.isVisible)
        assert dialog.verdict.text() == "exported", dialog.said.text()
        assert path.exists()
        self.close_dialog(dialog.findChild(QPushButton, "export_close"))

    def resume_run(self) -> None:
        """Go on with a run that broke off, by the button of the notice that tells of it."""

        def button() -> QPushButton | None:
            return self.window.notices.findChild(QPushButton, "notice_remedy")

        self.until(lambda: (shown := button()) is not None and shown.isVisible() and shown.text() == "Resume run")
        self.click(button())


@pytest.fixture
def engine_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """How the engine's processes start: forked, in a moment. `test_window_whole_way` has them started as ever."""
    fork_engines(monkeypatch)


@pytest.fixture
def real(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine_starts: None) -> Iterator[RealWindow]:
    """The window as `secateur` shows it, with nothing open yet."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    window = build_window()
    window.resize(1440, 900)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=30_000)  # keys go to the active window alone
    shown = RealWindow(window, qtbot)
    shown.until(lambda: shown.assembly.startup.is_done)
    yield shown
    window.end()
    window.deleteLater()


@pytest.fixture(autouse=True, scope="module")
def libraries_are_no_garbage() -> None:
    """Take what is loaded out of the garbage collection that follows every test: it would be most of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left(qapp: QApplication) -> Iterator[None]:
    """After every test: no window on the screen and no thread."""
    threads = set(threading.enumerate())
    yield
    qapp.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    stray = [w for w in QApplication.topLevelWidgets() if w.isVisible()]
    left = [thread.name for thread in threading.enumerate() if thread not in threads and thread.is_alive()]
    assert not stray, f"windows left open: {[w.objectName() or type(w).__name__ for w in stray]}"
    assert not left, f"threads left running: {left}"
