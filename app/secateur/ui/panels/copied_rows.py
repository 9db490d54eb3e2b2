"""A table whose rows are plain numbers too: copied as CSV with Ctrl+C, copied and saved from its menu."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu

from secateur.ui.plots.saving import Saving, saver
from secateur.ui.plots.table import Table, copy_table
from secateur.ui.widgets.rows_table import RowsTable


class CopiedRows(RowsTable):
    """Whoever derives from it says in `plain_table` what is copied."""

    def plain_table(self) -> Table:
        """Everything that the rows tell, in the order shown and in full precision."""
        raise NotImplementedError

    def copy_csv(self) -> None:
        """Put all rows on the clipboard."""
        copy_table(self.plain_table())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_csv()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Copy table as CSV"), self.copy_csv)
        menu.addAction(self.tr("Save table as CSV…"), lambda: saver.wanted.emit(Saving(self, self.plain_table())))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())
