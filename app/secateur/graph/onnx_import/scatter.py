"""Operators that read or write single entries at computed places."""

from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Unsupported

_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def gather_elements(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    axis = int(node.attributes.get("axis", 0))
    return build.call(_picked, build.tensor(node.required(0)), axis, build.tensor(node.required(1)))


def _picked(values: torch.Tensor, axis: int, indices: torch.Tensor) -> torch.Tensor:
    return torch.gather(values, axis, _wrapped(indices, values.shape[axis]))


def _wrapped(indices: torch.Tensor, length: int) -> torch.Tensor:
    """Indices counted from the front; negative ones count from the end."""
    return torch.where(indices < 0, indices + length, indices).long()


def gather_nd(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    places, source = build.tensor(node.required(1)), build.tensor(node.required(0))
    return build.call(_gathered, source, places, int(node.attributes.get("batch_dims", 0)))


def _gathered(values: torch.Tensor, places: torch.Tensor, batch_axes: int) -> torch.Tensor:
    """Slices of `values` at coordinates that lie along the last axis of `places` (ONNX GatherND)."""
    coordinates = tuple(places.long().unbind(-1))
    if not batch_axes:
        return values[coordinates]
    flat = values.reshape(-1, *values.shape[batch_axes:])
    listed = places.reshape(flat.shape[0], -1, places.shape[-1]).long()
    rows = torch.arange(flat.shape[0], device=values.device).unsqueeze(1).expand(listed.shape[:2])
    found = flat[(rows, *listed.unbind(-1))]
    return found.reshape(*places.shape[:-1], *found.shape[2:])


def scatter_elements(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """ScatterElements, and the older Scatter."""
    source, places, updates = (build.tensor(node.required(index)) for index in range(3))
    axis = int(node.attributes.get("axis", 0))
    return build.call(_scattered, source, axis, places, updates, node.word("reduction", "none"))


def _scattered(
    values: torch.Tensor, axis: int, places: torch.Tensor, updates: torch.Tensor, reduction: str
) -> torch.Tensor:
    indices = _wrapped(places, values.shape[axis])
    if reduction == "none":
        return values.scatter(axis, indices, updates)
    return values.scatter_reduce(axis, indices, updates, _REDUCTIONS[reduction], include_self=True)


def scatter_nd(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source, places, updates = (build.tensor(node.required(index)) for index in range(3))
    return build.call(_scattered_slices, source, places, updates, node.word("reduction", "none"))


def _scattered_slices(
    values: torch.Tensor, places: torch.Tensor, updates: torch.Tensor, reduction: str
) -> torch.Tensor:
    """`values` with slices replaced (or reduced with) `updates` at coordinates along the last axis of `places`."""
    depth = places.shape[-1]
    coordinates = places.reshape(-1, depth).long().unbind(-1)
    if reduction == "none":
        return values.index_put(tuple(coordinates), updates.reshape(-1, *values.shape[depth:]))
    row = torch.zeros_like(coordinates[0])
    for axis, index in enumerate(coordinates):
        row = row * values.shape[axis] + _wrapped(index, values.shape[axis])
    flat = values.reshape(-1, *values.shape[depth:])
    listed = updates.reshape(-1, *values.shape[depth:])
    rows = row.reshape(-1, *[1] * (flat.ndim - 1)).expand_as(listed)
    return flat.scatter_reduce(0, rows, listed, _REDUCTIONS[reduction], include_self=True).reshape(values.shape)


def tensor_scatter(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """TensorScatter: an update of a cache along one axis, at each sample's own place."""
    cache, update = build.tensor(node.required(0)), build.tensor(node.required(1))
    start = node.input(2)
    first = None if start is None else build.tensor(start)
    axis = build.axis(cache, int(node.attributes.get("axis", -2)))
    return build.call(_updated, cache, update, first, axis, node.word("mode", "linear") == "circular")


def _updated(
    cache: torch.Tensor, update: torch.Tensor, first: torch.Tensor | None, axis: int, circular: bool
) -> torch.Tensor:
    places = torch.arange(update.shape[axis], device=cache.device).reshape(-1, *[1] * (cache.ndim - axis - 1))
    if first is not None:
        places = places + first.reshape(-1, *[1] * (cache.ndim - 1))
    if circular:
        places = places % cache.shape[axis]
    return cache.scatter(axis, places.expand(update.shape).long(), update)


def non_zero(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """NonZero: how many there are, only a run can tell."""
    source = build.tensor(node.required(0))
    example = torch.zeros((), dtype=torch.int64).expand(max(build.rank(source), 1), build.extent)
    return build.unknown(example, _coordinates, source)


def _coordinates(values: torch.Tensor) -> torch.Tensor:
    return torch.nonzero(values.reshape(1) if values.ndim == 0 else values).transpose(0, 1)


def compress(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source, chosen = build.tensor(node.required(0)), build.tensor(node.required(1))
    axis, shape = node.attributes.get("axis"), list(build.shape(source))
    if axis is None:
        shape = [build.extent]
    else:
        shape[int(axis)] = build.extent
    example = torch.zeros((), dtype=build.dtype(source)).expand(shape)
    return build.unknown(example, _compressed, source, chosen, None if axis is None else int(axis))


def _compressed(values: torch.Tensor, chosen: torch.Tensor, axis: int | None) -> torch.Tensor:
    """The slices along `axis` (or the entries of the flattened tensor) that are chosen."""
    places = torch.nonzero(chosen.reshape(-1)).reshape(-1)
    return values.reshape(-1)[places] if axis is None else values.index_select(axis, places)


def one_hot(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """OneHot; indices beyond the depth give a row without a one."""
    places, pair = build.tensor(node.required(0)), build.tensor(node.required(2))
    depth = node.constant(1)
    if depth is None:
        raise Unsupported("its depth is missing")
    axis = int(node.attributes.get("axis", -1))
    return build.call(_one_hot, places, int(depth.reshape(-1)[0]), pair, axis)


def _one_hot(places: torch.Tensor, depth: int, pair: torch.Tensor, axis: int) -> torch.Tensor:
    listed = places.unsqueeze(axis)
    shape = [1] * listed.ndim
    shape[axis] = depth
    classes = torch.arange(depth, device=places.device).reshape(shape)
    wrapped = torch.where(listed < 0, listed + depth, listed)
    return torch.where(wrapped == classes, pair[1], pair[0])


def reverse_sequence(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    time, batch = int(node.attributes.get("time_axis", 0)), int(node.attributes.get("batch_axis", 1))
    return build.call(_reversed, build.tensor(node.required(0)), build.tensor(node.required(1)), time, batch)


def _reversed(values: torch.Tensor, lengths: torch.Tensor, time: int, batch: int) -> torch.Tensor:
    """Each sample's first `lengths` entries along `time` in reverse order, the rest as it is."""
    steps = torch.arange(values.shape[time], device=values.device)
    turned = lengths.unsqueeze(1) - 1 - steps
    order = torch.where(turned >= 0, turned, steps)
    table: Any = order if batch < time else order.transpose(0, 1)
    shape = [1] * values.ndim
    shape[batch], shape[time] = values.shape[batch], values.shape[time]
    return torch.gather(values, time, table.reshape(shape).expand(values.shape))


OPERATORS: OperatorTable = {
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "Scatter": scatter_elements,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "TensorScatter": tensor_scatter,
    "NonZero": non_zero,
    "Compress": compress,
    "OneHot": one_hot,
    "ReverseSequence": reverse_sequence,
}
