"""The history of runs as a table: state, name, size, metric, when, and what can be done with each."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
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

from secateur.engine.events import RunRecord
from secateur.ui.panels.runs_model import (
    COLUMNS,
    COMPARE_TWO,
    EDITABLE,
    MORE,
    NOTES_WIDTH,
    ROW_HEIGHT,
    TAG_COUNT_WIDTH,
    WIDTHS,
    RunsModel,
)
from secateur.ui.theme.style import font, notifier


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
