"""A banner: what is wrong in 600, then why, on a tint with an edge of its colour, and a link to what helps."""

from html import escape

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from secateur.ui.theme.style import color, icon, notifier
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import WrappedLabel

_ICONS = {"negative": "trend-up", "warn": "warn", "positive": "done"}


class Banner(QWidget):
    """`show_words(kind, headline, text, link)`; `kind` is `negative`, `warn` or `positive`. The words wrap.

    `link_wanted` says that a person wants what the link names.
    """

    link_wanted = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._kind, self._headline, self._text = "negative", "", ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(36)
        self._picture = QLabel()
        self.words = WrappedLabel()
        self.words.setObjectName(f"{name}_words")
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.link = Button("", "link")
        self.link.setObjectName(f"{name}_link")
        self.link.clicked.connect(self.link_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 12, 8)
        row.setSpacing(12)
        row.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.words, 1)
        row.addWidget(self.link, 0, Qt.AlignmentFlag.AlignTop)
        notifier.theme_changed.connect(self._dress)

    def show_words(self, kind: str, headline: str, text: str = "", link: str = "", tooltip: str = "") -> None:
        """Without `link` there is none; `tooltip` says what it does."""
        self._kind, self._headline, self._text = kind, headline, text
        self.setAccessibleName(f"{headline} {text}".strip())
        self.link.setText(link)
        self.link.setToolTip(tooltip)
        self.link.setVisible(bool(link))
        self._dress()

    @property
    def kind(self) -> str:
        return self._kind

    def _dress(self) -> None:
        strong = f'<span style="font-weight: 600; color: {color(self._kind).name()}">{escape(self._headline)}</span>'
        self.words.setText(f"{strong}&nbsp; {escape(self._text)}" if self._text else strong)
        self._picture.setPixmap(icon(_ICONS[self._kind], self._kind).pixmap(16, 16))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(f"{self._kind}_tint"))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.fillRect(QRectF(0, 6, 3, self.height() - 12), color(self._kind))
        painter.end()
