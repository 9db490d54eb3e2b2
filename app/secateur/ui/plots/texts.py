"""Captions that are painted over a plot: their type, their width, the quantity at the top left."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QPainter

from secateur.ui.theme.style import color, font

CAPTION = 11


def caption_width(texts: Sequence[str], weight: int = 400) -> float:
    """Width in pixels of the widest of `texts` in caption size."""
    metrics = QFontMetricsF(font(CAPTION, weight))
    return max((metrics.horizontalAdvance(text) for text in texts), default=0.0)


def set_caption(painter: QPainter, role: str = "secondary", weight: int = 400) -> None:
    """Caption type in a palette role."""
    painter.setFont(font(CAPTION, weight))
    painter.setPen(color(role))


def paint_quantity(painter: QPainter, area: QRectF, quantity: str) -> None:
    """What the vertical axis counts, at the top left of the plot, never rotated."""
    set_caption(painter)
    painter.drawText(QPointF(area.left(), area.top() - 10), quantity)
