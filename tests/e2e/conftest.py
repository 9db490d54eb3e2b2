"""The real window on the real engine, on the bundled sample; and a look behind every test."""

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked_engines import fork_engines
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from secateur.session.state import SessionState
from secateur.ui.app import build_window
from secateur.ui.assembly import Assembly
from secateur.ui.main_window import MainWindow

MINUTE = 60_000


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

    def until(self, condition: Callable[[], object], timeout_ms: int = 2 * MINUTE) -> None:
        """Look until it is so."""
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout_ms)

    def until_idle(self) -> None:
        """Until the engine has nothing to do."""
        self.until(lambda: not self.state.jobs and not self.state.loading)

    def settle(self) -> None:
        """Let the layout come to rest before places in it are asked for."""
        for _ in range(3):
            QApplication.processEvents()

    def find(self, kind: type[QWidget], name: str) -> QWidget:
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
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)  # keys go to the active window alone
    shown = RealWindow(window, qtbot)
    shown.until(lambda: shown.assembly.startup.is_done)
    yield shown
    window.end()
    window.deleteLater()


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
