"""Weights without a network as safetensors: every tensor under its name and in its type, streamed from file to file.

A layer that is encoded in few bits is stored so that others can read it too:

- 8 bits: `<layer>.weight` as I8 in its shape, and `<layer>.weight_scale` as F32, one for each output channel;
- 4 bits: `<layer>.weight_packed` as U8, two values a byte in the order of the weight, the lower half first, and the
  same scale;
- in groups of neighbours along `axis`: the scale has the shape of the weight, with that axis divided;
- affine: the integers are unsigned, and `<layer>.weight_zero_point` as U8 has the shape of the scale.

value = scale × (integer − zero point), along `axis`. The header's metadata repeats it as JSON under
`secateur.encodings`: `{"<layer>.weight": {"stored": name, "scale": name, "bits": 4, "axis": 0, "shape": […]}}`, with
`"group_size"` and `"zero_point": name` where there are any.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.exporting.telling import tell
from secateur.formats.weight_files.safetensors_types import DTYPES, ENCODINGS
from secateur.graph.network import StoredModel
from secateur.model.encoding import packed_bytes, scales_in
from secateur.model.stored import BLOCK_BYTES, STORED_TYPES, StoredTensor, mapped, read_values, stored_bytes

_MUST_SAY: Final = {"stored", "scale", "bits", "axis", "shape"}
_MAY_SAY: Final = {"group_size", "zero_point"}
_TAGS: Final = {name: tag for tag, name in DTYPES.items()}


@dataclass(frozen=True)
class _Entry:
    """One tensor to be written; `blocks` makes its bytes."""

    name: str
    tag: str
    shape: tuple[int, ...]
    size: int
    blocks: "Iterable[Any]"


def write_stored(model: StoredModel, path: Path) -> tuple[Path, ...]:
    """Write all tensors of a model to `path`, one in memory at a time where it is changed, else a block."""
    told: dict[str, Any] = {}
    grids = {part.name for one in model.tensors for part in (one.scale, one.zero_point) if part is not None}
    kept = [tensor for tensor in model.tensors if tensor.name not in grids]  # those are written with what they scale
    entries = [entry for tensor in kept for entry in _entries(model, tensor, told)]
    names = [entry.name for entry in entries]
    double = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if double:
        raise UserError(f"Two tensors would be called {double}.", "Leave that layer in float.")
    metadata = {"format": "pt", **_authors(model), **({ENCODINGS: json.dumps(told)} if told else {})}
    header: dict[str, Any] = {"__metadata__": metadata}
    place = 0
    for entry in entries:
        offsets = [place, place + entry.size]
        header[entry.name] = {"dtype": entry.tag, "shape": list(entry.shape), "data_offsets": offsets}
        place += entry.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for done, entry in enumerate(entries):
            tell(done, len(entries), f"Writing {entry.name}")
            for block in entry.blocks:
                stream.write(block)
    return (path,)


def _authors(model: StoredModel) -> dict[str, str]:
    """What the author wrote into the metadata of the safetensors files that the model was opened from."""
    from secateur.formats.weight_files.safetensors_read import metadata_of

    if model.format != "safetensors":
        return {}
    files = dict.fromkeys(tensor.path for tensor in model.tensors)
    written = {key: text for file in files for key, text in metadata_of(file).items()}
    return {key: text for key, text in written.items() if key != ENCODINGS}


def _entries(model: StoredModel, tensor: StoredTensor, told: dict[str, Any]) -> Iterator[_Entry]:
    """What a tensor becomes: itself, or its integers and their scale; encodings are added to `told`."""
    layer = next((one.name for one in model.layers if one.weight is not None and one.weight.name == tensor.name), "")
    encoding = model.encodings.weights.get(layer) or tensor.encoding_of_values()
    if encoding is None:
        yield _plain(model, tensor)
        return
    is_packed = encoding.stored_bits < 8
    stored = f"{tensor.name}_packed" if is_packed else tensor.name
    scale, zero = f"{tensor.name}_scale", f"{tensor.name}_zero_point"
    told[tensor.name] = {
        "stored": stored, "scale": scale, "bits": encoding.bits, "axis": encoding.axis, "shape": list(tensor.shape)
    }  # fmt: skip
    size = packed_bytes(tensor.count, encoding.stored_bits)
    values = _Later(lambda: encoding.pack(encoding.quantize(_values(model, tensor))))
    tag = "U8" if is_packed or encoding.is_affine else "I8"
    yield _Entry(stored, tag, (size,) if is_packed else tensor.shape, size, values)
    yield _Entry(scale, "F32", encoding.scale.shape, encoding.scale.nbytes, [encoding.scale.astype("<f4").tobytes()])
    if encoding.group_size is not None:
        told[tensor.name]["group_size"] = encoding.group_size
    if encoding.zero_point is not None:
        told[tensor.name]["zero_point"] = zero
        yield _Entry(zero, "U8", encoding.zero_point.shape, encoding.zero_point.size, [encoding.zero_point.tobytes()])


class _Later:
    """The bytes of an array that is made when its turn comes."""

    def __init__(self, make: Callable[[], NDArray[Any]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        yield np.ascontiguousarray(self._make()).reshape(-1).view(np.uint8)


def _values(model: StoredModel, tensor: StoredTensor) -> NDArray[np.float32]:
    found = model.replaced[tensor.name] if tensor.name in model.replaced else read_values(tensor)
    return np.asarray(found, np.float32).reshape(tensor.shape)


def _plain(model: StoredModel, tensor: StoredTensor) -> _Entry:
    """A tensor in the type that it has; in float32 where safetensors has no such type."""
    tag = _TAGS.get(tensor.dtype)
    if tag is None:
        size = tensor.count * 4
        return _Entry(tensor.name, "F32", tensor.shape, size, _Later(lambda: _values(model, tensor)))
    if tensor.name in model.replaced or tensor.offset < 0:
        size = stored_bytes(tensor.dtype, tensor.count)
        made = _Later(lambda: encoded(_values(model, tensor), tensor.dtype))
        return _Entry(tensor.name, tag, tensor.shape, size, made)
    return _Entry(tensor.name, tag, tensor.shape, tensor.size_bytes, _blocks(tensor))


def _blocks(tensor: StoredTensor) -> Iterator[Any]:
    """The tensor's bytes as they lie in its file."""
    for begin in range(0, tensor.size_bytes, BLOCK_BYTES):
        yield mapped(tensor, begin, min(BLOCK_BYTES, tensor.size_bytes - begin)).data


