"""Axes: the mapping from values to pixels, and how they are painted. Horizontal grid only, ticks outward."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import overload

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from secateur.ui.plots.ticks import decade_text, decade_ticks, nice_step, nice_ticks, tick_text
from secateur.ui.theme.style import color, font

Floats = NDArray[np.float64]
TICK = 4
CAPTION = 11
Tick = tuple[float, str]


@dataclass(frozen=True)
class Axis:
    """Values `low`…`high` on pixels `start`…`end` (either order), linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @overload
    def pixel(self, value: float) -> float: ...
    @overload
    def pixel(self, value: Floats) -> Floats: ...
    def pixel(self, value: float | Floats) -> float | Floats:
        """The pixel of a value; on a log axis values below `low` stand at `low`."""
        share: float | Floats
        if self.log:
            inside = np.maximum(value, self.low)
            share = (np.log10(inside) - log10(self.low)) / (log10(self.high) - log10(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        place = self.start + share * (self.end - self.start)
        return place if isinstance(place, np.ndarray) else float(place)

    def value(self, pixel: float) -> float:
        """The value under a pixel; the inverse of `pixel`."""
        share = (pixel - self.start) / (self.end - self.start)
        if self.log:
            return float(10 ** (log10(self.low) + share * (log10(self.high) - log10(self.low))))
        return float(self.low + share * (self.high - self.low))

    def ticks(self, most: int = 5) -> list[Tick]:
        """Tick values with their texts."""
        if self.log:
            return [(v, decade_text(v)) for v in decade_ticks(self.low, self.high, most)]
        if not self.high > self.low:
            return []
        step = nice_step(self.high - self.low, most)
        return [(v, tick_text(v, step)) for v in nice_ticks(self.low, self.high, most)]


def caption_width(texts: Sequence[str], weight: int = 400) -> float:
    """Width in pixels of the widest of `texts` in caption size."""
    metrics = QFontMetricsF(font(CAPTION, weight))
    return max((metrics.horizontalAdvance(text) for text in texts), default=0.0)


def set_caption(painter: QPainter, role: str = "secondary", weight: int = 400) -> None:
    """Caption type in a palette role."""
    painter.setFont(font(CAPTION, weight))
    painter.setPen(color(role))


def hairline(role: str) -> QPen:
    """A cosmetic one-pixel pen in a palette role."""
    pen = QPen(color(role))
    pen.setWidth(1)
    pen.setCosmetic(True)
    return pen


def crisp(value: float) -> float:
    """The middle of the pixel that holds `value`, so that a one-pixel line fills exactly one."""
    return float(np.floor(value) + 0.5)


def paint_y_axis(painter: QPainter, area: QRectF, axis: Axis, ticks: Sequence[Tick], title: str) -> None:
    """Horizontal grid lines, their texts to the left, and the quantity at the top left, never rotated."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(hairline("grid"))
    for value, _ in ticks:
        y = crisp(axis.pixel(value))
        painter.drawLine(QLineF(area.left(), y, area.right(), y))
    set_caption(painter)
    for value, text in ticks:
        y = axis.pixel(value)
        box = QRectF(0, y - 9, area.left() - 8, 18)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
    if title:
        painter.drawText(QPointF(area.left(), area.top() - 10), title)


def paint_x_axis(painter: QPainter, area: QRectF, axis: Axis, ticks: Sequence[Tick], title: str) -> None:
    """The axis line at the bottom with outward ticks, texts that do not collide, the title centred below."""
    paint_base_line(painter, area)
    painter.setPen(hairline("axis"))
    for value, _ in ticks:
        x = crisp(axis.pixel(value))
        painter.drawLine(QLineF(x, area.bottom() + 1, x, area.bottom() + TICK))
    set_caption(painter)
    metrics = QFontMetricsF(painter.font())
    free_from = -1e9
    for value, text in ticks:
        width = metrics.horizontalAdvance(text)
        left = axis.pixel(value) - width / 2
        if left < free_from:
            continue
        box = QRectF(left - 4, area.bottom() + TICK + 2, width + 8, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        free_from = left + width + 6
    if title:
        paint_x_title(painter, area, title)


def paint_x_title(painter: QPainter, area: QRectF, title: str, below: float = 20) -> None:
    """The quantity of the horizontal axis, centred `below` pixels under the axis line."""
    set_caption(painter)
    box = QRectF(area.left() - 40, area.bottom() + below, area.width() + 80, 16)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, title)


def paint_base_line(painter: QPainter, area: QRectF) -> None:
    """The one axis line a plot has."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(hairline("axis"))
    y = crisp(area.bottom())
    painter.drawLine(QLineF(area.left(), y, area.right(), y))
