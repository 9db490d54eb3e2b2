"""Operators that read an image between its pixels, or lay out windows over it."""

from collections.abc import Sequence

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.padding import Padding, resolve_padding
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Result, Unsupported, items_of
from secateur.graph.onnx_import.windows import unfolded

_SAMPLINGS = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest", "cubic": "bicubic",
              "bicubic": "bicubic"}  # fmt: skip


def grid_sample(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source, grid = build.tensor(node.required(0)), build.tensor(node.required(1))
    mode = _SAMPLINGS[node.word("mode", "linear")]
    if build.rank(source) not in {4, 5} or (mode == "bicubic" and build.rank(source) == 5):
        raise Unsupported(f"torch does not sample {build.rank(source) - 2} axes in the mode '{mode}'")
    edges = node.word("padding_mode", "zeros")
    return build.call(F.grid_sample, source, grid, mode, edges, node.flag("align_corners"))


def affine_grid(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    matrices, size = build.tensor(node.required(0)), list(items_of(node.required(1)))
    return build.call(F.affine_grid, matrices, size, node.flag("align_corners"))


def deformable_convolution(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """DeformConv over two axes (Zhu et al., Deformable ConvNets v2, 2019)."""
    source, weight, offset = (build.tensor(node.required(index)) for index in range(3))
    bias, mask = (None if value is None else build.tensor(value) for value in (node.input(3), node.input(4)))
    if build.rank(source) != 4:
        raise Unsupported("it does not work on two spatial axes")
    strides = tuple(node.attributes.get("strides") or (1, 1))
    dilations = tuple(node.attributes.get("dilations") or (1, 1))
    begin = resolve_padding(node, build.shape(source)[2:], build.shape(weight)[2:], strides, dilations).begin
    groups, offset_groups = int(node.attributes.get("group", 1)), int(node.attributes.get("offset_group", 1))
    return build.call(
        _deformed, source, weight, offset, bias, mask, strides, begin, dilations, groups, offset_groups
    )  # fmt: skip


def _deformed(
    values: torch.Tensor,
    weight: torch.Tensor,
    offset: torch.Tensor,
    bias: torch.Tensor | None,
    mask: torch.Tensor | None,
    strides: Sequence[int],
    begin: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    offset_groups: int,
) -> torch.Tensor:
    samples, channels, height, width = values.shape
    rows, columns = weight.shape[2:]
    high, wide = offset.shape[2:]
    moved = offset.reshape(samples, offset_groups, rows, columns, 2, high, wide)
    top, left, down, right = (
        torch.arange(count, device=values.device, dtype=values.dtype) for count in (high, wide, rows, columns)
    )
    top, left = top * strides[0] - begin[0], left * strides[1] - begin[1]
    down, right = down.reshape(-1, 1, 1, 1) * dilations[0], right.reshape(-1, 1, 1) * dilations[1]
    y = moved[..., 0, :, :] + top.unsqueeze(1) + down
    x = moved[..., 1, :, :] + left + right
    picked = bilinear(
        values.reshape(samples * offset_groups, -1, height, width),
        y.reshape(samples * offset_groups, -1),
        x.reshape(samples * offset_groups, -1),
    ).reshape(samples, offset_groups, -1, rows * columns, high, wide)
    if mask is not None:
        picked = picked * mask.reshape(samples, offset_groups, 1, rows * columns, high, wide)
    picked = picked.reshape(samples, groups, channels // groups, rows * columns, high, wide)
    kernels = weight.reshape(groups, -1, channels // groups, rows * columns)
    result = torch.einsum("ngckhw,gock->ngohw", picked, kernels).reshape(samples, -1, high, wide)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


def bilinear(images: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) read at the places (N, P) in pixels, zero outside → (N, C, P)."""
    height, width = images.shape[2:]
    top, left = y.floor(), x.floor()
    flat, total = images.flatten(2), torch.zeros((), dtype=images.dtype, device=images.device)
    for row, share_y in ((top, top + 1 - y), (top + 1, y - top)):
        for column, share_x in ((left, left + 1 - x), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            places = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long().unsqueeze(1)
            found = torch.gather(flat, 2, places.expand(-1, flat.shape[1], -1))
            total = total + found * (share_y * share_x * inside).unsqueeze(1)
    return total


def column_to_image(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Col2Im: blocks laid back into the image, overlapping ones added."""
    image, block = (node.integers("", index) for index in (1, 2))
    if image is None or block is None:
        raise Unsupported("the size of its image or its block is missing")
    rank = len(image)
    strides = tuple(node.attributes.get("strides") or (1,) * rank)
    dilations = tuple(node.attributes.get("dilations") or (1,) * rank)
    pads = tuple(node.attributes.get("pads") or (0,) * (2 * rank))
    padding = Padding(pads[:rank], pads[rank:])
    source = build.tensor(node.required(0))
    return build.call(_laid_back, source, image, block, strides, dilations, padding.begin, padding.end)


def _laid_back(
    values: torch.Tensor,
    image: Sequence[int],
    block: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
) -> torch.Tensor:
    rank, entries = len(image), torch.Size(block).numel()
    size = torch.Size(image).numel()
    places = torch.arange(size, device=values.device).reshape(1, 1, *image)
    table = unfolded(places, block, strides, dilations, begin, end, -1, False)
    order = [*range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2)]
    flat = table.permute(0, 1, *order).reshape(-1)
    listed = values.reshape(values.shape[0], -1, entries * values.shape[2])
    room = values.new_zeros(*listed.shape[:2], size + 1)  # the last entry takes what falls into the padding
    filled = room.index_add(2, torch.where(flat < 0, size, flat), listed)
    return filled[..., :size].reshape(*listed.shape[:2], *image)


def causal_convolution(build: GraphBuilder, node: OnnxNode) -> Result:
    """CausalConvWithState: a depthwise convolution that sees the past only, and what it will see of it next time."""
    source, weight = build.tensor(node.required(0)), build.tensor(node.required(1))
    bias, past = (None if value is None else build.tensor(value) for value in (node.input(2), node.input(3)))
    activation = node.word("activation", "none")
    if activation not in {"none", "silu", "swish"}:
        raise Unsupported(f"its activation is '{activation}'")
    kernel, channels = build.shape(weight)[2], build.shape(weight)[0]
    padded = (F.pad, source, [kernel - 1, 0]) if past is None else (torch.cat, [past, source], 2)
    longer = build.call(*padded)
    result = build.call(F.conv1d, longer, weight, bias, groups=channels)
    if activation != "none":
        result = build.call(F.silu, result)
    if len(node.outputs) == 1:
        return result
    return result, build.call(_last, longer, kernel - 1)


def _last(values: torch.Tensor, count: int) -> torch.Tensor:
    return values.narrow(-1, values.shape[-1] - count, count)


OPERATORS: OperatorTable = {
    "GridSample": grid_sample,
    "AffineGrid": affine_grid,
    "DeformConv": deformable_convolution,
    "Col2Im": column_to_image,
    "CausalConvWithState": causal_convolution,
}
