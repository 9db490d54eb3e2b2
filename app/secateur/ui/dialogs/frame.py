"""The frame that the dialogs share: a title, a body, and a row of buttons at the foot."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label


class DialogFrame(QDialog):
    """Not modal: the window goes on beneath. `body` is the layout for the content; Esc closes."""

    def __init__(self, name: str, title: str, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(560)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(20, 16, 20, 16)
        outer.setSpacing(12)
        outer.addWidget(label(title, "subject"))
        if text:
            outer.addWidget(label(text, "secondary", wrap=True))
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        outer.addLayout(self.body, 1)
        self._foot = QHBoxLayout()
        self._foot.setSpacing(8)
        self._foot.addStretch(1)
        outer.addLayout(self._foot)

    def add_button(self, name: str, text: str, role: str = "default", tooltip: str = "") -> Button:
        """A button at the foot, right of those added before."""
        button = Button(text, role, tooltip=tooltip)
        button.setObjectName(name)
        button.setAccessibleName(text)
        button.setAutoDefault(role == "primary")
        button.setDefault(role == "primary")
        self._foot.addWidget(button)
        return button
