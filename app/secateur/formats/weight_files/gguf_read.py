"""What a GGUF file holds, from its header alone: tensors where they lie, and what the file says about itself.

Layout: `docs/gguf.md` of ggml, versions 2 and 3. Every length is checked against the file before it is used.
"""

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final

from secateur.errors import UserError
from secateur.formats.weight_files.ggml_types import BLOCKS, PLAIN
from secateur.model.stored import STORED_TYPES, StoredTensor

_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MOST_ENTRIES: Final = 1 << 20
_MOST_KEPT: Final = 64
"""Entries of an array in the header that are kept: vocabularies are passed over."""
_AGAIN: Final = "Copy or download it again."


@dataclass(frozen=True, slots=True)
class GgufFile:
    """Tensors in the order of the file, and the header's words (`general.architecture`, …)."""

    tensors: tuple[StoredTensor, ...]
    facts: dict[str, Any]


def stored_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """Every tensor in the order of the file; UserError where the header does not fit the file."""
    return read_gguf(path).tensors


def read_gguf(path: Path) -> GgufFile:
    """The header of a GGUF file; UserError where it does not fit the file."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        reader = _Reader(path, stream, size)
        version = reader.header()
        if version not in (2, 3):
            raise UserError(
                f"{path.name} is GGUF of version {version}, which is not known.", "Convert it to version 3."
            )
        tensors, entries = reader.number("<Q"), reader.number("<Q")
        if max(tensors, entries) > _MOST_ENTRIES:
            raise reader.broken(f"its header claims {tensors:,} tensors and {entries:,} entries")
        facts = {reader.text(): reader.value() for _ in range(entries)}
        rows = [(reader.text(), reader.shape(), reader.number("<I"), reader.number("<Q")) for _ in range(tensors)]
        alignment = facts.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
            raise reader.broken(f"its alignment is {alignment!r}")
        base = -(-reader.place // alignment) * alignment
    return GgufFile(_checked(path, size, base, rows), facts)


def _checked(path: Path, size: int, base: int, rows: list[tuple[str, tuple[int, ...], int, int]]) -> Any:
    """The tensors of the header's rows, each within the file and none on another."""
    tensors = [_tensor(path, base, row) for row in rows]
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise _broken(path, "two of its tensors have the same name")
    end = base
    for tensor in sorted(tensors, key=lambda item: item.offset):
        if tensor.offset < end and tensor.size_bytes:
            raise _broken(path, f"{tensor.name!r} lies on its neighbour")
        end = max(end, tensor.offset + tensor.size_bytes)
    if end > size:
        raise _broken(path, f"it is {size:,} bytes long, and its tensors need {end:,}")
    return tuple(tensors)


def _tensor(path: Path, base: int, row: tuple[str, tuple[int, ...], int, int]) -> StoredTensor:
    name, sizes, number, offset = row
    dtype = PLAIN.get(number) or BLOCKS.get(number, ("", None))[0]
    if not dtype:
        raise _broken(path, f"{name!r} has the type {number}, which is not known")
    kind, count = STORED_TYPES[dtype], prod(sizes)
    if sizes and sizes[0] % kind.values:
        raise _broken(path, f"{name!r} has rows of {sizes[0]} values in blocks of {kind.values}")
    # ggml counts axes from the fastest on
    return StoredTensor(name, dtype, sizes[::-1], count // kind.values * kind.size, path, base + offset)


class _Reader:
    """Reads numbers and texts, never more than the file has."""

    def __init__(self, path: Path, stream: BinaryIO, size: int) -> None:
        self.path, self._stream, self._size = path, stream, size
        self.place = 0

    def broken(self, why: str) -> UserError:
        return _broken(self.path, why)

    def take(self, count: int) -> bytes:
        if count > self._size - self.place:
            raise self.broken(f"its header reaches beyond the {self._size:,} bytes of the file")
        self.place += count
        return self._stream.read(count)

    def skip(self, count: int) -> None:
        if count > self._size - self.place:
            raise self.broken(f"its header reaches beyond the {self._size:,} bytes of the file")
        self.place += count
        self._stream.seek(self.place)

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def header(self) -> int:
        if self.take(4) != b"GGUF":
            raise self.broken("it does not begin as one")
        return self.number("<I")

    def text(self) -> str:
        return self.take(self.number("<Q")).decode("utf-8", "replace")

    def shape(self) -> tuple[int, ...]:
        rank = self.number("<I")
        if rank > 8:
            raise self.broken(f"a tensor has {rank} axes")
        return tuple(self.number("<Q") for _ in range(rank))

    def value(self, depth: int = 0) -> Any:
        """One value of the header; of long arrays the first few entries."""
        kind = self.number("<I")
        return self._of_kind(kind, depth)

    def _of_kind(self, kind: int, depth: int) -> Any:
        if kind in _SCALARS:
            layout = _SCALARS[kind]
            return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY or depth > 3:
            raise self.broken(f"its header has a value of the kind {kind}")
        inner, count = self.number("<I"), self.number("<Q")
        if count > self._size:
            raise self.broken(f"its header has an array of {count:,} entries")
        kept = [self._of_kind(inner, depth + 1) for _ in range(min(count, _MOST_KEPT))]
        rest = count - len(kept)
        if inner in _SCALARS:
            self.skip(rest * struct.calcsize(_SCALARS[inner]))
        elif inner == _STRING:
            for _ in range(rest):
                self.skip(self.number("<Q"))
        else:
            for _ in range(rest):
                self._of_kind(inner, depth + 1)
        return kept


def _broken(path: Path, why: str) -> UserError:
    return UserError(f"{path.name} is not a whole GGUF file: {why}.", _AGAIN)
