"""The weight histogram: counted from the spectrum for exactly what is shown, with the threshold to drag."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from secateur.model.spectrum import Spectra, Spectrum
from secateur.ui.plots.axes import Axis, caption_width, paint_x_axis, paint_y_axis
from secateur.ui.plots.bins import BinCache, Bins, whole_range
from secateur.ui.plots.grid_levels import GridLevels, Marker, paint_clipped, paint_levels, paint_markers
from secateur.ui.plots.read_out import paint_read_out, place_beside
from secateur.ui.plots.threshold import (
    REACH,
    RatioField,
    grip_box,
    paint_grip,
    paint_threshold,
    threshold_read_out,
)
from secateur.ui.plots.zoom import ZoomPlot
from secateur.ui.theme.style import tinted

FLOOR = 0.6
"""Where a log axis of counts begins, so that a single value still has a bar."""


class HistogramPlot(ZoomPlot):
    """Shows a tensor's values; for weights the pruning threshold can be dragged, stepped and typed.

    `ratio_moved` comes with every step of a drag, `ratio_settled` once at its end and for every key.
    """

    ratio_moved = Signal(float)
    ratio_settled = Signal(float)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._values: Spectrum | None = None
        self._spectra: Spectra | None = None
        self._ratio: float | None = None
        self._threshold = 0.0
        self._levels: GridLevels | None = None
        self._markers: tuple[Marker, ...] = ()
        self._log = True
        self._dragging = self._moved = False
        self._hovered = False
        self._quantity = ""
        self._cache = BinCache()
        self.field = RatioField(self)
        self.field.accepted.connect(self._settle)

    # ------------------------------------------------------------------ what it shows

    def show_spectra(self, spectra: Spectra, ratio: float | None, levels: GridLevels | None = None) -> None:
        """Show a layer's weights with the planned pruning `ratio` (None: a handle at zero) and grid."""
        if spectra.values is not self._values:
            self._values, self._quantity, self._dragging = spectra.values, self.tr("weight"), False
            self.set_full(*whole_range(spectra.values, symmetric=True))
            self.field.hide()
        self._spectra, self._levels, self._markers = spectra, levels, ()
        if not self._dragging:
            self._set_ratio(ratio)
        self._renew()

    def show_values(self, values: Spectrum, quantity: str, markers: tuple[Marker, ...] = ()) -> None:
        """Show any spectrum, nothing to drag, with labelled lines at `markers`."""
        if values is not self._values:
            self._values, self._quantity = values, quantity
            self.set_full(*whole_range(values, symmetric=values.minimum < 0))
        self._spectra, self._levels, self._markers, self._ratio = None, None, markers, None
        self._renew()

    def set_log(self, log: bool) -> None:
        """Counts on a logarithmic axis (the default) or a linear one."""
        self._log = log
        self._renew()

    @property
    def ratio(self) -> float | None:
        """The pruning ratio that is drawn, 0..1; None where none is planned."""
        return self._ratio

    @property
    def threshold_pixel(self) -> QPointF:
        """The middle of the grip, in the widget's pixels."""
        return grip_box(self.area, self.x_axis(), self._threshold).center()

    def _renew(self) -> None:
        self.renew(self._values, self._ratio, self._levels, self._markers, self._log, self.view, self._hovered)

    def _set_ratio(self, ratio: float | None) -> None:
        self._ratio = ratio
        values = self._values
        self._threshold = values.magnitude_percentile(ratio) if values is not None and ratio else 0.0
        self._describe()

    def _describe(self) -> None:
        if self._spectra is not None and self._ratio:
            read_out = threshold_read_out(self._spectra, self._ratio, self._threshold)
            lines = [read_out.title, *(row[0] for row in read_out.rows)]
            self.setAccessibleDescription(", ".join(lines))
        else:
            self.setAccessibleDescription(self.tr("No pruning planned") if self._spectra else "")

    # ------------------------------------------------------------------ painting

    def paint_plot(self, painter: QPainter) -> None:
        if self._values is None:
            return
        left = caption_width(["10,000"]) + 10
        self.area = QRectF(left, 24, max(self.width() - left - 6, 20), max(self.height() - 24 - 40, 20))
        axis = self.x_axis()
        bins = self._cache.bins(self._values, *self.view, self.area.width())
        counts = self._count_axis(bins)
        paint_y_axis(painter, self.area, counts, counts.ticks(4), self._y_title())
        painter.save()
        painter.setClipRect(self.area.adjusted(0, 0, 1, 1))
        if self._levels is not None:
            paint_clipped(painter, self.area, axis, self._levels)
        if self._ratio:
            self._paint_band(painter, axis)
        self._paint_bars(painter, axis, counts, bins)
        painter.restore()
        self._paint_over(painter, axis)
        paint_x_axis(painter, self.area, axis, axis.ticks(max(3, int(self.area.width() // 40))), self._x_title())

    def _paint_over(self, painter: QPainter, axis: Axis) -> None:
        if self._levels is not None:
            paint_levels(
                painter,
                self.area,
                axis,
                self._levels,
                free=self.area.width() - caption_width([self._y_title()]),
            )
        paint_markers(painter, self.area, axis, self._markers)
        if self._spectra is None:
            return
        if self._ratio:
            paint_threshold(painter, self.area, axis, self._threshold)
        box = grip_box(self.area, axis, self._threshold)
        if self.area.adjusted(-6, 0, 6, 0).contains(box.center()):
            paint_grip(painter, box, planned=bool(self._ratio), hovered=self._hovered)
        if self._ratio:
            read_out = threshold_read_out(self._spectra, self._ratio, self._threshold)
            size = (read_out.width(), read_out.height())
            anchor = QPointF(axis.pixel(self._threshold), self.area.top() + 14)
            inside = self.area.adjusted(4, 4, -4, -4)
            paint_read_out(painter, place_beside(size, anchor, inside), read_out, "pruned")

    def _count_axis(self, bins: Bins) -> Axis:
        highest = max(bins.highest, 1.0)
        if self._log:
            return Axis(FLOOR, max(highest * 1.2, 12.0), self.area.bottom(), self.area.top(), log=True)
        return Axis(0.0, highest * 1.05, self.area.bottom(), self.area.top())

    def _paint_band(self, painter: QPainter, axis: Axis) -> None:
        left, right = round(axis.pixel(-self._threshold)), round(axis.pixel(self._threshold))
        painter.fillRect(QRectF(left, self.area.top(), right - left, self.area.height()), tinted("pruned", 0.10))

    def _paint_bars(self, painter: QPainter, axis: Axis, counts: Axis, bins: Bins) -> None:
        """Bars one pixel apart; any that holds a fiftieth of a value or more can be seen."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        lefts, rights = np.rint(axis.pixel(bins.edges[:-1])), np.rint(axis.pixel(bins.edges[1:])) - 1
        tops = np.minimum(np.rint(counts.pixel(bins.counts)), self.area.bottom() - 2)
        pruned = np.abs(bins.middles) < self._threshold if self._ratio else np.zeros(len(tops), bool)
        filled = bins.counts > 0.02
        for role, mask in (("result", filled & ~pruned), ("pruned", filled & pruned)):
            painter.setBrush(tinted(role, 0.85))
            painter.drawRects(
                [
                    QRectF(left, top, right - left, self.area.bottom() - top)
                    for left, right, top in zip(lefts[mask], rights[mask], tops[mask], strict=True)
                ]
            )

    def _y_title(self) -> str:
        return self.tr("weights per bin") if self._spectra is not None else self.tr("values per bin")

    def _x_title(self) -> str:
        title = f"{self._quantity} {self.tr('value')}"
        if self.magnification > 1.001:
            title += f" · {self.magnification:.3g}× · {self.tr('double click shows all')}"
        return title

    # ------------------------------------------------------------------ mouse and keys

    def _near_line(self, position: QPointF) -> bool:
        if self._spectra is None or not self.area.adjusted(-8, 0, 8, 0).contains(position):
            return False
        axis = self.x_axis()
        if grip_box(self.area, axis, self._threshold).adjusted(-4, -4, 4, 4).contains(position):
            return True
        lines = (-self._threshold, self._threshold) if self._ratio else ()
        return any(abs(position.x() - axis.pixel(value)) <= REACH for value in lines)

    def _drag_to(self, x: float) -> None:
        if self._values is None:
            return
        value = abs(self.x_axis().value(min(max(x, self.area.left()), self.area.right())))
        self._set_ratio(round(self._values.share_below(value), 4))
        self._renew()
        self.ratio_moved.emit(self._ratio or 0.0)

    def _settle(self, ratio: float) -> None:
        self._set_ratio(round(min(max(ratio, 0.0), 1.0), 4))
        self._renew()
        self.ratio_settled.emit(self._ratio or 0.0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._near_line(event.position()):
            self._dragging, self._moved = True, False
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._moved = True
            self._drag_to(event.position().x())
            return
        near = self._near_line(event.position())
        if near != self._hovered:
            self._hovered = near
            tip = self.tr("Drag to choose which weights become zero; ← → move by 1 %, a double click types it")
            self.setToolTip(tip if near else "")
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            self._renew()
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._dragging = False
            if self._moved:
                self._settle(self._ratio or 0.0)
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._near_line(event.position()):
            self._dragging = False
            self.field.open_at(self.threshold_pixel + QPointF(10, -14), self._ratio or 0.0)
            return
        super().mouseDoubleClickEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if self._spectra is None or direction is None:
            super().keyPressEvent(event)
            return
        coarse = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._settle((self._ratio or 0.0) + direction * (0.10 if coarse else 0.01))
