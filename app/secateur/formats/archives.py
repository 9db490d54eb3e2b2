"""Zip archives that may lie: names, sizes and places of their members, told from the central directory alone."""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secateur.errors import UserError

LARGEST_DIRECTORY: Final = 64 << 20
"""Bytes of a central directory that is read: some half a million members."""

LARGEST_RATIO: Final = 1100
"""How far deflate can shrink anything (1032 : 1); a member that claims more lies about its size."""

_TAIL: Final = (1 << 16) + 22 + 20
_AGAIN: Final = "Copy or download it again."


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive. `offset` counts bytes from the archive's beginning to the member's, −1 if compressed."""

    name: str
    size_bytes: int
    offset: int


def member_names(path: Path) -> tuple[str, ...]:
    """The names of a zip's members in order; none where it is no zip, or one that cannot be trusted."""
    try:
        with opened(path) as archive:
            return tuple(archive.namelist())
    except UserError:
        return ()


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`, its directory checked; UserError where it is broken or absurd."""
    try:
        if directory_bytes(path) > LARGEST_DIRECTORY:
            raise UserError(f"{path.name} has more members than any model.", "Choose another file.")
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError, struct.error) as problem:
        raise UserError(f"{path.name} is a damaged zip archive: {_first_line(problem)}.", _AGAIN) from problem
    with archive:
        yield archive


def directory_bytes(path: Path) -> int:
    """How long a zip says that its directory is; ValueError where it has none within the file."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(size - _TAIL, 0))
        tail = stream.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < 22:
        raise ValueError("its directory is missing, so it was probably cut short")
    length = int.from_bytes(tail[place + 12 : place + 16], "little")
    locator = tail.rfind(b"PK\6\7", 0, place)
    if length == 0xFFFFFFFF and locator >= 0:
        begin = int.from_bytes(tail[locator + 8 : locator + 16], "little")
        with path.open("rb") as stream:
            stream.seek(min(begin, size))
            record = stream.read(56)
        if record[:4] == b"PK\6\6" and len(record) == 56:
            length = int.from_bytes(record[40:48], "little")
    if length > size:
        raise ValueError("its directory is longer than the file")
    return length


def read_member(archive: zipfile.ZipFile, name: str, most_bytes: int, path: Path) -> bytes:
    """A member's bytes; UserError where it is missing, larger than `most_bytes` or broken."""
    try:
        entry = archive.getinfo(name)
    except KeyError as problem:
        raise UserError(f"{path.name} is not whole: it lacks {name}.", _AGAIN) from problem
    if entry.file_size > most_bytes or entry.file_size > LARGEST_RATIO * max(entry.compress_size, 64):
        raise UserError(
            f"{name} in {path.name} claims {entry.file_size:,} bytes, more than such a part can have.", _AGAIN
        )
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, OSError, EOFError) as problem:
        raise UserError(f"{name} in {path.name} is damaged: {_first_line(problem)}.", _AGAIN) from problem
    except Exception as problem:
        if type(problem).__module__ in ("zlib", "lzma"):  # their errors share no base class
            raise UserError(f"{name} in {path.name} is damaged: {_first_line(problem)}.", _AGAIN) from problem
        raise


def member_place(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Member:
    """Where a member's bytes lie; UserError where that is not within the file."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        return Member(entry.filename, entry.file_size, -1)
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(min(max(entry.header_offset, 0), size))
        header = stream.read(30)
    if len(header) < 30 or header[:4] != b"PK\3\4":
        raise UserError(f"{entry.filename} in {path.name} has no header: the archive is damaged.", _AGAIN)
    name, extra = struct.unpack("<HH", header[26:30])
    offset = entry.header_offset + 30 + name + extra
    if entry.compress_size != entry.file_size or offset + entry.file_size > size:
        raise UserError(f"{entry.filename} in {path.name} reaches beyond the file: it was cut short.", _AGAIN)
    return Member(entry.filename, entry.file_size, offset)


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return (lines[0] if lines else type(problem).__name__).rstrip(".")
