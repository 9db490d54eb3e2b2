"""Reductions over axes; the axes are an attribute in older opsets and an input in newer ones."""

import operator
from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.unsigned import POORLY_SUPPORTED, SIGNED
from secateur.graph.onnx_import.values import (
    Numbers,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    items_of,
    simplified,
)

Handler = Callable[[GraphBuilder, OnnxNode], Value]


def reduction(function: Callable[..., Any], before: Callable[..., Any] | None = None) -> Handler:
    """An operator that is `function(tensor, axes, keepdim)`; `before` happens even where there is no axis."""

    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        if isinstance(node.required(0), Numbers):
            raise Unsupported("it reduces sizes")
        source = build.tensor(node.required(0))
        if before is not None:
            source = build.call(before, source)
        axes = node.integers("axes", 1)
        if not axes:
            if node.flag("noop_with_empty_axes"):
                return source
            axes = tuple(range(build.rank(source)))
        return build.call(function, source, axes, bool(node.attributes.get("keepdims", 1)))

    return handler


def reduce_product(build: GraphBuilder, node: OnnxNode) -> Value:
    """ReduceProd: over sizes it is their product; torch multiplies one axis at a time."""
    value, keep = node.required(0), bool(node.attributes.get("keepdims", 1))
    if isinstance(value, Numbers):
        return _product_of_sizes(build, value, is_scalar=not keep)
    source = build.tensor(value)
    axes = node.integers("axes", 1)
    if not axes:
        if node.flag("noop_with_empty_axes"):
            return source
        axes = tuple(range(build.rank(source)))
    for axis in sorted((build.axis(source, axis) for axis in axes), reverse=True):
        source = build.call(torch.prod, source, axis, keep, dtype=build.dtype(source))
    return source


def _product_of_sizes(build: GraphBuilder, value: Numbers, *, is_scalar: bool) -> Value:
    result, *rest = items_of(value)
    for item in rest:
        result = build.call(operator.mul, result, item)
    return simplified([result], is_scalar=is_scalar)


def argument_of(function: Callable[..., Any]) -> Handler:
    """ArgMax and ArgMin; the last of equal values is the first from behind."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        axis, keep = int(node.attributes.get("axis", 0)), bool(node.attributes.get("keepdims", 1))
        source = build.tensor(node.required(0))
        if not node.flag("select_last_index"):
            return build.call(function, source, axis, keep)
        backwards = build.call(function, build.call(torch.flip, source, (axis,)), axis, keep)
        return build.call(torch.sub, build.call(operator.sub, build.size(source, axis), 1), backwards)

    return handler


def top_k(build: GraphBuilder, node: OnnxNode) -> tuple[fx.Node, ...]:
    """TopK by a stable sort, so that of equal values the one with the lower index comes first, as ONNX wants it."""
    counts = node.attributes.get("k") or items_of(node.required(1))
    count = counts if isinstance(counts, int) else counts[0]
    axis, largest = int(node.attributes.get("axis", -1)), bool(node.attributes.get("largest", 1))
    both = build.call(_first_sorted, build.tensor(node.required(0)), count, axis, largest)
    return tuple(build.item(both, index) for index in range(len(node.outputs)))


def _first_sorted(values: torch.Tensor, count: int, axis: int, largest: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `count` values along `axis`, in order, and their indices."""
    if values.dtype in POORLY_SUPPORTED:
        # torch does not sort these: the order is that of the signed ones of the same bits, sign turned over
        signed = values.view(SIGNED[values.dtype])
        _, indices = _first_sorted(signed ^ torch.iinfo(signed.dtype).min, count, axis, largest)
        return torch.gather(signed, axis, indices).view(values.dtype), indices
    ordered, indices = torch.sort(values, dim=axis, descending=largest, stable=True)
    return ordered.narrow(axis, 0, count), indices.narrow(axis, 0, count)


def _sum(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    """The sum in the dtype of `values`; torch's own turns small whole numbers into int64."""
    return values.sum(axes, keep, dtype=values.dtype)


def _mean(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    if values.is_floating_point():
        return values.mean(axes, keep)
    return values.double().mean(axes, keep).to(values.dtype)


def _extreme(values: torch.Tensor, axes: tuple[int, ...], keep: bool, largest: bool) -> torch.Tensor:
    """amax or amin; of nothing it is the lowest or highest value of the dtype, as ONNX defines it."""
    if values.numel():
        return torch.amax(values, axes, keep) if largest else torch.amin(values, axes, keep)
    shape = torch.sum(values, axes, keep).shape
    if values.dtype == torch.bool:
        return torch.full(shape, not largest, device=values.device)
    if values.is_floating_point():
        return torch.full(shape, float("-inf" if largest else "inf"), dtype=values.dtype, device=values.device)
    limits = torch.iinfo(values.dtype)
    return torch.full(shape, limits.min if largest else limits.max, dtype=values.dtype, device=values.device)


def _largest(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return _extreme(values, axes, keep, True)


def _smallest(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return _extreme(values, axes, keep, False)


def _euclidean(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return _sum(values * values, axes, keep).sqrt().to(values.dtype)


def _log_sum(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return _sum(values, axes, keep).log().to(values.dtype)


OPERATORS: OperatorTable = {
    "ReduceMean": reduction(_mean),
    "ReduceSum": reduction(_sum),
    "ReduceMax": reduction(_largest),
    "ReduceMin": reduction(_smallest),
    "ReduceProd": reduce_product,
    "ReduceSumSquare": reduction(_sum, before=torch.square),
    "ReduceL1": reduction(_sum, before=torch.abs),
    "ReduceL2": reduction(_euclidean),
    "ReduceLogSum": reduction(_log_sum),
    "ReduceLogSumExp": reduction(torch.logsumexp),
    "ArgMax": argument_of(torch.argmax),
    "ArgMin": argument_of(torch.argmin),
    "TopK": top_k,
}
