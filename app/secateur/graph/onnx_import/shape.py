"""Operators that rearrange a tensor, and the shapes they are told.

Exported files are full of constants that were sizes when the file was traced: a batch of 1, the channels of
that day. Where such a number equals the size of the tensor it is applied to, the import asks the tensor, so
that the network follows its batch and survives the removal of channels.
"""

from math import prod
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import (
    Numbers,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    items_of,
    simplified,
)


def shape_of(build: GraphBuilder, node: OnnxNode) -> Value:
    """Shape → the sizes as numbers that follow the tensor."""
    value = node.required(0)
    rank = build.rank(value)
    start, end = int(node.attributes.get("start", 0)), int(node.attributes.get("end", rank))
    axes = range(rank)[start:end]
    if not isinstance(value, fx.Node):
        return simplified([build.shape(value)[axis] for axis in axes])
    return Numbers(tuple(build.size(value, axis) for axis in axes))


def size_of(build: GraphBuilder, node: OnnxNode) -> Value:
    """Size; of a shape it is the rank, which no run changes."""
    value = node.required(0)
    if isinstance(value, Numbers):
        return simplified([len(value.items)], is_scalar=True)
    return Numbers((build.call(torch.numel, build.tensor(node.required(0))),), is_scalar=True)


def reshape(build: GraphBuilder, node: OnnxNode) -> Value:
    """Reshape; over sizes it only says whether they are a scalar or a list."""
    value, wanted = node.required(0), node.input(1)
    if wanted is None:
        wanted = simplified([int(size) for size in node.attributes["shape"]])
    if isinstance(value, Numbers):
        return Numbers(value.items, is_scalar=not items_of(wanted))
    source = build.tensor(value)
    items = list(items_of(wanted))
    if node.flag("allowzero") and 0 in items:
        example = torch.zeros((), dtype=build.dtype(source)).expand([int(build.traced(item)) for item in items])
        return build.call_like(example, torch.reshape, source, items)
    if not node.flag("allowzero"):
        items = [build.size(source, axis) if item == 0 else item for axis, item in enumerate(items)]
    return reshaped(build, source, items)


def reshaped(build: GraphBuilder, source: fx.Node, items: list[Any]) -> fx.Node:
    """`source` in the shape `items`, with sizes of its own in place of the numbers that equal them."""
    sizes = build.shape(source)
    items = _with_batch(build, source, items)
    target = [int(build.traced(item)) for item in items]
    if -1 in target:
        known = prod(size for size in target if size != -1)
        target[target.index(-1)] = prod(sizes) // known if known else 0
    kept = len(target) - 1
    if 1 <= kept < len(sizes) and list(sizes[:kept]) == target[:-1] and target[-1] == prod(sizes[kept:]):
        return build.call(torch.flatten, source, kept)
    front = _common(sizes, target)
    back = min(_common(sizes[::-1], target[::-1]), len(target) - front, len(sizes) - front)
    flexible: list[Any] = [_size(build, source, items[axis], axis) for axis in range(front)]
    flexible += items[front : len(target) - back]
    for axis in range(-back, 0):
        flexible.append(_size(build, source, items[axis], len(sizes) + axis))
    middle = range(front, len(target) - back)
    if middle and prod(target):
        # one entry may follow from the others: the largest constant is the one that channels hide in
        constants = [axis for axis in middle if not isinstance(items[axis], fx.Node)]
        inferred = [axis for axis in middle if items[axis] == -1]
        if constants and not inferred:
            flexible[max(constants, key=lambda axis: target[axis])] = -1
    return build.call(torch.reshape, source, flexible)


def _with_batch(build: GraphBuilder, source: fx.Node, items: list[Any]) -> list[Any]:
    """`items` with the batch in place of a leading 1 that was the batch when the file was traced.

    That is so where the tensor's first axis is the (dynamic) batch and the shape does not fit as it stands, or
    leaves room for it in a −1.
    """
    sizes = build.shape(source)
    is_batch = bool(items) and bool(sizes) and sizes[0] == build.batch > 1 and items[0] == 1
    if not is_batch or any(isinstance(item, fx.Node) for item in items):
        return items
    if -1 not in items and prod(items) == prod(sizes):
        return items
    return [build.size(source, 0), *items[1:]]


def _common(sizes: Any, target: Any) -> int:
    """How many leading entries are equal."""
    count = 0
    for size, wanted in zip(sizes, target, strict=False):
        if size != wanted:
            break
        count += 1
    return count


def _size(build: GraphBuilder, source: fx.Node, item: Any, axis: int) -> Any:
    return item if isinstance(item, fx.Node) else build.size(source, axis)


