"""A question in place: one sentence, a button that goes on and one that does not, which has the keyboard."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label


class Question(QFrame):
    """Hidden until it is asked; `answered(yes)` once, then hidden again. Esc is no."""

    answered = Signal(bool)

    def __init__(self, name: str, yes: str, no: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "well")
        self.said = label("", "strong", wrap=True)
        self.said.setObjectName(f"{name}_said")
        self.no = self._button(f"{name}_no", no)
        self.yes = self._button(f"{name}_yes", yes)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(8)
        row.addWidget(self.said, 1)
        row.addWidget(self.no)
        row.addWidget(self.yes)
        self.no.clicked.connect(lambda: self._answer(yes=False))
        self.yes.clicked.connect(lambda: self._answer(yes=True))
        self.hide()

    def _button(self, name: str, text: str) -> Button:
        button = Button(text, "outline")
        button.setObjectName(name)
        button.setAccessibleName(text)
        button.setAutoDefault(True)  # Enter presses the one that has the keyboard
        return button

    def ask(self, sentence: str) -> None:
        """Show the question with the keyboard on the answer that changes nothing."""
        self.said.setText(sentence)
        self.setAccessibleName(sentence)
        self.show()
        self.no.setFocus()

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._answer(yes=False)
        else:
            super().keyPressEvent(event)

    def _answer(self, *, yes: bool) -> None:
        self.hide()
        self.answered.emit(yes)
