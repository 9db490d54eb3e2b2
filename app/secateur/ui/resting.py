"""Notices when nothing is going on, and has the session ask then for what can wait."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from secateur.session.session import Session
    from secateur.ui.display import Display

REST_MS = 2500
"""As long as the engine needs to start the process that answers beside a job: nobody waits for milliseconds."""


class Resting(QObject):
    """A child of the window's assembly."""

    def __init__(self, session: "Session", display: "Display", parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._timer = QTimer(self, singleShot=True, interval=REST_MS)
        self._timer.timeout.connect(self._ask)
        display.shown.connect(self._note)

    def _note(self) -> None:
        state = self._session.state
        if state.jobs or state.questions or state.loading:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    def _ask(self) -> None:
        self._session.timing.ask()
