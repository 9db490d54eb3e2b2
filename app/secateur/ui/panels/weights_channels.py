"""A layer's output channels as a table: figures of their weights and of what they put out."""

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from secateur.engine.requests import ReadChannels
from secateur.model.description import Layer
from secateur.model.weight_views import ChannelFigures
from secateur.session.looked import weight_plan
from secateur.session.state import SessionState
from secateur.ui.models.channel_table import COLUMNS, KEYS, ChannelTable, Index
from secateur.ui.panels.copied_rows import CopiedRows
from secateur.ui.panels.look_parts import foot_label
from secateur.ui.plots.table import Table
from secateur.ui.theme.style import color, font, metrics
from secateur.ui.widgets.state_panel import StatePanel

ROW_HEIGHT = 26
PADDING = 14
SAMPLE_WORDS = {
    "plan": "100 % pruned",
    "zeros": "0.00 %",
    "dead": "0.00 %",
    "channel": "0,000",
    "nearest": "0,000",
    "similarity": "−0.000",
    "range": "−0.00000 … 0.00000",
}
USUAL_WORDS = "0.0000"
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ChannelCells(QStyledItemDelegate):
    """Paints a cell in one go: asking the model for every role of every cell takes longer than a frame."""

    def __init__(self, table: ChannelTable, parent: QWidget) -> None:
        super().__init__(parent)
        self._table = table

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        channel, key = self._table.channel_at(index.row()), KEYS[index.column()]
        rect, is_selected = option.rect, bool(option.state & QStyle.StateFlag.State_Selected)
        if is_selected:
            painter.fillRect(rect, color("selection"))
        role = "secondary" if self._table.is_gone(channel) else "text"
        painter.setPen(color(role))
        painter.setFont(font(12, 500 if key == "channel" else 400))
        text = self._table.text(channel, key)
        painter.drawText(rect.adjusted(0, 0, -PADDING // 2, 0), RIGHT, text)
        if role == "secondary" and key == "channel":  # struck through as well: not by colour alone
            width = metrics(12, 500).horizontalAdvance(text)
            y = rect.center().y() + 1
            painter.drawLine(rect.right() - PADDING // 2 - width - 1, y, rect.right() - PADDING // 2 + 1, y)


class ChannelRows(CopiedRows):
    """Rows of 26 px; `chosen(channel)` when another row becomes the current one. Ctrl+C copies the table as CSV."""

    chosen = Signal(int)

    def __init__(self, table: ChannelTable, parent: QWidget | None = None) -> None:
        super().__init__(ROW_HEIGHT, parent)
        self._table, self._following = table, False
        self.setObjectName("channel_table")
        self.setAccessibleName(self.tr("Channels"))
        self.setModel(table)
        self.setItemDelegate(ChannelCells(table, self))
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        heading = self.horizontalHeader()
        heading.setSectionsClickable(True)
        heading.setMinimumSectionSize(40)
        heading.setFixedHeight(28)
        heading.sectionClicked.connect(lambda section: self.sort_by(KEYS[section]))
        self._fit()

    def _fit(self) -> None:
        for section, column in enumerate(COLUMNS):
            words = metrics(12).horizontalAdvance(SAMPLE_WORDS.get(column.key, USUAL_WORDS))
            title = metrics(11, 500).horizontalAdvance(f"{column.title} ↓")
            self.setColumnWidth(section, max(words, title) + PADDING)

    def sort_by(self, key: str) -> None:
        """As a click on the heading; the selected channel stays in view."""
        self._table.sort_by(key)
        self.scrollTo(self.currentIndex())

    def show_channel(self, channel: int | None) -> None:
        """Make this the current row, without `chosen`."""
        row = -1 if channel is None else self._table.place_of(channel)
        if row == self.currentIndex().row():
            return
        self._following = True
        if row < 0:
            self.setCurrentIndex(QModelIndex())
        else:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            index = self._table.index(row, max(self.currentIndex().column(), 0))
            self.selectionModel().setCurrentIndex(index, flags)
            self.scrollTo(index)
        self._following = False

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if not self._following and current.isValid() and current.row() != previous.row():
            self.chosen.emit(self._table.channel_at(current.row()))

    def plain_table(self) -> Table:
        return self._table.table()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_S:  # as in the other views
            self.sort_by(KEYS[max(self.currentIndex().column(), 0)])
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
        left = self.viewport().width() - self.horizontalHeader().length()
        if left > 0:  # the last column takes what is left
            self.setColumnWidth(len(KEYS) - 1, self.columnWidth(len(KEYS) - 1) + left)


class ChannelsView(QWidget):
    """`look_wanted(kind, request)` asks for the figures; `channel_chosen(channel)` by mouse and keys."""

    look_wanted = Signal(str, object)
    channel_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights_channels")
        self.setAccessibleName(self.tr("Channels"))
        self.missing = StatePanel()
        self.missing.setObjectName("channels_missing")
        self.table = ChannelTable(self)
        self.rows = ChannelRows(self.table)
        self.rows.chosen.connect(self.channel_chosen)
        self.words = foot_label("channels_words")
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.rows, 1)
        column.addWidget(self.words)
        self._filled = filled
        self._layer = ""
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(filled)

    def show_layer(self, layer: Layer, state: SessionState) -> None:
        """Show the channels of a layer; those of the one before stay until they are there."""
        assert state.model is not None  # noqa: S101 - a layer is of a model
        request = ReadChannels(state.model.source, layer.name, weight_plan(state, layer.name))
        self.look_wanted.emit("channels", request)
        look = state.looks.get("channels")
        if look is None or look.request != request or (look.answer is None and not look.problem[0]):
            if self._layer != layer.name:
                title = self.tr("Reading {0}").format(layer.name)
                self.missing.show_content("weight_pruning", title, "", kind="busy")
                self._stack.setCurrentWidget(self.missing)
            return
        if look.problem[0]:
            self.missing.show_content("warn", look.problem[0], look.problem[1], kind="failed")
            self._stack.setCurrentWidget(self.missing)
            return
        assert isinstance(look.answer, ChannelFigures)  # noqa: S101 - what is answered to ReadChannels
        self._layer = layer.name
        recorded = state.activations
        self.table.show_figures(look.answer, recorded.channels.get(layer.name) if recorded is not None else None)
        chosen = state.channel
        self.rows.show_channel(chosen.channel if chosen is not None and chosen.layer == layer.name else None)
        self.words.setText(self._caption(look.answer, is_recorded=recorded is not None))
        self._stack.setCurrentWidget(self._filled)

    def _caption(self, known: ChannelFigures, *, is_recorded: bool) -> str:
        if known.why_not_marked:
            return known.why_not_marked
        if known.similarity is None and not known.why_unordered:
            return self.tr("Comparing the channels…")
        if known.why_unordered and known.count > 1:
            return known.why_unordered
        if not is_recorded:
            return self.tr("Mean out and Dead need recorded activations. Ctrl+C copies the table as CSV.")
        return self.tr("A third click on a heading restores the order of the channels. Ctrl+C copies as CSV.")
