"""Opening a table by what its name says it is, and its content too."""

from collections.abc import Sequence
from pathlib import Path

from secateur.data.tables.lines import open_delimited, open_json_lines
from secateur.data.tables.parquet import open_parquet
from secateur.data.tables.table import Table
from secateur.errors import UserError

PARQUET_MARK = b"PAR1"


def open_table(path: Path, named: Sequence[str] = ()) -> Table:
    """The table in a file; `named` are columns that are called by name. UserError where it is none, or too small."""
    with path.open("rb") as file:
        head = file.read(4)
    suffix = path.suffix.lower()
    if (suffix == ".parquet") != (head == PARQUET_MARK):
        is_parquet = head == PARQUET_MARK
        raise UserError(
            f"{path} is {'' if is_parquet else 'not '}Parquet by its content.",
            "Name it .parquet." if is_parquet else "Write or download it again.",
        )
    table: Table
    if suffix == ".parquet":
        table = open_parquet(path)
    elif suffix == ".jsonl":
        table = open_json_lines(path)
    else:
        table = open_delimited(path, named)
    if len(table) < 2:
        raise UserError(f"{path} holds a single row.", "Give two rows or more.")
    return table
