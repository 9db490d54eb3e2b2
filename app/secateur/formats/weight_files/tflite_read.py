"""What a TFLite (LiteRT) file holds: tensors where they lie, and which operator reads which.

Field numbers: `tensorflow/compiler/mlir/lite/schema/schema.fbs`. Weights in integers are told as what they stand for,
scale · (value − zero point).
"""

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.weight_files.flatbuffer import BrokenBufferError, Buffer, Table, root
from secateur.graph.onnx_names import unique
from secateur.model.description import Layer, Port
from secateur.model.stored import StoredTensor, read_values, stored_bytes

_DTYPES: Final = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float64",
    12: "uint64", 15: "uint32", 16: "uint16", 17: "int4", 18: "bfloat16",
}  # fmt: skip
_DEQUANTIZE: Final = 6
_EMBEDDINGS: Final = frozenset({7, 36})
_AGAIN: Final = "Copy or download it again."


class _Operator(NamedTuple):
    """Where an operator with weights has them: kind, inputs of weight and bias, axis of the output channels."""

    kind: str
    weight: int
    bias: int
    axis: int


_WEIGHTED: Final = {
    3: _Operator("Conv2d", 1, 2, 0),
    4: _Operator("Conv2d", 1, 2, 3),
    9: _Operator("Linear", 1, 2, 0),
    67: _Operator("ConvTranspose2d", 1, 3, 0),
    132: _Operator("Conv3d", 1, 2, 4),
}
"""Builtin operator → its weights: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV, CONV_3D."""


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """Tensors with stored values, layers in the order of computation, and the network's ports."""

    tensors: tuple[StoredTensor, ...]
    layers: tuple[Layer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Graph:
    """The first subgraph while it is read: names, dtypes and shapes by tensor number, stored tensors among them."""

    names: set[str] = field(default_factory=set)
    ports: list[Port] = field(default_factory=list)
    stored: dict[int, StoredTensor] = field(default_factory=dict)


def read_tflite(path: Path) -> TfliteFile:
    """The tensors and layers of a file's first subgraph; UserError where the file is broken."""
    if path.stat().st_size < 16:
        raise _broken(path, "it is cut short")
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(path, data)
    except BrokenBufferError as problem:
        raise _broken(path, str(problem)) from problem


def _read(path: Path, data: Buffer) -> TfliteFile:
    model = root(data)
    subgraphs = list(model.tables(2))
    if not subgraphs:
        raise _broken(path, "it holds no network")
    buffers = [_place(buffer) for buffer in model.tables(4)]
    codes = [max(code.number(0, "<b"), code.number(3, "<i")) for code in model.tables(1)]
    graph = _Graph()
    for tensor in subgraphs[0].tables(0):
        _take(path, len(data), graph, tensor, buffers)
    layers = _layers(path, graph, codes, subgraphs[0])
    notes = (f"Only the first of its {len(subgraphs)} networks is shown.",) if len(subgraphs) > 1 else ()
    chosen = [
        tuple(graph.ports[index] for index in subgraphs[0].numbers(place, "<i") if 0 <= index < len(graph.ports))
        for place in (1, 2)
    ]
    return TfliteFile(tuple(graph.stored.values()), layers, chosen[0], chosen[1], notes)


def _place(buffer: Table) -> tuple[int, int]:
    """(offset, bytes) of a buffer's data; files beyond 2 GB keep it behind the flatbuffer."""
    offset = buffer.number(1, "<Q")
    return (offset, buffer.number(2, "<Q")) if offset > 1 else buffer.span(0)


def _take(path: Path, size: int, graph: _Graph, tensor: Table, buffers: list[tuple[int, int]]) -> None:
    """One tensor: its port, and where it has values what they are."""
    index = len(graph.ports)
    name = unique(tensor.text(3) or f"tensor_{index}", graph.names)
    shape = tuple(int(length) for length in tensor.numbers(0, "<i"))
    code, buffer = tensor.number(1, "<b"), tensor.number(2, "<I")
    dtype = _DTYPES.get(code, "")
    free = tuple(int(length) for length in tensor.numbers(7, "<i")) or shape
    graph.ports.append(Port(name, dtype or "float32", tuple(length if length >= 0 else None for length in free)))
    offset, length = buffers[buffer] if buffer < len(buffers) else (0, 0)
    if not length or not dtype:
        return
    if min(shape, default=0) < 0 or stored_bytes(dtype, prod(shape)) != length or offset + length > size:
        raise _broken(path, f"{name!r} has the shape {list(shape)} and {length:,} bytes")
    graph.stored[index] = _meant(StoredTensor(name, dtype, shape, length, path, offset), tensor.table(4), path)


def _meant(stored: StoredTensor, quantization: Table | None, path: Path) -> StoredTensor:
    """The tensor as what its integers stand for."""
    scales = quantization.numbers(2, "<f") if quantization is not None else ()
    if not scales or quantization is None or stored.dtype.startswith("float"):
        return stored
    zeros = quantization.numbers(3, "<q") or (0,)
    axis = quantization.number(6, "<i") if len(scales) > 1 else 0
    if len(scales) > 1 and (not 0 <= axis < len(stored.shape) or stored.shape[axis] != len(scales)):
        raise _broken(path, f"{stored.name!r} has {len(scales)} scales")
    if len(zeros) not in (1, len(scales)):
        raise _broken(path, f"{stored.name!r} has {len(zeros)} zero points")
    along = [-1 if place == axis and len(scales) > 1 else 1 for place in range(len(stored.shape))] or [1]
    load = dequantized(
        stored,
        np.array(scales, np.float32).reshape(along if len(scales) > 1 else ()),
        np.array(zeros, np.float32).reshape(along if len(zeros) > 1 else ()),
    )
    return StoredTensor(stored.name, stored.dtype, stored.shape, stored.size_bytes, path, -1, load)


def dequantized(
    stored: StoredTensor, scale: NDArray[np.float32], zero: NDArray[np.float32]
) -> Callable[[], NDArray[np.float32]]:
    """Reads a tensor of integers as scale · (value − zero point); both broadcast along it."""

    def load() -> NDArray[np.float32]:
        values = read_values(stored)
        with np.errstate(all="ignore"):
            values -= zero
            values *= scale
        return values

    return load


# ---------------------------------------------------------------------- layers


def _layers(path: Path, graph: _Graph, codes: list[int], subgraph: Table) -> tuple[Layer, ...]:
    """Layers by the operators that read stored tensors; stored floats that belong to none stand by themselves."""
    made: dict[int, Layer] = {}
    biases: set[int] = set()
    origin: dict[int, int] = {}
    for operator in subgraph.tables(3):
        index = operator.number(0, "<I")
        code = codes[index] if index < len(codes) else -1
        inputs, outputs = operator.numbers(1, "<i"), operator.numbers(2, "<i")
        if code == _DEQUANTIZE and inputs and outputs:  # float16 weights are widened by an operator of their own
            origin[outputs[0]] = inputs[0]
        layer = _layer(graph, code, [origin.get(item, item) for item in inputs], biases)
        if layer is not None:
            made.setdefault(layer[0], layer[1])
    loose = [
        (index, Layer(item.name, "Parameter", item.info, params=item.count, size_bytes=item.size_bytes))
        for index, item in graph.stored.items()
        if index not in made and index not in biases and len(item.shape) and item.dtype.startswith(("float", "bfloat"))
    ]
    return (*made.values(), *(layer for _, layer in loose))


def _layer(graph: _Graph, code: int, inputs: list[int], biases: set[int]) -> tuple[int, Layer] | None:
    """(number of the weight, the layer) of an operator with stored weights; None for the rest."""
    if code in _EMBEDDINGS:
        weight = next((item for item in inputs if item in graph.stored and len(graph.stored[item].shape) == 2), None)
        return None if weight is None else (weight, _described(graph.stored, weight, None, "Embedding", 0))
    if code not in _WEIGHTED:
        return None
    known = _WEIGHTED[code]
    weight = inputs[known.weight] if len(inputs) > known.weight else -1
    if weight not in graph.stored:
        return None
    bias = inputs[known.bias] if len(inputs) > known.bias and inputs[known.bias] in graph.stored else None
    biases.update([bias] if bias is not None else [])
    return weight, _described(graph.stored, weight, bias, known.kind, known.axis)


def _described(stored: Mapping[int, StoredTensor], weight: int, bias: int | None, kind: str, axis: int) -> Layer:
    parts = [stored[weight], *([stored[bias]] if bias is not None else [])]
    shape = parts[0].shape
    return Layer(
        name=parts[0].name,
        kind=kind,
        weight=parts[0].info,
        bias=parts[1].info if bias is not None else None,
        params=sum(part.count for part in parts),
        size_bytes=sum(part.size_bytes for part in parts),
        kernel=shape[1:3] if len(shape) == 4 else (),
        channel_axis=axis if axis < len(shape) else 0,
    )


def _broken(path: Path, why: str) -> UserError:
    return UserError(f"{path.name} is not a whole TFLite file: {why}.", _AGAIN)
