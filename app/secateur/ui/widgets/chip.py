"""Verdict chips: a pill of 22 px with an icon and words."""

from typing import Final

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, font, metrics

_ICON: Final = {"positive": "check", "negative": "close", "warn": "warn", "neutral": "", "info": "info"}


class Chip(QWidget):
    """`kind` is `positive`, `negative`, `warn`, `info` or `neutral` (words alone, with a hairline)."""

    def __init__(self, kind: str = "neutral", text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind, self._text = "neutral", ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_content(kind, text)

    def set_content(self, kind: str, text: str) -> None:
        self._kind, self._text = kind, text
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def kind(self) -> str:
        return self._kind

    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        words = metrics(11, 600).horizontalAdvance(self._text)
        return QSize(words + 16 + (18 if _ICON[self._kind] else 0), 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plain = self._kind in ("neutral", "info")
        ink = color("secondary" if plain else self._kind)
        body = QRectF(self.rect())
        if plain:
            painter.setPen(QPen(color("border"), 1))
            painter.setBrush(color("raised"))
            body.adjust(0.5, 0.5, -0.5, -0.5)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color(f"{self._kind}_tint"))
        painter.drawRoundedRect(body, body.height() / 2, body.height() / 2)
        left = 8
        if name := _ICON[self._kind]:
            paint_icon(painter, QRect(left, (self.height() - 14) // 2, 14, 14), name, ink)
            left += 18
        painter.setFont(font(11, 500 if plain else 600))
        painter.setPen(ink)
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._text)
