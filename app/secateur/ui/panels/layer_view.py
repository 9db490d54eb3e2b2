"""The table view of the layers panel, and the row of totals that stands under its columns."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from secateur import figures
from secateur.model.description import Layer
from secateur.ui.models.layer_table import COLUMNS, KEYS, LayerOrder, LayerTable
from secateur.ui.panels.layer_rows import (
    FIRST_PADDING,
    PADDING,
    ROW_HEIGHT,
    RowLook,
    RowPictures,
    split_name,
)
from secateur.ui.theme.style import color, font, metrics
from secateur.ui.widgets.badges import GAP, badge_width

HEADER_HEIGHT = 28
SPARKLINE_WIDTH = 24 * 2
LAYER_WIDTHS = (92, 260)
USUAL_BADGES = ("prune 50 %", "4-bit")
"""What the plan column has room for beside a name that is not longer than its least width."""


class LayerView(QTableView):
    """Rows of 26 px, whole-row hover and selection, columns as wide as their text, sorting in three states."""

    resized = Signal()
    measured = Signal()

    def __init__(self, table: LayerTable, order: LayerOrder, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self._order, self._hovered, self._empty_text = order, -1, ""
        self._widths: dict[int, int] = {}
        self._sorted: tuple[int, Qt.SortOrder] | None = None
        self.setObjectName("layer_table")
        self.setAccessibleName("Layer table")
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
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._set_up_headers()

    def _set_up_headers(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW_HEIGHT)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setFixedHeight(HEADER_HEIGHT)
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSortIndicatorClearable(True)
        header.setTextElideMode(Qt.TextElideMode.ElideNone)
        header.setStyleSheet(
            f"QHeaderView::section {{ padding: 0 {PADDING}px; }}"
            f"QHeaderView::section:first {{ padding-left: {FIRST_PADDING}px; }}"
        )
        header.sectionClicked.connect(self._sort_by)

    # ------------------------------------------------------------------ order

    def _sort_by(self, section: int) -> None:
        """First click: largest first for numbers, A first for names; second: turned round; third: network order."""
        first = Qt.SortOrder.AscendingOrder
        if COLUMNS[section].paint not in {"name", "text"}:
            first = Qt.SortOrder.DescendingOrder
        second = Qt.SortOrder(1 - first.value)
        match self._sorted:
            case (previous, direction) if previous == section:
                self._sorted = (section, second) if direction == first else None
            case _:
                self._sorted = (section, first)
        header = self.horizontalHeader()
        header.setSortIndicatorShown(self._sorted is not None)
        section_shown, direction_shown = self._sorted or (-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicator(section_shown, direction_shown)
        self._order.sort(section_shown, direction_shown)

    @property
    def sorted_by(self) -> str:
        """Key of the column that orders the table; empty for network order."""
        return KEYS[self._sorted[0]] if self._sorted else ""

    # ------------------------------------------------------------------ widths

    def fit_columns(self) -> None:
        """Number columns as wide as their text; the layer's name gets what it needs, the plan what is left."""
        room = self.viewport().width()
        for section, column in enumerate(COLUMNS):
            if not self.isColumnHidden(section) and column.key not in {"layer", "plan"}:
                self.setColumnWidth(section, self._text_width(section))
                room -= self.columnWidth(section)
        has_plan = not self.isColumnHidden(KEYS.index("plan"))
        plan = _plan_width()
        layer = max(min(self._layer_width(), room - plan), LAYER_WIDTHS[0]) if has_plan else room
        self.setColumnWidth(0, layer)
        self.setColumnWidth(KEYS.index("plan"), max(room - layer, plan // 2))

    def forget_widths(self) -> None:
        """Another network: measure its texts anew."""
        self._widths.clear()
        self.fit_columns()
        self.measured.emit()

    def wanted_width(self) -> int:
        """The width at which no name of this network is shortened and the usual badges fit."""
        shown = [n for n, c in enumerate(COLUMNS) if c.key not in {"layer", "plan"} and not self.isColumnHidden(n)]
        return self._layer_width() + _plan_width() + sum(self._text_width(section) for section in shown)

    def _text_width(self, section: int) -> int:
        """Width of a column's widest text, heading included; measured once for a network."""
        if section not in self._widths:
            source = self._order.sourceModel()
            measures = metrics(12, 500)
            texts = {str(source.index(row, section).data() or "") for row in range(source.rowCount())}
            texts |= {"50.0 %"} if COLUMNS[section].key == "zeros" else set()
            widest = max((measures.horizontalAdvance(text) for text in texts), default=0)
            if COLUMNS[section].paint == "bins":
                widest = SPARKLINE_WIDTH
            heading = metrics(11, 500).horizontalAdvance(COLUMNS[section].title)
            self._widths[section] = max(widest, heading) + 2 * PADDING
        return self._widths[section]

    def _layer_width(self) -> int:
        """Width of the longest name, within `LAYER_WIDTHS`; measured once for a network."""
        if 0 not in self._widths:
            light, strong = metrics(12), metrics(12, 600)
            source = self._order.sourceModel()
            names = [split_name(str(source.index(row, 0).data())) for row in range(source.rowCount())]
            widest = max((light.horizontalAdvance(a) + strong.horizontalAdvance(b) for a, b in names), default=0)
            self._widths[0] = min(max(widest + FIRST_PADDING + PADDING + 1, LAYER_WIDTHS[0]), LAYER_WIDTHS[1])
        return self._widths[0]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()
        self.resized.emit()

    # ------------------------------------------------------------------ hover, empty text

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

    def set_empty_text(self, text: str) -> None:
        self._empty_text = text
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copies the picture of every row in sight: a row is painted only when what it shows has changed."""
        painter = QPainter(self.viewport())
        width, chosen = self.viewport().width(), self.selectionModel()
        header = self.horizontalHeader()
        sections = tuple(
            (n, header.sectionViewportPosition(n), header.sectionSize(n))
            for n in range(len(COLUMNS))
            if not header.isSectionHidden(n)
        )
        first, last = self.rowAt(event.rect().top()), self.rowAt(event.rect().bottom())
        for row in range(max(first, 0), (last if last >= 0 else self._order.rowCount() - 1) + 1):
            index = self._order.index(row, 0)
            content = self._table.row_content(self._order.mapToSource(index).row())
            look = RowLook(sections, chosen.isSelected(index), row == self._hovered, self.devicePixelRatioF())
            painter.drawPixmap(0, self.rowViewportPosition(row), self._pictures.picture(content, look, width))
        if self._empty_text:
            painter.setFont(font(12))
            painter.setPen(color("secondary"))
            area = self.viewport().rect().adjusted(16, 24, -16, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, self._empty_text)
        painter.end()

    def scrollTo(
        self,
        index: QModelIndex | QPersistentModelIndex,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        """Only up and down: the columns always fit."""
        super().scrollTo(index.sibling(index.row(), 0), hint)


def _plan_width() -> int:
    """Room for the usual badges."""
    return sum(badge_width(text) + GAP for text in USUAL_BADGES) - GAP + 2 * PADDING


class TotalsRow(QWidget):
    """Sums of the layers shown, each under its column."""

    def __init__(self, view: LayerView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._texts: dict[str, str] = {}
        self.setObjectName("layer_totals")
        self.setFixedHeight(HEADER_HEIGHT)
        view.resized.connect(self.update)

    def show_layers(self, layers: Sequence[Layer], all_layers: int, is_planned: Callable[[str], bool]) -> None:
        """Totals of `layers`; `all_layers` is how many there are without the filter."""
        times = [layer.latency_ms for layer in layers if layer.latency_ms is not None]
        planned = sum(is_planned(layer.name) for layer in layers)
        shown = f"{len(layers)} of {all_layers}" if len(layers) != all_layers else str(all_layers)
        self._texts = {
            "layer": f"{shown} layer" if shown == "1" else f"{shown} layers",
            "params": figures.count(sum(layer.params for layer in layers)),
            "macs": figures.macs(sum(layer.macs for layer in layers)),
            "size": figures.size(sum(layer.size_bytes for layer in layers)),
            "ms": f"{sum(times):.2f}" if times else "–",
            "plan": f"{planned} of {len(layers)} planned",
        }
        self.setAccessibleName(", ".join(self._texts.values()))
        self.update()

    @property
    def texts(self) -> dict[str, str]:
        return dict(self._texts)

    def sizeHint(self) -> QSize:
        return QSize(200, HEADER_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(QRect(0, 0, self.width(), 1), color("border"))
        header = self._view.horizontalHeader()
        for section, column in enumerate(COLUMNS):
            text = self._texts.get(column.key, "")
            if not text or self._view.isColumnHidden(section):
                continue
            left, width = header.sectionViewportPosition(section), header.sectionSize(section)
            number = column.paint in {"number", "bar"}
            painter.setFont(font(12, 400 if column.key == "plan" else 600))
            painter.setPen(color("secondary" if column.key == "plan" else "text"))
            room = 14 if number else 0  # a sum may be a little wider than the cells above it
            rect = QRect(left - room, 0, width + room, self.height())
            rect = rect.adjusted(FIRST_PADDING if section == 0 else PADDING, 0, -PADDING, 0)
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()
