"""Reductions over axes; the axes are an attribute in older opsets and an input in newer ones."""

from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.formats.onnx_import.builder import GraphBuilder
from secateur.formats.onnx_import.values import (
    Numbers,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    items_of,
    simplified,
)

Handler = Callable[[GraphBuilder, OnnxNode], Value]


def reduction(function: Callable[..., Any]) -> Handler:
    """An operator that is `function(tensor, axes, keepdim)`."""

    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        if isinstance(node.required(0), Numbers):
            raise Unsupported("it reduces sizes")
        source = build.tensor(node.required(0))
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
    axes = node.integers("axes", 1) or tuple(range(build.rank(source)))
    for axis in sorted((build.axis(source, axis) for axis in axes), reverse=True):
        source = build.call(torch.prod, source, axis, keep)
    return source


def _product_of_sizes(build: GraphBuilder, value: Numbers, *, is_scalar: bool) -> Value:
    import operator

    result, *rest = items_of(value)
    for item in rest:
        result = build.call(operator.mul, result, item)
    return simplified([result], is_scalar=is_scalar)


def argument_of(function: Callable[..., Any]) -> Handler:
    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        if node.flag("select_last_index"):
            raise Unsupported("it asks for the last of equal values")
        axis, keep = int(node.attributes.get("axis", 0)), bool(node.attributes.get("keepdims", 1))
        return build.call(function, build.tensor(node.required(0)), axis, keep)

    return handler


def top_k(build: GraphBuilder, node: OnnxNode) -> tuple[fx.Node, ...]:
    count = node.integers("k", 1)
    if not count:
        raise Unsupported("its number of values is missing")
    axis, largest = int(node.attributes.get("axis", -1)), bool(node.attributes.get("largest", 1))
    both = build.call(torch.topk, build.tensor(node.required(0)), count[0], axis, largest)
    return tuple(build.item(both, index) for index in range(len(node.outputs)))


def _sum_of_squares(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return (values * values).sum(axes, keep)


def _absolute_sum(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return values.abs().sum(axes, keep)


def _euclidean(values: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    return (values * values).sum(axes, keep).sqrt()


OPERATORS: OperatorTable = {
    "ReduceMean": reduction(torch.mean),
    "ReduceSum": reduction(torch.sum),
    "ReduceMax": reduction(torch.amax),
    "ReduceMin": reduction(torch.amin),
    "ReduceProd": reduce_product,
    "ReduceSumSquare": reduction(_sum_of_squares),
    "ReduceL1": reduction(_absolute_sum),
    "ReduceL2": reduction(_euclidean),
    "ReduceLogSumExp": reduction(torch.logsumexp),
    "ArgMax": argument_of(torch.argmax),
    "ArgMin": argument_of(torch.argmin),
    "TopK": top_k,
}
