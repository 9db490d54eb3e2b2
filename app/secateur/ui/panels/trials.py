"""Autopilot's trials as a table: what was tried and why, what each came to, and what can be done with it."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from secateur.engine.autopilot import AutopilotDocument
from secateur.ui.panels.trials_model import COLUMNS, TrialsModel
from secateur.ui.theme.style import notifier
from secateur.ui.widgets.rows_table import RowsTable

ROW_HEIGHT: Final = 24
HEADER_HEIGHT: Final = 24
WIDTHS: Final = {
    "number": 26, "verdict": 126, "size": 56, "speed": 52, "lost": 70, "test": 60, "compare": 64, "take": 70,
}  # fmt: skip
PLAN_WIDTH: Final = 300
WHY_FROM: Final = 160
"""So much room has to be left of what the plans take for their reasons to have a column."""


class TrialsTable(RowsTable):
    """`take_wanted(number)` and `compare_wanted(run)`; Return takes the plan, Space compares."""

    take_wanted = Signal(int)
    compare_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(ROW_HEIGHT, parent)
        self.setObjectName("trials_table")
        self.setAccessibleName(self.tr("Trials of autopilot"))
        self.trials = TrialsModel(self)
        self.setModel(self.trials)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        header = self.horizontalHeader()
        header.setProperty("role", "plain")
        header.setMinimumSectionSize(20)
        header.setFixedHeight(HEADER_HEIGHT)
        for column, name in enumerate(COLUMNS):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, WIDTHS.get(name, 0))
        notifier.theme_changed.connect(self.viewport().update)

    def show_document(self, document: AutopilotDocument | None) -> None:
        """Show a search; the row that a person was at stays the current one, and the newest trial is in view."""
        row, count = self.currentIndex().row(), self.trials.rowCount()
        self.trials.set_document(document)
        if 0 <= row < self.trials.rowCount():
            self.setCurrentIndex(self.trials.index(row, 0))
        if self.trials.rowCount() != count:
            self.scrollToBottom()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Plans take what they need, reasons the rest, where that is enough to be read."""
        super().resizeEvent(event)
        room = self.viewport().width() - sum(WIDTHS.values())
        has_why = room - PLAN_WIDTH >= WHY_FROM
        self.setColumnHidden(COLUMNS.index("why"), not has_why)
        self.setColumnWidth(COLUMNS.index("plan"), PLAN_WIDTH if has_why else max(room, 80))
        self.setColumnWidth(COLUMNS.index("why"), max(room - PLAN_WIDTH, 0))

    def ask(self, wish: str, row: int) -> None:
        """Say what a person wants of a trial: `take` or `compare`."""
        trial = self.trials.trial(row)
        if wish == "take":
            self.take_wanted.emit(trial.number)
        elif wish == "compare":
            self.compare_wanted.emit(trial.run)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.ask(self.trials.action(index.row(), index.column()), index.row())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_link = index.isValid() and bool(self.trials.action(index.row(), index.column()))
        shape = Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentIndex().row()
        wishes = {Qt.Key.Key_Return: "take", Qt.Key.Key_Enter: "take", Qt.Key.Key_Space: "compare"}
        wish = wishes.get(Qt.Key(event.key()), "")
        if row >= 0 and wish:
            self.ask(self.trials.action(row, COLUMNS.index(wish)), row)
        else:
            super().keyPressEvent(event)
