"""Operators that pick parts of a tensor, and padding, which is picking beyond its ends."""

import operator
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.formats.onnx_import.builder import GraphBuilder, to_tensor
from secateur.formats.onnx_import.values import (
    Constant,
    Numbers,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    items_of,
    simplified,
)
from secateur.model.onnx_layers import OnnxLayer


def gather(build: GraphBuilder, node: OnnxNode) -> Value:
    """Gather → nn.Embedding where the table is stored, a selection, or an index_select; over sizes it picks sizes."""
    value, indices = node.required(0), node.required(1)
    if isinstance(value, Numbers):
        return _gather_numbers(value, indices)
    if node.layer is not None:
        return _embedding(build, node.layer, build.tensor(indices))
    source = build.tensor(value)
    axis = build.axis(source, int(node.attributes.get("axis", 0)))
    length = build.shape(source)[axis]
    if isinstance(indices, Constant) and indices.array.ndim == 0:
        return build.call(torch.select, source, axis, int(indices.array))
    if isinstance(indices, Constant) and indices.array.ndim == 1:
        positive = np.where(indices.array < 0, indices.array + length, indices.array).astype(np.int64)
        return build.call(
            torch.index_select, source, axis, build.tensor(Constant(f"{node.outputs[0]}_index", positive))
        )
    return build.call(_gathered, source, build.tensor(indices), axis)


def _gather_numbers(value: Numbers, indices: Value) -> Value:
    if not isinstance(indices, Constant):
        raise Unsupported("it picks sizes by a computed index")
    picked = [value.items[int(index)] for index in indices.array.reshape(-1)]
    return simplified(picked, is_scalar=indices.array.ndim == 0)


def _embedding(build: GraphBuilder, layer: OnnxLayer, indices: fx.Node) -> fx.Node:
    def make() -> nn.Module:
        table = to_tensor(build.stored.values(layer.weight))
        return nn.Embedding(table.shape[0], table.shape[1], _weight=table)

    return build.layer(layer.name, make, indices)


def _gathered(values: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    """Slices of `values` along `axis` at `indices` of any shape; negative ones count from the end."""
    wrapped = torch.where(indices < 0, indices + values.shape[axis], indices)
    picked = torch.index_select(values, axis, wrapped.reshape(-1).long())
    return picked.reshape(values.shape[:axis] + indices.shape + values.shape[axis + 1 :])


def gather_elements(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    axis = int(node.attributes.get("axis", 0))
    return build.call(torch.gather, build.tensor(node.required(0)), axis, build.tensor(node.required(1)))


def cut(build: GraphBuilder, node: OnnxNode) -> Value:
    """Slice; a negative step is a flip and a positive step."""
    value = node.required(0)
    starts, ends = _bounds(node, "starts", 1), _bounds(node, "ends", 2)
    axes = node.integers("axes", 3) or tuple(range(len(starts)))
    steps = node.integers("steps", 4) or (1,) * len(starts)
    if isinstance(value, Numbers):
        return simplified(value.items[slice(starts[0], ends[0], steps[0])])
    source = build.tensor(value)
    picks: list[Any] = [slice(None)] * build.rank(source)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = build.axis(source, int(axis))
        length = build.shape(source)[place]
        if step < 0:
            source = build.call(torch.flip, source, (place,))
            picks[place] = _flipped(start, end, step, length)
        else:
            picks[place] = _slice(start, end, step, length)
    if all(pick == slice(None) for pick in picks):
        return source
    return build.call(operator.getitem, source, tuple(picks))


def _bounds(node: OnnxNode, attribute: str, index: int) -> tuple[Any, ...]:
    if attribute in node.attributes:
        return tuple(int(value) for value in node.attributes[attribute])
    return items_of(node.required(index))


def _slice(start: Any, end: Any, step: int, length: int) -> slice:
    """The Python slice, with None for an end at or beyond the tensor's, so that it follows a changed length."""
    first = None if start == 0 else start
    last = None if not isinstance(end, fx.Node) and end >= length else end
    return slice(first, last, None if step == 1 else step)


def _flipped(start: Any, end: Any, step: int, length: int) -> slice:
    if isinstance(start, fx.Node) or isinstance(end, fx.Node):
        raise Unsupported("it runs backwards between computed bounds")
    first, last, _ = slice(start, end if end >= -length else None, step).indices(length)
    return slice(length - 1 - first, length - 1 - last, -step)


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Pad → F.pad, over as few of the last axes as need it."""
    source = build.tensor(node.required(0))
    rank, mode = build.rank(source), node.word("mode", "constant")
    amounts = list(_bounds(node, "pads", 1))
    axes = node.integers("axes", 3) or tuple(range(len(amounts) // 2))
    begin: list[Any] = [0] * rank
    end: list[Any] = [0] * rank
    for position, axis in enumerate(axes):
        begin[build.axis(source, axis)] = amounts[position]
        end[build.axis(source, axis)] = amounts[position + len(axes)]
    first = next((axis for axis in range(rank) if (begin[axis], end[axis]) != (0, 0)), rank - 1)
    if mode != "constant":
        # torch pads 1, 2 or 3 last axes in these modes, and wants exactly rank − 2 of them
        if first < 2 or mode not in _MODES:
            raise Unsupported(f"its mode '{mode}' reaches beyond the spatial axes")
        first = 2
    listed = [amount for axis in reversed(range(first, rank)) for amount in (begin[axis], end[axis])]
    if mode != "constant":
        return build.call(F.pad, source, listed, _MODES[mode])
    fill = node.constant(2)
    value = float(node.attributes.get("value", 0.0)) if fill is None else float(fill.reshape(-1)[0])
    return build.call(F.pad, source, listed, "constant", value)


OPERATORS: OperatorTable = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "Slice": cut,
    "Pad": pad,
}
