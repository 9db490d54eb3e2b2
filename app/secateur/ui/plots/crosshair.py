"""The crosshair of a chart: a dashed line at a datum, and the card that says what is there."""

from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from secateur.ui.plots.read_out import ReadOut, paint_read_out, place_beside
from secateur.ui.plots.strokes import DASHED, line_pen


@dataclass(frozen=True)
class Reading:
    """What the crosshair says at a place of the x axis; `x` is where it stands, the nearest datum as a rule."""

    x: float
    words: ReadOut


class Crosshair(pg.InfiniteLine):
    """The line; hidden until there is a reading."""

    def __init__(self) -> None:
        super().__init__(angle=90, movable=False)
        self.setZValue(50)
        self.hide()

    def dress(self) -> None:
        """Take the pen from the current theme."""
        self.setPen(line_pen("strong_border", dashes=DASHED))


def paint_reading(painter: QPainter, area: QRectF, x: float, words: ReadOut) -> None:
    """The card beside the pixel `x`, inside the plot."""
    size = (words.width(), words.height())
    paint_read_out(painter, place_beside(size, QPointF(x, area.top() + 8), area.adjusted(2, 2, -2, -2)), words)