def encoded(values: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """float32 values in a stored type, rounded to the nearest (to even in the middle), saturating where it has ends."""
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(values).view(np.uint32)
        rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
        return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)
    if dtype.startswith("float8"):
        return _nearest(values, dtype)
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        ends = np.iinfo(kind)
        return np.clip(np.rint(values.astype(np.float64)), ends.min, ends.max).astype(kind)
    return values.astype(kind)


def _nearest(values: NDArray[np.float32], dtype: str) -> NDArray[np.uint8]:
    """The codes of an 8-bit type that are nearest to the values."""
    table = STORED_TYPES[dtype].decode(np.arange(256, dtype=np.uint8))
    codes = np.flatnonzero(np.isfinite(table))
    codes = codes[np.argsort(table[codes], kind="stable")]
    known = table[codes]
    place = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
    lower = np.abs(values - known[place - 1]) <= np.abs(known[place] - values)
    found = codes[np.where(lower, place - 1, place)].astype(np.uint8)
    return np.where(np.isnan(values), np.uint8(0x7F), found).astype(np.uint8)


def encodings_told(metadata: object) -> Mapping[str, Mapping[str, Any]]:
    """What a header's metadata says of encoded tensors; empty where it says nothing that makes sense."""
    text = metadata.get(ENCODINGS) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        return {}
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: entry for name, entry in told.items() if _makes_sense(entry)} if isinstance(told, dict) else {}


def _makes_sense(entry: object) -> bool:
    if not isinstance(entry, dict) or set(entry) - _MAY_SAY != _MUST_SAY:
        return False
    shape, axis, group = entry["shape"], entry["axis"], entry.get("group_size", 1)
    return (
        isinstance(entry["stored"], str)
        and isinstance(entry["scale"], str)
        and entry["bits"] in (4, 8)
        and isinstance(shape, list)
        and all(isinstance(size, int) and size >= 0 for size in shape)
        and (axis is None or (isinstance(axis, int) and 0 <= axis < len(shape)))
        and isinstance(group, int)
        and group > 0
        and ("group_size" not in entry or axis is not None)
        and isinstance(entry.get("zero_point", ""), str)
    )


def with_encodings(tensors: list[StoredTensor], told: Mapping[str, Mapping[str, Any]]) -> list[StoredTensor]:
    """The tensors with those that are encoded under the names and shapes of the weights that they stand for.

    What the metadata says wrongly is left as it lies in the file.
    """
    stored = {tensor.name: tensor for tensor in tensors}
    made: dict[str, StoredTensor] = {}
    for name, entry in told.items():
        codes, scale, zero = (stored.get(entry.get(part, "")) for part in ("stored", "scale", "zero_point"))
        shape, axis, group = tuple(entry["shape"]), entry["axis"], entry.get("group_size")
        is_affine, is_packed = "zero_point" in entry, entry["bits"] < 8
        wanted = "uint8" if is_packed or is_affine else "int8", packed_bytes(prod(shape), entry["bits"])
        if codes is None or scale is None or scale.dtype != "float32" or (codes.dtype, codes.count) != wanted:
            continue
        if scale.count != scales_in(shape, axis, group) or (name != codes.name and name in stored):
            continue
        if is_affine and (zero is None or (zero.dtype, zero.count) != ("uint8", scale.count)):
            continue
        dtype = f"{'u' if is_affine else ''}int{4 if is_packed else 8}"
        made[codes.name] = StoredTensor(
            name, dtype, shape, codes.size_bytes, codes.path, codes.offset,
            scale=scale, scale_axis=axis, zero_point=zero, group_size=group,
        )  # fmt: skip
    return [made.get(tensor.name, tensor) for tensor in tensors]
