"""Filter, order and pins of the layer table: which of its rows are shown, and where.

A proxy of our own: it sorts a list of row numbers, where Qt's asks Python for two values a comparison. What changes
the rows resets the model; `rearranged` then lets the panel put the selection back by name.
"""

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractProxyModel, QModelIndex, QObject, Qt, Signal

from secateur.ui.models.layer_filter import Predicate
from secateur.ui.models.layer_table import KEYS, Index, LayerTable


class LayerOrder(QAbstractProxyModel):
    """Pinned layers stand above all others and are never filtered out; the rest is filtered and sorted."""

    rearranged = Signal()

    def __init__(self, table: LayerTable, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self._predicate: Predicate | None = None
        self._sorted: tuple[str, bool] | None = None
        self._pinned: Collection[str] = frozenset()
        self._rows: list[int] = []
        self._matching = 0
        self._places: dict[int, int] = {}
        self.setSourceModel(table)
        table.modelAboutToBeReset.connect(self.beginResetModel)
        table.modelReset.connect(self._on_reset)
        table.dataChanged.connect(self._on_data)

    # ------------------------------------------------------------------ what is asked of it

    def set_predicate(self, predicate: Predicate | None) -> None:
        """Show only the layers for which this holds; None shows all of them."""
        self._predicate = predicate
        self._arrange()

    def set_pinned(self, names: Collection[str]) -> None:
        self._pinned = frozenset(names)
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by this column; −1 is the network's own order."""
        self._sorted = None if column < 0 else (KEYS[column], order == Qt.SortOrder.DescendingOrder)
        self._arrange()

    @property
    def rows(self) -> Sequence[int]:
        """Rows of the table in the order shown."""
        return self._rows

    @property
    def matching(self) -> int:
        """How many layers pass the filter, pinned ones that do not left out."""
        return self._matching

    def is_pinned(self, name: str) -> bool:
        return name in self._pinned

    @property
    def pinned_count(self) -> int:
        """How many rows at the top are pinned."""
        return sum(name in self._pinned for name in self._table.names)

    # ------------------------------------------------------------------ arrangement

    def _compute(self) -> list[int]:
        table, predicate, names = self._table, self._predicate, self._table.names
        rows = list(range(len(names)))
        if self._sorted is not None:
            key, descending = self._sorted
            rows.sort(key=lambda row: table.sort_key(row, key), reverse=descending)
        fits = [True] * len(names) if predicate is None else [predicate(facts) for facts in table.facts]
        self._matching = sum(fits)
        if not self._pinned:
            return [row for row in rows if fits[row]]
        pinned = [row for row in rows if names[row] in self._pinned]
        return pinned + [row for row in rows if fits[row] and names[row] not in self._pinned]

    def _take(self, rows: list[int]) -> None:
        self._rows = rows
        self._places = {row: place for place, row in enumerate(rows)}

    def _arrange(self) -> None:
        rows = self._compute()
        if rows != self._rows:
            self.beginResetModel()
            self._take(rows)
            self.endResetModel()
        self.rearranged.emit()

    def _on_reset(self) -> None:
        self._take(self._compute())
        self.endResetModel()
        self.rearranged.emit()

    def _on_data(self, first: QModelIndex, last: QModelIndex) -> None:
        if self._predicate is not None or self._sorted is not None:
            self._arrange()
        if self._rows:
            end = len(self._rows) - 1
            self.dataChanged.emit(self.index(0, first.column()), self.index(end, last.column()))

    # ------------------------------------------------------------------ Qt's own questions

    def mapToSource(self, index: Index) -> QModelIndex:
        if not index.isValid():
            return QModelIndex()
        return self._table.index(self._rows[index.row()], index.column())

    def mapFromSource(self, index: Index) -> QModelIndex:
        place = self._places.get(index.row(), -1) if index.isValid() else -1
        return self.index(place, index.column()) if place >= 0 else QModelIndex()

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's signature
        if parent.isValid() or not (0 <= row < len(self._rows) and 0 <= column < len(KEYS)):
            return QModelIndex()
        return self.createIndex(row, column)

    def parent(self, index: Index = QModelIndex()) -> Any:  # noqa: B008 - Qt's signature
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(KEYS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self._table.headerData(section, orientation, role)
