"""Two spectra of one layer: the original as an outline, the result as bars in front of it."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from secateur.figures import number, thousands
from secateur.model.spectrum import Spectrum
from secateur.ui.plots.bins import SEEN, Bars, BinCache, Bins, spectrum_words, whole_range
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import set_caption
from secateur.ui.theme.style import tinted

NOTHING = Bins(np.zeros(2), np.zeros(1))


class SpectrumPair(Chart):
    """`show_pair(original, result)`; where there is no result spectrum the original stands alone."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._original: Spectrum | None = None
        self._result: Spectrum | None = None
        self._caches = (BinCache(), BinCache())
        self._bins = (NOTHING, NOTHING)
        self._fill = pg.PlotCurveItem(np.zeros(2), np.zeros(1), stepMode="center", skipFiniteCheck=True)
        self._bars = Bars("result")
        self._outline = pg.PlotCurveItem(np.zeros(2), np.zeros(1), stepMode="center", skipFiniteCheck=True)
        self.add(self._fill, self._bars, self._outline)

    def show_pair(self, original: Spectrum | None, result: Spectrum | None) -> None:
        """Show both over the range that holds both."""
        if original is not self._original or result is not self._result:
            self._original, self._result = original, result
            self.read(None)
            ranges = [whole_range(s, symmetric=True) for s in (original, result) if s is not None]
            if ranges:
                self.show_range((min(low for low, _ in ranges), max(high for _, high in ranges)), self.full[1])
        named = ((self.tr("original"), original), (self.tr("result"), result))
        said = [f"{name}: {spectrum_words(spectrum)}" for name, spectrum in named if spectrum is not None]
        self.setAccessibleDescription("; ".join(said) or self.tr("No layer selected"))
        self.renew(original, result)

    def range_changed(self) -> None:
        self.mark_stale()

    def redraw(self) -> None:
        for item in (self._fill, self._bars, self._outline):
            item.setVisible(self._original is not None)
        if self._original is None:
            return
        width = self.box.width()
        original = self._caches[0].bins(self._original, *self.view, width)
        result = self._caches[1].bins(self._result, *self.view, width) if self._result is not None else NOTHING
        self._bins = (original, result)
        self.left_axis.set_log(True)
        floor, top = (original if original.highest >= result.highest else result).count_range(log=True)
        self.show_range(self.full[0], (floor, top), keep=True)
        heights = np.where(original.counts > SEEN, np.log10(np.maximum(original.counts, 1e-9)), floor)
        self._fill.setData(original.edges, heights, pen=pg.mkPen(None), fillLevel=floor, brush=tinted("original", 0.16))
        self._outline.setData(original.edges, np.maximum(heights, floor), pen=line_pen("original", 1.5))
        self._bars.show_bins(result, np.ones(len(result.counts), bool), floor, log=True)
        self.quantity = self.tr("weights per bin, log")
        self.bottom_axis.set_title(self.tr("weight value"))

    def paint_over(self, painter: QPainter) -> None:
        """How many weights of the result are zero, beside the bar at zero."""
        zeros = self._result.zeros if self._result is not None else 0
        if not zeros or not self.view[0] < 0 < self.view[1]:
            return
        bins = self._bins[1]
        count = float(bins.counts[int(np.argmin(np.abs(bins.middles)))])
        at = self.pixel(0.0, np.log10(max(count, 1.0)))
        set_caption(painter, "text", 600)
        place = QPointF(at.x() + 8, max(at.y(), self.area.top()) + 5)
        painter.drawText(place, self.tr("{0} zeros").format(thousands(zeros)))

    def reading_at(self, x: float, y: float) -> Reading | None:
        bins = self._bins[0]
        at = int(np.searchsorted(bins.edges, x)) - 1
        if self._original is None or not 0 <= at < len(bins.counts):
            return None
        rows = [(self.tr("original"), thousands(round(float(bins.counts[at]))))]
        if self._result is not None:
            rows.append((self.tr("result"), thousands(round(float(self._bins[1].counts[at])))))
        return Reading(
            float(bins.middles[at]), ReadOut(f"{number(bins.edges[at])} … {number(bins.edges[at + 1])}", tuple(rows))
        )

    def table(self) -> Table | None:
        if self._original is None:
            return None
        self.settle()
        first, second = self._bins
        after = second.counts if self._result is not None else [None] * len(first.counts)
        rows = [
            (float(low), float(high), float(a), None if b is None else float(b))
            for low, high, a, b in zip(first.edges[:-1], first.edges[1:], first.counts, after, strict=True)
        ]
        return Table(("from", "to", "original", "result"), rows)
