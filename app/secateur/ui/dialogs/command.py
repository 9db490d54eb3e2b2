"""The command that does what the window would do, to be copied."""

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.theme.style import font
from secateur.ui.widgets.card import label

if TYPE_CHECKING:
    from secateur.session.command import Command


class CommandDialog(DialogFrame):
    """Shows one command; Copy puts it on the clipboard."""

    def __init__(self, command: "Command", parent: QWidget) -> None:
        text = "It carries out this plan without the window, with the same engine and the same result."
        super().__init__("command_dialog", "As a command", text, parent)
        self._command = command
        self.words = QPlainTextEdit(command.text)
        self.words.setObjectName("command_text")
        self.words.setAccessibleName("Command")
        self.words.setToolTip("The command as a terminal takes it")
        self.words.setReadOnly(True)
        self.words.setFont(font(12))
        self.words.setTabChangesFocus(True)
        self.words.setMinimumHeight(84)
        self.body.addWidget(self.words, 1)
        files = ", ".join(str(path) for path in command.files)
        self.body.addWidget(label(f"Written for it: {files}", "caption", wrap=True))
        self.said = label("", "caption")
        self.said.setObjectName("command_said")
        self.body.addWidget(self.said)
        self.add_button("command_close", "Close").clicked.connect(self.close)
        copy = self.add_button("command_copy", "Copy", "primary", "Copy the command to the clipboard")
        copy.clicked.connect(self._copy)
        copy.setFocus()
        self.resize(720, 280)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._command.text)
        self.said.setText("Copied.")
