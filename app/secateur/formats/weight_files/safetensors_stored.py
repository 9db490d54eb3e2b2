"""Weights without a network as safetensors: every tensor under its name and in its type, streamed from file to file.

A layer that is encoded in few bits is stored so that others can read it too:

- 8 bits: `<layer>.weight` as I8 in its shape, and `<layer>.weight_scale` as F32, one for each output channel;
- 4 bits: `<layer>.weight_packed` as U8, two values a byte in the order of the weight, the lower half first, and the
  same scale.

value = scale × integer, along `axis`. The header's metadata repeats it as JSON under `secateur.encodings`:
`{"<layer>.weight": {"stored": name, "scale": name, "bits": 4, "axis": 0, "shape": […]}}`.
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
from secateur.model.stored import BLOCK_BYTES, STORED_TYPES, StoredTensor, mapped, read_values, stored_bytes

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
    scales = {tensor.scale.name for tensor in model.tensors if tensor.scale is not None}  # written with what they scale
    kept = [tensor for tensor in model.tensors if tensor.name not in scales]
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
    packed = encoding.bits == 4
    stored = f"{tensor.name}_packed" if packed else tensor.name
    scale = f"{tensor.name}_scale"
    told[tensor.name] = {
        "stored": stored, "scale": scale, "bits": encoding.bits, "axis": encoding.axis, "shape": list(tensor.shape)
    }  # fmt: skip
    if packed:
        size = (tensor.count + 1) // 2
        yield _Entry(stored, "U8", (size,), size, _Later(lambda: _packed(encoding.quantize(_values(model, tensor)))))
    else:
        values = _Later(lambda: encoding.quantize(_values(model, tensor)))
        yield _Entry(stored, "I8", tensor.shape, tensor.count, values)
    yield _Entry(scale, "F32", encoding.scale.shape, encoding.scale.nbytes, [encoding.scale.astype("<f4").tobytes()])


class _Later:
    """The bytes of an array that is made when its turn comes."""

    def __init__(self, make: Callable[[], NDArray[Any]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        yield np.ascontiguousarray(self._make()).reshape(-1).view(np.uint8)


def _values(model: StoredModel, tensor: StoredTensor) -> NDArray[np.float32]:
    found = model.replaced[tensor.name] if tensor.name in model.replaced else read_values(tensor)
    return np.asarray(found, np.float32).reshape(tensor.shape)


def _packed(integers: NDArray[np.int8]) -> NDArray[np.uint8]:
    flat = integers.reshape(-1)
    if flat.size % 2:
        flat = np.append(flat, np.int8(0))
    nibbles = flat.view(np.uint8) & np.uint8(0xF)
    return nibbles[0::2] | (nibbles[1::2] << np.uint8(4))


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
    if not isinstance(entry, dict) or set(entry) != {"stored", "scale", "bits", "axis", "shape"}:
        return False
    shape, axis = entry["shape"], entry["axis"]
    return (
        isinstance(entry["stored"], str)
        and isinstance(entry["scale"], str)
        and entry["bits"] in (4, 8)
        and isinstance(shape, list)
        and all(isinstance(size, int) and size >= 0 for size in shape)
        and (axis is None or (isinstance(axis, int) and 0 <= axis < len(shape)))
    )


def with_encodings(tensors: list[StoredTensor], told: Mapping[str, Mapping[str, Any]]) -> list[StoredTensor]:
    """The tensors with those that are encoded under the names and shapes of the weights that they stand for.

    What the metadata says wrongly is left as it lies in the file.
    """
    stored = {tensor.name: tensor for tensor in tensors}
    made: dict[str, StoredTensor] = {}
    for name, entry in told.items():
        codes, scale = stored.get(entry["stored"]), stored.get(entry["scale"])
        shape, axis = tuple(entry["shape"]), entry["axis"]
        wanted = ("int8", prod(shape)) if entry["bits"] == 8 else ("uint8", (prod(shape) + 1) // 2)
        if codes is None or scale is None or scale.dtype != "float32" or (codes.dtype, codes.count) != wanted:
            continue
        if scale.count != (1 if axis is None else shape[axis]) or (name != codes.name and name in stored):
            continue
        dtype = "int8" if entry["bits"] == 8 else "int4"
        made[codes.name] = StoredTensor(
            name, dtype, shape, codes.size_bytes, codes.path, codes.offset, scale=scale, scale_axis=axis
        )
    return [made.get(tensor.name, tensor) for tensor in tensors]
