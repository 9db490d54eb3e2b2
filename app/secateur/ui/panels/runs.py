"""The history of runs as a table: state, name, size, metric, when, and what can be done with each."""

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QFontMetrics, QKeyEvent, QKeySequence, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QTableView,
    QWidget,
)

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.ui.theme.style import color, font, icon, notifier

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


class RunsTable(QTableView):
    """`restore_wanted`, `run_shown` and `resume_wanted` carry the run's name; Return restores, Space compares.

    `compare_wanted(one, other)` where two are selected (B). `wanted(wish, run, text)` is for all of `MORE`; `text` is
    what was typed, for `rename`, `tag` and `notes`. Ctrl+Z brings the
    run back that was deleted here last: `bring_back_wanted`.
    """

    restore_wanted = Signal(str)
    run_shown = Signal(str)
    resume_wanted = Signal(str)
    compare_wanted = Signal(str, str)
    wanted = Signal(str, str, str)
    bring_back_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs_table")
        self.setAccessibleName(self.tr("Runs"))
        self.runs = RunsModel(self)
        self.runs.edited.connect(self.wanted)
        self._can_bring_back = False
        self._latest: tuple[tuple[RunRecord, ...], bool] = ((), False)
        self.setModel(self.runs)
        self.setShowGrid(False)
        self.horizontalHeader().hide()
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)  # a click is a wish, F2 and T edit
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self._lay_out()
        notifier.theme_changed.connect(self.viewport().update)

    def _lay_out(self) -> None:
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        for column, name in enumerate(COLUMNS):
            if name == "name":
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                self.setColumnWidth(column, WIDTHS.get(name, TAG_COUNT_WIDTH))

    def show_runs(self, runs: Sequence[RunRecord], *, can_bring_back: bool = False) -> None:
        """Show the history; the row that a person was at stays the current one, and what is typed is not disturbed."""
        self._latest = (tuple(runs), can_bring_back)
        if self.state() == QAbstractItemView.State.EditingState:
            return
        current = self.currentIndex()
        run = self.runs.run(current.row()).run if current.isValid() else ""
        selected = self.selected_runs()
        self.runs.set_runs(runs)
        self._can_bring_back = can_bring_back
        self._show_tags()
        row = next((row for row, record in enumerate(runs) if record.run == run), -1)
        if row >= 0 and self.currentIndex().row() != row:
            self.setCurrentIndex(self.runs.index(row, max(current.column(), 0)))
        if len(selected) > 1 and self.selected_runs() != selected:
            self._select(selected)

    def selected_runs(self) -> tuple[str, ...]:
        """The runs that are selected, in the order of the table."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return tuple(self.runs.run(row).run for row in rows)

    def _select(self, runs: Collection[str]) -> None:
        how = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in range(self.runs.rowCount()):
            if self.runs.run(row).run in runs:
                self.selectionModel().select(self.runs.index(row, 0), how)

    @property
    def can_compare_two(self) -> bool:
        """Whether two runs with a result are selected."""
        rows = {index.row() for index in self.selectionModel().selectedRows()}
        return len(rows) == 2 and all(self.runs.run(row).document is not None for row in rows)

    def _show_tags(self) -> None:
        """The column is there as soon as a run has a tag, as wide as they are, or else with their number."""
        written = [", ".join(self.runs.run(row).tags) for row in range(self.runs.rowCount())]
        metrics, column = QFontMetrics(font(12)), COLUMNS.index("tags")
        wide = max((metrics.horizontalAdvance(words) for words in written), default=0) + 16
        room = (self.viewport().width() - sum(WIDTHS.values())) // 2
        self.runs.counts_tags = wide > room
        self.setColumnWidth(column, TAG_COUNT_WIDTH if self.runs.counts_tags else wide)
        self.setColumnHidden(column, not any(written))
        noted, place = any(self.runs.run(row).notes for row in range(self.runs.rowCount())), COLUMNS.index("notes")
        self.setColumnWidth(place, NOTES_WIDTH)
        self.setColumnHidden(place, not noted or room < NOTES_WIDTH)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Whole rows only: half a row at the foot looks like a mistake."""
        super().resizeEvent(event)
        self._show_tags()
        self.setViewportMargins(0, 0, 0, self.height() % ROW_HEIGHT)

    # ------------------------------------------------------------------ wishes

    def ask(self, action: str, run: str) -> None:
        """Say what a person wants of a run."""
        signals = {"restore": self.restore_wanted, "compare": self.run_shown, "resume": self.resume_wanted}
        if action in signals:
            signals[action].emit(run)
        elif action == "compare_two":
            if self.can_compare_two:
                newer, older = self.selected_runs()
                self.compare_wanted.emit(older, newer)
        elif action in EDITABLE.values():
            self._edit(next(column for column, wish in EDITABLE.items() if wish == action), run)
        else:
            self.wanted.emit(action, run, "")

    def _edit(self, column: str, run: str) -> None:
        """Let name, tags or notes be typed in their place."""
        row = next((row for row in range(self.runs.rowCount()) if self.runs.run(row).run == run), None)
        if row is None:  # it went while the menu was open
            return
        index = self.runs.index(row, COLUMNS.index(column))
        self.setColumnHidden(index.column(), False)
        if column != "name":
            self.setColumnWidth(index.column(), max(160, self.columnWidth(index.column())))
        self.setCurrentIndex(index)
        self.edit(index)

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        super().closeEditor(editor, hint)
        runs, can_bring_back = self._latest
        self.show_runs(runs, can_bring_back=can_bring_back)
        self.setFocus()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_plain = event.modifiers() == Qt.KeyboardModifier.NoModifier  # with Ctrl or Shift it selects
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton and is_plain:
            action, run = self.runs.action(index.row(), index.column()), self.runs.run(index.row()).run
            if action == "more":
                self._show_menu(index.row(), self.viewport().mapToGlobal(self.visualRect(index).bottomLeft()))
            elif action:
                self.ask(action, run)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_link = index.isValid() and bool(self.runs.action(index.row(), index.column()))
        shape = Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)

    def event(self, event: QEvent) -> bool:
        """Ctrl+Z and Ctrl+C mean runs while the keyboard is here, and not the plan or the layers."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._wish_of(event):
            event.accept()
            return True
        return super().event(event)

    def _wish_of(self, event: QKeyEvent) -> str:
        """What a key wants of the current run; empty for Qt's own keys."""
        pressed = QKeySequence(event.keyCombination())
        if pressed == QKeySequence("Ctrl+Z"):
            return "bring_back" if self._can_bring_back else ""
        row = self.currentIndex().row()
        if row < 0 or self.state() == QAbstractItemView.State.EditingState:
            return ""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self.runs.action(row, COLUMNS.index("restore"))
        if event.key() == Qt.Key.Key_Space:
            return self.runs.action(row, COLUMNS.index("compare"))
        if pressed == QKeySequence(COMPARE_TWO[2]):
            return COMPARE_TWO[0] if self.can_compare_two else ""
        return next((wish for wish, _, key in MORE if pressed == QKeySequence(key)), "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        wish, row = self._wish_of(event), self.currentIndex().row()
        if wish == "bring_back":
            self.bring_back_wanted.emit()
        elif wish:
            self.ask(wish, self.runs.run(row).run)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_keyboard else self.indexAt(event.pos())
        if index.isValid():
            place = self.viewport().mapToGlobal(self.visualRect(index).center()) if by_keyboard else event.globalPos()
            self._show_menu(index.row(), place)

    def _show_menu(self, row: int, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("run_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        run = self.runs.run(row).run
        for column in (COLUMNS.index("restore"), COLUMNS.index("compare")):
            if wish := self.runs.action(row, column):
                key = "Return" if wish == "restore" else "Space"
                _add(menu, wish, f"{self.runs.index(row, column).data()}\t{key}", partial(self.ask, wish, run))
        if self.can_compare_two:
            wish, text, key = COMPARE_TWO
            _add(menu, wish, f"{text}\t{key}", partial(self.ask, wish, run))
        menu.addSeparator()
        for wish, text, key in MORE:
            # once the menu has given the keyboard back: an editor that loses it closes
            _add(menu, wish, f"{text}\t{key}", partial(QTimer.singleShot, 0, partial(self.ask, wish, run)))
        if self._can_bring_back:
            menu.addSeparator()
            _add(menu, "bring_back", "Bring back the deleted run\tCtrl+Z", self.bring_back_wanted.emit)
        menu.popup(place)


def _add(menu: QMenu, name: str, text: str, call: Callable[[], None]) -> None:
    action = menu.addAction(text, call)
    action.setObjectName(f"run_{name}")
