"""Work of the window that can be cut into parts: as many in one turn of the event loop as take a moment.

Between two turns the window answers. What Qt posts (layout, painting) is all done in one turn, so that a state that
changes everything would hold the window up for as long as all of it takes.
"""

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QTimer
from shiboken6 import isValid

MOMENT_S: Final = 0.004
"""Processor time of a turn after which the rest waits for the next."""


class Turns:
    """Calls what waits, whoever waits longest first; what waits already keeps its place."""

    def __init__(self) -> None:
        self._waiting: dict[Callable[[], None], bool] = {}
        """What waits, and whether it ends the turn."""
        self._timer: QTimer | None = None  # made by the window's thread: this module is imported by another

    def add(self, call: Callable[[], None], *, ends: bool = False) -> None:
        """Have `call`, a method of a QObject, called soon, and once; not at all where its object is gone by then.

        What `ends` a turn has something painted that takes a moment by itself.
        """
        self._waiting[call] = ends
        if self._timer is None:
            self._timer = QTimer(singleShot=True, interval=0)
            self._timer.timeout.connect(self.begin)
        self._timer.start()

    def waits(self, call: Callable[[], None]) -> bool:
        return call in self._waiting

    def begin(self) -> None:
        """Call what waits, now, for a moment."""
        begun = time.thread_time()
        while self._waiting and time.thread_time() - begun < MOMENT_S:
            call = next(iter(self._waiting))
            ends = self._waiting.pop(call)
            owner = getattr(call, "__self__", None)
            if owner is None or isValid(owner):
                call()
                if ends:
                    break
        if self._waiting and self._timer is not None:
            self._timer.start()


turns = Turns()
"""The one line in which everybody waits."""
