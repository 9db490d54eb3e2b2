"""A weight as a heat map: the whole matrix in blocks, and over it the part in view as fine as it can be seen."""

from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QMenu, QWidget

from secateur.figures import number, thousands
from secateur.model.weight_views import MatrixTile, Variant
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import DASHED, line_pen
from secateur.ui.plots.table import Table
from secateur.ui.theme.colormaps import NOTHING, STEPS, diverging, stepped
from secateur.ui.theme.style import color, current_theme

GREATEST: Final = "greatest of {0} × {1} weights"
CLOSEST: Final = 4
"""Rows and columns that are seen at least."""


def indices_of(values: NDArray[np.float32], limit: float) -> NDArray[np.uint8]:
    """Places in the colour table, 127 for zero and 0 and 254 for −limit and limit."""
    scaled = values * np.float32(127 / limit if limit > 0 else 0)
    np.clip(scaled, -127, 127, out=scaled)
    scaled += np.float32(127.5)  # what is cut off below is rounding then
    if not np.isnan(scaled.sum()):
        return scaled.astype(np.uint8)
    return np.where(np.isfinite(values), np.nan_to_num(scaled), NOTHING).astype(np.uint8)


def colour_table() -> NDArray[np.uint8]:
    """(256, 4) uint8: the diverging map of the theme for 0 … 254, nothing for `NOTHING`."""
    table = np.zeros((256, 4), np.uint8)
    table[:STEPS, :3], table[:STEPS, 3] = stepped(diverging(current_theme())), 255
    return table


