"""Tables that belong together: the parts of one data set that lie in files of their own."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from secateur.data.tables.table import Row, Table
from secateur.errors import UserError

PARTS = {
    "train": ("train", "training"),
    "validation": ("dev", "val", "valid", "validation"),
    "test": ("test", "testing", "eval"),
}
"""What the files of a divided data set are called, in words of their names."""


class JoinedTable(Table):
    """Tables of the same columns, one after the other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        first = tables[0]
        super().__init__(first.path, first.columns, has_header=first.has_header)
        for other in tables[1:]:
            if other.columns != first.columns:
                raise UserError(
                    f"{other.name} has other columns than {first.name}.",
                    "Give both the same columns in the same order.",
                )
        self._tables = tuple(tables)
        self.starts = [0]
        for table in tables:
            self.starts.append(self.starts[-1] + len(table))

    def __len__(self) -> int:
        return self.starts[-1]

    def rows(self, numbers: Sequence[int], places: Sequence[int]) -> list[Row]:
        found: dict[int, Row] = {}
        for part, table in enumerate(self._tables):
            low, high = self.starts[part], self.starts[part + 1]
            inside = [number for number in numbers if low <= number < high]
            found |= zip(inside, table.rows([number - low for number in inside], places), strict=True)
        return [found[number] for number in numbers]

    def scan(self, places: Sequence[int]) -> Iterator[Row]:
        for table in self._tables:
            yield from table.scan(places)


def part_of(path: Path) -> str | None:
    """Which part of a data set a file is by its name: `train`, `validation` or `test`; None where it says none."""
    return next((part for part, _ in _said_parts(path)), None)


def parts_beside(path: Path) -> dict[str, Path]:
    """The parts of the data set that this file is one of, by part: files of the same name but for that word.

    Empty where the name says no part, or nothing to train on lies beside it. A part to choose by judges where there is
    none that does, and so does the file that was named, whatever it is called.
    """
    own, word = next(_said_parts(path), (None, ""))
    if own is None:
        return {}
    found = {part: file for part in PARTS if part != own if (file := _beside(path, word, PARTS[part])) is not None}
    found[own] = path
    if own == "validation":
        found = {"test" if part == "validation" else part: file for part, file in found.items() if part != "test"}
    elif "test" not in found and "validation" in found:
        found["test"] = found.pop("validation")
    return found if {"train", "test"} <= found.keys() else {}


def _said_parts(path: Path) -> Iterator[tuple[str, str]]:
    for part, words in PARTS.items():
        for word in words:
            if re.search(rf"(?<![a-z]){word}(?![a-z])", path.stem, re.IGNORECASE):
                yield part, word


def _beside(path: Path, word: str, others: Sequence[str]) -> Path | None:
    for other in others:
        stem = re.sub(rf"(?<![a-z]){word}(?![a-z])", other, path.stem, flags=re.IGNORECASE)
        file = path.with_name(stem + path.suffix)
        if file.is_file():
            return file
    return None
