"""What a panel shows when it is empty, busy or failed: what it would show, what it costs, and one button."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from secateur.ui.theme.style import icon, notifier, set_role
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.why_not import set_why_not


class StatePanel(QWidget):
    """Icon, title, text and at most one button, centred. `wanted` when the button is pressed.

    `kind` is `empty` (primary button), `busy` (progress line, plain button) or `failed` (warning colour).
    """

    wanted = Signal()

    def __init__(
        self,
        icon_name: str = "info",
        title: str = "",
        text: str = "",
        button: str = "",
        *,
        kind: str = "empty",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title, self._text = label(kind="title"), label(kind="secondary", wrap=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._text.setMaximumWidth(420)
        self.progress = ProgressLine()
        self.progress.setFixedWidth(160)
        self.button = Button("")
        self.button.setObjectName("state_button")
        self.button.clicked.connect(self.wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(6)
        column.addStretch(1)
        column.addWidget(self._icon)
        column.addSpacing(4)
        column.addWidget(self._title)
        middle = QHBoxLayout()  # as wide as it may be: aligned in the column, a wrapped label gets a third of that
        middle.addStretch(1)
        middle.addWidget(self._text, 1000)
        middle.addStretch(1)
        column.addLayout(middle)
        column.addSpacing(2)
        column.addWidget(self.progress, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(6)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self._glyph = ("info", "secondary")
        notifier.theme_changed.connect(self._draw_icon)
        self.show_content(icon_name, title, text, button, kind=kind)

    def show_content(
        self,
        icon_name: str,
        title: str,
        text: str,
        button: str = "",
        *,
        kind: str = "empty",
        share: float | None = None,
        why_not: str = "",
    ) -> None:
        """Show something else; `why_not` disables the button and says why."""
        self._glyph = (icon_name, {"empty": "secondary", "busy": "accent", "failed": "negative"}[kind])
        self._draw_icon()
        self._title.setText(title)
        self._text.setText(f"{text} {why_not}".strip())
        self._text.setVisible(bool(text or why_not))
        self.progress.setVisible(kind == "busy")
        self.progress.set_share(share)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        set_why_not(self.button, why_not)
        set_role(self.button, "primary" if kind == "empty" else "outline")
        self.setAccessibleName(f"{title}. {text}")

    def _draw_icon(self) -> None:
        name, role = self._glyph
        self._icon.setPixmap(icon(name, role, 24).pixmap(QSize(24, 24), self.devicePixelRatioF()))
