"""What stands around the values of a chart: the box that they are drawn in, with an axis at its left and one below.

pyqtgraph's PlotItem brings two more axes, a title, a button and the forms and menus of its own context menu. A chart
shows none of them, and building them takes longer than building the rest of a plot.
"""

import pyqtgraph as pg
from PySide6.QtWidgets import QGraphicsGridLayout, QGraphicsItem, QSizePolicy


class ChartFrame(pg.GraphicsWidget):
    """Box and axes in a grid without gaps; the axes follow the range of the box."""

    def __init__(self, box: pg.ViewBox, left: pg.AxisItem, bottom: pg.AxisItem) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.grid = QGraphicsGridLayout()
        self.grid.setSpacing(0)
        self.setLayout(self.grid)
        self.grid.addItem(box, 0, 1)
        for axis, row, column in ((left, 0, 0), (bottom, 1, 1)):
            axis.linkToView(box)
            self.grid.addItem(axis, row, column)
            axis.setFlag(QGraphicsItem.GraphicsItemFlag.ItemNegativeZStacksBehindParent)
        left.setZValue(-1000)  # its grid is behind what is drawn
        bottom.setZValue(0.5)
