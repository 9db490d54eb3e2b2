"""SQLite files in the program's home: opened for each use, so that processes share them, and grown column by column.

A newer version adds columns and never changes or drops one: files of every earlier version are opened as they are,
and an earlier version reads what it knows of a newer one's.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 20


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose changes are committed at the end, or taken back where an error leaves the block."""
    database = sqlite3.connect(path, timeout=WAIT_S)
    database.row_factory = sqlite3.Row
    try:
        with database:
            yield database
    finally:
        database.close()


def add_columns(database: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    """Give a table those of the columns (name → type with its default) that it lacks."""
    known = {row["name"] for row in database.execute(f"PRAGMA table_info({table})")}
    for name, kind in columns.items():
        if name not in known:
            try:
                database.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
            except sqlite3.OperationalError as error:
                if "duplicate column" not in str(error):  # another process was faster
                    raise
