"""The data of a plot as a table: copied and saved as CSV with full precision."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QGuiApplication

from secateur.ui.plots.pictures import write_whole

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """`columns` names, `rows` of as many cells; None is an empty cell."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]

    def csv(self) -> str:
        """The table with a header line, commas, and line feeds."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([["" if cell is None else _plain(cell) for cell in row] for row in self.rows])
        return text.getvalue()


def _plain(cell: str | float | int) -> str:
    return f"{cell:.9g}" if isinstance(cell, float) else str(cell)


def copy_table(table: Table) -> None:
    """Put the table on the clipboard as CSV."""
    QGuiApplication.clipboard().setText(table.csv())


def save_table(table: Table, path: str | Path) -> None:
    """Write the table to `path`; UserError where that cannot be written."""
    write_whole(path, table.csv().encode())
