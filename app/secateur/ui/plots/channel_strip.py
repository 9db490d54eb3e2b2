"""The range of every output channel: a thin line from minimum to maximum, a thick one from 5 to 95 %."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QWidget

from secateur.figures import number
from secateur.ui.plots.chart import Chart, Floats
from secateur.ui.plots.chart_axis import WholeAxis
from secateur.ui.plots.columns import ColumnBars
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.table import Table
from secateur.ui.theme.style import color, tinted

Ranges = NDArray[np.float32]
CLOSEST = 3.0
"""Channels nearer than this many pixels are drawn together."""


class ChannelStrip(Chart):
    """Shows `Spectra.channel_ranges`; `named(text)` says the selected channel, or the widest where none is.

    `chosen(channel)` when a person selects one: by a click, or with ← →, Home and End.
    """

    named = Signal(str)
    chosen = Signal(int)
    bottom_axis_kind = WholeAxis

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._ranges: Ranges = np.zeros((0, 4), np.float32)
        self._channel: int | None = None
        self._band = ColumnBars(self)
        self._all = (ColumnBars(self), ColumnBars(self))
        self._strong = (ColumnBars(self), ColumnBars(self))
        self.add(self._band, *self._all, *self._strong)

    # ------------------------------------------------------------------ what it shows

    def show_ranges(self, ranges: Ranges, channel: int | None = None) -> None:
        """Show (channels, 4): minimum, 5 % quantile, 95 % quantile, maximum of each channel; one may be selected."""
        channel = channel if channel is not None and channel < len(ranges) else None
        if ranges is self._ranges and channel == self._channel:
            return
        if ranges is not self._ranges:
            self._ranges = ranges
            self.read(None)
            if len(ranges):
                low, high = float(ranges[:, 0].min()), float(ranges[:, 3].max())
                margin = 0.05 * (high - low) or 0.5
                self.show_range((-0.5, len(ranges) - 0.5), (low - margin, high + margin))
        self._channel = channel
        text = self._text(self._strong_channel)
        self.setAccessibleDescription(text)
        self.named.emit(text)
        self.mark_stale()

    @property
    def channel(self) -> int | None:
        """The selected channel."""
        return self._channel

    @property
    def _strong_channel(self) -> int:
        return self.widest if self._channel is None else self._channel

    @property
    def widest(self) -> int:
        """The channel with the greatest distance from minimum to maximum."""
        return int(np.argmax(self._ranges[:, 3] - self._ranges[:, 0])) if len(self._ranges) else 0

    def _text(self, channel: int) -> str:
        if channel >= len(self._ranges):
            return ""
        low, high = float(self._ranges[channel, 0]), float(self._ranges[channel, 3])
        return f"ch {channel}: {number(low)} … {number(high)}"

    # ------------------------------------------------------------------ drawing

    def range_changed(self) -> None:
        self.mark_stale()  # with a closer look every channel is its own again

    def redraw(self) -> None:
        self.plot.setVisible(len(self._ranges) > 0)
        if not len(self._ranges):
            return
        self.pad(top=8)
        self.bottom_axis.set_title(self.tr("output channel"))
        first, last = self._in_view()
        shown = self._ranges[first:last]
        columns = together(shown, max(int(self.box.width() / CLOSEST), 1))
        width = len(shown) / len(columns)
        middles = first + (np.arange(len(columns), dtype=np.float64) + 0.5) * width - 0.5
        thick = min(max(round(width * self.pitch * 0.42), 1), 8)
        self._show(self._all, columns, middles, thick, (tinted("result", 0.55), tinted("result", 0.75)))
        strong = self._strong_channel
        place = np.array([float(strong)])
        self._show(self._strong, self._ranges[[strong]], place, thick, (color("result"), color("result")))
        self._band.setVisible(self._channel is not None)
        low, high = self.full[1]
        band = max(round(self.pitch), 5)
        self._band.show_bars(place, np.array([low]), np.array([high]), band, tinted("accent", 0.2))

    def _show(
        self, bars: tuple[ColumnBars, ColumnBars], ranges: Ranges, middles: Floats, thick: int, fills: Sequence[QColor]
    ) -> None:
        columns = ranges.astype(np.float64)
        bars[0].show_bars(middles, columns[:, 0], columns[:, 3], min(2, thick), fills[0])
        bars[1].show_bars(middles, columns[:, 1], columns[:, 2], thick, fills[1])

    def _in_view(self) -> tuple[int, int]:
        """Numbers of the first channel that is seen and of the one after the last."""
        low, high = self.view
        return max(int(low), 0), min(int(high) + 2, len(self._ranges))

    # ------------------------------------------------------------------ the crosshair and the data

    def _channel_at(self, x: float) -> int:
        return min(max(round(x), 0), len(self._ranges) - 1)

    def reading_at(self, x: float, y: float) -> Reading | None:
        if not len(self._ranges):
            return None
        channel = self._channel_at(x)
        low, inner_low, inner_high, high = (float(value) for value in self._ranges[channel])
        rows = (
            (self.tr("range"), f"{number(low)} … {number(high)}"),
            (self.tr("5–95 %"), f"{number(inner_low)} … {number(inner_high)}"),
        )
        return Reading(float(channel), ReadOut(self.tr("channel {0}").format(channel), rows))

    def table(self) -> Table | None:
        if not len(self._ranges):
            return None
        rows = [(n, *(float(value) for value in row)) for n, row in enumerate(self._ranges)]
        return Table(("channel", "minimum", "5 %", "95 %", "maximum"), rows)

    # ------------------------------------------------------------------ mouse and keys

    def clicked(self, at: QPointF) -> None:
        if len(self._ranges) and self.area.contains(at):
            self.chosen.emit(self._channel_at(self.value(at).x()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        at, last = self._strong_channel, len(self._ranges) - 1
        places = {Qt.Key.Key_Left: at - 1, Qt.Key.Key_Right: at + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        place = places.get(Qt.Key(event.key()))
        if place is None or last < 0:
            super().keyPressEvent(event)
            return
        channel = self._channel_at(place)
        self.chosen.emit(channel)
        self.read(self.reading_at(float(channel), 0.0))


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
