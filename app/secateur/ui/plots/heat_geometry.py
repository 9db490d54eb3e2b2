"""Where the heat map's names, groups, columns and rows stand, for a given width and height."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF

from secateur.methods.offers import Option
from secateur.ui.plots.heat_cells import grouped

HEADER = 46.0
GAP = 2.0
GROUP_GAP = 14.0
ROW = (16.0, 24.0)
CELL = (14.0, 72.0)
MANY, CELL_OF_MANY = 8, 54.0
"""Of more options than so many, cells are this wide at most: the legend then has room beside them."""
PRINTED = 44.0
"""Cells at least this wide carry their value in the selected row."""
NAME_PAD = 24.0
MARGIN = 16.0
"""Beside the last column, where the title of its group may stand out over it."""


@dataclass(frozen=True)
class HeatGeometry:
    """`names` pixels for the layer names, `cell` the width of a cell, `row` the pitch of the rows."""

    rows: int
    lefts: tuple[float, ...]
    names: float
    cell: float
    row: float

    def cell_box(self, row: int, column: int, scrolled: float = 0.0) -> QRectF:
        """A cell's rectangle in the viewport."""
        top = HEADER + row * self.row - scrolled
        return QRectF(self.lefts[column], top, self.cell, self.row - GAP)

    def name_box(self, row: int, scrolled: float = 0.0) -> QRectF:
        return QRectF(0.0, HEADER + row * self.row - scrolled, self.names - 6, self.row - GAP)

    def at(self, position: QPointF, scrolled: float) -> tuple[int, int] | None:
        """(row, column) under a position; column −1 on the name; None elsewhere."""
        if position.y() < HEADER:
            return None
        row = int((position.y() - HEADER + scrolled) // self.row)
        if not 0 <= row < self.rows:
            return None
        if position.x() < self.names:
            return row, -1
        for column, left in enumerate(self.lefts):
            if left <= position.x() < left + self.cell + GAP:
                return row, column
        return None

    @property
    def height(self) -> float:
        """Of all rows without the header."""
        return self.rows * self.row

    @property
    def right(self) -> float:
        return self.lefts[-1] + self.cell if self.lefts else self.names


def arrange(rows: int, options: Sequence[Option], width: float, height: float, names: float) -> HeatGeometry:
    """Cells as wide as there is room for up to 72 px (54 where there are many options), rows 16 to 24 px.

    Names get a third of the width at most, and beyond that what the widest cells leave.
    """
    groups = grouped(options)
    between = GROUP_GAP * max(len(groups) - 1, 0) + GAP * max(len(options) - len(groups), 0)
    widest = CELL[1] if len(options) <= MANY else CELL_OF_MANY
    left_over = width - between - MARGIN - widest * len(options)
    names = min(names + NAME_PAD, max(width * 0.34, 72.0, left_over))
    room = (width - names - between - MARGIN) / max(len(options), 1)
    cell = float(int(min(max(room, CELL[0]), widest)))
    pitch = float(int(min(max((height - HEADER) / max(rows, 1), ROW[0]), ROW[1])))
    lefts: list[float] = []
    x = names
    for _, columns in groups:
        for _ in columns:
            lefts.append(x)
            x += cell + GAP
        x += GROUP_GAP - GAP
    return HeatGeometry(rows, tuple(lefts), names, cell, pitch)
