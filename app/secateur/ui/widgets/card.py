"""The card: a title line with room for controls at its right, and a body."""

import re
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from secateur.ui.theme.style import icon, set_role
from secateur.ui.widgets.elided_label import ElidedLabel

NO_SPACE: Final = "\u200b"
_LONG: Final = re.compile(r"\S{16,}")
_JOINT: Final = re.compile(r"[._/\\](?=\w)")
"""A word may go on in the next line behind these."""


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

    Nested layouts lose some of a label's height-for-width, and a line of a reason would be cut. A name as long as a
    layer's goes on in the next line behind one of its points: as one word it would widen everything around it.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = ""
        self.setWordWrap(True)
        self.setText(text)

    def text(self) -> str:
        """The text as it was given, without the places where a name may be parted."""
        return self._words

    def setText(self, text: str) -> None:
        self._words = text
        is_copied = bool(self.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse)
        super().setText(text if is_copied or "</" in text else parted(text))  # nor are links of rich text parted
        self._claim()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._claim()

    def _claim(self) -> None:
        self.setMinimumHeight(0)  # what was claimed before counts in heightForWidth
        height = self.heightForWidth(self.width())
        if height != self.minimumHeight() and height >= 0:
            self.setMinimumHeight(height)


def parted(text: str) -> str:
    """The text with names that are long words parted behind each point, slash and underscore, by nothing visible."""
    return _LONG.sub(lambda word: _JOINT.sub(lambda at: f"{at[0]}{NO_SPACE}", word[0]), text)


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
