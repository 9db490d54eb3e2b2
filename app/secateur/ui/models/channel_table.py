"""The table of a layer's output channels: figures from arrays, sorted by any of them; the third time as they stand."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from secateur import figures
from secateur.model.weight_views import ChannelActivity, ChannelFigures
from secateur.ui.plots.table import Table

Index = QModelIndex | QPersistentModelIndex


class ChannelColumn(NamedTuple):
    """A column: its title, what it says, and why it may say nothing."""

    key: str
    title: str
    tooltip: str
    missing: str = ""


NOT_RECORDED: Final = "Record activations (Activations tab) to see what the channels put out."
COLUMNS: Final = (
    ChannelColumn("channel", "Channel", "Output channel of the layer, from 0"),
    ChannelColumn("norm", "Norm", "Euclidean norm of the channel's weights"),
    ChannelColumn("range", "Range", "The smallest and the largest weight; sorted by how far they are apart"),
    ChannelColumn("zeros", "Zeros", "Share of the weights that are exactly zero"),
    ChannelColumn("similarity", "Similar", "Cosine of its weights with those of the most similar other channel"),
    ChannelColumn("nearest", "Nearest", "The most similar other channel"),
    ChannelColumn("mean", "Mean out", "Mean of the channel's output over the recorded samples", NOT_RECORDED),
    ChannelColumn(
        "dead", "Dead", "Share of its outputs that are zero or below: a ReLU lets nothing of them through", NOT_RECORDED
    ),
    ChannelColumn("plan", "Plan", "What the plan does to the channel"),
)
KEYS: Final = tuple(column.key for column in COLUMNS)


class ChannelTable(QAbstractTableModel):
    """Rows are channels, in an order of this model's own; `place_of` and `channel_at` go between both."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._figures: ChannelFigures | None = None
        self._activity: ChannelActivity | None = None
        self._texts: dict[tuple[int, str], str] = {}
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._places: NDArray[np.int64] = np.zeros(0, np.int64)
        self.sorted_by: tuple[str, bool] | None = None
        """Column and whether the largest comes first; None for the order of the channels."""

    # ------------------------------------------------------------------ what it shows

    def show_figures(self, channels: ChannelFigures | None, activity: ChannelActivity | None) -> None:
        """Take over the figures; rows stay where as many channels are shown and the order stays the same."""
        if channels is self._figures and activity is self._activity:
            return
        if activity is not None and channels is not None and len(activity.mean) != channels.count:
            activity = None  # a transposed convolution in groups has more outputs than its weight has channels
        same = channels is not None and self._figures is not None and channels.count == self._figures.count
        if not same:
            self.beginResetModel()
        self._figures, self._activity, self._texts = channels, activity, {}
        if same:
            self._sort()
        else:
            self._put(self._sorted())
            self.endResetModel()

    def sort_by(self, key: str) -> None:
        """First the largest first, then the smallest, then as the channels stand."""
        if self.sorted_by is None or self.sorted_by[0] != key:
            self.sorted_by = (key, key != "channel")
        else:
            first = key != "channel"
            self.sorted_by = (key, not first) if self.sorted_by[1] == first else None
        self._sort()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)

    def _sorted(self) -> NDArray[np.int64]:
        if self.sorted_by is None:
            return np.arange(self.rowCount())
        key, largest_first = self.sorted_by
        values = self.values(key).astype(np.float64)
        return np.argsort(-values if largest_first else values, kind="stable")  # what is missing comes last

    def _put(self, order: NDArray[np.int64]) -> None:
        self._order, self._places = order, np.empty_like(order)
        self._places[order] = np.arange(len(order))

    def _sort(self) -> None:
        """Rows change places; a row that is selected goes with its channel."""
        self.layoutAboutToBeChanged.emit()
        before = [(index, self.channel_at(index.row())) for index in self.persistentIndexList()]
        self._put(self._sorted())
        for index, channel in before:
            self.changePersistentIndex(index, self.index(self.place_of(channel), index.column()))
        self.layoutChanged.emit()

    def channel_at(self, row: int) -> int:
        """The channel in a row."""
        return int(self._order[row]) if 0 <= row < len(self._order) else row

    def place_of(self, channel: int) -> int:
        """The row of a channel; −1 where there is none."""
        return int(self._places[channel]) if 0 <= channel < len(self._places) else -1

    def values(self, key: str) -> NDArray[Any]:
        """One number for each channel; NaN where it is not known."""
        known, count = self._figures, self.rowCount()
        unknown = np.full(count, np.nan)
        if known is None:
            return unknown
        match key:
            case "channel":
                return np.arange(count)
            case "norm":
                return known.norm
            case "range":
                return known.maximum - known.minimum
            case "zeros":
                return known.zeros / max(known.size, 1)
            case "mean" | "dead":
                return unknown if self._activity is None else np.asarray(getattr(self._activity, key))
            case "similarity":
                return unknown if known.similarity is None else known.similarity
            case "nearest":
                return unknown if known.nearest is None else np.where(known.nearest < 0, np.nan, known.nearest)
            case _:
                return np.where(known.gone, 2.0, known.zeroed / max(known.size, 1))

    # ------------------------------------------------------------------ what views ask

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() or self._figures is None else self._figures.count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            arrow = "" if self.sorted_by is None or self.sorted_by[0] != column.key else _ARROWS[self.sorted_by[1]]
            return f"{column.title}{arrow}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._why_missing(column.key) or column.tooltip
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        key, channel = KEYS[index.column()], self.channel_at(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.text(channel, key)
            case Qt.ItemDataRole.ToolTipRole:
                return self._why_missing(key) if self.text(channel, key) == "–" else ""
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{COLUMNS[index.column()].title}: {self.text(channel, key)}"
        return None

    def is_gone(self, channel: int) -> bool:
        """Whether the plan removes the channel."""
        return self._figures is not None and bool(self._figures.gone[channel])

    def text(self, channel: int, key: str) -> str:
        """The words of one cell; kept, for a cell is painted often."""
        known = self._texts.get((channel, key))
        if known is None:
            known = self._texts[(channel, key)] = self._made_text(channel, key)
        return known

    def _made_text(self, channel: int, key: str) -> str:
        known = self._figures
        if known is None:
            return ""
        if key == "plan":
            if known.gone[channel]:
                return "× removed"
            zeroed = known.zeroed[channel] / max(known.size, 1)
            return f"{figures.share(zeroed)} pruned" if zeroed else ""
        if key == "range":
            return f"{figures.number(float(known.minimum[channel]))} … {figures.number(float(known.maximum[channel]))}"
        value = float(self.values(key)[channel])
        if np.isnan(value):
            return "–"
        match key:
            case "channel" | "nearest":
                return figures.thousands(round(value))
            case "zeros" | "dead":
                return figures.share(value)
            case "similarity":
                return f"{value:.3f}".replace("-", "−")
            case _:
                return figures.number(value)

    def _why_missing(self, key: str) -> str:
        known = self._figures
        if key in {"mean", "dead"} and self._activity is None:
            return NOT_RECORDED
        if key in {"similarity", "nearest"} and known is not None and known.similarity is None:
            return known.why_unordered or "The channels are being compared."
        if key in {"similarity", "nearest"}:
            return "" if known is not None and known.similarity is not None and not self._lacks(key) else ZEROS_ALONE
        return known.why_not_marked if key == "plan" and known is not None else ""

    def _lacks(self, key: str) -> bool:
        return bool(np.isnan(self.values(key).astype(np.float64)).any())

    def table(self) -> Table:
        """All channels in the order shown, numbers as they are."""
        known = self._figures
        if known is None:
            return Table((), ())
        named = {"range": {"min": known.minimum, "max": known.maximum}}
        columns = {
            name: values
            for column in COLUMNS[:-1]
            for name, values in named.get(column.key, {column.title.lower(): self.values(column.key)}).items()
        }
        rows = [
            (*(_plain(values[channel]) for values in columns.values()), self.text(channel, "plan"))
            for channel in self._order.tolist()
        ]
        return Table((*columns, "plan"), rows)


_ARROWS: Final = {True: " ↓", False: " ↑"}
ZEROS_ALONE: Final = "A channel of zeros is like no other."


def _plain(value: Any) -> float | int | None:
    number = float(value)
    return None if np.isnan(number) else int(number) if number.is_integer() else number