class MatrixPlot(Chart):
    """`chosen(channel)` by a click on a row or ↑ ↓; `part_changed()` when another part of the matrix is in view."""

    chosen = Signal(int)
    part_changed = Signal()

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent, zoom="xy")
        self.box.invertY(True)
        self._tiles: tuple[MatrixTile | None, MatrixTile | None] = (None, None)
        self._variant: Variant = "before"
        self._limit = 1.0
        self._channel: int | None = None
        self._kernel: tuple[int, int] = (1, 1)
        self._at = (0, 0)
        self._images = (pg.ImageItem(axisOrder="row-major"), pg.ImageItem(axisOrder="row-major"))
        self._drawn: list[tuple[object, ...]] = [(), ()]
        self._across = pg.InfiniteLine(angle=0, movable=False)
        self._across.setZValue(50)
        self._across.hide()
        self.add(*self._images, self._across)
        self.left_axis.setGrid(False)
        self.left_axis.texts = lambda value, spacing: self._name(value, rows=True)
        self.bottom_axis.texts = lambda value, spacing: self._name(value, rows=False)

    # ------------------------------------------------------------------ what it shows

    def show_tiles(
        self, whole: MatrixTile | None, part: MatrixTile | None, variant: Variant, limit: float, *,
        channel: int | None = None, kernel: tuple[int, int] = (1, 1),
    ) -> None:  # fmt: skip
        """Show the matrix in blocks and the finer `part` over it, colours ending at ±`limit`; one row is selected.

        `kernel` is height and width of a convolution's kernels, by which its columns are named.
        """
        before = self._tiles[0]
        if whole is not None and (before is None or before.shape != whole.shape):
            rows, columns = whole.shape
            self.show_range((-0.5, columns - 0.5), (-0.5, rows - 0.5))
            self.box.setLimits(minXRange=min(CLOSEST, columns), minYRange=min(CLOSEST, rows))
        if whole is not before:
            self.read(None)  # it speaks of weights that are not shown any more
        self._tiles, self._variant, self._limit = (whole, part), variant, limit
        self._channel, self._kernel = channel, kernel
        self.setAccessibleDescription(self._description())
        self.renew(whole, part, variant, limit, channel)

    def _description(self) -> str:
        whole = self._tiles[0]
        if whole is None:
            return ""
        words = f"{thousands(whole.shape[0])} × {thousands(whole.shape[1])}, {self._variant}"
        return words if self._channel is None else f"{words}, channel {self._channel}"

    @property
    def part(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Places of the rows and columns that are in view, each with the one past the last."""
        (left, right), (top, bottom) = self.box.viewRange()
        rows, columns = self._tiles[0].shape if self._tiles[0] is not None else (1, 1)
        return (
            (max(int(np.floor(top + 0.5)), 0), min(int(np.ceil(bottom + 0.5)), rows)),
            (max(int(np.floor(left + 0.5)), 0), min(int(np.ceil(right + 0.5)), columns)),
        )

    def range_changed(self) -> None:
        super().range_changed()
        self.part_changed.emit()

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        table = colour_table()
        for n, (image, tile) in enumerate(zip(self._images, self._tiles, strict=True)):
            values = tile.picture(self._variant) if tile is not None else None
            image.setVisible(values is not None)
            if tile is None or values is None:
                continue
            key = (tile, self._variant, self._limit, current_theme())
            if key != self._drawn[n]:
                self._drawn[n] = key
                image.setImage(indices_of(values, self._limit), autoLevels=False, levels=None, lut=table)
                image.setRect(_rectangle(tile))
                image.render()
                if image.qimage is not None:  # once here, and not each time that it is painted
                    image.qimage = image.qimage.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        self._across.setPen(line_pen("strong_border", dashes=DASHED))
        self.quantity = self.tr("output channel")
        self.bottom_axis.set_title(self.tr("weight of the channel"))

    def paint_over(self, painter: QPainter) -> None:
        """The selected row, framed and pointed at: it may be thinner than a pixel."""
        place = self.place_of(self._channel)
        if place is None:
            return
        area = self.area
        top, bottom = self.pixel(0, place - 0.5).y(), self.pixel(0, place + 0.5).y()
        middle = (top + bottom) / 2
        if not area.top() - 1 <= middle <= area.bottom() + 1:
            return
        half = max((bottom - top) / 2, 1.5)
        painter.setPen(QPen(color("accent"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for y in (middle - half, middle + half):
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("accent"))
        tip = QPointF(area.right(), middle)
        painter.drawPolygon(QPolygonF([tip, tip + QPointF(7, -5), tip + QPointF(7, 5)]))

    def place_of(self, channel: int | None) -> int | None:
        """At which place of the sorted matrix a channel stands."""
        whole = self._tiles[0]
        if whole is None or channel is None or channel >= whole.shape[0]:
            return None
        return int(np.flatnonzero(whole.rows == channel)[0])

    def _name(self, value: float, *, rows: bool) -> str:
        """Which row or column of the weight stands at a place; nothing between two places."""
        whole = self._tiles[0]
        if whole is None or abs(value - round(value)) > 1e-6:
            return ""
        names = whole.rows if rows else whole.columns
        return thousands(int(names[round(value)])) if 0 <= round(value) < len(names) else ""

    # ------------------------------------------------------------------ the read-out

    def reading_at(self, x: float, y: float) -> Reading | None:
        whole = self._tiles[0]
        if whole is None:
            return None
        row, column = round(y), round(x)
        if not (0 <= row < whole.shape[0] and 0 <= column < whole.shape[1]):
            return None
        self._at = (row, column)
        return Reading(float(column), self._words(row, column))

    def _words(self, row: int, column: int) -> ReadOut:
        whole, part = self._tiles
        assert whole is not None  # noqa: S101 - asked for a place of it
        tile = part if part is not None and _holds(part, row, column) else whole
        i = int(np.searchsorted(tile.row_edges, row, "right")) - 1
        j = int(np.searchsorted(tile.column_edges, column, "right")) - 1
        height, width = int(np.diff(tile.row_edges)[i]), int(np.diff(tile.column_edges)[j])
        title = f"channel {thousands(int(whole.rows[row]))} · {self._column_words(int(whole.columns[column]))}"
        rows = [(self.tr("before"), number(float(tile.before[i, j])))]
        if tile.after is not None and tile.difference is not None:
            after = float(tile.after[i, j])
            rows.append((self.tr("after"), number(after) if np.isfinite(after) else self.tr("removed")))
            rows.append((self.tr("difference"), number(float(tile.difference[i, j])) if np.isfinite(after) else "–"))
        if height * width > 1:
            words = self.tr("mean of {0} × {1} weights") if tile.blocks == "mean" else GREATEST
            rows.append((words.format(height, width), ""))
        return ReadOut(title, tuple(rows))

    def _column_words(self, column: int) -> str:
        height, width = self._kernel
        if height * width == 1:
            return self.tr("input {0}").format(thousands(column))
        inner = column % (height * width)
        place = f"{inner // width}, {inner % width}" if height > 1 else f"{inner % width}"
        return self.tr("input {0}, at {1}").format(thousands(column // (height * width)), place)

    def read(self, reading: Reading | None) -> None:
        super().read(reading)
        self._across.setVisible(reading is not None)
        self._across.setPos(self._at[0])

    # ------------------------------------------------------------------ mouse and keys

    def clicked(self, at: QPointF) -> None:
        whole, place = self._tiles[0], round(self.value(at).y())
        if whole is not None and self.area.contains(at) and 0 <= place < whole.shape[0]:
            self._choose(int(whole.rows[place]))

    def _choose(self, channel: int) -> None:
        """Select a channel here at once; the rest of the window follows."""
        self._channel = channel
        self.reveal(channel)
        self.refresh()
        self.chosen.emit(channel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        whole = self._tiles[0]
        key = Qt.Key(event.key())
        rows = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        columns = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if whole is None:
            event.ignore()
        elif key in rows:
            here = self.place_of(self._channel)
            place = 0 if here is None else min(max(here + rows[key], 0), whole.shape[0] - 1)
            self._choose(int(whole.rows[place]))
        elif key in columns:
            self._step_column(columns[key])
        else:
            super().keyPressEvent(event)

    def _step_column(self, step: int) -> None:
        """The crosshair goes along the selected row, or along the one on which it is."""
        (top, _), (left, right) = self.part
        place = self.place_of(self._channel)
        row = place if place is not None else self._at[0] if self.reading is not None else top
        column = left if self.reading is None else min(max(self._at[1] + step, left), right - 1)
        self.read(self.reading_at(column, row))

    def reveal(self, channel: int | None) -> None:
        """Move the view as little as needed for a channel's row to be in it."""
        place = self.place_of(channel)
        if place is None:
            return
        low, high = self.box.viewRange()[1]
        if place - 0.5 < low:
            self.box.translateBy(y=place - 0.5 - low)
        elif place + 0.5 > high:
            self.box.translateBy(y=place + 0.5 - high)

    def fill_menu(self, menu: QMenu) -> None:
        if self._channel is not None and self._tiles[0] is not None:
            menu.addAction(self.tr("Zoom to channel {0}").format(self._channel), self._zoom_to_channel)

    def _zoom_to_channel(self) -> None:
        place = self.place_of(self._channel)
        if place is not None:
            self.box.setRange(yRange=(place - 8, place + 8), padding=0)

    def table(self) -> Table | None:
        tile = self._tiles[1] or self._tiles[0]
        values = tile.picture(self._variant) if tile is not None else None
        if tile is None or values is None:
            return None
        names = [f"column {tile.columns[start]}" for start in tile.column_edges[:-1]]
        rows = [
            (int(tile.rows[start]), *(float(value) for value in line))
            for start, line in zip(tile.row_edges[:-1], values, strict=True)
        ]
        return Table(("channel", *names), rows)


def _rectangle(tile: MatrixTile) -> QRectF:
    """Where a tile lies, all blocks of one size: the last may reach beyond the matrix, where nothing is shown."""
    left, top = float(tile.column_edges[0]), float(tile.row_edges[0])
    width = float(tile.column_edges[1] - left) * (len(tile.column_edges) - 1)
    height = float(tile.row_edges[1] - top) * (len(tile.row_edges) - 1)
    return QRectF(left - 0.5, top - 0.5, width, height)


def _holds(tile: MatrixTile, row: int, column: int) -> bool:
    return bool(
        tile.row_edges[0] <= row < tile.row_edges[-1] and tile.column_edges[0] <= column < tile.column_edges[-1]
    )
