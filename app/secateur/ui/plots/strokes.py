"""Thin lines and the focus ring, as every plot draws them."""

from math import floor

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from secateur.ui.theme.style import color


def hairline(role: str) -> QPen:
    """A cosmetic one-pixel pen in a palette role."""
    pen = QPen(color(role))
    pen.setWidth(1)
    pen.setCosmetic(True)
    return pen


def crisp(value: float) -> float:
    """The middle of the pixel that holds `value`, so that a one-pixel line fills exactly one."""
    return floor(value) + 0.5


def paint_focus(painter: QPainter, rect: QRectF) -> None:
    """The two-pixel accent ring of the widget that has the keyboard."""
    pen = painter.pen()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    pen.setColor(color("accent"))
    pen.setWidthF(2.0)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 4, 4)
    painter.restore()
