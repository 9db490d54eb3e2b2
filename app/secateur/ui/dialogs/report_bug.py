"""What is shown after a bug: one sentence, and everything that helps to mend it, ready to copy."""

import platform

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QWidget

import secateur
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.naming import named


class ReportBugDialog(DialogFrame):
    """Details of something that went wrong inside, with a button that copies them."""

    def __init__(self, sentence: str, details: str, parent: QWidget) -> None:
        text = (
            "This is a mistake in Secateur, not yours. The details below help to mend it; of yours they hold "
            "nothing but file names."
        )
        super().__init__("report_bug", sentence, text, parent)
        self.report = (
            f"Secateur {secateur.__version__}, Python {platform.python_version()}, {platform.platform()}\n\n{details}"
        )
        shown = named(QPlainTextEdit(self.report, self, readOnly=True), "bug_details")
        shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        shown.setAccessibleName("Details")
        shown.setMinimumHeight(280)
        self.setMinimumWidth(760)
        self.body.addWidget(shown, 1)
        copy = self.add_button("bug_copy", "Copy details", "primary", "Put the details on the clipboard")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.report))
        self.add_button("bug_close", "Close").clicked.connect(self.close)
