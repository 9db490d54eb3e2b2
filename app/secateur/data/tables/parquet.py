"""Parquet: columns with types, read one row group at a time by pyarrow."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from secateur.data.tables.table import Cell, Row, Table
from secateur.errors import UserError
from secateur.installing import install_command

if TYPE_CHECKING:
    import pyarrow.parquet as pq

KEPT_GROUPS = 4
"""How many row groups stay decoded: batches are drawn from all over the file."""


class ParquetTable(Table):
    """A .parquet of plain columns; nested ones are left out."""

    def __init__(self, path: Path, file: "pq.ParquetFile", columns: Sequence[str]) -> None:
        super().__init__(path, columns, has_header=True)
        self._file, self._lock = file, Lock()
        self._ends: list[int] = []
        for group in range(file.metadata.num_row_groups):
            self._ends.append((self._ends[-1] if self._ends else 0) + file.metadata.row_group(group).num_rows)
        self._decoded: OrderedDict[tuple[int, tuple[int, ...]], list[list[Cell]]] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def rows(self, numbers: Sequence[int], places: Sequence[int]) -> list[Row]:
        from bisect import bisect_right

        found = []
        with self._lock:
            for row in numbers:
                group = bisect_right(self._ends, row)
                columns = self._group(group, tuple(places))
                inside = row - (self._ends[group - 1] if group else 0)
                found.append(tuple(column[inside] for column in columns))
        return found

    def scan(self, places: Sequence[int]) -> Iterator[Row]:
        names = [self.columns[place] for place in places]
        try:
            for batch in self._file.iter_batches(columns=names):
                columns = [_cells(batch.column(name)) for name in names]
                yield from zip(*columns, strict=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise _damaged(self.path, error) from None

    def _group(self, group: int, places: tuple[int, ...]) -> list[list[Cell]]:
        key = (group, places)
        if key not in self._decoded:
            names = [self.columns[place] for place in places]
            try:
                table = self._file.read_row_group(group, columns=names)
            except (OSError, ValueError, RuntimeError) as error:
                raise _damaged(self.path, error) from None
            self._decoded[key] = [_cells(table.column(name)) for name in names]
            while len(self._decoded) > KEPT_GROUPS:
                self._decoded.popitem(last=False)
        self._decoded.move_to_end(key)
        return self._decoded[key]


def _cells(column: Any) -> list[Cell]:
    """Values of a column; what is neither text nor number (a date) is told as text."""
    return [value if isinstance(value, str | int | float | bool | None) else str(value) for value in column.to_pylist()]


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged ({str(error).splitlines()[0].rstrip('.')}).", "Write or download it again.")


def open_parquet(path: Path) -> ParquetTable:
    """A .parquet; UserError where pyarrow is missing, the file is damaged, or it has no plain columns."""
    try:
        import pyarrow.parquet as pq
        import pyarrow.types as kinds
    except ImportError:
        raise UserError(f"{path} needs pyarrow to be read.", f"Install it: {install_command('parquet')}") from None
    try:
        file = pq.ParquetFile(path, memory_map=True)
        columns = [field.name for field in file.schema_arrow if not kinds.is_nested(field.type)]
    except (OSError, ValueError, RuntimeError) as error:
        raise _damaged(path, error) from None
    if not columns or not file.metadata.num_rows:
        raise UserError(f"{path} holds no rows of plain values.", "Give a table with two rows or more.")
    return ParquetTable(path, file, columns)
