"""Two spectra of one layer: the original as an outline, the result as bars in front of it."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from secateur.figures import thousands
from secateur.model.spectrum import Spectrum
from secateur.ui.plots.axes import Axis, caption_width, paint_x_axis, paint_y_axis, set_caption
from secateur.ui.plots.bins import BinCache, Bins, whole_range
from secateur.ui.plots.histogram import FLOOR
from secateur.ui.plots.zoom import ZoomPlot
from secateur.ui.theme.style import color, tinted


class SpectrumPair(ZoomPlot):
    """`show_pair(original, result)`; where there is no result spectrum the original stands alone."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._original: Spectrum | None = None
        self._result: Spectrum | None = None
        self._caches = (BinCache(), BinCache())

    def show_pair(self, original: Spectrum | None, result: Spectrum | None) -> None:
        """Show both over the range that holds both."""
        if original is not self._original or result is not self._result:
            self._original, self._result = original, result
            ranges = [whole_range(s, symmetric=True) for s in (original, result) if s is not None]
            if ranges:
                self.set_full(min(low for low, _ in ranges), max(high for _, high in ranges))
        zeros = result.zeros if result is not None else 0
        self.setAccessibleDescription(f"{thousands(zeros)} zeros" if zeros else "")
        self.renew(original, result, self.view)

    def paint_plot(self, painter: QPainter) -> None:
        if self._original is None:
            return
        left = caption_width(["10,000"]) + 10
        self.area = QRectF(left, 24, max(self.width() - left - 6, 20), max(self.height() - 24 - 40, 20))
        x = self.x_axis()
        original = self._caches[0].bins(self._original, *self.view, self.area.width())
        result = self._caches[1].bins(self._result, *self.view, self.area.width()) if self._result else None
        highest = max(original.highest, result.highest if result else 0.0, 10.0)
        y = Axis(FLOOR, highest * 1.3, self.area.bottom(), self.area.top(), log=True)
        paint_y_axis(painter, self.area, y, y.ticks(4), self.tr("weights per bin, log"))
        painter.save()
        painter.setClipRect(self.area.adjusted(0, -2, 1, 1))
        self._paint_fill(painter, x, y, original)
        if result is not None:
            self._paint_bars(painter, x, y, result)
        self._paint_outline(painter, x, y, original)
        painter.restore()
        paint_x_axis(painter, self.area, x, x.ticks(max(3, int(self.area.width() // 60))), self.tr("weight value"))
        if result is not None:
            self._paint_zeros(painter, x, y, result)

    def _steps(self, x: Axis, y: Axis, bins: Bins) -> QPolygonF:
        lefts, rights = np.rint(x.pixel(bins.edges[:-1])), np.rint(x.pixel(bins.edges[1:]))
        tops = np.where(bins.counts > 0.02, np.rint(y.pixel(bins.counts)), self.area.bottom())
        tops = np.minimum(tops, self.area.bottom())
        points = [QPointF(lefts[0], self.area.bottom())]
        for left, right, top in zip(lefts, rights, tops, strict=True):
            points += [QPointF(left, top), QPointF(right, top)]
        return QPolygonF([*points, QPointF(rights[-1], self.area.bottom())])

    def _paint_fill(self, painter: QPainter, x: Axis, y: Axis, bins: Bins) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tinted("original", 0.16))
        painter.drawPolygon(self._steps(x, y, bins))

    def _paint_outline(self, painter: QPainter, x: Axis, y: Axis, bins: Bins) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("original"), 1.5))
        painter.drawPolyline(self._steps(x, y, bins))

    def _paint_bars(self, painter: QPainter, x: Axis, y: Axis, bins: Bins) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tinted("result", 0.85))
        lefts, rights = np.rint(x.pixel(bins.edges[:-1])), np.rint(x.pixel(bins.edges[1:])) - 1
        tops = np.minimum(np.rint(y.pixel(bins.counts)), self.area.bottom() - 2)
        for left, right, top, count in zip(lefts, rights, tops, bins.counts, strict=True):
            if count > 0.02:
                painter.drawRect(QRectF(left, top, right - left, self.area.bottom() - top))

    def _paint_zeros(self, painter: QPainter, x: Axis, y: Axis, bins: Bins) -> None:
        zeros = self._result.zeros if self._result is not None else 0
        if not zeros or not self.view[0] < 0 < self.view[1]:
            return
        middle = int(np.argmin(np.abs(bins.middles)))
        set_caption(painter, "text", 600)
        text = self.tr("{0} zeros").format(thousands(zeros))
        place = QPointF(x.pixel(0.0) + 8, max(y.pixel(float(bins.counts[middle])), self.area.top()) + 5)
        painter.drawText(place, text)
