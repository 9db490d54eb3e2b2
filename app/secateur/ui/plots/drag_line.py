"""A line that can be dragged: pyqtgraph's, held in our theme, with the mouse's shape and a tooltip."""

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QPen

from secateur.ui.plots.strokes import line_pen

REACH = 4
"""Pixels beside a line within which the mouse takes hold of it, less the two that pyqtgraph adds."""


class DragLine(pg.InfiniteLine):
    """A vertical line at a value. `sigDragged(line)` with every move, `sigPositionChangeFinished(line)` at the end."""

    def __init__(self, role: str, tip: str) -> None:
        super().__init__(angle=90, movable=True)
        self._role = role
        self._maxMarkerSize = REACH
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip(tip)
        self.setZValue(20)

    def dress(self, *, drawn: bool) -> None:
        """Take the pen from the current theme; a line that is not drawn can still be dragged where its grip is."""
        pen = line_pen(self._role, 2.0) if drawn else QPen(Qt.PenStyle.NoPen)
        self.setPen(pen)
        self.setHoverPen(pen)
