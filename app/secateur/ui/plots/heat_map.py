"""The heat map: layers × options in one widget that paints only the rows in view."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from secateur.layer_names import ShortName
from secateur.methods.base import Effect
from secateur.methods.offers import Option
from secateur.model.documents import SensitivityTable
from secateur.ui.plots.heat_cells import HeatCells, make_cells
from secateur.ui.plots.heat_geometry import HEADER, NAME_PAD, HeatGeometry, arrange
from secateur.ui.plots.heat_paint import (
    header_area,
    name_words,
    paint_cell,
    paint_chosen,
    paint_hatch,
    paint_header,
    paint_hovered,
    paint_lock,
    paint_name,
    paint_pending,
    paint_pins_end,
    paint_value,
)
from secateur.ui.plots.heat_tip import cell_read_out
from secateur.ui.plots.read_out import ReadOut, paint_read_out
from secateur.ui.plots.strokes import paint_focus
from secateur.ui.plots.ticks import damage_text
from secateur.ui.short_names import short_names, widest_name

LINE = 15.0
"""Height of a line of text."""
RISE = 3.0
"""Pixels above the first row that belong to the rows: the outline of a chosen cell, and the first name's line."""
NOTHING = ShortName("", "")

Place = tuple[int, int]
EffectOf = Callable[[str, Option], Effect | None]


def no_effect(layer: str, option: Option) -> Effect | None:
    """The what-if of a map that has none."""
    return None


