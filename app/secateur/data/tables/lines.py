"""Tables of text, one record after another: .csv and .tsv with a delimiter, .jsonl with an object on each line.

One pass finds where every record begins; after that only those asked for are read.
"""

import csv
import json
import re
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from secateur.data.tables.table import SEEN_ROWS, Cell, Row, Table, is_blank, number
from secateur.errors import UserError

DELIMITERS = {".csv": ",;\t|", ".tsv": "\t"}
KNOWN_NAMES = frozenset(
    {
        "text",
        "review",
        "question1",
        "target",
        "class",
        "label",
        "query",
        "answer",
        "hypothesis",
        "question2",
        "passage",
        "sentence_1",
        "y",
        "sentence_2",
        "sentence2",
        "idx",
        "document",
        "targets",
        "sentence",
        "title",
        "category",
        "id",
        "score",
        "sentence1",
        "similarity",
        "question",
        "labels",
        "premise",
    }
)
"""Words that name columns, in tables where nothing but text stands below them."""

LONGEST_LINE_BYTES = 1 << 24
"""No record is longer: what has no line ends is no table."""


class RecordTable(Table):
    """A table whose records are found by their place in the file."""

    def __init__(self, path: Path, columns: Sequence[str], starts: "array[int]", *, has_header: bool) -> None:
        super().__init__(path, columns, has_header=has_header)
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts)

    def rows(self, numbers: Sequence[int], places: Sequence[int]) -> list[Row]:
        with opened(self.path) as file:
            found = []
            for row in numbers:
                file.seek(self._starts[row])
                cells = self._cells(next(self._records(file, row)), row)
                found.append(tuple(cells[place] for place in places))
            return found

    def scan(self, places: Sequence[int]) -> Iterator[Row]:
        if not len(self):
            return
        with opened(self.path) as file:
            file.seek(self._starts[0])
            for row, record in enumerate(self._records(file, 0)):
                cells = self._cells(record, row)
                yield tuple(cells[place] for place in places)

    @abstractmethod
    def _records(self, file: BinaryIO, row: int) -> Iterator[list[str]]:
        """Records from where `file` stands, which is where row number `row` begins."""

    @abstractmethod
    def _cells(self, record: list[str], row: int) -> list[Cell]:
        """The cells of one record; UserError where it does not fit the table."""


def opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the file.") from None


class _Lines:
    """Decoded lines of a file, counting the bytes taken: `position` is where the next one begins."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.position = file.tell()
        self._file, self._path = file, path

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_LINE_BYTES)
        if not line:
            raise StopIteration
        if len(line) == LONGEST_LINE_BYTES:
            raise UserError(f"A line of {self._path} is longer than any table's.", "Give a text file with line ends.")
        self.position += len(line)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(
                f"{self._path} is not UTF-8 text at byte {self.position - len(line):,}.", "Save it as UTF-8."
            ) from None


def _after_mark(file: BinaryIO) -> None:
    """Stand behind a byte order mark, where there is one."""
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


# ---------------------------------------------------------------------- with a delimiter


class DelimitedTable(RecordTable):
    """Records with a delimiter, quoted where they hold it (RFC 4180)."""

    def __init__(
        self, path: Path, columns: Sequence[str], starts: "array[int]", *, has_header: bool, delimiter: str
    ) -> None:
        super().__init__(path, columns, starts, has_header=has_header)
        self.delimiter = delimiter

    def _records(self, file: BinaryIO, row: int) -> Iterator[list[str]]:
        return (cells for _, cells in _delimited(file, self.path, self.delimiter))

    def _cells(self, record: list[str], row: int) -> list[Cell]:
        if len(record) != len(self.columns):
            raise UserError(
                f"Row {row + 1:,} of {self.path} has {len(record)} columns, and the first has {len(self.columns)}.",
                "Quote cells that hold the delimiter, and give every row the same columns.",
            )
        return list(record)


def _delimited(file: BinaryIO, path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(first byte, cells) of every record that is not blank."""
    lines = _Lines(file, path)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        start = lines.position
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UserError(f"{path} cannot be read at byte {start:,}: {error}.", "Correct its quotes there.") from None
        if cells is None:
            return
        if cells and not (len(cells) == 1 and not cells[0].strip()):
            yield start, cells


