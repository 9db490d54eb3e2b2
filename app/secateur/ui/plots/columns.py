"""Things in a row, a column each: bars of whole pixels, so that none is wider than its neighbour."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QBrush, QColor

from secateur.ui.plots.chart import Chart, Floats


class ColumnBars(pg.BarGraphItem):
    """Bars around whole numbers of the x axis, as many pixels wide as is said."""

    def __init__(self, chart: Chart) -> None:
        super().__init__(x0=[], x1=[], y0=[], y1=[], pen=pg.mkPen(None), brush=pg.mkBrush(None))
        self._chart = chart

    def show_bars(
        self, middles: Floats, low: Floats, high: Floats, width: float, fill: QColor | QBrush, shift: float = 0.0
    ) -> None:
        """Bars from `low` to `high` (n,) around `middles` (n,), `width` pixels wide, moved by `shift` pixels."""
        left = snapped(self._chart, middles, shift - width / 2)
        right = left + width / self._chart.pitch
        self.setOpts(x0=left, x1=right, y0=low, y1=high, brush=fill)


def snapped(chart: Chart, values: Floats, shift: float) -> Floats:
    """`values` of the x axis moved by `shift` pixels and on to the nearest whole pixel."""
    pixels = np.rint((values - chart.view[0]) * chart.pitch + shift)
    return chart.view[0] + pixels / chart.pitch