class HeatMap(QAbstractScrollArea):
    """`option_chosen(layers, option)` for a click, Space or a digit; `layer_selected(name)` for one on a row.

    `range_changed(low, high)` tells the legend what the colours span. `menu_wanted(layer, option, place)` where a menu
    is asked for, option empty on a name. A digit or a click in a row that is one
    of several selected ones counts for all of them.
    """

    option_chosen = Signal(list, str)
    layer_selected = Signal(str)
    range_changed = Signal(float, float)
    menu_wanted = Signal(str, str, QPoint)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.cells = self._all_cells = self._part_of = HeatCells()
        self._shares = self.cells.shares()
        self._all_names: tuple[str, ...] = ()
        self._pinned = 0
        self._tables: tuple[SensitivityTable | None, SensitivityTable | None] = (None, None)
        self._sizes: Mapping[str, int] = {}
        self._chosen: Collection[tuple[str, str]] = frozenset()
        self._selected: Collection[str] = frozenset()
        self._kept: Collection[str] = frozenset()
        self._key: object = None
        self._source: tuple[object, ...] = ()
        self._effect: EffectOf = no_effect
        self._where = "here"
        self._read_outs: dict[Place, ReadOut] = {}
        self._hovered: Place | None = None
        self._cursor: Place = (0, 0)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # ------------------------------------------------------------------ what it shows

    def show_table(
        self,
        layers: Sequence[str],
        options: Sequence[Option],
        table: SensitivityTable | None,
        *,
        estimate: SensitivityTable | None = None,
        sizes: Mapping[str, int] | None = None,
        chosen: Collection[tuple[str, str]] = frozenset(),
        selected: Collection[str] = frozenset(),
        per_kilobyte: bool = False,
        range_key: object = None,
        effect: EffectOf = no_effect,
        where: str = "here",
        all_layers: Sequence[str] = (),
        pinned: int = 0,
        kept: Collection[str] = frozenset(),
    ) -> None:
        """Show a table of `layers` × `options`; cells without a row wait, cells with a reason are hatched.

        `estimate` is the data-free table, `effect(layer, option)` the what-if for the tooltip, which holds `where`,
        `sizes` bytes by layer before. `all_layers` are those of the whole network, of which `layers` may be a part:
        names are shortened so that none of them reads like another; the first `pinned` rows are pinned, and those of
        `kept` layers wear a lock. While
        `range_key` stays the same the colour range only grows, so that partial results do not make it jump.
        """
        self._all_names, self._pinned = tuple(all_layers or layers), pinned
        source = (self._all_names, tuple(options), id(table), id(estimate), per_kilobyte, range_key)
        self._sizes, self._tables, self._effect = sizes or {}, (table, estimate), effect
        self._where, self._kept = where, kept
        if source != self._source:
            cells = make_cells(self._all_names, options, table, self._sizes, per_kilobyte=per_kilobyte)
            if range_key is not None and range_key == self._key and np.isfinite(self._all_cells.values).any():
                low, high = self._all_cells.range
                cells = replace(cells, range=(min(low, cells.range[0]), max(high, cells.range[1])))
            self._all_cells, self._key, self._source = cells, range_key, source
            self.range_changed.emit(*cells.range)
        if self._part_of is not self._all_cells or self.cells.layers != tuple(layers):
            self._read_outs.clear()
            self._hovered, self._part_of = None, self._all_cells
            self.cells = self._all_cells.only(layers)
            self._shares = self.cells.shares()
        fresh = set(selected) - set(self._selected)
        self._chosen, self._selected = chosen, selected
        self._cursor = (
            min(self._cursor[0], max(len(layers) - 1, 0)),
            min(self._cursor[1], max(len(options) - 1, 0)),
        )
        self._arrange_bar()
        if len(fresh) == 1 and (name := next(iter(fresh))) in self.cells.layers:
            self._show_row(self.cells.layers.index(name))
        self._describe()
        self.viewport().update()

    def _describe(self) -> None:
        row, column = self._cursor
        if row < len(self.cells.layers) and column < len(self.cells.options):
            read_out = self._read_out(self._cursor)
            said = [f"{text} {value}".strip() for text, value in read_out.rows]
            self.setAccessibleDescription(f"{read_out.title}: {', '.join(said)}")

    def geometry_now(self) -> HeatGeometry:
        """Names, columns and rows for the viewport's present size."""
        view = self.viewport()
        names = self._names_width()
        return arrange(len(self.cells.layers), self.cells.options, view.width(), view.height(), names)

    def widest(self) -> float:
        """Pixels that the map takes with its widest cells and whole names."""
        return arrange(len(self.cells.layers), self.cells.options, 4000.0, 400.0, self._names_width()).right

    def _names_width(self) -> float:
        return float(max(widest_name(self._all_names, 11), 60))

    def names_shown(self) -> Mapping[str, ShortName]:
        """What is read of each layer's name at the present width."""
        return short_names(self._all_names, name_words(self.geometry_now().name_box(0)).width(), 11)

    def cell_box(self, layer: str, option: str) -> QRectF:
        """Where a cell is in the viewport at the present scroll position."""
        row = self.cells.layers.index(layer)
        column = next(j for j, o in enumerate(self.cells.options) if o.id == option)
        return self.geometry_now().cell_box(row, column, self.verticalScrollBar().value())

    def sizeHint(self) -> QSize:
        return QSize(480, 360)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, 120)

    # ------------------------------------------------------------------ scrolling

    def _arrange_bar(self) -> None:
        geometry = self.geometry_now()
        room = self.viewport().height() - HEADER
        bar = self.verticalScrollBar()
        bar.setPageStep(int(max(room, 1)))
        bar.setSingleStep(int(geometry.row))
        bar.setRange(0, int(max(geometry.height - room, 0)))

    def _show_row(self, row: int) -> None:
        geometry, bar = self.geometry_now(), self.verticalScrollBar()
        top, room = row * geometry.row, self.viewport().height() - HEADER
        if top < bar.value():
            bar.setValue(int(top))
        elif top + geometry.row > bar.value() + room:
            bar.setValue(int(top + geometry.row - room) + 1)

    def _scrolled(self) -> None:
        self._hovered = None
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange_bar()

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        geometry, scrolled = self.geometry_now(), float(self.verticalScrollBar().value())
        width, height = self.viewport().width(), self.viewport().height()
        first = int(scrolled // geometry.row)
        last = min(int((scrolled + height - HEADER) // geometry.row) + 1, len(self.cells.layers))
        painter.save()
        painter.setClipRect(QRectF(0, HEADER - RISE, width, height - HEADER + RISE))
        names = self.names_shown()
        for row in range(first, last):
            self._paint_row(painter, geometry, row, scrolled, names)
        if self._pinned and first < self._pinned < len(self.cells.layers):
            paint_pins_end(painter, geometry, self._pinned, scrolled)
        self._paint_outlines(painter, geometry, range(first, last), scrolled)
        painter.restore()
        painter.setClipRect(header_area(width))
        paint_header(painter, self.cells, geometry, self._hovered[1] if self._hovered else -1)
        painter.setClipping(False)
        self._paint_tip(painter, geometry, scrolled)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.viewport().rect()))
        painter.end()

    def _paint_row(
        self, painter: QPainter, geometry: HeatGeometry, row: int, scrolled: float, names: Mapping[str, ShortName]
    ) -> None:
        name = self.cells.layers[row]
        selected = name in self._selected
        hovered = self._hovered is not None and self._hovered[0] == row
        middle = geometry.name_box(row, scrolled).center().y()
        is_whole = middle - LINE / 2 >= HEADER - RISE and middle + LINE / 2 <= self.viewport().height()
        short = names[name] if is_whole else NOTHING  # no line of text is cut by the edge of the view
        paint_name(painter, geometry.name_box(row, scrolled), short, selected=selected, hovered=hovered)
        if name in self._kept and is_whole:
            paint_lock(painter, geometry.name_box(row, scrolled))
        for column in range(len(self.cells.options)):
            box = geometry.cell_box(row, column, scrolled)
            share = self._shares[row, column]
            if np.isfinite(share):
                paint_cell(painter, box, float(share), estimated=bool(self.cells.estimated[row, column]))
                if selected and is_whole:
                    strong = (row, column) == self._hovered
                    paint_value(painter, box, float(self.cells.values[row, column]), float(share), strong=strong)
            elif (row, column) in self.cells.reasons:
                paint_hatch(painter, box)
            else:
                paint_pending(painter, box)

    def _paint_outlines(self, painter: QPainter, geometry: HeatGeometry, rows: range, scrolled: float) -> None:
        for row in rows:
            for column, option in enumerate(self.cells.options):
                if (self.cells.layers[row], option.id) in self._chosen:
                    paint_chosen(painter, geometry.cell_box(row, column, scrolled))
        place = self._hovered or (self._cursor if self.hasFocus() else None)
        if place is not None and place[1] >= 0 and place[0] in rows:
            paint_hovered(painter, geometry.cell_box(*place, scrolled))

    def _paint_tip(self, painter: QPainter, geometry: HeatGeometry, scrolled: float) -> None:
        if self._hovered is None:
            return
        row, column = self._hovered
        if column < 0:
            if self._names_width() + NAME_PAD <= geometry.names:
                return
            read_out, box = ReadOut(self.cells.layers[row]), geometry.name_box(row, scrolled)
        else:
            read_out, box = self._read_out(self._hovered), geometry.cell_box(row, column, scrolled)
        size = (read_out.width(), read_out.height())
        bounds = QRectF(self.viewport().rect()).adjusted(2, 2, -2, -2)
        below = box.bottom() + 8 + size[1] <= bounds.bottom()
        left = max(min(box.left() + 8, bounds.right() - size[0]), bounds.left())
        top = box.bottom() + 8 if below else max(box.top() - 8 - size[1], bounds.top())
        paint_read_out(painter, QRectF(round(left) + 0.5, round(top) + 0.5, *size), read_out)

    def _read_out(self, place: Place) -> ReadOut:
        """What is said about a cell; kept, because the what-if behind it takes milliseconds."""
        if place not in self._read_outs:
            effect = self._effect(self.cells.layers[place[0]], self.cells.options[place[1]])
            self._read_outs[place] = cell_read_out(self.cells, place, self._sizes, self._tables, effect, self._where)
        return self._read_outs[place]

    # ------------------------------------------------------------------ mouse and keys

    def _place_at(self, event: QMouseEvent) -> Place | None:
        return self.geometry_now().at(event.position(), self.verticalScrollBar().value())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event)
        if place != self._hovered:
            self._hovered = place
            available = place is not None and place not in self.cells.reasons
            hand = Qt.CursorShape.PointingHandCursor if available else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(hand)
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event)
        if place is None or event.button() != Qt.MouseButton.LeftButton:
            return
        row, column = place
        if column < 0:
            self.layer_selected.emit(self.cells.layers[row])
            return
        self._cursor = place
        self._choose(row, column)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By mouse for what is below it, by key for the cell that has the cursor."""
        scrolled, geometry = self.verticalScrollBar().value(), self.geometry_now()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            place: Place | None = self._cursor if self.cells.layers and self.cells.options else None
        else:
            place = geometry.at(QPointF(event.pos()), scrolled)
        event.accept()
        if place is None:
            return
        row, column = place
        box = geometry.cell_box(row, column, scrolled) if column >= 0 else geometry.name_box(row, scrolled)
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        where = self.viewport().mapToGlobal(box.bottomLeft().toPoint()) if by_key else event.globalPos()
        self._hovered = None
        option = self.cells.options[column].id if column >= 0 else ""
        self.menu_wanted.emit(self.cells.layers[row], option, where)

    def value_text(self, layer: str, option: str) -> str:
        """The value of a cell as it is printed; empty where it has none."""
        row = self.cells.layers.index(layer)
        column = next(j for j, o in enumerate(self.cells.options) if o.id == option)
        value = float(self.cells.values[row, column])
        return damage_text(value) if np.isfinite(value) else ""

    def _choose(self, row: int, column: int) -> None:
        """Choose a cell, for all selected rows where its row is one of them; unavailable cells do nothing."""
        layer = self.cells.layers[row]
        if (row, column) in self.cells.reasons:
            return
        if layer in self._selected:
            layers = [name for name in self.cells.layers if name in self._selected]
        else:
            layers = [layer]
            self.layer_selected.emit(layer)
        self.option_chosen.emit(layers, self.cells.options[column].id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        key, rows, columns = Qt.Key(event.key()), len(self.cells.layers), len(self.cells.options)
        if not rows or not columns:
            super().keyPressEvent(event)
        elif key in moves:
            down, right = moves[key]
            row = min(max(self._cursor[0] + down, 0), rows - 1)
            self._cursor = (row, min(max(self._cursor[1] + right, 0), columns - 1))
            self._show_row(row)
            self._describe()
            self.viewport().update()
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self._choose(*self._cursor)
        elif (column := self._column_of_digit(event.text())) is not None:
            self._choose(self._cursor[0], column)
        else:
            super().keyPressEvent(event)

    def _column_of_digit(self, digit: str) -> int | None:
        for column, option in enumerate(self.cells.options):
            if digit and option.method.stored_bits == int(digit):
                return column
        return None
