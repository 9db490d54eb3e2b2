"""The small floating card of a plot: a bold first line, then lines or pairs, always inside the plot."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from secateur.ui.theme.style import color, font

PADDING = 10.0
LINE = 15.0


@dataclass(frozen=True)
class ReadOut:
    """`title` in 600, then `rows` of (text, value); a row with an empty value is one line of text."""

    title: str
    rows: tuple[tuple[str, str], ...] = ()

    def width(self) -> float:
        bold, plain = QFontMetricsF(font(11, 600)), QFontMetricsF(font(11, 400))
        widths = [QFontMetricsF(font(12, 600)).horizontalAdvance(self.title)]
        for text, value in self.rows:
            gap = 24.0 if value else 0.0
            widths.append(plain.horizontalAdvance(text) + gap + bold.horizontalAdvance(value))
        return max(widths) + 2 * PADDING

    def height(self) -> float:
        return 8.0 + 16.0 + LINE * len(self.rows) + 7.0


def place_beside(size: tuple[float, float], anchor: QPointF, bounds: QRectF, gap: float = 12.0) -> QRectF:
    """A rectangle of `size` right of `anchor`, or left of it where there is no room, inside `bounds`."""
    width, height = size
    left = min(anchor.x() + gap, bounds.right() - width)
    if left < anchor.x() + 3:
        left = anchor.x() - gap - width
    left = min(max(left, bounds.left()), max(bounds.right() - width, bounds.left()))
    top = min(max(anchor.y(), bounds.top()), max(bounds.bottom() - height, bounds.top()))
    return QRectF(round(left) + 0.5, round(top) + 0.5, round(width), round(height))


def paint_read_out(painter: QPainter, box: QRectF, read_out: ReadOut, border: str = "strong_border") -> None:
    """Paint the card in `box` with its edge in the palette role `border`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(color(border), 1.0))
    painter.setBrush(color("input"))
    painter.drawRoundedRect(box, 6, 6)
    inner = box.adjusted(PADDING, 8, -PADDING, 0)
    painter.setFont(font(12, 600))
    painter.setPen(color("text"))
    painter.drawText(
        QRectF(inner.left(), inner.top(), inner.width(), 16), Qt.AlignmentFlag.AlignVCenter, read_out.title
    )
    _paint_rows(painter, inner.adjusted(0, 17, 0, 0), read_out.rows)
    painter.restore()


def _paint_rows(painter: QPainter, area: QRectF, rows: Sequence[tuple[str, str]]) -> None:
    y = area.top()
    for text, value in rows:
        line = QRectF(area.left(), y, area.width(), LINE)
        painter.setFont(font(11, 400))
        painter.setPen(color("secondary"))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, text)
        if value:
            painter.setFont(font(11, 600))
            painter.setPen(color("text"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, value)
        y += LINE
