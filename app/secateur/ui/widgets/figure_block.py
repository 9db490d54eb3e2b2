"""A figure of the plan bar: caption above, before → after and the change below."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, font, metrics

_GAP = 8


class FigureBlock(QWidget):
    """40 px high, as wide as its text; a hairline at its left. `set_change_shown(False)` drops the change."""

    def __init__(self, caption: str, *, ruled: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption, self._ruled = caption, ruled
        self._before, self._after, self._change, self._tone = "", "", "", ""
        self._change_shown = True
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(caption)

    def set_figures(self, before: str, after: str, change: str = "", tone: str = "", caption: str = "") -> None:
        """`before` may be empty: then only the value is shown."""
        self._caption = caption or self._caption
        self._before, self._after, self._change, self._tone = before, after, change, tone
        words = f"{before} to {after}" if before else after
        self.setAccessibleName(self._caption)
        self.setAccessibleDescription(f"{words}, {change}" if change else words)
        self.updateGeometry()
        self.update()

    def set_caption(self, caption: str) -> None:
        self._caption = caption
        self.setAccessibleName(caption)
        self.updateGeometry()
        self.update()

    @property
    def is_change_shown(self) -> bool:
        return self._change_shown

    def set_change_shown(self, on: bool) -> None:
        self._change_shown = on
        self.updateGeometry()
        self.update()

    def full_width(self, *, with_change: bool) -> int:
        """Width in pixels with or without the change."""
        widths = [metrics(*f).horizontalAdvance(text) for text, f, _ in self._parts(with_change)]
        line = sum(widths) + _GAP * (1 if with_change and self._change else 0)
        caption = metrics(11).horizontalAdvance(self._caption)
        return max(line, caption) + 2 + (12 if self._ruled else 0)

    def _parts(self, with_change: bool) -> list[tuple[str, tuple[float, int], str]]:
        parts: list[tuple[str, tuple[float, int], str]] = []
        if self._before:
            parts.append((f"{self._before} → ", (13, 400), "secondary"))
        parts.append((self._after, (13, 600), "text"))
        if with_change and self._change:
            parts.append((self._change, (11, 500), self._tone or "secondary"))
        return parts

    def sizeHint(self) -> QSize:
        return QSize(self.full_width(with_change=self._change_shown), 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        left = 0
        if self._ruled:
            painter.fillRect(0, 0, 1, self.height(), color("border"))
            left = 12
        painter.setFont(font(11))
        painter.setPen(color("secondary"))
        painter.drawText(left, 14, self._caption)
        for number, (text, face, role) in enumerate(self._parts(self._change_shown)):
            is_change = number and self._change_shown and text == self._change
            left += _GAP if is_change else 0
            painter.setFont(font(*face))
            painter.setPen(color(role))
            painter.drawText(left, 33, text)
            left += metrics(*face).horizontalAdvance(text)
