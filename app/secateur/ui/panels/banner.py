"""A one-line banner: what is wrong in 600, then why, on a tint with an edge of its colour."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, font

_ICONS = {"negative": "trend-up", "warn": "warn", "positive": "done"}


class Banner(QWidget):
    """`show_words(kind, headline, text)`; `kind` is `negative`, `warn` or `positive`."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._kind, self._headline, self._text = "negative", "", ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(36)

    def show_words(self, kind: str, headline: str, text: str = "") -> None:
        self._kind, self._headline, self._text = kind, headline, text
        self.setAccessibleName(f"{headline} {text}".strip())
        self.setToolTip(f"{headline}\n{text}".strip())
        self.update()

    @property
    def kind(self) -> str:
        return self._kind

    def sizeHint(self) -> QSize:
        return QSize(400, 36)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(f"{self._kind}_tint"))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.fillRect(QRectF(0, 6, 3, self.height() - 12), color(self._kind))
        paint_icon(painter, QRect(14, 11, 14, 14), _ICONS[self._kind], color(self._kind))
        x = 40.0
        for text, made, role in ((self._headline, font(12, 600), self._kind), (self._text, font(12), "text")):
            room = self.width() - 12 - x
            shown = QFontMetricsF(made).elidedText(text, Qt.TextElideMode.ElideRight, room)
            painter.setFont(made)
            painter.setPen(color(role))
            painter.drawText(QRectF(x, 0, room, self.height()), Qt.AlignmentFlag.AlignVCenter, shown)
            x += QFontMetricsF(made).horizontalAdvance(shown) + 14
            if x > self.width() - 60:
                break
        painter.end()
