"""The parts of a `.pt2` archive: the program as JSON, and its tensors where they lie.

Two layouts exist. Since torch 2.9: `models/<name>.json` and every tensor raw in `data/weights` and `data/constants`.
Before: `serialized_exported_program.json`, and the tensors as state dicts in members of their own. The sample inputs,
a pickle, are never looked at.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secateur.errors import UserError
from secateur.formats.archives import Member, member_place, opened, read_member
from secateur.model.stored import StoredTensor, stored_bytes

if TYPE_CHECKING:
    import torch

DTYPES: Final = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool",
    13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""torch's serialized ScalarType → name of the stored type."""

_LARGEST_JSON: Final = 1 << 28
_LARGEST_PART: Final = 1 << 33
_OLD: Final = "serialized_exported_program.json"
_AGAIN: Final = "Export the program again, or copy the file again."


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A tensor as it lies in the file, and what reads it into torch with its own dtype."""

    stored: StoredTensor
    read: "Callable[[], torch.Tensor]"


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """The program's JSON (`graph_module`), and its tensors by name: parameters, buffers and constants."""

    document: Mapping[str, Any]
    parts: tuple[Part, ...]


def stored_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """The tensors of a program in the order of the file."""
    return tuple(part.stored for part in read_program(path).parts)


def read_program(path: Path) -> Program:
    """The parts of the archive at `path`; UserError where one is missing or makes no sense."""
    with opened(path) as archive:
        names = archive.namelist()
        if _OLD in names:
            document = _json(archive, _OLD, path)
            parts = [name for name in ("serialized_state_dict.pt", "serialized_constants.pt") if name in names]
            return Program(document, tuple(part for name in parts for part in _pickled(archive, name, path)))
        root = names[0].split("/")[0]
        models = sorted(name for name in names if name.startswith(f"{root}/models/") and name.endswith(".json"))
        if not models:
            raise broken(path, "it holds no program")
        model = Path(models[0]).stem
        tensors = [
            part
            for kind in ("weights", "constants")
            for part in _parts(archive, f"{root}/data/{kind}/", f"{model}_{kind}_config.json", path)
        ]
        return Program(_json(archive, models[0], path), tuple(tensors))


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(read_member(archive, name, _LARGEST_JSON, path))
    except (ValueError, RecursionError) as problem:
        raise broken(path, f"{name} is not JSON") from problem
    if not isinstance(value, dict):
        raise broken(path, f"{name} is not a table")
    return value


def _parts(archive: zipfile.ZipFile, folder: str, config: str, path: Path) -> list[Part]:
    if folder + config not in archive.NameToInfo:
        return []
    found = []
    for name, entry in _json(archive, folder + config, path).get("config", {}).items():
        try:
            member = folder + entry["path_name"]
            meta, is_pickled = entry["tensor_meta"], bool(entry.get("use_pickle"))
        except (KeyError, TypeError) as problem:
            raise broken(path, f"the entry of {name!r} makes no sense") from problem
        if meta is None:
            continue  # an opaque object: nothing that a network computes with
        if is_pickled:
            found += [replace(part, stored=replace(part.stored, name=name)) for part in _pickled(archive, member, path)]
        else:
            if member not in archive.NameToInfo:
                raise broken(path, f"the tensor {name!r} is missing")
            found.append(_tensor(name, meta, member_place(archive, archive.NameToInfo[member], path), path))
    return found


def _tensor(name: str, meta: Any, place: Member, path: Path) -> Part:
    """A raw tensor; one that is a strided view, or compressed, is loaded when it is asked for."""
    try:
        dtype = DTYPES[meta["dtype"]]
        shape = tuple(_size(size) for size in meta["sizes"])
        strides = tuple(_size(size) for size in meta["strides"])
        first = _size(meta["storage_offset"])
    except (KeyError, TypeError, ValueError) as problem:
        raise broken(path, f"the tensor {name!r} makes no sense") from problem
    if len(strides) != len(shape) or min((*shape, *strides, first), default=0) < 0:
        raise broken(path, f"the tensor {name!r} has the shape {list(shape)} and the strides {list(strides)}")
    width, count = stored_bytes(dtype, 1), prod(shape)
    reach = (first + sum((size - 1) * step for size, step in zip(shape, strides, strict=True)) + 1) * width
    if count and reach > place.size_bytes:
        raise broken(path, f"the tensor {name!r} needs {reach:,} bytes of {place.size_bytes:,}")
    if count > 64 * max(place.size_bytes, 1):
        raise broken(path, f"the tensor {name!r} claims {count:,} values in {place.size_bytes:,} bytes")
    storage = StoredTensor(name, dtype, (place.size_bytes // width,), place.size_bytes, path, place.offset)

    def load() -> "torch.Tensor":
        import torch

        kind = getattr(torch, dtype)
        if not count:
            return torch.empty(shape, dtype=kind)
        return torch.frombuffer(_raw(storage, place.name), dtype=kind).as_strided(shape, strides, first).contiguous()

    if _is_contiguous(shape, strides) and place.offset >= 0:
        return Part(StoredTensor(name, dtype, shape, count * width, path, place.offset + first * width), load)
    return Part(StoredTensor(name, dtype, shape, count * width, path, -1, lambda: load().float().numpy()), load)


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= max(size, 1)
    return True


def _raw(storage: StoredTensor, member: str) -> bytearray:
    """The bytes of a tensor's storage, compressed or not."""
    if storage.offset < 0:
        with opened(storage.path) as archive:
            return bytearray(read_member(archive, member, _LARGEST_PART, storage.path))
    with storage.path.open("rb") as stream:
        stream.seek(storage.offset)
        return bytearray(stream.read(storage.size_bytes))


def _pickled(archive: zipfile.ZipFile, name: str, path: Path) -> list[Part]:
    """Tensors that torch.save wrote as a member: read by torch's restricted unpickler, which runs no code."""
    import torch

    data = io.BytesIO(read_member(archive, name, _LARGEST_PART, path))
    try:
        content = torch.load(data, map_location="cpu", weights_only=True)
    except Exception as problem:
        raise broken(path, f"{name} is not a plain state dict and was not read") from problem
    entries = content if isinstance(content, Mapping) else {Path(name).stem: content}
    return [
        _loaded(str(key), value, path)
        for key, value in entries.items()
        if isinstance(value, torch.Tensor) and value.layout == torch.strided
    ]


def _loaded(name: str, tensor: "torch.Tensor", path: Path) -> Part:
    value = tensor.detach()
    dtype, size_bytes = str(value.dtype).removeprefix("torch."), value.numel() * value.element_size()
    return Part(
        StoredTensor(name, dtype, tuple(value.shape), size_bytes, path, -1, lambda: value.float().numpy()),
        lambda: value,
    )


def _size(value: Any) -> int:
    """A size that must be known: a number, as it is or as `{"as_int": …}`."""
    number = value["as_int"] if isinstance(value, dict) else value
    if not isinstance(number, int):
        raise TypeError("not a number")
    return number


def broken(path: Path, why: str) -> UserError:
    """The sentence for a program that cannot be made sense of."""
    return UserError(f"{path.name} is not a whole torch.export program: {why}.", _AGAIN)
