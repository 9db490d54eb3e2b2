"""Pooling over windows and over everything."""

from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.formats.onnx_import.builder import GraphBuilder
from secateur.formats.onnx_import.padding import Padding, pad_argument, resolve_padding
from secateur.formats.onnx_import.values import OnnxNode, OperatorTable, Unsupported

_MAXIMA: dict[int, Callable[..., Any]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGES: dict[int, Callable[..., Any]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_GLOBAL_MAXIMA: dict[int, Callable[..., Any]] = {
    1: F.adaptive_max_pool1d,
    2: F.adaptive_max_pool2d,
    3: F.adaptive_max_pool3d,
}
_GLOBAL_AVERAGES: dict[int, Callable[..., Any]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


def max_pool(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """MaxPool → F.max_pool; padding that torch cannot do itself is an F.pad with −infinity."""
    if len([name for name in node.outputs if name]) > 1:
        raise Unsupported("its indices are used as an output")
    source = build.tensor(node.required(0))
    kernel, strides, dilations, padding = _window(build, node, source)
    function = _of_rank(_MAXIMA, len(kernel))
    if not _fits_torch(padding, kernel):
        source = build.call(F.pad, source, pad_argument(padding.begin, padding.end), "constant", float("-inf"))
        padding = Padding((0,) * len(kernel), (0,) * len(kernel))
    ceil = node.flag("ceil_mode")
    return build.call(function, source, kernel, strides, padding.begin, dilations, ceil_mode=ceil)


def average_pool(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """AveragePool → F.avg_pool; where uneven padding does not count, sums are divided by the real entries."""
    source = build.tensor(node.required(0))
    kernel, strides, dilations, padding = _window(build, node, source)
    function = _of_rank(_AVERAGES, len(kernel))
    if any(step != 1 for step in dilations):
        raise Unsupported("torch has no dilated average pooling")
    counts, ceil = node.flag("count_include_pad"), node.flag("ceil_mode")
    if _fits_torch(padding, kernel):
        return build.call(function, source, kernel, strides, padding.begin, ceil, counts)
    pads = pad_argument(padding.begin, padding.end)
    padded = build.call(F.pad, source, pads)
    average = build.call(function, padded, kernel, strides, 0, ceil)
    if counts:
        return average
    ones = build.call(F.pad, build.call(torch.ones_like, source), pads)
    return build.call(torch.div, average, build.call(function, ones, kernel, strides, 0, ceil))


def global_pool(functions: dict[int, Callable[..., Any]]) -> Callable[[GraphBuilder, OnnxNode], fx.Node]:
    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        source = build.tensor(node.required(0))
        return build.call(_of_rank(functions, build.rank(source) - 2), source, 1)

    return handler


def _window(
    build: GraphBuilder, node: OnnxNode, source: fx.Node
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Padding]:
    """Kernel, strides, dilations and padding of a pooling node."""
    kernel = tuple(int(size) for size in node.attributes["kernel_shape"])
    strides = tuple(int(step) for step in node.attributes.get("strides") or (1,) * len(kernel))
    dilations = tuple(int(step) for step in node.attributes.get("dilations") or (1,) * len(kernel))
    padding = resolve_padding(node, build.shape(source)[2:], kernel, strides, dilations)
    return kernel, strides, dilations, padding


def _fits_torch(padding: Padding, kernel: tuple[int, ...]) -> bool:
    """Torch pads both ends alike and by at most half the window."""
    return padding.is_even and all(2 * pad <= size for pad, size in zip(padding.begin, kernel, strict=True))


def _of_rank(functions: dict[int, Callable[..., Any]], rank: int) -> Callable[..., Any]:
    if rank not in functions:
        raise Unsupported(f"torch has no pooling over {rank} axes")
    return functions[rank]


OPERATORS: OperatorTable = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalMaxPool": global_pool(_GLOBAL_MAXIMA),
    "GlobalAveragePool": global_pool(_GLOBAL_AVERAGES),
}
