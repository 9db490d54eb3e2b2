"""The range that an activation's int8 grid will cover: both ends can be dragged, what lies outside is shaded."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg

from secateur.figures import SPACE, number, thousands
from secateur.model.spectrum import Spectrum
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.drag_line import DragLine
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.theme.style import tinted

LEAST, MOST = 50.1, 100.0
"""Percentiles that a drag can reach: the observer's own bounds."""


@dataclass(frozen=True)
class Clip:
    """Values below `low` and above `high` will be cut to them."""

    low: float
    high: float


def share_outside(values: Spectrum, clip: Clip) -> float:
    """Share (0..1) of the values that a clip cuts."""
    edges = np.array([values.minimum, *sorted((clip.low, clip.high)), values.maximum], dtype=np.float64)
    if not np.all(np.diff(edges) >= 0):
        edges = np.maximum.accumulate(np.clip(edges, values.minimum, values.maximum))
    first, _, last = values.histogram(edges)
    return float(first + last) / max(values.size, 1)


def percentile_of(values: Spectrum, end: float, *, upper: bool) -> float:
    """The percentile (50..100) whose range ends at `end`: what is cut is halved where the values have both signs."""
    edges = (end, max(values.maximum, end)) if upper else (min(values.minimum, end), end)
    if edges[0] >= edges[1]:
        return MOST
    beyond = float(values.histogram(np.array(edges, dtype=np.float64))[0]) / max(values.size, 1)
    sides = 2 if values.minimum < 0.0 < values.maximum else 1
    return min(max(100.0 * (1.0 - sides * beyond), LEAST), MOST)


def clip_read_out(values: Spectrum, clip: Clip) -> ReadOut:
    """What a clip means for this layer's output."""
    share = share_outside(values, clip)
    cut = f"{100 * share:.3g}{SPACE}% cut · {thousands(round(share * values.size))} of {thousands(values.size)}"
    step = (max(clip.high, 0.0) - min(clip.low, 0.0)) / 255
    return ReadOut(f"{number(clip.low)} … {number(clip.high)}", ((cut, ""), (f"int8 step {number(step)}", "")))


class ClipItems:
    """The two lines in a histogram. `moved(percentile)` with every step of a drag, `settled(percentile)` at its end."""

    def __init__(
        self, chart: Chart, tip: str, moved: Callable[[float], None], settled: Callable[[float], None]
    ) -> None:
        self._moved, self._settled = moved, settled
        self._values: Spectrum | None = None
        self._percentile: float | None = None
        self._lines = (DragLine("accent", tip), DragLine("accent", tip))
        self._outside = [pg.LinearRegionItem(movable=False, pen=pg.mkPen(None)) for _ in range(2)]
        chart.add(*self._outside, *self._lines)
        for line in self._lines:
            line.sigDragged.connect(self._on_dragged)
            line.sigPositionChangeFinished.connect(self._on_let_go)

    @property
    def is_busy(self) -> bool:
        """Whether the mouse is on a line, or drags one."""
        return any(line.moving or line.mouseHovering for line in self._lines)

    def show_clip(self, values: Spectrum, clip: Clip | None, full: tuple[float, float]) -> None:
        """Put the lines on the ends of `clip`; a tensor of one sign is cut at one end, so it has one line."""
        self._values = values
        ends = () if clip is None else ((clip.low, values.minimum < 0.0), (clip.high, values.maximum > 0.0))
        spans = () if clip is None else ((min(full[0], clip.low), clip.low), (clip.high, max(full[1], clip.high)))
        for n, (line, region) in enumerate(zip(self._lines, self._outside, strict=True)):
            shown = clip is not None and ends[n][1]
            line.setVisible(shown)
            region.setVisible(shown)
            if not shown:
                continue
            line.dress(drawn=True)
            region.setBrush(tinted("text", 0.05))
            region.setRegion(spans[n])
            if not line.moving:
                line.setValue(ends[n][0])

    def _on_dragged(self, line: DragLine) -> None:
        if self._values is None:
            return
        percentile = percentile_of(self._values, float(line.value()), upper=line is self._lines[1])
        if percentile != self._percentile:
            self._percentile = percentile
            self._moved(percentile)

    def _on_let_go(self, _line: DragLine) -> None:
        if self._percentile is not None:
            percentile, self._percentile = self._percentile, None
            self._settled(percentile)
