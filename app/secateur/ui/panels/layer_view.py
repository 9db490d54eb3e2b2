"""The table view of the layers panel: rows as pictures, columns that share the width, and what the mouse wants."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from secateur.ui.models.layer_order import LayerOrder
from secateur.ui.models.layer_sums import WIDEST, sums
from secateur.ui.models.layer_table import COLUMNS, KEYS, LayerTable
from secateur.ui.panels.layer_header import LayerHeader, heading_width
from secateur.ui.panels.layer_rows import (
    FIRST_PADDING,
    PADDING,
    PIN_ROOM,
    ROW_HEIGHT,
    RowLook,
    RowPictures,
    name_room,
)
from secateur.ui.panels.layer_widths import Wish, allot
from secateur.ui.plots.pictures import is_on_screen
from secateur.ui.short_names import short_names, widest_name
from secateur.ui.theme.style import metrics
from secateur.ui.turns import turns
from secateur.ui.widgets.badges import GAP, badge_width

SPARKLINE_WIDTHS = (24, 24 * 2)
LEAST_NAME = 92
USUAL_BADGES = ("prune 50 %", "4-bit")
"""What the plan column has room for as soon as no name is shortened; before that, for the first of them."""


class LayerView(QTableView):
    """Rows of 26 px, whole-row hover and selection, columns as wide as their text, sorting in three states.

    `widths_chosen(widths)`: a person's own widths in pixels by column, after one of them has changed.
    `columns_moved(keys)`: the columns shown, in the order to which a person dragged them.
    `menu_wanted(section, place)` for a row, `heading_menu_wanted(section, place)` for a heading.
    """

    resized = Signal()
    measured = Signal()
    widths_chosen = Signal(dict)
    columns_moved = Signal(list)
    menu_wanted = Signal(int, QPoint)
    heading_menu_wanted = Signal(int, QPoint)

    def __init__(self, table: LayerTable, order: LayerOrder, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self._order, self._hovered = order, -1
        self._widths: dict[int, int] = {}
        self._own: dict[str, int] = {}
        self._fitting = self._arranging = False
        self._sorted: tuple[int, Qt.SortOrder] | None = None
        self.setObjectName("layer_table")
        self.setAccessibleName("Layer table")
        self.heading = LayerHeader(self)
        self.setHorizontalHeader(self.heading)
        self.setModel(order)
        self._pictures = RowPictures()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._set_up_headers()

    def _set_up_headers(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW_HEIGHT)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        self.heading.sectionClicked.connect(self._sort_by)
        self.heading.sectionResized.connect(self._on_resized)
        self.heading.sectionHandleDoubleClicked.connect(self.fit_column)
        self.heading.sectionMoved.connect(self._on_moved)
        self.heading.width_chosen.connect(lambda section, width: self.set_own_width(KEYS[section], width))
        self.heading.menu_wanted.connect(self.heading_menu_wanted)

    # ------------------------------------------------------------------ order

    def _sort_by(self, section: int) -> None:
        """First click: largest first for numbers, A first for names; second: turned round; third: network order."""
        first = Qt.SortOrder.AscendingOrder
        if COLUMNS[section].paint not in {"name", "text"}:
            first = Qt.SortOrder.DescendingOrder
        second = Qt.SortOrder(1 - first.value)
        match self._sorted:
            case (previous, direction) if previous == section:
                self.sort_by(section if direction == first else -1, second)
            case _:
                self.sort_by(section, first)

    def sort_by(self, section: int, direction: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; −1 is the network's own order."""
        self._sorted = (section, direction) if section >= 0 else None
        self.heading.set_sorted(section, direction)
        self._order.sort(section, direction)

    @property
    def sorted_by(self) -> str:
        """Key of the column that orders the table; empty for network order."""
        return KEYS[self._sorted[0]] if self._sorted else ""

    # ------------------------------------------------------------------ columns

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """Keys of the columns that are shown, from left to right."""
        places = (self.heading.logicalIndex(n) for n in range(len(KEYS)))
        return tuple(KEYS[section] for section in places if not self.isColumnHidden(section))

    def show_columns(self, keys: tuple[str, ...], widths: Mapping[str, int]) -> None:
        """Show these columns in this order, the layer's name first, those that a person made so at these widths."""
        self._arranging = True
        hidden = [key for key in KEYS if key not in keys]
        for place, key in enumerate((*keys, *hidden)):
            self.heading.moveSection(self.heading.visualIndex(KEYS.index(key)), place)
        for section, key in enumerate(KEYS):
            self.setColumnHidden(section, key not in keys)
        self._arranging = False
        self.set_own_widths(widths)

    def _on_moved(self, *_places: int) -> None:
        if not self._arranging:
            self.columns_moved.emit(list(self.shown_columns))
            self.fit_columns()

    # ------------------------------------------------------------------ widths

    @property
    def own_widths(self) -> dict[str, int]:
        """What a person made columns wide, by key."""
        return dict(self._own)

    def set_own_widths(self, widths: Mapping[str, int]) -> None:
        """Take over what a person chose before; nothing is emitted."""
        self._own = {key: max(width, 24) for key, width in widths.items() if key in KEYS}
        self.fit_columns()

    def set_own_width(self, key: str, width: int) -> None:
        """Keep a column at this width; 0 gives it back to the table."""
        self._own = {k: w for k, w in {**self._own, key: width}.items() if w}
        self.fit_columns()
        self.widths_chosen.emit(self.own_widths)

    def fit_column(self, section: int) -> None:
        """As wide as its contents: names whole, badges all of them."""
        key = KEYS[section]
        content = {"layer": self._layer_width, "plan": self._badges_width}.get(key)
        self.set_own_width(key, content() if content else 0)

    def fit_columns(self) -> None:
        """Number columns as wide as their text; names get what they need, then the plan and the sparklines."""
        widths = allot([self._wish(KEYS.index(key)) for key in self.shown_columns], self.viewport().width())
        self._fitting = True
        for key, width in widths.items():
            self.setColumnWidth(KEYS.index(key), width)
        self._fitting = False
        self.resized.emit()

    def _wish(self, section: int) -> Wish:
        key = KEYS[section]
        own, text = self._own.get(key, 0), self._text_width(section)
        match key:
            case "layer":
                return Wish(key, LEAST_NAME, self._layer_width(), own)
            case "plan":
                return Wish(key, max(badge_width(USUAL_BADGES[0]) + 2 * PADDING, text), _plan_width(), own)
            case "weights":
                least, full = (width + 2 * PADDING for width in SPARKLINE_WIDTHS)
                return Wish(key, max(least, text), max(full, text), own)
            case _:
                return Wish(key, text, text, own)

    def _on_resized(self, section: int, _old: int, _new: int) -> None:
        """While a border is dragged the last column gives or takes what is needed; the rest settles at the end."""
        if self._fitting or not self.heading.is_pressed:
            return
        last = KEYS.index(self.shown_columns[-1])
        if last != section:
            others = sum(self.columnWidth(KEYS.index(key)) for key in self.shown_columns[:-1])
            self._fitting = True
            self.setColumnWidth(last, max(self.viewport().width() - others, self._wish(last).least))
            self._fitting = False

    def forget_widths(self) -> None:
        """Another network: measure its texts anew."""
        self._widths.clear()
        self.make_room()

    def measure_anew(self, key: str) -> None:
        """A column's texts are others: room is made only where they are wider, so that nothing moves for less."""
        section = KEYS.index(key)
        before = self._widths.pop(section, 0)
        if self._text_width(section) > before:
            self.make_room()

    def make_room(self) -> None:
        """What the columns ask for has changed: share the width anew, and let the table be given another one."""
        self.fit_columns()
        self.measured.emit()

    def wanted_width(self) -> int:
        """The width at which no name of this network is shortened and the usual badges fit."""
        wishes = (self._wish(KEYS.index(key)) for key in self.shown_columns)
        return sum(wish.own or wish.full for wish in wishes)

    def _text_width(self, section: int) -> int:
        """Width of a column's widest text, heading and sum included; measured once for a network."""
        if section not in self._widths:
            column = COLUMNS[section]
            widest = 0
            if column.paint in {"text", "number", "bar"}:
                measures, strong = metrics(12, 500), metrics(12, 600)
                texts = {self._table.text(layer, column.key) for layer in self._table.layers}
                texts |= {"50.0 %"} if column.key == "zeros" else set()
                totals = {WIDEST.get(column.key, ""), sums(self._table.layers).get(column.key, "")}
                widest = max(map(measures.horizontalAdvance, texts), default=0)
                widest = max(widest, *map(strong.horizontalAdvance, totals)) + 1
            self._widths[section] = max(widest + 2 * PADDING, heading_width(section))
        return self._widths[section]

    def _layer_width(self) -> int:
        """Width at which no name is shortened."""
        pin = PIN_ROOM if self._order.pinned_count else 0
        return max(widest_name(self._table.names) + FIRST_PADDING + PADDING + pin, LEAST_NAME)

    def _badges_width(self) -> int:
        """Width in which every layer's badges have room."""
        rows = (self._table.badges(name) for name in self._table.names)
        widest = max((sum(badge_width(text) + GAP for _, text in row) - GAP for row in rows), default=0)
        return max(widest + 2 * PADDING, self._text_width(KEYS.index("plan")))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()

    # ------------------------------------------------------------------ mouse, menu

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.rowAt(int(event.position().y())))
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)
        super().leaveEvent(event)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By mouse for the row below it, which becomes the selection if it was not in it; by key for the current."""
        index = self.currentIndex()
        place = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft())
        if event.reason() != QContextMenuEvent.Reason.Keyboard:
            index, place = self.indexAt(event.pos()), event.globalPos()
        if index.isValid():
            if not self.selectionModel().isSelected(index):
                self.setCurrentIndex(index)
            self.menu_wanted.emit(index.column(), place)
        event.accept()

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copies the picture of every row in sight: a row is painted only when what it shows has changed."""
        painter = QPainter(self.viewport())
        width, chosen, rows = self.viewport().width(), self.selectionModel(), self._order.rows
        heading = self.heading
        sections = tuple(
            (n, heading.sectionViewportPosition(n), heading.sectionSize(n))
            for n in range(len(COLUMNS))
            if not heading.isSectionHidden(n)
        )
        ratio, pins = self.devicePixelRatioF(), self._order.pinned_count
        names = short_names(self._table.names, name_room(heading.sectionSize(0), has_pins=pins > 0))
        first, last = self.rowAt(event.rect().top()), self.rowAt(event.rect().bottom())
        self._pictures.begin(in_parts=is_on_screen(self, painter))
        for row in range(max(first, 0), (last if last >= 0 else len(rows) - 1) + 1):
            content = self._table.row_content(rows[row])
            is_chosen = chosen.isSelected(self._order.index(row, 0))
            short = names[content.texts[0]]
            look = RowLook(sections, short, is_chosen, row == self._hovered, ratio, row < pins, row == pins - 1)
            self._pictures.draw(painter, self.rowViewportPosition(row), content, look, width)
        painter.end()
        if self._pictures.has_more:
            turns.add(self._paint_rest)

    def _paint_rest(self) -> None:
        self.viewport().update()

    def scrollTo(
        self,
        index: QModelIndex | QPersistentModelIndex,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        """Only up and down: the name stays in sight."""
        super().scrollTo(index.sibling(index.row(), 0), hint)


def _plan_width() -> int:
    """Room for the usual badges."""
    return sum(badge_width(text) + GAP for text in USUAL_BADGES) - GAP + 2 * PADDING
