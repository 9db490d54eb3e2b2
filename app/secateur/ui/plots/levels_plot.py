"""The levels of a heat map: a histogram of its values over its colours, with the two ends of the colours to drag."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.figures import number
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.drag_line import DragLine
from secateur.ui.theme.colormaps import diverging
from secateur.ui.theme.style import current_theme, tinted

BINS = 81
STEP = 1.15
SIDE = 16
"""Pixels beside the plot: half of a tick's text stands out there."""
COLOURS = 257
"""Of the band: an odd number, so that the middle one is that of zero."""
BAND = (-0.45, -0.1)
"""Where the colours lie below the bars, whose greatest height is 1."""


class LevelsPlot(Chart):
    """`limit_moved(limit)`: the magnitude at which colours end. Arrows change it, Home and a double click reset it."""

    limit_moved = Signal(float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, "Colour scale", parent, zoom="")
        self.setToolTip(
            self.tr("Drag to choose the magnitude at which the colours end; ← → change it, a double click resets it")
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(64)
        self.left_axis.hide()
        self.grid.setContentsMargins(SIDE, 2, SIDE, 2)
        self._heights: NDArray[np.float64] = np.zeros(BINS)
        self._limit, self._full, self._usual = 1.0, 1.0, 1.0
        self._bars = pg.BarGraphItem(x0=[], x1=[], y0=[], y1=[], pen=pg.mkPen(None))
        self._band = pg.ImageItem(axisOrder="row-major")
        tip = self.tr("Drag to choose the magnitude at which the colours end")
        self._ends = (DragLine("text", tip), DragLine("text", tip))
        self.add(self._band, self._bars, *self._ends)
        for line in self._ends:
            line.sigDragged.connect(lambda line: self._move(abs(float(line.value()))))

    def show_values(self, values: NDArray[np.float32], full: float) -> None:
        """The values that are shown, of magnitudes up to `full`: what the histogram counts, on a log scale."""
        finite = values.reshape(-1)[:: max(values.size // 20_000, 1)]
        finite = finite[np.isfinite(finite)]
        self._full = full if full > 0 else 1.0
        counts, _ = np.histogram(finite, bins=BINS, range=(-self._full, self._full))
        self._heights = np.log1p(counts) / max(float(np.log1p(counts.max(initial=0))), 1e-9)
        self.mark_stale()

    def set_limit(self, limit: float, usual: float) -> None:
        """Where the colours end, and where they end when the scale is reset."""
        self._limit, self._usual = limit, usual
        self.setAccessibleDescription(f"−{number(limit)} … {number(limit)}")
        self.mark_stale()

    @property
    def limit(self) -> float:
        return self._limit

    def _move(self, limit: float) -> None:
        limit = min(max(limit, self._full * 1e-3), self._full)
        if limit != self._limit:
            self.limit_moved.emit(limit)

    # ------------------------------------------------------------------ what the chart asks for

    def redraw(self) -> None:
        full = self._full
        self.show_range((-full, full), (BAND[0], 1.05))
        edges = np.linspace(-full, full, BINS + 1)
        zeros = np.zeros(BINS)
        fill = tinted("secondary", 0.55)
        self._bars.setOpts(x0=edges[:-1], x1=edges[1:], y0=zeros, y1=self._heights, brush=fill)
        places = np.clip(np.linspace(-full, full, COLOURS) / self._limit, -1.0, 1.0)
        colours = diverging(current_theme())[np.rint((places + 1) * 127.5).astype(np.intp)]
        self._band.setImage(colours[None], levels=(0, 255))
        self._band.setRect(QRectF(-full, BAND[0], 2 * full, BAND[1] - BAND[0]))
        for sign, line in zip((-1, 1), self._ends, strict=True):
            line.dress(drawn=True)
            if not line.moving:
                line.setValue(sign * self._limit)

    def clicked(self, at: QPointF) -> None:
        self._move(abs(self.value(at).x()))

    def sizeHint(self) -> QSize:
        return QSize(240, 64)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._move(self._usual)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left:
                self._move(self._limit / STEP)
            case Qt.Key.Key_Right:
                self._move(self._limit * STEP)
            case Qt.Key.Key_Home:
                self._move(self._usual)
            case Qt.Key.Key_End:
                self._move(self._full)
            case _:
                super().keyPressEvent(event)
