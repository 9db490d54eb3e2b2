"""Error along the network: output SQNR as a line, weight SQNR as grey bars, the worst layer named."""

import textwrap
from collections.abc import Collection, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from secateur.figures import decibels
from secateur.model.deviation import Deviation
from secateur.model.documents import LayerError
from secateur.ui.plots.chart import Chart, Floats
from secateur.ui.plots.columns import ColumnBars
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.error_names import ErrorNames, paint_groups, paint_strong
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.short_names import short_names
from secateur.ui.theme.style import color, font, mixed, tinted

FOOT = 42
"""Pixels under the axis: a row of names and one of groups."""
DOTTED = 10.0
"""Pixels from one layer to the next from which on every layer has a dot."""
NOTE_WIDTH = 46
"""Letters to a line of a reason in the read-out."""
STUB = 14


class ErrorCurve(Chart):
    """`show_errors(errors, selected)`; a click or ←/→ gives `layer_selected(name)`.

    A layer that nothing changed has no decibels: it is marked above the scale. One that could not be compared is a
    hatched stub at its foot.
    """

    layer_selected = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._errors: tuple[LayerError, ...] = ()
        self._source: Sequence[LayerError] = ()
        self._selected: frozenset[str] = frozenset()
        self._outputs: Floats = np.zeros(0)
        self._weights: Floats = np.zeros(0)
        self._names = ErrorNames(())
        self._strong: list[tuple[float, str]] = []
        self._band, self._bars = ColumnBars(self), ColumnBars(self)
        self._line = pg.PlotDataItem(antialias=True, connect="finite")
        self._dots = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self._line.curve.setSegmentedLineMode("on")  # faster than one path of many bends
        self._band.setZValue(-20)
        self._line.setZValue(5)
        self._dots.setZValue(6)
        self.add(self._band, self._bars, self._line, self._dots)
        self.quantity = "dB"

    def show_errors(self, errors: Sequence[LayerError], selected: Collection[str]) -> None:
        """Show SQNR of every layer's output and weights, in network order."""
        self._selected = frozenset(selected)
        if errors is not self._source:
            self._source, self._errors = errors, tuple(errors)
            self._outputs = _decibels([e.output for e in errors])
            self._weights = _decibels([e.weight for e in errors])
            names = tuple(e.layer for e in errors)
            if names != self._names.names:
                self._names = ErrorNames(names)
            self.read(None)
            worst = self.worst
            said = "" if worst is None else f"worst: {self._errors[worst].layer}, {decibels(self._outputs[worst])}"
            self.setAccessibleDescription(said or self._nothing_lost())
            if self._errors:
                self.show_range((-0.5, len(self._errors) - 0.5), (0.0, self._top()))
        self.renew(id(errors), self._selected)

    def _nothing_lost(self) -> str:
        if not self._errors:
            return self.tr("No layers compared")
        return self.tr("{0} of {1} layers unchanged").format(int(np.isinf(self._outputs).sum()), len(self._errors))

    def _top(self) -> float:
        both = np.concatenate([self._outputs, self._weights])
        return float(both[np.isfinite(both)].max(initial=10.0)) * 1.06

    @property
    def worst(self) -> int | None:
        """Number of the layer with the lowest output SQNR; None where none was compared or all are exact."""
        finite = np.isfinite(self._outputs)
        return int(np.nanargmin(np.where(finite, self._outputs, np.nan))) if finite.any() else None

    def place(self, layer: str) -> QPointF:
        """The middle of a layer's column, in the widget's pixels."""
        index = next(i for i, e in enumerate(self._errors) if e.layer == layer)
        return QPointF(self.pixel(float(index), 0.0).x(), self.area.center().y())

    def range_changed(self) -> None:
        self.mark_stale()  # names and bars follow the width of a column

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        self.plot.setVisible(bool(self._errors))
        self.quantity = "dB" if self._errors else ""
        if not self._errors:
            return
        self.pad(top=28)
        self.bottom_axis.setHeight(FOOT)
        ticks = self._names.ticks(self.pitch, self.view, self._selected)
        strong = {value for value, _ in ticks if self._errors[int(value)].layer in self._selected}
        self._strong = [tick for tick in ticks if tick[0] in strong]
        self.bottom_axis.set_names([(value, "" if value in strong else text) for value, text in ticks])
        places = np.arange(len(self._errors), dtype=np.float64)
        zero = np.zeros(len(places))
        chosen = np.array([e.layer in self._selected for e in self._errors])
        width = max(round(self.pitch), 2)
        tops = np.full(int(chosen.sum()), self.full[1][1])
        self._band.show_bars(places[chosen], zero[chosen], tops, width, tinted("accent", 0.16))
        has = np.isfinite(self._weights)
        heights = np.maximum(self._weights[has], 0.0)
        self._bars.show_bars(places[has], zero[has], heights, self._bar_width, mixed("original", 0.42, "card"))
        self._draw_line(places)

    @property
    def _bar_width(self) -> int:
        return max(round(min(self.pitch * 0.56, 24)), 1)

    def _draw_line(self, places: Floats) -> None:
        """The line, broken where a layer has no decibels; a layer between two of those has its dot at any width."""
        values = np.where(np.isfinite(self._outputs), np.maximum(self._outputs, 0.0), np.nan)
        gaps = np.isnan(np.concatenate([[np.nan], values, [np.nan]]))
        alone = ~gaps[1:-1] & gaps[:-2] & gaps[2:]
        dotted = alone | ((self.pitch >= DOTTED) & np.isfinite(values))
        pen = line_pen("result", 2.0 if self.pitch >= 4 else 1.25)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        self._line.setData(places, values, pen=pen)
        self._dots.setData(places[dotted], values[dotted], size=8, brush=color("result"), pen=line_pen("card", 1.5))

    def paint_over(self, painter: QPainter) -> None:
        if not self._errors:
            return
        self._paint_unnumbered(painter)
        paint_strong(painter, self, self._strong)
        paint_groups(painter, self, self._names, self._selected)
        self._paint_worst(painter)

    @property
    def _seen(self) -> range:
        """Numbers of the layers whose middle is in view."""
        low, high = self.view
        return range(max(int(np.ceil(low)), 0), min(int(np.floor(high)), len(self._errors) - 1) + 1)

    def _paint_unnumbered(self, painter: QPainter) -> None:
        """Layers without decibels: a mark above the scale where nothing changed, a stub where nothing was compared."""
        area, width = self.area, max(self._bar_width, 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        first: float | None = None
        for index in self._seen:
            output, weight = self._outputs[index], self._weights[index]
            if np.isfinite(output) and np.isfinite(weight):
                continue
            x = round(self.pixel(float(index), 0.0).x() - width / 2)
            for value, role, top in ((output, "result", 7), (weight, "original", 4)):
                if np.isinf(value):
                    painter.fillRect(QRectF(x, area.top() - top, width, 2), color(role))
                    first = x if first is None else first
            if np.isnan(output) or np.isnan(weight):
                _paint_stub(painter, QRectF(x, area.bottom() - STUB, width, STUB))
        if first is not None:
            set_caption(painter)
            words = self.tr("unchanged")
            left = max(first, area.left() + caption_width([self.quantity]) + 10)
            left = min(left, area.right() - caption_width([words]))
            painter.drawText(QPointF(left, area.top() - 11), words)

    def _paint_worst(self, painter: QPainter) -> None:
        worst, area = self.worst, self.area
        if worst is None or worst not in self._seen:
            return
        value = float(self._outputs[worst])
        at = self.pixel(float(worst), max(value, 0.0))
        words = f"{self.tr('worst')}: {{}}, {decibels(value)}"
        room = min(340.0, area.width()) - 18 - caption_width([words], 600)
        text = words.format(short_names(self._names.names, room, 11, 600, 600)[self._errors[worst].layer].text)
        width = caption_width([text], 600) + 18
        left = min(max(at.x() - width + 10, area.left()), area.right() - width)
        top = self._free_top(left, width, at)
        box = QRectF(round(left) + 0.5, round(top) + 0.5, round(width), 21)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(color("negative"), 1.0))
        painter.drawLine(QPointF(at.x(), box.bottom() if top < at.y() else box.top()), at)
        painter.setBrush(color("input"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(font(11, 600))
        inner = box.adjusted(8, 0, -8, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, text)
        painter.setPen(QPen(color("card"), 1.5))
        painter.setBrush(color("negative"))
        painter.drawEllipse(at, 4.5, 4.5)

    def _free_top(self, left: float, width: float, at: QPointF) -> float:
        """Where the worst layer's label covers the fewest points of the line, as near to its point as can be."""
        seen = np.array(self._seen)
        seen = seen[np.isfinite(self._outputs[seen])]
        points = self.pixels(seen.astype(np.float64), np.maximum(self._outputs[seen], 0.0)).toList()
        beside = [p.y() for p in points if left - 6 <= p.x() <= left + width + 6]
        best, fewest = at.y() + 20, len(beside) + 1
        for top in np.arange(at.y() - 48, self.area.top() + 2, -8.0):
            covered = len([place for place in beside if top - 7 <= place <= top + 28])
            if covered < fewest:
                best, fewest = float(top), covered
        return min(best, self.area.bottom() - 24)

    # ------------------------------------------------------------------ the crosshair and the data

    def reading_at(self, x: float, y: float) -> Reading | None:
        if not self._errors:
            return None
        index = min(max(round(x), 0), len(self._errors) - 1)
        error = self._errors[index]
        rows: list[tuple[str, str]] = []
        for name, deviation in ((self.tr("layer output"), error.output), (self.tr("weights"), error.weight)):
            rows.append((name, deviation.words))
            if deviation.note and deviation.note != deviation.words:
                rows += [(line, "") for line in textwrap.wrap(deviation.note, NOTE_WIDTH)]
        return Reading(float(index), ReadOut(error.layer, tuple(rows)))

    def table(self) -> Table | None:
        if not self._errors:
            return None
        rows = [(e.layer, e.output_sqnr_db, e.output_note, e.weight_sqnr_db, e.weight_note) for e in self._errors]
        return Table(("layer", "output SQNR, dB", "output note", "weight SQNR, dB", "weight note"), rows)

    # ------------------------------------------------------------------ mouse and keys

    def clicked(self, at: QPointF) -> None:
        if self._errors and self.area.adjusted(0, 0, 0, FOOT).contains(at):
            index = min(max(round(self.value(at).x()), 0), len(self._errors) - 1)
            self.layer_selected.emit(self._errors[index].layer)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._errors:
            super().keyPressEvent(event)
            return
        present = next((i for i, e in enumerate(self._errors) if e.layer in self._selected), -step)
        index = min(max(present + step, 0), len(self._errors) - 1)
        self.layer_selected.emit(self._errors[index].layer)
        self.read(self.reading_at(float(index), 0.0))


def _paint_stub(painter: QPainter, box: QRectF) -> None:
    """Where nothing was compared: diagonal lines on the card."""
    painter.save()
    painter.fillRect(box, color("card"))
    painter.setClipRect(box)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(color("secondary"), 1.0))
    for offset in range(-STUB, int(box.width()), 5):
        painter.drawLine(QLineF(box.left() + offset, box.bottom(), box.left() + offset + STUB, box.top()))
    painter.restore()


def _decibels(deviations: Sequence[Deviation]) -> Floats:
    """Decibels, infinite where nothing differs, NaN where nothing could be compared."""
    values = [np.inf if d.is_unchanged else np.nan if d.sqnr_db is None else d.sqnr_db for d in deviations]
    return np.array(values, dtype=np.float64)
