"""What lies over a histogram: the levels of a quantization grid, the clipped range, and labelled lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from secateur.figures import SPACE
from secateur.model.spectrum import Spectra
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.theme.style import color, tinted

CLOSEST = 5.0
"""Levels nearer than this many pixels are not drawn: they would be a grey wall."""


@dataclass(frozen=True)
class Marker:
    """A labelled vertical line of a histogram."""

    value: float
    label: str


@dataclass(frozen=True)
class GridLevels:
    """The symmetric grid of `bits` in the median output channel: `step` apart, ends at ±`limit`.

    `clipped` is the share of weights beyond their own channel's cut range, 0 where ranges are not cut.
    """

    bits: int
    step: float
    limit: float
    clipped: float = 0.0

    @property
    def count(self) -> int:
        return (1 << self.bits) - 1

    def values(self) -> NDArray[np.float64]:
        top = 2 ** (self.bits - 1) - 1
        return np.arange(-top, top + 1) * self.step


@lru_cache(maxsize=16)
def least_error_clip(spectra: Spectra, bits: int) -> float:
    """The MSE observer's cut for these weights; kept: its 71 candidates are too many for every mouse move."""
    return spectra.best_clip(bits)


def grid_of(spectra: Spectra, bits: int, *, clipped: bool) -> GridLevels:
    """The grid of `bits` per output channel, cut where the error is least (`clipped`) or at the maximum."""
    peaks = np.abs(spectra.channel_ranges[:, [0, 3]]).max(axis=1) if len(spectra.channel_ranges) else np.zeros(1)
    clip = least_error_clip(spectra, bits) if clipped else 1.0
    limit = float(np.median(peaks)) * clip
    share = 1.0 - spectra.scaled.share_below(clip) if clip < 1.0 else 0.0
    return GridLevels(bits, limit / (2 ** (bits - 1) - 1), limit, share)


class GridItems:
    """Over a histogram: dotted lines with a ▼ on top, what lies beyond the grid's ends shaded, and marked values."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._lines = pg.PlotCurveItem(connect="pairs", skipFiniteCheck=True)
        self._tips = pg.ScatterPlotItem(symbol="t", size=6, useCache=False)  # as lines in an SVG, not pixels
        self._beyond = [pg.LinearRegionItem(movable=False, pen=pg.mkPen(None)) for _ in range(2)]
        self._marks = pg.PlotCurveItem(connect="pairs", skipFiniteCheck=True)
        for item in (*self._beyond, self._lines, self._tips, self._marks):
            chart.add(item)

    def show_levels(self, levels: GridLevels | None, markers: Sequence[Marker]) -> None:
        """Draw the grid, where its lines do not touch, and the markers."""
        (low, high), (foot, top) = self._chart.box.viewRange()
        values = levels.values() if levels is not None and can_be_told_apart(self._chart, levels) else np.zeros(0)
        values = values[(values >= low) & (values <= high)]
        self._lines.setPen(line_pen("text", opacity=0.45, dashes=(2, 3)))
        self._lines.setData(np.repeat(values, 2), np.tile([foot, top], len(values)))
        self._tips.setData(values, np.full(len(values), top - 3 * self._chart.box.viewPixelSize()[1]))
        self._tips.setPen(pg.mkPen(None))
        self._tips.setBrush(color("secondary"))
        self._marks.setPen(line_pen("text", dashes=(4, 3)))
        self._marks.setData(np.repeat([m.value for m in markers], 2), np.tile([foot, top], len(markers)))
        clipped = levels is not None and levels.clipped > 0
        for item, (start, end) in zip(self._beyond, self._outside(levels), strict=True):
            item.setVisible(clipped)
            item.setRegion((start, end))
            item.setBrush(tinted("text", 0.05))

    def _outside(self, levels: GridLevels | None) -> tuple[tuple[float, float], tuple[float, float]]:
        low, high = self._chart.full[0]
        limit = levels.limit if levels is not None else high
        return (min(low, -limit), -limit), (limit, max(high, limit))


def can_be_told_apart(chart: Chart, levels: GridLevels) -> bool:
    """Whether neighbouring levels are far enough apart to be drawn."""
    return levels.step >= CLOSEST * float(chart.box.viewPixelSize()[0])


def paint_grid_words(painter: QPainter, chart: Chart, levels: GridLevels, *, free: float) -> None:
    """How many levels the grid has, and which share of the weights is cut. `free`: pixels for the former."""
    area = chart.area
    if can_be_told_apart(chart, levels):
        texts = [
            f"▼ {levels.count} levels of the {levels.bits}-bit grid, median channel",
            f"▼ {levels.bits}-bit grid, median channel",
            f"▼ {levels.bits}-bit grid",
        ]
    else:
        texts = [
            f"{levels.count} levels of the {levels.bits}-bit grid: zoom in to see them",
            f"{levels.bits}-bit: zoom in",
        ]
    text = next((t for t in texts if caption_width([t]) + 24 <= free), "")
    set_caption(painter)
    box = QRectF(area.left(), area.top() - 24, area.width(), 16)
    painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
    if not levels.clipped:
        return
    right = chart.pixel(levels.limit, 0.0).x()
    text = f"clipped {levels.clipped * 100:.1f}{SPACE}%"
    if area.right() - right > caption_width([text]) + 8:
        box = QRectF(right, area.top() + area.height() * 0.42, area.right() - right - 4, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


def paint_marker_labels(painter: QPainter, chart: Chart, markers: Sequence[Marker]) -> None:
    """The labels of marked values; they step down so that near ones do not cover each other."""
    area = chart.area
    taken: list[QRectF] = []
    for marker in sorted(markers, key=lambda m: m.value):
        x = chart.pixel(marker.value, 0.0).x()
        if not area.left() <= x <= area.right() + 1:
            continue
        width = caption_width([marker.label], 500) + 8
        left = x + 4 if x + 4 + width <= area.right() else x - 4 - width
        box = QRectF(left, area.top() + 2, width, 16)
        while any(box.intersects(other) for other in taken):
            box.translate(0, 17)
        taken.append(box)
        set_caption(painter, "text", 500)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, marker.label)
