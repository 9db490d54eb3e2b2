"""Training curves: raw values thin behind their mean, ends labelled, the remaining time shaded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QWidget

from secateur.figures import SPACE, number, share
from secateur.ui.plots.chart import Chart, Range
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.plots.ticks import tick_text
from secateur.ui.theme.style import color, tinted

Floats = NDArray[np.float64]
STOPS = 200
"""Places that the arrows take the crosshair to, at most: a long training has more steps than anyone walks through."""


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
    """Mean over the finite ones of `window` values around each one, over fewer at the ends; same length.

    NaN where none of them is finite.
    """
    if window <= 1 or len(values) < 3:
        return values
    half = min(window, len(values)) // 2
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    places = np.arange(len(values))
    starts, ends = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    number = counts[ends] - counts[starts]
    mean: Floats = np.where(number > 0, (sums[ends] - sums[starts]) / np.maximum(number, 1), np.nan)
    return mean


class CurvePlot(Chart):
    """`show_series(series, x_end, …)`: curves over epochs, at their ends the value and the name."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._series: tuple[Series, ...] = ()
        self._means: tuple[Floats, ...] = ()
        self._reference: tuple[float, str] | None = None
        self._percent = False
        self._rest = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self._rest.setZValue(-20)
        self._level = pg.InfiniteLine(angle=0, movable=False)
        self._lines: dict[tuple[str, bool], pg.PlotDataItem] = {}
        self.round_starts: tuple[float, ...] = ()
        self._borders: list[pg.InfiniteLine] = []
        self.add(self._rest, self._level)

    def show_series(
        self,
        series: Sequence[Series],
        *,
        x_end: float,
        quantity: str,
        reference: tuple[float, str] | None = None,
        percent: bool = False,
        rounds: int = 0,
    ) -> None:
        """Show the curves so far of a training that ends at `x_end` epochs; `reference` is a dashed level.

        With `percent`, values are fractions and the axis is in percent. Of a repeated training a line stands where
        each of its `rounds` after the first begins.
        """
        drawn = tuple((s.name, len(s.x), float(s.y[-1]), s.window) for s in series if len(s.x))
        self.renew(drawn, x_end, quantity, reference, percent, rounds)
        if not self.is_stale:
            return
        self._series = tuple(s for s in series if len(s.x))
        self._means = tuple(s.mean for s in self._series)
        self._reference, self._percent, self.quantity = reference, percent, quantity
        self.round_starts = tuple(x_end * turn / rounds for turn in range(1, rounds))
        self.setAccessibleDescription(", ".join(s.end for s in self._series) or self.tr("No values yet"))
        self.show_range((0.0, max(x_end, 1e-9)), self._y_range(), keep=True)

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        self.left_axis.texts = _percent_text if self._percent else tick_text
        self.left_axis.set_names(None if self._series or self._reference else [])
        self.bottom_axis.set_title(self.tr("epoch"))
        self.pad(right=self._right_margin())
        last = max((float(s.x[-1]) for s in self._series), default=0.0)
        self._rest.setVisible(last < self.full[0][1])
        self._rest.setRegion((last, self.full[0][1]))
        self._rest.setBrush(tinted("window", 0.55))
        self._level.setVisible(self._reference is not None)
        self._level.setValue(self._reference[0] if self._reference else 0.0)
        self._level.setPen(_pen("secondary", 1.0, (4, 3)))
        self._draw_rounds()
        for line in self._lines.values():
            line.hide()
        for series, mean in zip(self._series, self._means, strict=True):
            if series.raw and series.window > 1:
                self._draw(series, series.y, _pen(series.role, 1.0, opacity=0.45), thin=True)
            self._draw(series, mean, _pen(series.role, 2.0, (4, 2) if series.dashed else ()), thin=False)

    def _draw_rounds(self) -> None:
        while len(self._borders) < len(self.round_starts):
            border = pg.InfiniteLine(angle=90, movable=False)
            border.setZValue(-10)
            self._borders.append(border)
            self.add(border)
        for place, border in enumerate(self._borders):
            border.setVisible(place < len(self.round_starts))
            border.setPen(_pen("border", 1.0))
            border.setValue(self.round_starts[place] if place < len(self.round_starts) else 0.0)

    def _draw(self, series: Series, values: Floats, pen: QPen, *, thin: bool) -> None:
        line = self._lines.get((series.name, thin))
        if line is None:
            line = pg.PlotDataItem(antialias=True, connect="finite", autoDownsampleFactor=0.5 if thin else 1.0)
            line.setClipToView(True)
            line.setZValue(0 if thin else 1)
            self._lines[series.name, thin] = line
            self.add(line)
        # a mean has no peaks to be kept, and dashes go on from one segment to the next
        line.setDownsampling(auto=True, method="mean" if series.window > 1 and not thin else "peak")
        line.curve.setSegmentedLineMode("off" if series.dashed else "on")
        line.show()
        line.setPen(pen)
        line.setData(series.x, values)

    def _y_range(self) -> Range:
        seen = np.concatenate(self._means) if self._means else np.zeros(0)
        seen = np.concatenate([seen[np.isfinite(seen)], [self._reference[0]] if self._reference else []])
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
        if not self._percent and 0 < low < 0.5 * high:
            low = 0.0
        if high - low < 1e-9:
            low, high = low - 0.5 * abs(low) - 0.05, high + 0.5 * abs(high) + 0.05
            high = min(high, 1.0) if self._percent else high
        margin = 0.04 * (high - low)
        return (low - margin if low else 0.0), high + margin

    def _right_margin(self) -> int:
        """Pixels that must stay free at the right so that the end labels fit beside the ends of the curves."""
        needed = caption_width([s.end for s in self._series], 600) + 14
        part = min(max((float(s.x[-1]) for s in self._series), default=0.0) / self.full[0][1], 1.0)
        inside = (1 - part) * (self.width() - self.left_axis.width())
        margin = (needed - inside) / part if part > 0.05 else 0.0
        return round(min(max(margin, 12.0), self.width() * 0.52))

    def paint_over(self, painter: QPainter) -> None:
        if self._reference is not None:
            self._paint_reference(painter, *self._reference)
        self._paint_ends(painter)

    def _paint_reference(self, painter: QPainter, value: float, words: str) -> None:
        area, place = self.area, self.pixel(0.0, value).y()
        set_caption(painter)
        top = place - 18 if place - 18 >= area.top() - 8 else place + 2
        box = QRectF(area.left() + 8, top, self.width() - area.left() - 8, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_ends(self, painter: QPainter) -> None:
        """A dot and a label at the end of every curve that is in view; labels pushed apart where curves meet."""
        area = self.area
        every = [(self.pixel(float(s.x[-1]), float(m[-1])), s) for s, m in zip(self._series, self._means, strict=True)]
        seen = area.adjusted(-1, -1, 1, 1)
        ends = sorted(((at, s) for at, s in every if seen.contains(at)), key=lambda end: end[0].y())
        places = apart([at.y() for at, _ in ends], 16.0, area.top() + 6, area.bottom() - 6)
        for (at, series), text_place in zip(ends, places, strict=True):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            painter.setPen(QPen(color("card"), 1.5))
            painter.setBrush(color(series.role))
            painter.drawEllipse(at, 4.0, 4.0)
            set_caption(painter, "secondary" if series.role == "original" else series.role, 600)
            box = QRectF(at.x() + 9, text_place - 9, self.width() - at.x() - 9, 18)
            elide = Qt.TextElideMode.ElideRight
            shown = painter.fontMetrics().elidedText(series.end, elide, int(box.width()) + 1)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)

    def end_of(self, name: str) -> QPointF:
        """The pixel at which the curve of this name ends; KeyError where there is none."""
        for series, mean in zip(self._series, self._means, strict=True):
            if series.name == name:
                return self.pixel(float(series.x[-1]), float(mean[-1]))
        raise KeyError(name)

    # ------------------------------------------------------------------ the crosshair and the data

    def reading_at(self, x: float, y: float) -> Reading | None:
        if not self._series:
            return None
        longest = max(self._series, key=lambda s: len(s.x))
        place = float(longest.x[np.argmin(np.abs(longest.x - x))])
        rows = []
        for series, mean in zip(self._series, self._means, strict=True):
            at = int(np.argmin(np.abs(series.x - place)))
            rows.append((series.name, self._words(float(mean[at]))))
            if series.window > 1:
                rows.append((self.tr("{0}, this step").format(series.name), self._words(float(series.y[at]))))
        return Reading(place, ReadOut(self.tr("epoch {0}").format(f"{place:.2f}"), tuple(rows)))

    def _words(self, value: float) -> str:
        return share(value) if self._percent else number(value)

    def stops(self) -> Sequence[float]:
        low, high = self.view
        xs = max((s.x for s in self._series), key=len, default=np.zeros(0))
        xs = xs[(xs >= low) & (xs <= high)]
        return [float(x) for x in xs[:: max(len(xs) // STOPS, 1)]]

    def table(self) -> Table | None:
        if not self._series:
            return None
        values = [dict(zip(s.x.tolist(), s.y.tolist(), strict=True)) for s in self._series]
        epochs = sorted({x for own in values for x in own})
        rows = [(x, *(own.get(x) for own in values)) for x in epochs]
        return Table(("epoch", *(s.name for s in self._series)), rows)


def _percent_text(value: float, spacing: float) -> str:
    return f"{tick_text(value * 100, spacing * 100)}{SPACE}%"


def _pen(role: str, width: float, dashes: Sequence[float] = (), opacity: float = 1.0) -> QPen:
    pen = line_pen(role, width, opacity=opacity, dashes=dashes)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if dashes:
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


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
