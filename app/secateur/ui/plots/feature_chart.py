"""The values of a vector, such as a linear layer's output: the original as bars, the compressed one as points."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from secateur.figures import decibels, number, signed_number
from secateur.model.maps import LayerMaps
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.table import Table
from secateur.ui.theme.style import color, tinted

SPARSE = 6
"""Pixels a value from which on points are drawn instead of a line."""


class FeatureChart(Chart):
    """`show_maps` shows a layer of the form `features`; `step_wanted(±1)` asks for the layer before or after."""

    step_wanted = Signal(int)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._maps: LayerMaps | None = None
        self._bars = pg.BarGraphItem(x=[], height=[], width=0.7, pen=pg.mkPen(None))
        self._difference = pg.PlotDataItem()
        self._after = pg.PlotDataItem()
        self.add(self._bars, self._difference, self._after)

    @property
    def maps(self) -> LayerMaps | None:
        return self._maps

    def show_maps(self, maps: LayerMaps) -> None:
        if maps is not self._maps:
            self._maps = maps
            self.read(None)
            low, high = self._heights()
            self.show_range((-0.6, max(len(maps.original), 1) - 0.4), (low, high))
            self.setAccessibleDescription(_words(maps))
        self.renew(maps)

    def _heights(self) -> tuple[float, float]:
        maps = self._maps
        parts = () if maps is None else (maps.original, maps.compressed, maps.difference)
        values = [part[np.isfinite(part)] for part in parts if part is not None]
        low = min((float(part.min()) for part in values if part.size), default=0.0)
        high = max((float(part.max()) for part in values if part.size), default=0.0)
        low, high = min(low, 0.0), max(high, 0.0)
        spare = 0.06 * (high - low) or 1.0
        return low - (spare if low < 0 else 0.0), high + spare

    def redraw(self) -> None:
        maps = self._maps
        if maps is None:
            return
        self.show_range(self.full[0], self._heights(), keep=True)
        self.quantity = self.tr("output")
        self.bottom_axis.set_title(self.tr("feature"))
        at = np.arange(len(maps.original))
        self._bars.setOpts(x=at, height=maps.original.astype(np.float64), width=0.7, brush=tinted("original", 0.55))
        dense = self.box.width() * self.magnification / max(len(at), 1) < SPARSE
        for item, values, role, symbol in (
            (self._after, maps.compressed, "result", "o"),
            (self._difference, maps.difference, "third", "d"),
        ):
            known = np.isfinite(values) if values is not None else np.zeros(len(at), bool)
            shown = values[known].astype(np.float64) if values is not None else np.zeros(0)
            item.setData(
                at[known], shown, pen=line_pen(role, 1.5) if dense else None, symbol=None if dense else symbol,
                symbolSize=7, symbolBrush=color(role), symbolPen=pg.mkPen(color("card"), width=1.5),
            )  # fmt: skip

    def range_changed(self) -> None:
        self.mark_stale()

    def reading_at(self, x: float, y: float) -> Reading | None:
        maps, at = self._maps, round(x)
        if maps is None or not 0 <= at < len(maps.original):
            return None
        said = number(float(maps.original[at]))
        rows: tuple[tuple[str, str], ...] = ((said, ""),)
        if maps.compressed is not None and maps.difference is not None:
            if np.isnan(maps.compressed[at]):
                rows = ((f"{said}, {self.tr('removed')}", ""),)
            else:
                difference = signed_number(float(maps.difference[at]))
                rows = ((f"{said} → {number(float(maps.compressed[at]))}", ""), (difference, ""))
        return Reading(float(at), ReadOut(f"{self.tr('feature')} {at}", rows))

    def table(self) -> Table | None:
        maps = self._maps
        if maps is None:
            return None
        parts = (maps.original, maps.compressed, maps.difference)
        known: Sequence[np.ndarray] = [part for part in parts if part is not None]
        names = ("feature", "original", "compressed", "difference")[: len(known) + 1]
        rows = [(at, *(float(part[at]) for part in known)) for at in range(len(maps.original))]
        return Table(names, rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.step_wanted.emit(step)


def _words(maps: LayerMaps) -> str:
    """What is drawn, for who cannot see it."""
    values = maps.original[np.isfinite(maps.original)]
    if not values.size:
        return f"No values of {maps.layer}"
    words = f"{values.size} values of {maps.layer} from {number(float(values.min()))} to {number(float(values.max()))}"
    return words if maps.sqnr_db is None else f"{words}, {decibels(maps.sqnr_db)} SQNR"
