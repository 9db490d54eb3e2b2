"""A file of a plot that a person wants: whoever has the file dialog hears of it here."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from secateur.ui.plots.pictures import save_picture
from secateur.ui.plots.table import Table, save_table


@dataclass(frozen=True)
class Saving:
    """The picture of `widget` is wanted as a file, or the `table` that it shows."""

    widget: QWidget
    table: Table | None = None

    def write(self, path: str) -> None:
        """Write the file; UserError where the path cannot be written."""
        if self.table is not None:
            save_table(self.table, path)
        else:
            save_picture(self.widget, path)


class _Saver(QObject):
    wanted = Signal(object)


saver = _Saver()
"""`wanted(Saving)`: a plot's menu was asked for a file."""