def open_delimited(path: Path, named: Sequence[str] = ()) -> DelimitedTable:
    """A .csv or .tsv; `named` are columns that a person calls by name, so that its first row must be names.

    UserError where it is empty, no text, or a row has other columns than the first.
    """
    delimiter = _delimiter(path)
    starts = array("q")
    seen: list[list[str]] = []
    width = 0
    with opened(path) as file:
        _after_mark(file)
        for start, cells in _delimited(file, path, delimiter):
            width = width or len(cells)
            if len(cells) != width:
                raise UserError(
                    f"Row {len(starts) + 1:,} of {path} has {len(cells)} columns, and the first has {width}.",
                    "Quote cells that hold the delimiter, and give every row the same columns.",
                )
            starts.append(start)
            if len(seen) < SEEN_ROWS:
                seen.append(cells)
    if not starts:
        raise UserError(f"{path} is empty.", "Give a table with two rows or more.")
    has_header = bool(named) or _is_header(seen[0], seen[1:])
    columns = [name.strip() for name in seen[0]] if has_header else [str(n) for n in range(width)]
    if has_header:
        del starts[0]
    return DelimitedTable(path, columns, starts, has_header=has_header, delimiter=delimiter)


def _delimiter(path: Path) -> str:
    """The delimiter of this suffix that cuts the first lines most often, and most evenly."""
    known = DELIMITERS[path.suffix.lower()]
    if len(known) == 1:
        return known
    with opened(path) as file:
        _after_mark(file)
        lines = [line for line, _ in zip(_Lines(file, path), range(20), strict=False)]

    def evenness(delimiter: str) -> tuple[bool, int]:
        try:
            widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells]
        except csv.Error:
            return False, 0
        return bool(widths) and min(widths) == max(widths) > 1, min(widths, default=0)

    return max(known, key=evenness)  # the first of equals: the comma


def _is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is names: no numbers and nothing twice, above a column of numbers or all known words."""
    names = [cell.strip() for cell in first]
    if not all(names) or len(set(names)) < len(names) or any(number(name) is not None for name in names):
        return False
    below = [[row[place] for row in others if not is_blank(row[place])] for place in range(len(names))]
    if any(cells and all(number(cell) is not None for cell in cells) for cells in below):
        return True
    return all(re.sub(r"[\s-]", "_", name.lower()) in KNOWN_NAMES for name in names)


# ---------------------------------------------------------------------- an object on each line


class JsonLinesTable(RecordTable):
    """Objects of plain values, one on each line; keys that a row lacks are empty cells."""

    def _records(self, file: BinaryIO, row: int) -> Iterator[list[str]]:
        return ([line] for line in _Lines(file, self.path) if line.strip())

    def _cells(self, record: list[str], row: int) -> list[Cell]:
        parsed = _parsed(record[0], self.path, row)
        return [_plain(parsed.get(key), key, self.path, row) for key in self.columns]


def _parsed(line: str, path: Path, row: int) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise UserError(f"Row {row + 1:,} of {path} is not JSON.", "Write one JSON object on each line.") from None
    if not isinstance(value, dict):
        raise UserError(f"Row {row + 1:,} of {path} is no object.", 'Write rows like {"text": "…", "target": 1}.')
    return value


def _plain(value: object, key: str, path: Path, row: int) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise UserError(f"{key} in row {row + 1:,} of {path} is no text or number.", "Give columns of plain values.")


def open_json_lines(path: Path) -> JsonLinesTable:
    """A .jsonl: its columns are the keys of the first rows, in their order."""
    starts = array("q")
    keys: dict[str, None] = {}
    with opened(path) as file:
        _after_mark(file)
        lines = _Lines(file, path)
        start = lines.position
        for line in lines:
            if line.strip():
                if len(starts) < SEEN_ROWS:
                    keys |= dict.fromkeys(_parsed(line, path, len(starts)))
                starts.append(start)
            start = lines.position
    if not starts:
        raise UserError(f"{path} is empty.", "Give a table with two rows or more.")
    return JsonLinesTable(path, tuple(keys), starts, has_header=True)