def flatten(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Flatten to a matrix: the axes before `axis`, and those from it on."""
    source = build.tensor(node.required(0))
    axis = build.axis(source, int(node.attributes.get("axis", 1)))
    if axis == 1 and build.rank(source) > 1:
        return build.call(torch.flatten, source, 1)
    if axis == 0:
        return build.call(torch.reshape, source, [1, -1])
    tail = (
        build.call(torch.flatten, source, axis)
        if axis < build.rank(source)
        else build.call(torch.unsqueeze, source, axis)
    )
    return build.call(torch.flatten, tail, 0, axis - 1)


def transpose(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source = build.tensor(node.required(0))
    order = node.attributes.get("perm") or tuple(reversed(range(build.rank(source))))
    return build.call(torch.permute, source, tuple(int(axis) for axis in order))


def squeeze(build: GraphBuilder, node: OnnxNode) -> Value:
    value, axes = node.required(0), node.integers("axes", 1)
    if isinstance(value, Numbers):
        return Numbers(value.items, is_scalar=True)
    source = build.tensor(value)
    if axes is None:
        # the batch stays, whatever its size was when the file was traced
        axes = tuple(axis for axis, size in enumerate(build.shape(source)) if size == 1 and axis > 0)
    for axis in sorted((build.axis(source, axis) for axis in axes), reverse=True):
        source = build.call(torch.squeeze, source, axis)
    return source


def unsqueeze(build: GraphBuilder, node: OnnxNode) -> Value:
    value, axes = node.required(0), node.integers("axes", 1)
    if axes is None:
        raise Unsupported("its axes are missing")
    if isinstance(value, Numbers):
        if value.is_scalar and len(axes) == 1:
            return Numbers(value.items)
        value = build.tensor(value)
    source = build.tensor(value)
    rank = build.rank(source) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        source = build.call(torch.unsqueeze, source, axis)
    return source


def expand(build: GraphBuilder, node: OnnxNode) -> Value:
    """Expand: both sides broadcast; entries of 1 keep what the tensor has."""
    source, wanted = build.tensor(node.required(0)), items_of(node.required(1))
    sizes = build.shape(source)
    wide = [1] * (len(sizes) - len(wanted)) + list(wanted)
    padded = (1,) * (len(wide) - len(sizes)) + sizes
    entries = [
        (-1 if axis >= len(wide) - len(sizes) else 1) if not isinstance(item, fx.Node) and item in {1, size} else item
        for axis, (item, size) in enumerate(zip(wide, padded, strict=True))
    ]
    return build.call(torch.Tensor.expand, source, entries)


def tile(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    return build.call(torch.tile, build.tensor(node.required(0)), list(items_of(node.required(1))))


def concat(build: GraphBuilder, node: OnnxNode) -> Value:
    """Concat; a list that holds sizes stays a list of sizes."""
    values = [node.required(index) for index in range(len(node.inputs))]
    if any(isinstance(value, Numbers) for value in values):
        return simplified([item for value in values for item in items_of(value)])
    return build.call(torch.cat, [build.tensor(value) for value in values], int(node.attributes["axis"]))


def split(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
    """Split: equal parts stay equal parts (torch.chunk), so that they follow removed channels."""
    axis, count = int(node.attributes.get("axis", 0)), len(node.outputs)
    value, lengths = node.required(0), _lengths(node)
    if isinstance(value, Numbers):
        return _split_numbers(value, lengths, count)
    source = build.tensor(value)
    length = build.shape(source)[build.axis(source, axis)]
    if lengths is None:
        lengths = (-(-length // count),) * (count - 1)
        lengths = (*lengths, length - sum(lengths))
    is_equal = len(set(lengths)) == 1 and not isinstance(lengths[0], fx.Node)
    parts = (
        build.call(torch.chunk, source, count, axis)
        if is_equal
        else build.call(torch.split, source, list(lengths), axis)
    )
    return tuple(build.item(parts, index) for index in range(count))


def _lengths(node: OnnxNode) -> tuple[Any, ...] | None:
    """The lengths of the parts: numbers, or sizes that follow the run."""
    wanted = node.input(1)
    return items_of(wanted) if isinstance(wanted, Numbers) else node.integers("split", 1)


def _split_numbers(value: Numbers, lengths: tuple[Any, ...] | None, count: int) -> tuple[Value, ...]:
    parts = lengths or (len(value.items) // count,) * count
    starts = [sum(parts[:index]) for index in range(len(parts))]
    return tuple(simplified(value.items[start : start + size]) for start, size in zip(starts, parts, strict=True))


def identity(build: GraphBuilder, node: OnnxNode) -> Value:
    return node.required(0)


def depth_to_space(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """DepthToSpace: DCR order takes the block from the front of the channels, CRD (pixel shuffle) from their end."""
    source, block = build.tensor(node.required(0)), int(node.attributes["blocksize"])
    if node.word("mode", "DCR") == "CRD":
        return build.call(torch.pixel_shuffle, source, block)
    sizes = [build.size(source, axis) for axis in (0, 2, 3)]
    split_up = build.call(torch.reshape, source, [sizes[0], block, block, -1, sizes[1], sizes[2]])
    ordered = build.call(torch.permute, split_up, (0, 3, 4, 1, 5, 2))
    rows = build.call(torch.flatten, ordered, 2, 3)
    return build.call(torch.flatten, rows, 3, 4)


def space_to_depth(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """SpaceToDepth: the block goes to the front of the channels, in CRD order behind them."""
    source, block = build.tensor(node.required(0)), int(node.attributes["blocksize"])
    height, width = (size // block for size in build.shape(source)[2:])
    cut = build.call(torch.reshape, source, [build.size(source, 0), build.size(source, 1), height, block, width, block])
    order = (0, 1, 3, 5, 2, 4) if node.word("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    ordered = build.call(torch.permute, cut, order)
    return build.call(torch.flatten, ordered, 1, 3)


OPERATORS: OperatorTable = {
    "Shape": shape_of,
    "Size": size_of,
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Concat": concat,
    "Split": split,
    "Identity": identity,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
