"""What lies over a histogram: the levels of a quantization grid, the clipped range, and labelled lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from secateur.figures import SPACE
from secateur.model.spectrum import Spectra
from secateur.ui.plots.axes import Axis, caption_width, crisp, set_caption
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


def paint_clipped(painter: QPainter, area: QRectF, axis: Axis, levels: GridLevels) -> None:
    """Shade what lies beyond the grid's ends, and write the share of weights that is cut."""
    if not levels.clipped:
        return
    tint = tinted("text", 0.05)
    left, right = round(axis.pixel(-levels.limit)), round(axis.pixel(levels.limit))
    painter.fillRect(QRectF(area.left(), area.top(), left - area.left(), area.height()), tint)
    painter.fillRect(QRectF(right, area.top(), area.right() - right, area.height()), tint)
    text = f"clipped {levels.clipped * 100:.1f}{SPACE}%"
    if area.right() - right > caption_width([text]) + 8:
        set_caption(painter)
        box = QRectF(right, area.top() + area.height() * 0.42, area.right() - right - 4, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


def paint_levels(painter: QPainter, area: QRectF, axis: Axis, levels: GridLevels, *, free: float) -> None:
    """Dotted lines with a ▼ on top; where they would touch, a sentence. `free`: pixels for the caption."""
    spacing = axis.pixel(levels.step) - axis.pixel(0.0)
    if spacing >= CLOSEST:
        _paint_lines(painter, area, axis, levels)
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


def _paint_lines(painter: QPainter, area: QRectF, axis: Axis, levels: GridLevels) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    places = axis.pixel(levels.values())
    inside = places[(places >= area.left()) & (places <= area.right())]
    pen = QPen(tinted("text", 0.45), 1.0)
    pen.setDashPattern([2, 3])
    painter.setPen(pen)
    painter.drawLines([QLineF(crisp(x), area.top() + 6, crisp(x), area.bottom()) for x in inside])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color("secondary"))
    for x in inside:
        middle, top = crisp(x), area.top()
        painter.drawPolygon(QPolygonF([QPointF(middle - 3, top), QPointF(middle + 3, top), QPointF(middle, top + 5)]))


def paint_markers(painter: QPainter, area: QRectF, axis: Axis, markers: Sequence[Marker]) -> None:
    """Labelled dashed lines; labels step down so that near ones do not cover each other."""
    taken: list[QRectF] = []
    for marker in sorted(markers, key=lambda m: m.value):
        x = crisp(axis.pixel(marker.value))
        if not area.left() <= x <= area.right() + 1:
            continue
        pen = QPen(color("text"), 1.0)
        pen.setDashPattern([4, 3])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(pen)
        painter.drawLine(QLineF(x, area.top(), x, area.bottom()))
        width = caption_width([marker.label], 500) + 8
        left = x + 4 if x + 4 + width <= area.right() else x - 4 - width
        box = QRectF(left, area.top() + 2, width, 16)
        while any(box.intersects(other) for other in taken):
            box.translate(0, 17)
        taken.append(box)
        set_caption(painter, "text", 500)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, marker.label)
