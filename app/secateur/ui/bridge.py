"""Between the engine's reader thread and the window's thread: events cross queued, states arrive coalesced."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

if TYPE_CHECKING:
    from secateur.engine.events import Event
    from secateur.session.session import Engine, Session
    from secateur.session.state import SessionState

MakeEngine = Callable[[Callable[["Event"], None]], "Engine"]

FRAME_MS = 16


class EngineBridge(QObject):
    """Starts the engine and hands its events over on the window's thread.

    `received` carries every event after the session has folded it in; it stops with `close`.
    """

    received = Signal(object)
    _arrived = Signal(object)

    def __init__(self, make_engine: MakeEngine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._early: list[Event] = []
        self._closed = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self.engine = make_engine(self._arrived.emit)

    def attach(self, session: "Session") -> None:
        """From now on `session` receives the events, those that came before it at once."""
        self._session = session
        early, self._early = self._early, []
        for event in early:
            self._deliver(event)

    def _deliver(self, event: "Event") -> None:
        if self._closed:
            return
        if self._session is None:  # the panels are still being built, and the engine is up already
            self._early.append(event)
            return
        self._session.receive(event)
        self.received.emit(event)

    def close(self) -> None:
        """Stop the engine; events that are still on their way are dropped."""
        self._closed = True
        if self._session is not None:
            self._session.close()
        self.engine.close()


class Coalescer(QObject):
    """Shows only the newest of many states: at once after a rest, else at most one per frame."""

    def __init__(self, show: Callable[["SessionState", frozenset[str]], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._show = show
        self._latest: SessionState | None = None
        self._changed: frozenset[str] = frozenset()
        self._last_shown = 0.0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._show_latest)

    def push(self, state: "SessionState", changed: frozenset[str]) -> None:
        """Show `state` soon, in which these parts are new; a newer one replaces it, and what is new adds up."""
        self._latest = state
        self._changed |= changed
        if not self._timer.isActive():
            waited_ms = (time.monotonic() - self._last_shown) * 1000
            self._timer.start(0 if waited_ms >= FRAME_MS else round(FRAME_MS - waited_ms))

    def _show_latest(self) -> None:
        if self._latest is not None:
            state, self._latest = self._latest, None
            changed, self._changed = self._changed, frozenset()
            self._show(state, changed)
            self._last_shown = time.monotonic()

    def close(self) -> None:
        self._timer.stop()
        self._latest = None
