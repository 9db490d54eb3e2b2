"""What an `.npz` holds: arrays mapped where they are stored as they are, unpacked when asked for where compressed."""

import io
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as numpy_format
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.archives import LARGEST_RATIO, member_place, opened, read_member
from secateur.model.stored import STORED_TYPES, StoredTensor

_NAMES: Final = {
    "f8": "float64", "f4": "float32", "f2": "float16", "i8": "int64", "i4": "int32", "i2": "int16", "i1": "int8",
    "u8": "uint64", "u4": "uint32", "u2": "uint16", "u1": "uint8", "b1": "bool", "V2": "bfloat16",
}  # fmt: skip
"""numpy's kind and width → our name; two bytes without a kind are what JAX writes for bfloat16."""

_LARGEST_UNPACKED: Final = 1 << 32
_HEADER: Final = 1 << 16
_AGAIN: Final = "Copy it again, or save it again with numpy.savez."


def stored_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """Every array of numbers in the order of the file (texts are passed over); UserError where one makes no sense."""
    with opened(path) as archive:
        found = [_tensor(path, archive, entry) for entry in archive.infolist()]
    return tuple(tensor for tensor in found if tensor is not None)


def _tensor(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> StoredTensor | None:
    name = entry.filename.removesuffix(".npy")
    shape, is_fortran, dtype, begin = _header(path, archive, entry)
    if dtype.hasobject:
        raise UserError(
            f"{name!r} in {path.name} holds Python objects, which are a pickle; it was not read.",
            "Save arrays of numbers alone.",
        )
    stored = _NAMES.get(dtype.str[1:])
    if stored is None:
        return None
    size_bytes = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or begin + size_bytes != entry.file_size:
        raise UserError(
            f"{name!r} in {path.name} has the shape {list(shape)} and {entry.file_size - begin:,} bytes.", _AGAIN
        )
    place = member_place(archive, entry, path)
    if place.offset >= 0 and not is_fortran and dtype.str[0] != ">":
        return StoredTensor(name, stored, shape, size_bytes, path, place.offset + begin)
    if entry.file_size > min(_LARGEST_UNPACKED, LARGEST_RATIO * max(entry.compress_size, 64)):
        raise UserError(f"{name!r} in {path.name} claims {entry.file_size:,} bytes when unpacked.", _AGAIN)
    load = _loader(path, entry.filename, begin, stored, dtype, shape[::-1] if is_fortran else shape)
    return StoredTensor(name, stored, shape, size_bytes, path, -1, (lambda: load().T) if is_fortran else load)


def _header(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, Any, int]:
    """(shape, whether columns come first, dtype, length of the header) of an array."""
    try:
        with archive.open(entry) as stream:
            head = io.BytesIO(stream.read(_HEADER))
        version = numpy_format.read_magic(head)
        read = numpy_format.read_array_header_1_0 if version == (1, 0) else numpy_format.read_array_header_2_0
        shape, is_fortran, dtype = read(head)
    except Exception as problem:
        raise UserError(f"{entry.filename} in {path.name} is not a whole numpy array.", _AGAIN) from problem
    return shape, is_fortran, dtype, head.tell()


def _loader(
    path: Path, member: str, begin: int, stored: str, dtype: Any, shape: tuple[int, ...]
) -> Callable[[], NDArray[np.float32]]:
    def load() -> NDArray[np.float32]:
        with opened(path) as archive:
            raw = np.frombuffer(read_member(archive, member, _LARGEST_UNPACKED, path), np.uint8)[begin:]
        if stored == "bfloat16":
            return STORED_TYPES[stored].decode(raw).reshape(shape)
        return np.asarray(raw.view(dtype), dtype=np.float32).reshape(shape)

    return load
