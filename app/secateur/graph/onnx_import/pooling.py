"""Pooling over windows and over everything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.padding import Padding, pad_argument, resolve_padding
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Result, Unsupported, items_of
from secateur.graph.onnx_import.windows import average_windows, maximum_windows, norm_windows, unpooled

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


def max_pool(build: GraphBuilder, node: OnnxNode) -> Result:
    """MaxPool → F.max_pool; padding that torch cannot do itself is an F.pad with −infinity."""
    source = build.tensor(node.required(0))
    window = _window(build, node, source)
    rank, ceil = len(window.kernel), node.flag("ceil_mode")
    asks_places = len([name for name in node.outputs if name]) > 1
    if asks_places or rank not in _MAXIMA or not build.is_floating(source):
        columns = node.flag("storage_order")
        both = build.call(maximum_windows, source, *window.parts, ceil, columns)
        return tuple(build.item(both, index) for index in range(len(node.outputs)))
    padding = window.padding
    if not _fits_torch(padding, window.kernel):
        if ceil:
            return build.item(build.call(maximum_windows, source, *window.parts, ceil), 0)
        source = build.call(F.pad, source, pad_argument(padding.begin, padding.end), "constant", float("-inf"))
        padding = Padding((0,) * rank, (0,) * rank)
    return build.call(
        _MAXIMA[rank], source, window.kernel, window.strides, padding.begin, window.dilations, ceil_mode=ceil
    )


def average_pool(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """AveragePool → F.avg_pool where torch has such windows."""
    source = build.tensor(node.required(0))
    window = _window(build, node, source)
    counts, ceil = node.flag("count_include_pad"), node.flag("ceil_mode")
    is_dilated = any(step != 1 for step in window.dilations)
    if is_dilated or len(window.kernel) not in _AVERAGES or not _fits_torch(window.padding, window.kernel):
        return build.call(average_windows, source, *window.parts, ceil, counts)
    function = _AVERAGES[len(window.kernel)]
    return build.call(function, source, window.kernel, window.strides, window.padding.begin, ceil, counts)


def norm_pool(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """LpPool: the p-norm of each window."""
    source = build.tensor(node.required(0))
    window, order = _window(build, node, source), float(node.attributes.get("p", 2))
    return build.call(norm_windows, source, order, *window.parts, node.flag("ceil_mode"))


def global_norm_pool(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source = build.tensor(node.required(0))
    axes = tuple(range(2, build.rank(source)))
    return build.call(torch.linalg.vector_norm, source, float(node.attributes.get("p", 2)), axes, True)


def max_unpool(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """MaxUnpool; its places count in the tensor that was pooled, which `output_shape` may enlarge."""
    source, places = build.tensor(node.required(0)), build.tensor(node.required(1))
    kernel = tuple(int(size) for size in node.attributes["kernel_shape"])
    strides = tuple(node.attributes.get("strides") or (1,) * len(kernel))
    pads = tuple(node.attributes.get("pads") or (0,) * (2 * len(kernel)))
    sizes = build.shape(source)
    shape = [build.size(source, 0), build.size(source, 1)] + [
        (sizes[axis + 2] - 1) * strides[axis] + kernel[axis] - pads[axis] - pads[axis + len(kernel)]
        for axis in range(len(kernel))
    ]
    wanted = node.input(2)
    if wanted is None:
        return build.call(unpooled, source, places, shape)
    return build.call(_enlarged, source, places, shape, list(items_of(wanted)))


def _enlarged(values: torch.Tensor, places: torch.Tensor, shape: Sequence[int], wanted: Sequence[int]) -> torch.Tensor:
    """The unpooled tensor, with zeros behind it up to the wanted shape."""
    small = unpooled(values, places, shape)
    return F.pad(small, [amount for axis in reversed(range(small.ndim)) for amount in (0, wanted[axis] - shape[axis])])


def global_pool(functions: dict[int, Callable[..., Any]]) -> Callable[[GraphBuilder, OnnxNode], fx.Node]:
    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        source = build.tensor(node.required(0))
        return build.call(_of_rank(functions, build.rank(source) - 2), source, 1)

    return handler


@dataclass(frozen=True, slots=True)
class _Window:
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Padding

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """As the functions in `windows` take it."""
        return self.kernel, self.strides, self.dilations, self.padding.begin, self.padding.end


def _window(build: GraphBuilder, node: OnnxNode, source: fx.Node) -> _Window:
    kernel = tuple(int(size) for size in node.attributes["kernel_shape"])
    strides = tuple(int(step) for step in node.attributes.get("strides") or (1,) * len(kernel))
    dilations = tuple(int(step) for step in node.attributes.get("dilations") or (1,) * len(kernel))
    padding = resolve_padding(node, build.shape(source)[2:], kernel, strides, dilations)
    return _Window(kernel, strides, dilations, padding)


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
    "LpPool": norm_pool,
    "GlobalMaxPool": global_pool(_GLOBAL_MAXIMA),
    "GlobalAveragePool": global_pool(_GLOBAL_AVERAGES),
    "GlobalLpPool": global_norm_pool,
    "MaxUnpool": max_unpool,
}
