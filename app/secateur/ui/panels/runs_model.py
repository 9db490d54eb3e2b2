"""The rows of the history: ready strings for each run, and what a click on a cell asks for."""

import time
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QWidget

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.ui.theme.style import color, font, icon

Index = QModelIndex | QPersistentModelIndex

COLUMNS: Final = ("state", "name", "tags", "notes", "size", "metric", "when", "compare", "restore", "more")
WIDTHS: Final = {"state": 28, "size": 72, "metric": 64, "when": 92, "compare": 78, "restore": 98, "more": 28}
TAG_COUNT_WIDTH: Final = 60
NOTES_WIDTH: Final = 160
EDITABLE: Final = {"name": "rename", "tags": "tag", "notes": "notes"}
"""Columns that are typed into, and the wish that this is."""
ROW_HEIGHT: Final = 24
_ICON: Final = {
    "finished": ("done", "positive"),
    "running": ("job", "accent"),
    "stopped": ("stopped", "secondary"),
    "interrupted": ("warn", "warn"),
    "failed": ("failed", "negative"),
}
_WORDS: Final = {
    "finished": "Finished",
    "running": "Running",
    "stopped": "Stopped",
    "interrupted": "Broken off",
    "failed": "Failed",
}
RESUMABLE: Final = frozenset({"stopped", "interrupted", "failed"})
MORE: Final = (
    ("rename", "Rename…", "F2"),
    ("tag", "Tags…", "T"),
    ("notes", "Notes…", "N"),
    ("folder", "Show in folder", "O"),
    ("copy_recipe", "Copy as recipe", "Ctrl+C"),
    ("show_command", "Show as command…", "C"),
    ("delete", "Delete", "Del"),
)
"""(wish, text, key in the table) of what else can be done with a run."""
COMPARE_TWO: Final = ("compare_two", "Compare the two selected", "B")
"""What can be done with two runs that are selected."""


class RunsModel(QAbstractTableModel):
    """Ready strings for each run; action columns say what a click does, empty where it can do nothing.

    `edited(wish, run, text)` when a name, tags or notes were typed anew: `rename`, `tag` or `notes`.
    """

    edited = Signal(str, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: tuple[RunRecord, ...] = ()
        self.counts_tags = False
        """Whether there is room for their number only."""

    def set_runs(self, runs: Sequence[RunRecord]) -> None:
        if tuple(runs) != self._runs:
            self.beginResetModel()
            self._runs = tuple(runs)
            self.endResetModel()
        elif runs:  # the times go on
            column = COLUMNS.index("when")
            self.dataChanged.emit(self.index(0, column), self.index(len(runs) - 1, column))

    def run(self, row: int) -> RunRecord:
        return self._runs[row]

    def action(self, row: int, column: int) -> str:
        """What a click on this cell asks for: `restore`, `compare`, `resume`, or nothing."""
        run, name = self._runs[row], COLUMNS[column]
        if name == "restore" and run.recipe_yaml:
            return "restore"
        if name == "compare":
            return "compare" if run.document else "resume" if run.state in RESUMABLE else ""
        return "more" if name == "more" else ""

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if COLUMNS[index.column()] in EDITABLE else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Say what was typed; it is shown when the history has it."""
        wish = EDITABLE.get(COLUMNS[index.column()], "")
        if not wish or role != Qt.ItemDataRole.EditRole:
            return False
        self.edited.emit(wish, self._runs[index.row()].run, str(value))
        return True

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section].capitalize()
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        run, name = self._runs[index.row()], COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.EditRole if name == "tags":
                return ", ".join(run.tags)
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return self._text(run, index.row(), index.column())
            case Qt.ItemDataRole.DecorationRole:
                if name == "more":
                    return icon("dots-three-vertical", "secondary")
                return icon(*_ICON[run.state]) if name == "state" else None
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(run, name)
            case Qt.ItemDataRole.AccessibleTextRole:
                words = {"state": _WORDS[run.state], "more": "More"}
                return words.get(name)
            case Qt.ItemDataRole.TextAlignmentRole:
                is_left = name in ("state", *EDITABLE)
                side = Qt.AlignmentFlag.AlignLeft if is_left else Qt.AlignmentFlag.AlignRight
                return side | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return color(self._role(name))
            case Qt.ItemDataRole.FontRole:
                return font(12, 500 if name in ("compare", "restore") else 400)
        return None

    def _text(self, run: RunRecord, row: int, column: int) -> str:
        result = run.document.result if run.document else None
        match COLUMNS[column]:
            case "name":
                return run.name
            case "tags" if run.tags and self.counts_tags:
                return "1 tag" if len(run.tags) == 1 else f"{len(run.tags)} tags"
            case "tags":
                return ", ".join(run.tags)
            case "notes":
                return run.notes
            case "size":
                return figures.size(result.bytes) if result else ""
            case "metric":
                return kind_of(result.metric.name).write(result.metric.value) if result and result.metric else ""
            case "when":
                return figures.ago(time.time() - run.created)
            case "compare" | "restore":
                words = {"restore": "Restore plan", "compare": "Compare", "resume": "Resume", "": ""}
                return words[self.action(row, column)]
        return ""

    @staticmethod
    def _role(name: str) -> str:
        if name in ("compare", "restore"):
            return "accent"
        return "secondary" if name in ("when", "tags", "notes") else "text"

    @staticmethod
    def _tooltip(run: RunRecord, name: str) -> str:
        match name:
            case "restore":
                return "Make this run's plan the present one; can be undone"
            case "compare":
                if run.document:
                    return "Show this run beside the original"
                return "Go on from where it broke off" if run.state in RESUMABLE else ""
            case "tags" if run.tags:
                return f"Tags: {', '.join(run.tags)} (T changes them)"
            case "notes" if run.notes:
                return f"{run.notes} (N changes it)"
            case "more":
                return "Rename, tag, annotate, show in folder, copy as recipe or command, delete"
        words = f"{run.name}: {_WORDS[run.state].lower()}"
        if run.document is not None and run.document.device:
            threads = figures.counted(run.document.threads, "thread")
            words += f". Computed on {run.document.device}, {threads}; timed on the CPU"
        return f"{words}. {run.error}" if run.error else words
