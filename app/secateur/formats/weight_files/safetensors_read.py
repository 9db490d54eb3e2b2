"""What a safetensors file holds, from its header alone."""

import json
from math import prod
from pathlib import Path
from typing import Any, Final

from secateur.errors import UserError
from secateur.formats.kinds.safetensors_file import LARGEST_HEADER
from secateur.formats.weight_files.safetensors_stored import encodings_told, with_encodings
from secateur.formats.weight_files.safetensors_types import DTYPES
from secateur.formats.weight_files.shards import SUFFIX, shards
from secateur.model.stored import StoredTensor, stored_bytes

_AGAIN: Final = "Copy or download it again."


def stored_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """Every tensor of a file, or of all files that an index names, in their order; UserError where a header does not
    fit its file, or two tensors have one name.
    """
    if not path.name.endswith(SUFFIX):
        return _tensors_of_file(path)
    tensors = tuple(tensor for file in shards(path) for tensor in _tensors_of_file(file))
    seen: dict[str, StoredTensor] = {}
    for tensor in tensors:
        if seen.setdefault(tensor.name, tensor) is not tensor:
            raise UserError(
                f"The tensor {tensor.name} is both in {seen[tensor.name].path.name} and in {tensor.path.name}.", _AGAIN
            )
    return tensors


def metadata_of(path: Path) -> dict[str, str]:
    """The words that stand in a file's header beside its tensors."""
    metadata = _header(path)[0].get("__metadata__")
    written = metadata if isinstance(metadata, dict) else {}
    return {str(key): text for key, text in written.items() if isinstance(text, str)}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """A file's header and the bytes that it takes."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(LARGEST_HEADER, size - 8):
            raise _broken(path, f"its header claims {length:,} bytes of {size:,}")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError) as problem:
            raise _broken(path, "its header is not JSON") from problem
    if not isinstance(header, dict):
        raise _broken(path, "its header is not a table of tensors")
    return header, length


def _tensors_of_file(path: Path) -> tuple[StoredTensor, ...]:
    header, length = _header(path)
    told = encodings_told(header.pop("__metadata__", None))
    tensors = [_tensor(path, name, entry, 8 + length) for name, entry in header.items()]
    tensors.sort(key=lambda tensor: tensor.offset)
    _check_layout(path, tensors, 8 + length, path.stat().st_size)
    return tuple(with_encodings(tensors, told))


def _tensor(path: Path, name: str, entry: Any, base: int) -> StoredTensor:
    try:
        dtype, shape = DTYPES[entry["dtype"]], tuple(int(length) for length in entry["shape"])
        begin, end = (int(place) for place in entry["data_offsets"])
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise _broken(path, f"the entry of {name!r} makes no sense") from problem
    if min(shape, default=0) < 0 or begin < 0 or end - begin != stored_bytes(dtype, prod(shape)):
        raise _broken(path, f"{name!r} has the shape {list(shape)} and {end - begin:,} bytes")
    return StoredTensor(name, dtype, shape, end - begin, path, base + begin)


def _check_layout(path: Path, tensors: list[StoredTensor], base: int, size: int) -> None:
    """Tensors must follow each other without gap or overlap and end where the file ends."""
    place = base
    for tensor in tensors:
        if tensor.offset != place:
            raise _broken(path, f"{tensor.name!r} overlaps its neighbour or leaves a gap")
        place += tensor.size_bytes
    if place != size:
        raise _broken(path, f"it is {size:,} bytes long, and its tensors need {place:,}")


def _broken(path: Path, why: str) -> UserError:
    return UserError(f"{path.name} is not a whole safetensors file: {why}.", _AGAIN)
