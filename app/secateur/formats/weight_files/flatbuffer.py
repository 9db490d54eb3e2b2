"""Reading flatbuffers: tables, vectors and texts at checked places. Nothing is copied but what is asked for.

Layout: the FlatBuffers internals document. A table begins with the distance back to its vtable, whose entries say
where each field lies.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

Buffer = Any
"""Bytes, a memory map or a memoryview."""

_MOST_ENTRIES: Final = 1 << 22


class BrokenBufferError(Exception):
    """A place outside the file, or a vector that cannot be as long as it says."""


class Table:
    """One table of a buffer; fields are asked for by their number in the schema."""

    def __init__(self, data: Buffer, place: int) -> None:
        self._data, self._place = data, place
        self._fields = place - _number(data, place, "<i")
        self._end = _number(data, self._fields, "<H")

    def _field(self, number: int) -> int:
        """Where a field lies; 0 where it is not given."""
        entry = 4 + 2 * number
        if entry + 2 > self._end:
            return 0
        offset = _number(self._data, self._fields + entry, "<H")
        return self._place + offset if offset else 0

    def number(self, field: int, layout: str, default: int = 0) -> int:
        """A scalar; `default` where it is not given."""
        place = self._field(field)
        return int(_number(self._data, place, layout)) if place else default

    def table(self, field: int) -> "Table | None":
        place = self._field(field)
        return Table(self._data, _jump(self._data, place)) if place else None

    def text(self, field: int) -> str:
        """A text; empty where it is not given."""
        place, count = self.span(field)
        return bytes(self._data[place : place + count]).decode("utf-8", "replace")

    def span(self, field: int, width: int = 1) -> tuple[int, int]:
        """(place, entries) of a vector whose entries are `width` bytes; (0, 0) where it is not given."""
        place = self._field(field)
        if not place:
            return 0, 0
        begin = _jump(self._data, place)
        count = _number(self._data, begin, "<I")
        if begin + 4 + count * width > len(self._data):
            raise BrokenBufferError(f"a vector claims {count:,} entries")
        return begin + 4, count

    def numbers(self, field: int, layout: str) -> tuple[Any, ...]:
        """A vector of scalars."""
        width = struct.calcsize(layout)
        place, count = self.span(field, width)
        if count > _MOST_ENTRIES:
            raise BrokenBufferError(f"a vector claims {count:,} entries")
        return struct.unpack(f"<{count}{layout[-1]}", bytes(self._data[place : place + count * width]))

    def tables(self, field: int) -> Iterator["Table"]:
        """A vector of tables."""
        place, count = self.span(field, 4)
        for index in range(min(count, _MOST_ENTRIES)):
            yield Table(self._data, _jump(self._data, place + 4 * index))


def root(data: Buffer) -> Table:
    """The table that a buffer is."""
    return Table(data, _jump(data, 0))


def _jump(data: Buffer, place: int) -> int:
    return int(place + _number(data, place, "<I"))


def _number(data: Buffer, place: int, layout: str) -> Any:
    if place < 0 or place + struct.calcsize(layout) > len(data):
        raise BrokenBufferError("it points outside the file")
    return struct.unpack_from(layout, data, place)[0]
