"""Training curves: raw values thin behind their mean, ends labelled, the remaining time shaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from secateur.ui.plots.axes import Axis, caption_width, paint_x_axis, paint_y_axis, set_caption
from secateur.ui.plots.plot import Plot
from secateur.ui.plots.ticks import nice_step
from secateur.ui.theme.style import color, tinted

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """A line: `x` and `y` (n,); `end` is the text at its end; `window` > 1 draws the mean over so many steps.

    `raw` shows the values themselves thin behind the mean.
    """

    name: str
    x: Floats
    y: Floats
    role: str
    end: str
    dashed: bool = False
    raw: bool = False
    window: int = 1

    @property
    def mean(self) -> Floats:
        return moving_mean(self.y, self.window)


def moving_mean(values: Floats, window: int) -> Floats:
    """Mean over `window` values around each one, over fewer at the ends; same length."""
    if window <= 1 or len(values) < 3:
        return values
    half = min(window, len(values)) // 2
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    starts, ends = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    mean: Floats = (sums[ends] - sums[starts]) / (ends - starts)
    return mean


class CurvePlot(Plot):
    """`show_series(series, x_end, …)`: curves over epochs, at their ends the value and the name."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._series: tuple[Series, ...] = ()
        self._x_end = 1.0
        self._quantity = ""
        self._reference: tuple[float, str] | None = None
        self._percent = False

    def show_series(
        self,
        series: Sequence[Series],
        *,
        x_end: float,
        quantity: str,
        reference: tuple[float, str] | None = None,
        percent: bool = False,
    ) -> None:
        """Show the curves so far of a training that ends at `x_end` epochs; `reference` is a dashed level.

        With `percent`, values are fractions and the axis is in percent.
        """
        self._series = tuple(s for s in series if len(s.x))
        self._x_end, self._quantity = max(x_end, 1e-9), quantity
        self._reference, self._percent = reference, percent
        self.setAccessibleDescription(", ".join(s.end for s in self._series))
        drawn = tuple((s.name, len(s.x), float(s.y[-1])) for s in self._series)
        self.renew(drawn, self._x_end, quantity, reference, percent)

    # ------------------------------------------------------------------ painting

    def paint_plot(self, painter: QPainter) -> None:
        low, high = self._y_range()
        step = nice_step(high - low, 4)
        y = Axis(np.floor(low / step + 1e-9) * step, np.ceil(high / step - 1e-9) * step, 0.0, 1.0)
        empty = not self._series and self._reference is None
        ticks = [] if empty else [(value, self._tick(text, value)) for value, text in y.ticks(5)]
        left = caption_width([text for _, text in ticks] or ["100"]) + 12
        right = self._right_margin(left)
        self.area = QRectF(left, 26, max(self.width() - left - right, 20), max(self.height() - 26 - 42, 20))
        y = Axis(y.low, y.high, self.area.bottom(), self.area.top())
        x = Axis(0.0, self._x_end, self.area.left(), self.area.right())
        self._paint_remaining(painter, x)
        paint_y_axis(painter, self.area, y, ticks, self._quantity)
        paint_x_axis(painter, self.area, x, self._epoch_ticks(x), self.tr("epoch"))
        self._paint_reference(painter, y)
        for series in self._series:
            self._paint_line(painter, x, y, series)
        self._paint_ends(painter, x, y)

    def _right_margin(self, left: float) -> float:
        """Pixels that must stay free at the right so that the end labels fit beside the ends of the curves."""
        needed = caption_width([s.end for s in self._series], 600) + 14
        share = min(max((float(s.x[-1]) for s in self._series), default=0.0) / self._x_end, 1.0)
        inside = (1 - share) * (self.width() - left)
        margin = (needed - inside) / share if share > 0.05 else 0.0
        return min(max(margin, 12.0), self.width() * 0.52)

    def _tick(self, text: str, value: float) -> str:
        return f"{value * 100:.0f} %" if self._percent else text

    def _epoch_ticks(self, x: Axis) -> list[tuple[float, str]]:
        most = max(2, min(8, int(self.area.width() // 26)))
        if self._x_end < 2:
            return x.ticks(most)
        whole = int(self._x_end)
        return [(float(n), f"{n:,}") for n in range(0, whole + 1, max(1, ceil(whole / most)))]

    def _y_range(self) -> tuple[float, float]:
        values = [s.mean for s in self._series]
        seen = np.concatenate(values) if values else np.zeros(1)
        seen = seen[np.isfinite(seen)]
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
        if self._reference is not None:
            low, high = min(low, self._reference[0]), max(high, self._reference[0])
        if not self._percent and 0 < low < 0.5 * high:
            low = 0.0
        if high - low < 1e-9:
            low, high = low - 0.5 * abs(low) - 0.05, high + 0.5 * abs(high) + 0.05
        return low, min(high + 0.04 * (high - low), 1.0) if self._percent and high <= 1 else high

    def _paint_remaining(self, painter: QPainter, x: Axis) -> None:
        last = max((float(s.x[-1]) for s in self._series), default=0.0)
        if last < self._x_end:
            left = x.pixel(last)
            rest = QRectF(left, self.area.top(), self.area.right() - left, self.area.height())
            painter.fillRect(rest, tinted("window", 0.55))

    def _paint_reference(self, painter: QPainter, y: Axis) -> None:
        if self._reference is None:
            return
        value, label = self._reference
        place = y.pixel(value)
        pen = QPen(color("secondary"), 1.0)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.drawLine(QPointF(self.area.left(), place), QPointF(self.area.right(), place))
        set_caption(painter)
        top = place - 18 if place - 18 >= self.area.top() - 16 else place + 2
        box = QRectF(self.area.left() + 8, top, self.width() - self.area.left() - 8, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, label)

    def _paint_line(self, painter: QPainter, x: Axis, y: Axis, series: Series) -> None:
        painter.save()
        painter.setClipRect(self.area.adjusted(-4, -4, 4, 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if series.raw and series.window > 1:
            painter.setPen(QPen(tinted(series.role, 0.45), 1.0))
            painter.drawPolyline(polyline(x, y, series.x, series.y, self.area.width()))
        pen = QPen(color(series.role), 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        if series.dashed:
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            pen.setDashPattern([4, 2])
        painter.setPen(pen)
        painter.drawPolyline(polyline(x, y, series.x, series.mean, self.area.width()))
        painter.restore()

    def _paint_ends(self, painter: QPainter, x: Axis, y: Axis) -> None:
        """A dot and a label at the end of every curve; labels pushed apart where curves meet."""
        ends = sorted(((y.pixel(float(s.mean[-1])), s) for s in self._series), key=lambda end: end[0])
        places = apart([place for place, _ in ends], 16.0, self.area.top() + 6, self.area.bottom() - 6)
        for (place, series), text_place in zip(ends, places, strict=True):
            at = QPointF(x.pixel(float(series.x[-1])), place)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            painter.setPen(QPen(color("card"), 1.5))
            painter.setBrush(color(series.role))
            painter.drawEllipse(at, 4.0, 4.0)
            grey = series.role == "original"
            set_caption(painter, "secondary" if grey else series.role, 600)
            box = QRectF(at.x() + 9, text_place - 9, self.width() - at.x() - 9, 18)
            elide = Qt.TextElideMode.ElideRight
            shown = painter.fontMetrics().elidedText(series.end, elide, int(box.width()) + 1)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)


def apart(places: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Ascending `places` moved so far that they stand `distance` apart, inside low…high where they fit."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + distance) if moved else max(place, low))
    ceiling = high
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - distance
    return moved


def polyline(x: Axis, y: Axis, xs: Floats, ys: Floats, width: float) -> QPolygonF:
    """The points of a curve in pixels; where they are many, minimum and maximum of each pixel column."""
    keep = np.isfinite(ys)
    xs, ys = xs[keep], ys[keep]
    most = max(int(width), 1)
    if len(xs) > 4 * most:
        starts = (np.arange(most) * len(xs)) // most
        low, high = np.minimum.reduceat(ys, starts), np.maximum.reduceat(ys, starts)
        xs = np.repeat(xs[starts], 2)
        ys = np.column_stack([low, high]).reshape(-1)
    return QPolygonF([QPointF(px, py) for px, py in zip(x.pixel(xs), y.pixel(ys), strict=True)])
