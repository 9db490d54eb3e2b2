"""The range of every output channel: a thin line from minimum to maximum, a thick one from 5 to 95 %."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen
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
    """Shows `Spectra.channel_ranges`; `named(text)` says the channel under the mouse, else the selected or widest one.

    `chosen(channel)` when a person selects one: by a click, or with ← →, Home and End.
    """

    named = Signal(str)
    chosen = Signal(int)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._ranges: Ranges = np.zeros((0, 4), np.float32)
        self._hovered: int | None = None
        self._channel: int | None = None

    def show_ranges(self, ranges: Ranges, channel: int | None = None) -> None:
        """Show (channels, 4): minimum, 5 % quantile, 95 % quantile, maximum of each channel; one may be selected."""
        if ranges is self._ranges and channel == self._channel:
            return
        self._ranges, self._hovered = ranges, None
        self._channel = channel if channel is not None and channel < len(ranges) else None
        self.setAccessibleDescription(self._resting_text)
        self.named.emit(self._resting_text)
        self._renew()

    def _renew(self) -> None:
        self.renew(id(self._ranges), self._hovered, self._channel)

    @property
    def channel(self) -> int | None:
        """The selected channel."""
        return self._channel

    @property
    def _resting_text(self) -> str:
        return self.widest_text if self._channel is None else self._text(self._channel)

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
        named = next(n for n in (self._hovered, self._channel, self.widest) if n is not None)
        strong = int(named * len(columns) / len(self._ranges))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self._channel is not None:  # a band behind it: its own line may be as short as a pixel
            band = max(width, 3.0)
            middle = self.area.left() + (int(self._channel * len(columns) / len(self._ranges)) + 0.5) * width
            painter.fillRect(
                QRectF(middle - band / 2, self.area.top(), band, self.area.height()), tinted("accent", 0.2)
            )
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
        self._hovered = self._channel_at(event)
        self.named.emit(self._text(self._hovered))
        self._renew()

    def _channel_at(self, event: QMouseEvent) -> int:
        channel = round(self._x_axis().value(event.position().x()))
        return min(max(channel, 0), len(self._ranges) - 1)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.named.emit(self._resting_text)
        self._renew()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and len(self._ranges):
            self._choose(self._channel_at(event))
        else:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self._ranges) - 1
        at = self.widest if self._channel is None else self._channel
        places = {Qt.Key.Key_Left: at - 1, Qt.Key.Key_Right: at + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        place = places.get(Qt.Key(event.key()))
        if place is None or last < 0:
            super().keyPressEvent(event)
        else:
            self._choose(min(max(place, 0), last))

    def _choose(self, channel: int) -> None:
        """Select a channel here at once; the rest of the window follows."""
        self.show_ranges(self._ranges, channel)
        self.chosen.emit(channel)


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
