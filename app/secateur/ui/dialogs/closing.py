"""The question before the window is closed while a job runs: what runs, what of it is kept, and what is not."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from secateur.session.reasons import lost_on_closing
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.widgets.card import label

if TYPE_CHECKING:
    from secateur.engine.events import Event
    from secateur.session.state import SessionState


class ClosingDialog(DialogFrame):
    """`close_wanted` where a person wants to close all the same. Esc stays; so does the end of all that was running."""

    close_wanted = Signal()

    def __init__(self, state: "SessionState", parent: QWidget) -> None:
        super().__init__("closing_dialog", "Close while a job is running?", "", parent)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.said = label("", "", wrap=True)
        self.said.setObjectName("closing_said")
        self.body.addWidget(self.said)
        leave = self.add_button("closing_close", "Close", tooltip="Stop what runs and close the window")
        leave.clicked.connect(self._leave)
        self.stay = self.add_button("closing_stay", "Keep running", "primary", "Leave the window open")
        self.stay.clicked.connect(self.reject)
        self.show_state(state)
        self.stay.setFocus()

    def show_state(self, state: "SessionState") -> None:
        """Follow the jobs: nothing is left to ask about when the last of them has ended."""
        sentences = lost_on_closing(state)
        if not sentences:
            self.reject()
            return
        self.said.setText("\n".join(sentences))
        self.setAccessibleDescription(self.said.text())

    def receive(self, event: "Event") -> None:
        """Events come through the state."""

    def _leave(self) -> None:
        self.accept()
        self.close_wanted.emit()
