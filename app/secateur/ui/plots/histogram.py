"""The weight histogram: counted from the spectrum for exactly what is shown, with the threshold to drag."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from secateur.figures import number, thousands
from secateur.model.spectrum import Spectra, Spectrum
from secateur.ui.plots.bins import Bars, BinCache, Bins, spectrum_words, whole_range
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.clip_lines import Clip, ClipItems, clip_read_out
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.drag_line import DragLine
from secateur.ui.plots.grid_levels import GridItems, GridLevels, Marker, paint_grid_words, paint_marker_labels
from secateur.ui.plots.read_out import ReadOut, paint_read_out, place_beside
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import caption_width
from secateur.ui.plots.threshold import GRIP_AT, RatioField, grip_box, paint_grip, threshold_read_out
from secateur.ui.theme.style import tinted


class HistogramPlot(Chart):
    """Shows a tensor's values; for weights the pruning threshold can be dragged, stepped and typed.

    `ratio_moved` comes with every step of a drag, `ratio_settled` once at its end and for every key; `clip_moved` and
    `clip_settled` likewise, with the percentile (50..100) of the values that the dragged range holds.
    """

    ratio_moved = Signal(float)
    ratio_settled = Signal(float)
    clip_moved = Signal(float)
    clip_settled = Signal(float)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._values: Spectrum | None = None
        self._spectra: Spectra | None = None
        self._ratio: float | None = None
        self._threshold = 0.0
        self._levels: GridLevels | None = None
        self._markers: tuple[Marker, ...] = ()
        self._log, self._kind, self._moved = True, "", False
        self._cache = BinCache()
        self._bins = Bins(np.zeros(2), np.zeros(1))
        self._bars = {"result": Bars("result"), "pruned": Bars("pruned")}
        self._band = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self.add(*self._bars.values(), self._band)
        self._grid = GridItems(self)
        self._clip: Clip | None = None
        self._clip_items = ClipItems(
            self, self.tr("Drag to choose the range that int8 covers"), self.clip_moved.emit, self._settle_clip
        )
        tip = self.tr("Drag to choose which weights become zero; ← → move by 1 %, a double click types it")
        self._lines = (DragLine("pruned", tip), DragLine("pruned", tip))
        for line in self._lines:
            line.sigDragged.connect(self._on_dragged)
            line.sigPositionChangeFinished.connect(self._on_let_go)
            self.add(line)
        self.field = RatioField(self)
        self.field.accepted.connect(self._settle_ratio)

    # ------------------------------------------------------------------ what it shows

    def show_spectra(
        self, spectra: Spectra, ratio: float | None, levels: GridLevels | None = None, markers: tuple[Marker, ...] = ()
    ) -> None:
        """Show a layer's weights with the planned pruning `ratio` (None: a handle at zero), grid and markers."""
        if self._take(spectra.values, self.tr("weight"), symmetric=True):
            self.field.hide()
        self._spectra, self._levels, self._markers, self._clip = spectra, levels, markers, None
        if not self._is_dragging:
            self._set_ratio(ratio)
        self._renew()

    def show_values(
        self, values: Spectrum, quantity: str, markers: tuple[Marker, ...] = (), clip: Clip | None = None
    ) -> None:
        """Show any spectrum with labelled lines at `markers`; the ends of a `clip` can be dragged."""
        self._take(values, quantity, symmetric=values.minimum < 0)
        self._spectra, self._levels, self._markers, self._ratio, self._clip = None, None, markers, None, clip
        self.setAccessibleDescription(", ".join([spectrum_words(values), *self._clip_words()]))
        self._renew()

    def _take(self, values: Spectrum, kind: str, *, symmetric: bool) -> bool:
        if values is self._values:
            return False
        self._values, self._kind = values, kind
        for line in self._lines:
            line.moving = False
        self.read(None)
        self.show_range(whole_range(values, symmetric=symmetric), self.full[1])
        return True

    def set_log(self, log: bool) -> None:
        """Counts on a logarithmic axis (the default) or a linear one."""
        self._log = log
        self._renew()

    @property
    def ratio(self) -> float | None:
        """The pruning ratio that is drawn, 0..1; None where none is planned."""
        return self._ratio

    @property
    def threshold(self) -> float:
        """Weights of a smaller magnitude than this become zero; 0 where no pruning is planned."""
        return self._threshold

    @property
    def threshold_pixel(self) -> QPointF:
        """The middle of the grip, in the widget's pixels."""
        return grip_box(self.area, self.pixel(self._threshold, 0.0).x()).center()

    @property
    def _is_dragging(self) -> bool:
        return any(line.moving for line in self._lines)

    def _renew(self) -> None:
        self.renew(self._values, self._ratio, self._levels, self._markers, self._log, self._clip)

    def _clip_words(self) -> list[str]:
        if self._clip is None or self._values is None:
            return []
        read_out = clip_read_out(self._values, self._clip)
        return [read_out.title, *(row[0] for row in read_out.rows)]

    def range_changed(self) -> None:
        self.mark_stale()  # a closer look counts again, in finer bins

    def _set_ratio(self, ratio: float | None) -> None:
        self._ratio = ratio
        values = self._values
        self._threshold = values.magnitude_percentile(ratio) if values is not None and ratio else 0.0
        if self._spectra is not None and self._ratio:
            read_out = threshold_read_out(self._spectra, self._ratio, self._threshold)
            self.setAccessibleDescription(", ".join([read_out.title, *(row[0] for row in read_out.rows)]))
        else:
            self.setAccessibleDescription(self.tr("No pruning planned") if self._spectra else "")

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        if self._values is None:
            return
        self._bins = bins = self._cache.bins(self._values, *self.view, self.box.width())
        self.left_axis.set_log(self._log)
        floor, top = bins.count_range(log=self._log)
        self.show_range(self.full[0], (floor, top), keep=True)
        below = np.abs(bins.middles) < self._threshold if self._ratio else np.zeros(len(bins.counts), bool)
        self._bars["result"].show_bins(bins, ~below, floor, log=self._log)
        self._bars["pruned"].show_bins(bins, below, floor, log=self._log)
        self._band.setVisible(bool(self._ratio))
        self._band.setRegion((-self._threshold, self._threshold))
        self._band.setBrush(tinted("pruned", 0.10))
        self._grid.show_levels(self._levels, self._markers)
        self._clip_items.show_clip(self._values, self._clip, self.full[0])
        self._draw_lines()
        self.quantity = self.tr("weights per bin") if self._spectra is not None else self.tr("values per bin")
        self.bottom_axis.set_title(self._x_title())

    def _draw_lines(self) -> None:
        planned = bool(self._ratio)
        reach = 14 / max(self.box.height(), 1.0)
        for line, sign in zip(self._lines, (-1, 1), strict=True):
            line.setVisible(self._spectra is not None and (planned or sign > 0))
            line.dress(drawn=planned)
            line.setSpan(*((0.0, 1.0) if planned else (1 - GRIP_AT - reach, 1 - GRIP_AT + reach)))
            if not line.moving:
                line.setValue(sign * self._threshold)

    def paint_over(self, painter: QPainter) -> None:
        area = self.area
        if self._levels is not None:
            paint_grid_words(painter, self, self._levels, free=area.width() - caption_width([self.quantity]))
        paint_marker_labels(painter, self, self._markers)
        if self._clip is not None and self._values is not None and self.reading is None:
            at = QPointF(self.pixel(self._clip.high, 0.0).x(), area.top() + 20 + 17 * len(self._markers))
            self._paint_words(painter, clip_read_out(self._values, self._clip), at, "accent")
        if self._spectra is None:
            return
        x = self.pixel(self._threshold, 0.0).x()
        box = grip_box(area, x)
        if area.adjusted(-6, 0, 6, 0).contains(box.center()):
            hovered = any(line.mouseHovering for line in self._lines)
            paint_grip(painter, box, planned=bool(self._ratio), hovered=hovered)
        if self._ratio and self.reading is None:
            read_out = threshold_read_out(self._spectra, self._ratio, self._threshold)
            self._paint_words(painter, read_out, QPointF(x, area.top() + 14 + 17 * bool(self._markers)), "pruned")

    def _paint_words(self, painter: QPainter, words: ReadOut, at: QPointF, border: str) -> None:
        place = place_beside((words.width(), words.height()), at, self.area.adjusted(4, 4, -4, -4))
        paint_read_out(painter, place, words, border)

    def _x_title(self) -> str:
        title = f"{self._kind} {self.tr('value')}"
        if self.magnification > 1.001:
            title += f" · {self.magnification:.3g}× · {self.tr('double click shows all')}"
        return title

    # ------------------------------------------------------------------ the crosshair and the data

    def reading_at(self, x: float, y: float) -> Reading | None:
        bins = self._bins
        held = self._clip_items.is_busy or any(line.mouseHovering or line.moving for line in self._lines)
        if self._values is None or held:
            return None
        at = int(np.searchsorted(bins.edges, x)) - 1
        if not 0 <= at < len(bins.counts):
            return None
        low, high = float(bins.edges[at]), float(bins.edges[at + 1])
        share = bins.counts[at] / max(self._values.size, 1) * 100
        rows = ((f"{thousands(round(float(bins.counts[at])))} · {share:.3g} %", ""),)
        return Reading(float(bins.middles[at]), ReadOut(f"{number(low)} … {number(high)}", rows))

    def table(self) -> Table | None:
        if self._values is None:
            return None
        self.settle()
        edges, counts = self._bins.edges, self._bins.counts
        rows = [(float(a), float(b), float(c)) for a, b, c in zip(edges[:-1], edges[1:], counts, strict=True)]
        return Table(("from", "to", "count"), rows)

    # ------------------------------------------------------------------ mouse and keys

    def _on_dragged(self, line: DragLine) -> None:
        if self._values is None:
            return
        low, high = self.view
        value = abs(min(max(float(line.value()), low), high))
        ratio = round(self._values.share_below(value), 4)
        if ratio == self._ratio:
            return
        self._moved = True
        self._set_ratio(ratio)
        self._renew()
        self.ratio_moved.emit(ratio)

    def _on_let_go(self, _line: DragLine) -> None:
        if self._moved:
            self._moved = False
            self._settle_ratio(self._ratio or 0.0)
        self.mark_stale()  # the line goes to where the threshold is

    def _settle_ratio(self, ratio: float) -> None:
        self._set_ratio(round(min(max(ratio, 0.0), 1.0), 4))
        self._renew()
        self.ratio_settled.emit(self._ratio or 0.0)

    def _settle_clip(self, percentile: float) -> None:
        self.clip_settled.emit(percentile)
        self.mark_stale()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        grip = grip_box(self.area, self.pixel(self._threshold, 0.0).x()).adjusted(-4, -4, 4, 4)
        near = any(abs(self.pixel(line.value(), 0.0).x() - at.x()) <= 7 for line in self._lines) and self._ratio
        if self._spectra is not None and (grip.contains(at) or (near and self.area.contains(at))):
            self.field.open_at(self.threshold_pixel + QPointF(10, -14), self._ratio or 0.0)
            return
        super().mouseDoubleClickEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if self._spectra is None or direction is None:
            super().keyPressEvent(event)
            return
        coarse = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._settle_ratio((self._ratio or 0.0) + direction * (0.10 if coarse else 0.01))
