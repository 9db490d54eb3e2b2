"""A table: named columns, rows by number, one pass over some columns. Its cells stay in the file until asked for."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from secateur.errors import UserError

Cell = str | float | bool | None
"""A cell as it is stored: text files without types hold str alone; None where there is nothing."""

SEEN_ROWS = 200
"""How many rows are looked at to tell what a column holds."""

Row = tuple[Cell, ...]


class Table(ABC):
    """Rows of one width. `has_header` says whether `columns` are names from the file or mere numbers."""

    def __init__(self, path: Path, columns: Sequence[str], *, has_header: bool) -> None:
        self.path, self.columns, self.has_header = path, tuple(columns), has_header

    @property
    def name(self) -> str:
        return self.path.name

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def rows(self, numbers: Sequence[int], places: Sequence[int]) -> list[Row]:
        """The cells at these places of these rows, in the order asked for."""

    @abstractmethod
    def scan(self, places: Sequence[int]) -> Iterator[Row]:
        """The cells at these places of every row, from the first to the last, holding a few at a time."""

    def head(self, count: int = SEEN_ROWS) -> list[Row]:
        """The first rows, whole."""
        return list(islice(self.scan(range(len(self.columns))), count))

    def place(self, column: str | int) -> int:
        """Where a column stands; UserError where the table has none of that name or number."""
        if isinstance(column, int) and not isinstance(column, bool):
            if 0 <= column < len(self.columns):
                return column
            raise UserError(
                f"{self.name} has no column {column}: it has {len(self.columns)}.", "Columns are numbered from 0."
            )
        if column in self.columns and self.has_header:
            return self.columns.index(str(column))
        if not self.has_header:
            raise UserError(
                f"{self.name} has no row of names, so there is no column {column!r}.",
                f"Give the column's number: 0 to {len(self.columns) - 1}.",
            )
        raise UserError(f"{self.name} has no column {column!r}.", f"It has {told_columns(self.columns)}.")

    def said(self, place: int) -> str:
        """A column in a sentence: its name, or its number where it has none."""
        return self.columns[place] if self.has_header else f"column {place}"


def told_columns(columns: Sequence[str], most: int = 8) -> str:
    """`a, b, c`, and how many more."""
    more = len(columns) - most
    return ", ".join(columns[:most]) + (f" and {more} more" if more > 0 else "")


def number(cell: Cell) -> float | None:
    """A cell as a finite number; None where it is none. Texts like `5.0` are numbers."""
    if cell is None:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_blank(cell: Cell) -> bool:
    """Whether there is nothing in a cell."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
