"""Operators that pick parts of a tensor, and padding, which is picking beyond its ends."""

import operator
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import (
    Constant,
    Numbers,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    items_of,
    simplified,
)
from secateur.graph.onnx_layers import OnnxLayer


def gather(build: GraphBuilder, node: OnnxNode) -> Value:
    """Gather → nn.Embedding where the table is stored, a selection, or an index_select; over sizes it picks sizes."""
    value, indices = node.required(0), node.required(1)
    if isinstance(value, Numbers):
        return _gather_numbers(value, indices)
    if node.layer is not None:
        return _embedding(build, node.layer, build.tensor(indices))
    source = build.tensor(value)
    axis = build.axis(source, int(node.attributes.get("axis", 0)))
    if isinstance(indices, Constant) and indices.array.ndim == 0:
        return build.call(torch.select, source, axis, int(indices.array))
    if isinstance(indices, Constant) and indices.array.ndim == 1 and (indices.array >= 0).all():
        known = Constant(f"{node.outputs[0]}_index", indices.array.astype(np.int64))
        return build.call(torch.index_select, source, axis, build.tensor(known))
    return build.call(_gathered, source, build.tensor(indices), axis)


def _gather_numbers(value: Numbers, indices: Value) -> Value:
    if not isinstance(indices, Constant):
        raise Unsupported("it picks sizes by a computed index")
    picked = [value.items[int(index)] for index in indices.array.reshape(-1)]
    return simplified(picked, is_scalar=indices.array.ndim == 0)


def _embedding(build: GraphBuilder, layer: OnnxLayer, indices: fx.Node) -> fx.Node:
    def make() -> nn.Module:
        table = build.parameter(layer.weight)
        made = nn.Embedding(table.shape[0], table.shape[1], _weight=table.detach())
        made.weight = table
        return made

    return build.layer(layer.name, make, indices)


def _gathered(values: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    """Slices of `values` along `axis` at `indices` of any shape; negative ones count from the end."""
    wrapped = torch.where(indices < 0, indices + values.shape[axis], indices)
    picked = torch.index_select(values, axis, wrapped.reshape(-1).long())
    return picked.reshape(values.shape[:axis] + indices.shape + values.shape[axis + 1 :])


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


OPERATORS: OperatorTable = {"Gather": gather, "Slice": cut}
