"""The card: a title line with room for controls at its right, and a body."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from secateur.ui.theme.style import icon, set_role
from secateur.ui.widgets.elided_label import ElidedLabel


class Card(QFrame):
    """`body` is the layout under the title; `add_trailing(widget)` puts something at the title's right."""

    def __init__(self, title: str = "", subtitle: str = "", icon_name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._title = ElidedLabel(title, size=12, weight=600)
        self._title.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self._subtitle = ElidedLabel(subtitle, size=11, role="secondary")
        self._icon = QLabel()
        self._icon_name = icon_name
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 8, 12, 8)
        outer.setSpacing(6)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.head.addWidget(self._icon)
        self.head.addWidget(self._title)
        self.head.addWidget(self._subtitle)
        self.head.addStretch(1)
        outer.addLayout(self.head)
        self.body = QVBoxLayout()
        self.body.setSpacing(6)
        outer.addLayout(self.body, 1)
        self._icon.setVisible(bool(icon_name))
        self._title.setVisible(bool(title))
        self._subtitle.setVisible(bool(subtitle))
        if icon_name:
            self.set_icon(icon_name)
        if title:
            self.setAccessibleName(title)

    def set_title(self, title: str, subtitle: str | None = None) -> None:
        self._title.set_text(title)
        self._title.setVisible(bool(title))
        if subtitle is not None:
            self._subtitle.set_text(subtitle)
            self._subtitle.setVisible(bool(subtitle))

    def set_icon(self, name: str, role: str = "secondary") -> None:
        self._icon.setPixmap(icon(name, role).pixmap(QSize(16, 16), self.devicePixelRatioF()))
        self._icon.setVisible(True)

    def set_off(self, off: bool) -> None:
        """A card whose subject is unavailable: the title in disabled text (the reason stays readable)."""
        self._title.set_text(self._title.text(), "disabled" if off else "text")

    def add_trailing(self, widget: QWidget) -> None:
        self.head.addWidget(widget)


class WrappedLabel(QLabel):
    """A label of several lines that always claims the height which its width asks for.

    Nested layouts lose some of a label's height-for-width, and a line of a reason would be cut.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setWordWrap(True)

    def setText(self, text: str) -> None:
        super().setText(text)
        self._claim()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._claim()

    def _claim(self) -> None:
        self.setMinimumHeight(0)  # what was claimed before counts in heightForWidth
        height = self.heightForWidth(self.width())
        if height != self.minimumHeight() and height >= 0:
            self.setMinimumHeight(height)


def label(text: str = "", kind: str = "", *, wrap: bool = False) -> QLabel:
    """A QLabel of one of the sheet's kinds: caption, secondary, title, card-title, subject, metric, strong"""
    made = WrappedLabel(text) if wrap else QLabel(text)
    if kind:
        made.setProperty("kind", kind)
    return made


def set_tone(target: QLabel, tone: str) -> None:
    """Colour a label by meaning: `positive`, `warn`, `negative`, `secondary`, or plain."""
    set_role(target, tone, "tone")


def rule() -> QFrame:
    """A hairline."""
    line = QFrame()
    line.setProperty("role", "line")
    line.setFixedHeight(1)
    return line
