"""Work of the window that can be cut into parts: as many in one turn of the event loop as take a moment.

Between two turns the window answers. What Qt posts (layout, painting) is all done in one turn, so that a state that
changes everything would hold the window up for as long as all of it takes.
"""

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

MOMENT_S: Final = 0.004
"""Processor time of a turn after which the rest waits for the next."""


class Turns:
    """Calls what waits, whoever waits longest first; what waits already keeps its place."""

    def __init__(self) -> None:
        self._waiting: dict[Callable[[], None], bool] = {}
        """What waits, and whether it is alone in its turn."""
        self._unpainted: list[QWidget] = []
        self._asked = 0.0
        """Processor time of the window's thread when a turn was last asked for."""
        self._has_yielded = False
        self._timer: QTimer | None = None  # made by the window's thread: this module is imported by another

    def add(self, call: Callable[[], None], *, alone: bool = False) -> None:
        """Have `call`, a method of a QObject, called soon, and once; not at all where its object is gone by then.

        What takes a moment by itself, or has something painted that does, is `alone` in its turn.
        """
        self._waiting[call] = alone
        if self._timer is None:
            self._timer = QTimer(singleShot=True, interval=0)
            self._timer.timeout.connect(self._begin_rested)
        self._ask()

    def paint(self, widget: QWidget) -> None:
        """Have `widget`, which is new on the screen, painted in a turn of its own and not with all else that is new."""
        if widget not in self._unpainted:
            widget.setUpdatesEnabled(False)
            self._unpainted.append(widget)
            self.add(self._paint_next, alone=True)

    def _paint_next(self) -> None:
        widget = self._unpainted.pop(0)
        if isValid(widget):
            widget.setUpdatesEnabled(True)
        if self._unpainted:
            self.add(self._paint_next, alone=True)

    @property
    def is_painting(self) -> bool:
        """Whether a widget waits for its first frame."""
        return bool(self._unpainted)

    def waits(self, call: Callable[[], None]) -> bool:
        return call in self._waiting

    def _ask(self) -> None:
        if self._timer is not None:
            self._asked = time.thread_time()
            self._timer.start()

    def _begin_rested(self) -> None:
        """Begin, but once not where the event loop has been busy for a moment already, with painting."""
        self._has_yielded = not self._has_yielded and time.thread_time() - self._asked >= MOMENT_S
        if self._has_yielded:
            self._ask()
        else:
            self.begin()

    def begin(self) -> None:
        """Call what waits, now, for a moment."""
        begun, is_first = time.thread_time(), True
        while self._waiting and time.thread_time() - begun < MOMENT_S:
            call, alone = next(iter(self._waiting.items()))
            if alone and not is_first:
                break
            del self._waiting[call]
            owner = getattr(call, "__self__", None)
            if owner is None or isValid(owner):
                call()
                if alone:
                    break
                is_first = False
        if self._waiting:
            self._ask()


turns = Turns()
"""The one line in which everybody waits."""
