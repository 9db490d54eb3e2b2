"""The range of every output channel: a thin line from minimum to maximum, a thick one from 5 to 95 %."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from secateur.figures import number
from secateur.ui.plots.axes import Axis, caption_width, paint_x_axis, paint_y_axis
from secateur.ui.plots.plot import Plot
from secateur.ui.plots.ticks import nice_ticks, tick_text
from secateur.ui.theme.style import color, tinted

Ranges = NDArray[np.float32]
CLOSEST = 3.0
"""Channels nearer than this many pixels are drawn together."""


class ChannelStrip(Plot):
    """Shows `Spectra.channel_ranges`; `named(text)` says the channel under the mouse, else the widest one."""

    named = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._ranges: Ranges = np.zeros((0, 4), np.float32)
        self._hovered: int | None = None

    def show_ranges(self, ranges: Ranges) -> None:
        """Show (channels, 4): minimum, 5 % quantile, 95 % quantile, maximum of each channel."""
        if ranges is self._ranges:
            return
        self._ranges, self._hovered = ranges, None
        self.setAccessibleDescription(self.widest_text)
        self.named.emit(self.widest_text)
        self._renew()

    def _renew(self) -> None:
        self.renew(id(self._ranges), self._hovered)

    @property
    def widest(self) -> int:
        """The channel with the greatest distance from minimum to maximum."""
        return int(np.argmax(self._ranges[:, 3] - self._ranges[:, 0])) if len(self._ranges) else 0

    @property
    def widest_text(self) -> str:
        return self._text(self.widest)

    def _text(self, channel: int) -> str:
        if channel >= len(self._ranges):
            return ""
        low, high = float(self._ranges[channel, 0]), float(self._ranges[channel, 3])
        return f"ch {channel}: {number(low)} … {number(high)}"

    def paint_plot(self, painter: QPainter) -> None:
        if not len(self._ranges):
            return
        y = self._y_axis()
        ticks = y.ticks(4)
        left = caption_width([text for _, text in ticks]) + 10
        self.area = QRectF(left, 8, max(self.width() - left - 8, 10), max(self.height() - 8 - 40, 10))
        y = Axis(y.low, y.high, self.area.bottom(), self.area.top())
        paint_y_axis(painter, self.area, y, ticks, "")
        x = self._x_axis()
        self._paint_channels(painter, x, y)
        paint_x_axis(
            painter,
            self.area,
            x,
            channel_ticks(len(self._ranges), self.area.width()),
            self.tr("output channel"),
        )

    def _y_axis(self) -> Axis:
        low, high = float(self._ranges[:, 0].min()), float(self._ranges[:, 3].max())
        margin = 0.05 * (high - low) or 0.5
        return Axis(low - margin, high + margin, self.height() - 40, 8)

    def _x_axis(self) -> Axis:
        return Axis(-0.5, len(self._ranges) - 0.5, self.area.left(), self.area.right())

    def _paint_channels(self, painter: QPainter, x: Axis, y: Axis) -> None:
        columns = together(self._ranges, max(int(self.area.width() / CLOSEST), 1))
        width = self.area.width() / len(columns)
        strong = int(self.widest * len(columns) / len(self._ranges))
        if self._hovered is not None:
            strong = int(self._hovered * len(columns) / len(self._ranges))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        middles = np.rint(self.area.left() + (np.arange(len(columns)) + 0.5) * width)
        places = y.pixel(columns.astype(np.float64))
        thick = min(max(round(width * 0.42), 1), 8)
        for pen_width, first, last, alpha in ((min(2, thick), 0, 3, 0.55), (thick, 1, 2, 0.75)):
            lines = [QLineF(m, p[first], m, p[last]) for m, p in zip(middles, places, strict=True)]
            painter.setPen(QPen(tinted("result", alpha), pen_width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            painter.drawLines(lines)
            painter.setPen(QPen(color("result"), pen_width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            painter.drawLine(lines[strong])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not len(self._ranges):
            return
        channel = round(self._x_axis().value(event.position().x()))
        self._hovered = min(max(channel, 0), len(self._ranges) - 1)
        self.named.emit(self._text(self._hovered))
        self._renew()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.named.emit(self.widest_text)
        self._renew()


def together(ranges: Ranges, most: int) -> Ranges:
    """At most `most` rows: neighbours merged to their outermost minimum and maximum and mean quantiles."""
    if len(ranges) <= most:
        return ranges
    starts = (np.arange(most) * len(ranges)) // most
    sizes = np.diff(np.append(starts, len(ranges)))
    low = np.minimum.reduceat(ranges[:, 0], starts)
    high = np.maximum.reduceat(ranges[:, 3], starts)
    inner = np.add.reduceat(ranges[:, 1:3], starts, axis=0) / sizes[:, None]
    return np.column_stack([low, inner, high]).astype(np.float32)


def channel_ticks(count: int, width: float) -> list[tuple[float, str]]:
    """Round channel numbers from 0, in eighths where they are few, and the last one."""
    if count <= 1:
        return [(0.0, "0")]
    most = max(2, min(5, int(width // 44)))
    last = count - 1
    power = 1
    while last / power > most:
        power *= 2
    marks = [float(n) for n in range(0, count, power)] if count <= 256 else nice_ticks(0.0, last, most)
    spacing = marks[1] - marks[0] if len(marks) > 1 else float(last)
    marks = [mark for mark in marks if last - mark > 0.45 * spacing] + [float(last)]
    return [(mark, tick_text(mark, 1.0)) for mark in marks]
