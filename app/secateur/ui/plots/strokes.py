"""Thin lines and the focus ring, as every plot draws them."""

from collections.abc import Sequence
from math import floor

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from secateur.ui.theme.style import color, tinted

DASHED = (4, 2)
"""Dashes of a line that is a reference, and no data."""


def line_pen(role: str, width: float = 1.0, *, opacity: float = 1.0, dashes: Sequence[float] = ()) -> QPen:
    """A pen in a palette role, `width` pixels wide at any magnification; `dashes` in multiples of the width."""
    pen = QPen(tinted(role, opacity), width)
    pen.setCosmetic(True)
    if dashes:
        pen.setDashPattern(list(dashes))
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
