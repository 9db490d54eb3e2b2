"""The history of runs as a table: state, name, size, metric, when, and what can be done with each."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.ui.theme.style import color, font, icon, notifier

Index = QModelIndex | QPersistentModelIndex

COLUMNS: Final = ("state", "name", "size", "metric", "when", "compare", "restore")
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


class RunsModel(QAbstractTableModel):
    """Ready strings for each run; action columns say what a click does, empty where it can do nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: tuple[RunRecord, ...] = ()

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
        return ""

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
            case Qt.ItemDataRole.DisplayRole:
                return self._text(run, index.row(), index.column())
            case Qt.ItemDataRole.DecorationRole:
                return icon(*_ICON[run.state]) if name == "state" else None
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(run, name)
            case Qt.ItemDataRole.AccessibleTextRole:
                return _WORDS[run.state] if name == "state" else None
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignLeft if name in ("state", "name") else Qt.AlignmentFlag.AlignRight
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
        return "secondary" if name == "when" else "text"

    @staticmethod
    def _tooltip(run: RunRecord, name: str) -> str:
        match name:
            case "restore":
                return "Make this run's plan the present one; can be undone"
            case "compare":
                if run.document:
                    return "Show this run beside the original"
                return "Go on from where it broke off" if run.state in RESUMABLE else ""
        words = f"{run.name}: {_WORDS[run.state].lower()}"
        return f"{words}. {run.error}" if run.error else words


class RunsTable(QTableView):
    """`restore_wanted`, `run_shown` and `resume_wanted` carry the run's name; Return restores, Space compares."""

    restore_wanted = Signal(str)
    run_shown = Signal(str)
    resume_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs_table")
        self.setAccessibleName(self.tr("Runs"))
        self.runs = RunsModel(self)
        self.setModel(self.runs)
        self.setShowGrid(False)
        self.horizontalHeader().hide()
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self._lay_out()
        notifier.theme_changed.connect(self.viewport().update)

    def _lay_out(self) -> None:
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        widths = {"state": 28, "size": 72, "metric": 64, "when": 92, "compare": 78, "restore": 98}
        for column, name in enumerate(COLUMNS):
            if name == "name":
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                self.setColumnWidth(column, widths[name])

    def show_runs(self, runs: Sequence[RunRecord]) -> None:
        self.runs.set_runs(runs)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Whole rows only: half a row at the foot looks like a mistake."""
        super().resizeEvent(event)
        self.setViewportMargins(0, 0, 0, self.height() % ROW_HEIGHT)

    # ------------------------------------------------------------------ wishes

    def ask(self, action: str, run: str) -> None:
        """Say what a person wants of a run."""
        signals = {"restore": self.restore_wanted, "compare": self.run_shown, "resume": self.resume_wanted}
        if action in signals:
            signals[action].emit(run)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.ask(self.runs.action(index.row(), index.column()), self.runs.run(index.row()).run)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_link = index.isValid() and bool(self.runs.action(index.row(), index.column()))
        shape = Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = {
            Qt.Key.Key_Return: COLUMNS.index("restore"),
            Qt.Key.Key_Enter: COLUMNS.index("restore"),
            Qt.Key.Key_Space: COLUMNS.index("compare"),
        }
        column, row = keys.get(Qt.Key(event.key())), self.currentIndex().row()
        if column is None or row < 0:
            super().keyPressEvent(event)
        else:
            self.ask(self.runs.action(row, column), self.runs.run(row).run)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        if not index.isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        run = self.runs.run(index.row()).run
        for column in (COLUMNS.index("restore"), COLUMNS.index("compare")):
            if wish := self.runs.action(index.row(), column):
                text = self.runs.index(index.row(), column).data()
                menu.addAction(text, partial(self.ask, wish, run))
        menu.popup(event.globalPos())
