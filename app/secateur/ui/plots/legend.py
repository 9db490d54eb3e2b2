"""A small legend for a card's title line: swatches, short lines or rings with their names."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.theme.style import color, tinted


@dataclass(frozen=True)
class Entry:
    """A name with its palette role; `line` draws a stroke instead of a swatch, `dot` a ring."""

    name: str
    role: str
    line: bool = False
    dot: bool = False
    opacity: float = 1.0


class Legend(QWidget):
    """Entries side by side, 16 px high."""

    def __init__(self, entries: Sequence[Entry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries = tuple(entries)
        self.setAccessibleName(", ".join(entry.name for entry in entries))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def _width(self, entry: Entry) -> float:
        return 20 + caption_width([entry.name]) + 14

    def sizeHint(self) -> QSize:
        return QSize(round(sum(self._width(entry) for entry in self._entries)), 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        x = 0.0
        for entry in self._entries:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            if entry.line:
                painter.setPen(QPen(color(entry.role), 2.0))
                painter.drawLine(QLineF(x, 8, x + 13, 8))
            elif entry.dot:
                painter.setPen(QPen(color(entry.role), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(QRectF(x + 3, 4.5, 7, 7))
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(tinted(entry.role, entry.opacity))
                painter.drawRoundedRect(QRectF(x, 3, 12, 10), 2, 2)
            set_caption(painter)
            box = QRectF(x + 18, 0, self._width(entry), 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, entry.name)
            x += self._width(entry)
        painter.end()
