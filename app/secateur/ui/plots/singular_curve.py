"""The singular values of a layer's weight, and the cut: how many of them the two layers of low rank would hold."""

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from secateur.figures import share
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.drag_line import DragLine
from secateur.ui.plots.read_out import ReadOut, paint_read_out, place_beside
from secateur.ui.plots.strokes import DASHED, line_pen
from secateur.ui.plots.table import Table
from secateur.ui.theme.style import tinted

KEYS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_PageDown: -8,
    Qt.Key.Key_PageUp: 8,
}
"""By how much a key moves the cut."""

Words = Callable[[int], ReadOut]


class SingularCurve(Chart):
    """`rank_moved(rank)` with every step of a drag of the cut, `rank_settled(rank)` at its end and for each key.

    The line is each value as a share of the largest, the dashed one the energy that is kept up to there. What is cut is
    shaded, as is what no cut reaches: from there on two layers hold no less than one.
    """

    rank_moved = Signal(float)
    rank_settled = Signal(float)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._values: NDArray[np.float32] | None = None
        self._rank: int | None = None
        self._most = 0
        self._words: Words | None = None
        self._cut_away = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self._useless = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self._line, self._energy = pg.PlotCurveItem(), pg.PlotCurveItem()
        self.cut = DragLine("accent", self.tr("Drag to choose the rank that is kept (← → by one, Page by eight)"))
        self.add(self._useless, self._cut_away, self._energy, self._line, self.cut)
        self.cut.sigDragged.connect(lambda: self._on_dragged(settled=False))
        self.cut.sigPositionChangeFinished.connect(lambda: self._on_dragged(settled=True))

    def show_values(self, values: NDArray[np.float32] | None, rank: int | None, most: int, words: Words) -> None:
        """Show singular values, descending, float32 (n,); `rank` is planned (None: none), `most` the largest useful.

        `words(rank)` says what a cut there means.
        """
        is_new = values is not self._values
        self._values, self._rank, self._most, self._words = values, rank, most, words
        said = words(self.rank)
        self.setAccessibleDescription(
            ", ".join([said.title, *(" ".join(row).strip() for row in said.rows)]) if values is not None else ""
        )
        if values is not None and is_new:
            self.show_range((0.0, float(len(values))), (0.0, 1.02))
        self.renew(id(values), rank, most)

    @property
    def rank(self) -> int:
        """Where the cut stands: the planned rank, else the largest that is of use."""
        return self._most if self._rank is None else self._rank

    @property
    def cut_pixel(self) -> QPointF:
        """The middle of the cut, in the widget's pixels."""
        return QPointF(self.pixel(float(self.rank), 0.0).x(), self.area.center().y())

    # ------------------------------------------------------------------ drawing

    def _curves(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(ranks, values as shares of the largest, energy kept up to there), float64 (n,) each."""
        assert self._values is not None  # noqa: S101 - asked for where there are some
        values = self._values.astype(np.float64)
        kept = np.cumsum(values**2)
        return np.arange(1.0, len(values) + 1), values / max(values[0], 1e-30), kept / max(kept[-1], 1e-30)

    def redraw(self) -> None:
        self.plot.setVisible(self._values is not None)
        self.quantity = self.tr("share") if self._values is not None else ""
        if self._values is None:
            return
        ranks, values, energy = self._curves()
        self._line.setData(ranks, values, pen=line_pen("result", 2.0))
        self._energy.setData(ranks, energy, pen=line_pen("third", 2.0, dashes=DASHED))
        end = float(len(ranks))
        self._useless.setRegion((float(self._most), end))
        self._useless.setBrush(tinted("original", 0.22))
        self._cut_away.setVisible(self._rank is not None)
        self._cut_away.setRegion((float(self.rank), float(self._most)))
        self._cut_away.setBrush(tinted("pruned", 0.14))
        self.cut.setVisible(self._most > 0)
        self.cut.dress(drawn=True)
        if not self.cut.moving:
            self.cut.setValue(float(self.rank))
        self.bottom_axis.set_title(self.tr("rank"))

    def paint_over(self, painter: QPainter) -> None:
        if self._values is None or self._words is None or self.reading is not None or not self._most:
            return
        words = self._words(self.rank)
        at = QPointF(self.pixel(float(self.rank), 0.0).x(), self.area.top() + 14)
        place = place_beside((words.width(), words.height()), at, self.area.adjusted(4, 4, -4, -4))
        paint_read_out(painter, place, words, "accent")

    def reading_at(self, x: float, y: float) -> Reading | None:
        if self._values is None or self.cut.moving:
            return None
        ranks, values, energy = self._curves()
        place = min(max(round(x), 1), len(ranks)) - 1
        rows = ((self.tr("singular value"), share(values[place])), (self.tr("energy kept"), share(energy[place])))
        return Reading(ranks[place], ReadOut(self.tr("rank {0}").format(place + 1), rows))

    def table(self) -> Table | None:
        if self._values is None:
            return None
        ranks, _, energy = self._curves()
        rows = [(int(r), float(v), float(e)) for r, v, e in zip(ranks, self._values, energy, strict=True)]
        return Table(("rank", "singular value", "energy kept"), rows)

    # ------------------------------------------------------------------ mouse and keys

    def _within(self, rank: float) -> int:
        return min(max(round(rank), 1), self._most)

    def _on_dragged(self, *, settled: bool) -> None:
        rank = self._within(float(self.cut.value()))
        self._rank = rank
        (self.rank_settled if settled else self.rank_moved).emit(float(rank))
        self.mark_stale()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = KEYS.get(Qt.Key(event.key()))
        if step is None or not self._most or event.modifiers() != Qt.KeyboardModifier.NoModifier:
            super().keyPressEvent(event)
            return
        self._rank = self._within(self.rank + step)  # the next press counts from here, before the plan is shown
        self.rank_settled.emit(float(self._rank))
        self.mark_stale()
