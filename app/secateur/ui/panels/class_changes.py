"""What was lost on which class: a small table, the greatest loss first, with a bar for each change."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from secateur.figures import UNKNOWN, number, points, share, thousands
from secateur.model.run_details import PartChange
from secateur.ui.panels.copied_rows import CopiedRows
from secateur.ui.plots.table import Table
from secateur.ui.theme.style import color, font, mixed, notifier

Index = QModelIndex | QPersistentModelIndex

COLUMNS: Final = ("part", "bar", "change", "interval", "before", "after", "samples")
HEADS: Final = {
    "part": "",
    "bar": "",
    "change": "Change",
    "interval": "95 %",
    "before": "Original",
    "after": "Result",
    "samples": "Samples",
}
WIDTHS: Final = {"change": 68, "interval": 112, "before": 68, "after": 68, "samples": 68}
SHED: Final = ("samples", "before", "after", "interval")
"""What goes first where there is little room; the tooltip says all of it."""
PART_WIDTH, BAR_WIDTH = 130, 120
ROW_HEIGHT, HEAD_HEIGHT, MOST_ROWS = 22, 24, 6


class ClassChangesModel(QAbstractTableModel):
    """Ready strings for each part of the samples."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts: tuple[PartChange, ...] = ()

    def set_parts(self, parts: Sequence[PartChange]) -> None:
        if parts is not self.parts:
            self.beginResetModel()
            self.parts = tuple(parts)
            self.endResetModel()

    @property
    def reach(self) -> tuple[float, float]:
        """(greatest loss, greatest gain) of all: what the bars have room for at the left and at the right."""
        gains = [part.gain for part in self.parts]
        return max(-min(gains, default=0.0), 0.0), max(max(gains, default=0.0), 0.0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.parts)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(COLUMNS[section])
        return HEADS[COLUMNS[section]] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = 0) -> Any:
        part, name = self.parts[index.row()], COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _text(part, name)
            case Qt.ItemDataRole.AccessibleTextRole if name == "bar":
                return "worse" if part.is_lost else "no sure loss"
            case Qt.ItemDataRole.ToolTipRole:
                surely = "Surely worse." if part.is_lost else "No more than chance would do."
                told = f"{part.name}: {_text(part, 'before')} → {_text(part, 'after')} ({_text(part, 'change')}, 95 % "
                return f"{told}{_text(part, 'interval')}) on {thousands(part.samples)} samples. {surely}"
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(name)
            case Qt.ItemDataRole.ForegroundRole:
                return color("negative" if part.is_lost and name == "change" else _role(name))
            case Qt.ItemDataRole.FontRole:
                return font(12, 600 if part.is_lost and name in ("part", "change") else 400)
        return None

    def table(self) -> Table:
        """Everything as plain numbers, in the order shown."""
        head = ("part", "samples", "original", "result", "change", "low", "high", "surely_worse", "measure")
        rows = [
            (p.name, p.samples, p.before, p.after, p.after - p.before, p.low, p.high, int(p.is_lost), p.measure)
            for p in self.parts
        ]
        return Table(head, rows)


def _role(name: str) -> str:
    return "secondary" if name in ("interval", "before", "samples") else "text"


def _text(part: PartChange, name: str) -> str:
    value, change = (share, points) if part.is_share else (number, number)
    match name:
        case "part":
            return part.name
        case "before":
            return value(part.before)
        case "after":
            return value(part.after)
        case "change":
            return change(part.after - part.before)
        case "interval":
            low, high = (change(end).removesuffix("\u00a0pt") for end in (part.low, part.high))
            return f"{low} … {high}"
        case "samples":
            return thousands(part.samples)
    return ""


def _side(name: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if name == "part" else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


class _Bars(QStyledItemDelegate):
    """A bar from the line that is no change: to the left where it lost, in strong colour where that is sure."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        if not isinstance(model, ClassChangesModel):
            return
        part, rect = model.parts[index.row()], QRectF(option.rect).adjusted(8, 0, -8, 0)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, color("selection"))
        lost, gained = model.reach
        unit = rect.width() / ((lost + gained) or 1.0)
        zero = round(rect.left() + lost * unit)
        bar = QRectF(zero, rect.center().y() - 5, part.gain * unit, 10).normalized()
        painter.fillRect(bar, color("negative") if part.is_lost else mixed("original", 0.7, "card"))
        painter.fillRect(QRectF(zero, rect.top() + 3, 1, rect.height() - 6), color("axis"))


class ClassChanges(CopiedRows):
    """`show_parts(parts)`; as high as its rows, up to six, the others scroll. Ctrl+C copies the table as CSV."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(ROW_HEIGHT, parent)
        self.setObjectName("class_changes")
        self.setAccessibleName(self.tr("What was lost on which class"))
        self.changes = ClassChangesModel(self)
        self.setModel(self.changes)
        self.setItemDelegateForColumn(COLUMNS.index("bar"), _Bars(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        self.setProperty("role", "in-card")
        header.setProperty("role", "plain")
        header.setMinimumSectionSize(20)
        header.setFixedHeight(HEAD_HEIGHT)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        notifier.theme_changed.connect(self.viewport().update)

    def show_parts(self, parts: Sequence[PartChange]) -> None:
        """Show what changed on each part, in the order given."""
        self.changes.set_parts(parts)
        self.setFixedHeight(HEAD_HEIGHT + ROW_HEIGHT * min(max(len(parts), 1), MOST_ROWS))
        lost = [part.name for part in parts if part.is_lost]
        self.setAccessibleDescription(f"surely worse on {', '.join(lost)}" if lost else UNKNOWN)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Names and bars share what the figures leave; of those the least telling go first."""
        shown = dict(WIDTHS)
        for name in SHED:
            if sum(shown.values()) + PART_WIDTH + BAR_WIDTH > self.viewport().width():
                del shown[name]
        left = max(self.viewport().width() - sum(shown.values()), 40)
        names = min(max(PART_WIDTH, left // 3), left - 20)
        widths = {**shown, "part": names, "bar": left - names}
        for column, name in enumerate(COLUMNS):
            self.setColumnHidden(column, name not in widths)
            self.setColumnWidth(column, widths.get(name, 0))

    def plain_table(self) -> Table:
        return self.changes.table()
