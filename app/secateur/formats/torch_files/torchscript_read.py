"""TorchScript programs: their weights where they lie, and the network by way of a confined process.

The weights are found by following the archive's own pickle with stand-ins for every class: nothing is imported, and a
pickle that wants anything but torch's tensors and the program's own classes is refused.
"""

import io
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Final

from secateur.errors import UserError
from secateur.formats.archives import member_place, opened, read_member
from secateur.formats.base import Format, Progress
from secateur.graph.network import Model
from secateur.model.description import ModelSource
from secateur.model.stored import StoredTensor, stored_bytes

_STORAGES: Final = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
_LARGEST_PICKLE: Final = 1 << 27
_FILE_OPERATORS: Final = re.compile(rb"\b(?:torch|aten|ops\.aten)\.(?:save|from_file)\b|\bfrom_file\b")
_MOST_DEPTH: Final = 64
_AGAIN: Final = "Copy it again, or save it again with torch.jit.save."


def open_torchscript(kind: Format, path: Path, source: ModelSource, progress: Progress) -> Model:
    """The network of a TorchScript program, or its weights with the reason why it is none.

    The program is loaded, and exported as ONNX, in a confined process; what comes back is read like any ONNX file.
    """
    from secateur.formats.confined.parent import convert
    from secateur.formats.reading import open_onnx
    from secateur.formats.weight_files.weights_alone import weights_alone

    tensors = stored_tensors(path)
    try:
        _refuse_files(path)
        made = convert("torchscript", path, progress)
        reason = made.reason
        if "model.onnx" in made.files:
            model = open_onnx(made.files["model.onnx"], source, progress)
            size = path.stat().st_size
            notes = (*made.notes, *model.notes)
            return replace(model, name=path.stem, path=path, format=kind.id, source_bytes=size, notes=notes)
    except UserError as problem:
        if not tensors:
            raise
        reason = problem.sentence
    return weights_alone(
        kind,
        path,
        source,
        tensors,
        f"The TorchScript program in {path.name} cannot become a network here: {reason.rstrip('.') or 'no export'}. "
        "Export the model as ONNX instead.",
    )


def _refuse_files(path: Path) -> None:
    """UserError where the program's code names an operator that reads or writes files: it is not even loaded."""
    with opened(path) as archive:
        for entry in archive.infolist():
            if "/code/" not in entry.filename or not entry.filename.endswith(".py"):
                continue
            found = _FILE_OPERATORS.search(read_member(archive, entry.filename, _LARGEST_PICKLE, path))
            if found:
                raise UserError(f"its code calls {found.group().decode()}, which reaches files", "It was not loaded.")


def stored_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """The program's parameters and buffers under their own names, mapped; UserError where the archive is broken."""
    with opened(path) as archive:
        names = archive.namelist()
        pickled = next((name for name in names if name.endswith("/data.pkl") and name.count("/") == 1), "")
        if not pickled:
            raise _broken(path, "it has no data")
        root = pickled.partition("/")[0]
        tree = _unpickled(read_member(archive, pickled, _LARGEST_PICKLE, path), path)
        found: dict[str, StoredTensor] = {}
        for name, tensor in _named(tree, "", set(), 0):
            found.setdefault(name, _placed(archive, root, name, tensor, path))
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Storage:
    """A persistent id: which member holds the numbers, and of what kind."""

    dtype: str
    member: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What a tensor's rebuilding was asked with."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Stand:
    """Stands for an object of any class: it only keeps the state that it is given."""

    def __init__(self, *arguments: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


# the interpreter's own unpickler takes any index as the length of its memo: this one is a dictionary
class _Reader(pickle._Unpickler):
    """An unpickler that imports nothing: tensors become their description, all else a stand-in."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name.startswith("_rebuild_tensor"):
            return _rebuilt
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda tensor, *rest: tensor
        if module == "collections" and name == "OrderedDict":
            return dict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module.startswith("__torch__"):
            return _Stand
        if module == "torch.jit._pickle":
            return lambda value, *rest: value
        raise pickle.UnpicklingError(f"it wants {module}.{name}")

    def persistent_load(self, mark: Any) -> _Storage:
        _, dtype, key, _, count = mark
        return _Storage(str(dtype), str(key), int(count))


def _rebuilt(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor has no storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _unpickled(data: bytes, path: Path) -> Any:
    try:
        return _Reader(io.BytesIO(data)).load()
    except Exception as problem:
        lines = str(problem).strip().splitlines()
        raise _broken(path, lines[0] if lines else type(problem).__name__) from problem


def _named(value: Any, prefix: str, seen: set[int], depth: int) -> Iterator[tuple[str, _Tensor]]:
    """Tensors with the path of the attributes that lead to them."""
    if isinstance(value, _Tensor):
        yield prefix, value
        return
    state = value.state if isinstance(value, _Stand) else value
    if not isinstance(state, dict) or id(state) in seen or depth > _MOST_DEPTH:
        return
    seen.add(id(state))
    for key, part in state.items():
        yield from _named(part, f"{prefix}.{key}".lstrip("."), seen, depth + 1)


def _placed(archive: zipfile.ZipFile, root: str, name: str, tensor: _Tensor, path: Path) -> StoredTensor:
    """Where a tensor's numbers lie; UserError where its storage does not hold them."""
    storage, shape = tensor.storage, tensor.shape
    member = f"{root}/data/{storage.member}"
    if member not in archive.NameToInfo or storage.dtype not in _STORAGES.values():
        raise _broken(path, f"the numbers of {name} are missing")
    place = member_place(archive, archive.NameToInfo[member], path)
    width, count = stored_bytes(storage.dtype, 1), prod(shape)
    if len(shape) != len(tensor.strides) or min((*shape, *tensor.strides, tensor.offset), default=0) < 0:
        raise _broken(path, f"{name} has the shape {list(shape)}")
    last = tensor.offset + sum((size - 1) * step for size, step in zip(shape, tensor.strides, strict=True))
    if count and (last + 1) * width > place.size_bytes:
        raise _broken(path, f"{name} needs more numbers than its storage has")
    is_plain = place.offset >= 0 and _is_contiguous(shape, tensor.strides)
    if not is_plain and count * width > 2 * place.size_bytes + 1024:
        raise _broken(path, f"{name} is larger than what it is made of")
    offset = place.offset + tensor.offset * width if is_plain else -1
    load = None if is_plain else _loader(path, member, tensor)
    return StoredTensor(name, storage.dtype, shape, count * width, path, offset, load)


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= max(size, 1)
    return True


def _loader(path: Path, member: str, tensor: _Tensor) -> Callable[[], Any]:
    """Reads a tensor that is a strided view of its storage, or lies compressed."""

    def load() -> Any:
        import numpy as np

        from secateur.model.stored import STORED_TYPES

        with opened(path) as archive:
            raw = np.frombuffer(read_member(archive, member, 1 << 33, path), np.uint8)
        flat = STORED_TYPES[tensor.storage.dtype].decode(raw)[tensor.offset :]
        steps = tuple(step * flat.itemsize for step in tensor.strides)
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, tensor.shape, steps, writeable=False))

    return load


def _broken(path: Path, why: str) -> UserError:
    return UserError(f"{path.name} is not a whole TorchScript program: {why}.", _AGAIN)
