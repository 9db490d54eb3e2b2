"""Comparisons, logic and choice."""

import operator
from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.activation import plain
from secateur.graph.onnx_import.arithmetic import binary
from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.unsigned import POORLY_SUPPORTED, SIGNED, on_unsigned
from secateur.graph.onnx_import.values import (
    Constant,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    is_numbers,
    items_of,
    simplified,
)


def where(build: GraphBuilder, node: OnnxNode) -> Value:
    """Where: a choice between sizes is made at import where its condition is known."""
    condition, left, right = (node.required(index) for index in range(3))
    if is_numbers(left, right) and isinstance(condition, Constant):
        flags = condition.array.reshape(-1).tolist()
        first, second = items_of(left), items_of(right)
        length = max(len(flags), len(first), len(second))
        picked = [
            _entry(first, index) if _entry(tuple(flags), index) else _entry(second, index) for index in range(length)
        ]
        return simplified(picked, is_scalar=all(build.rank(value) == 0 for value in (condition, left, right)))
    chosen = [build.operand(value, condition) for value in (left, right)]
    if not any(isinstance(value, fx.Node) for value in chosen):
        # two plain numbers would take torch's default dtype, not the file's
        chosen[0] = build.tensor(left)
    return build.call(torch.where, build.tensor(condition), *chosen)


def _entry(items: tuple[Any, ...], index: int) -> Any:
    return items[0] if len(items) == 1 else items[index]


def logical(function: Callable[..., Any]) -> Callable[[GraphBuilder, OnnxNode], fx.Node]:
    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        return build.call(function, build.tensor(node.required(0)), build.tensor(node.required(1)))

    return handler


def equal(build: GraphBuilder, node: OnnxNode) -> Value:
    """Equal; between sizes it is decided at import for the traced shape, except where the batch is asked about."""
    left, right = node.required(0), node.required(1)
    if not is_numbers(left, right):
        return binary(torch.eq, operator.eq, "eq")(build, node)  # type: ignore[return-value]
    pairs = list(zip(items_of(left), items_of(right), strict=False))
    if len(items_of(left)) != len(items_of(right)):
        raise Unsupported("it compares shapes of different length")
    # sizes are never negative, so the common question "is this entry −1?" has one answer for every batch
    flags = [build.traced(one) == build.traced(other) for one, other in pairs]
    return simplified(flags, is_scalar=build.rank(left) == 0)


def bitwise(function: Callable[..., Any], unsigned: str) -> Callable[[GraphBuilder, OnnxNode], fx.Node]:
    """An operator on the bits of two whole numbers."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        left, right = build.tensor(node.required(0)), build.tensor(node.required(1))
        if build.dtype(left) in POORLY_SUPPORTED:
            return build.call(on_unsigned, unsigned, left, right)
        return build.call(function, left, right)

    return handler


def bitwise_not(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source = build.tensor(node.required(0))
    dtype = build.dtype(source)
    if dtype not in POORLY_SUPPORTED:
        return build.call(torch.bitwise_not, source)
    signed = build.call(torch.Tensor.view, source, SIGNED[dtype])
    return build.call(torch.Tensor.view, build.call(torch.bitwise_not, signed), dtype)


def bit_shift(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    if node.word("direction") == "LEFT":
        return bitwise(torch.bitwise_left_shift, "left")(build, node)
    return bitwise(torch.bitwise_right_shift, "right")(build, node)


def is_infinite(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """IsInf: of one sign only, where the attributes say so."""
    source = build.tensor(node.required(0))
    positive, negative = node.flag("detect_positive", 1), node.flag("detect_negative", 1)
    if positive and negative:
        return build.call(torch.isinf, source)
    if positive or negative:
        return build.call(torch.isposinf if positive else torch.isneginf, source)
    return build.call(torch.zeros_like, source, dtype=torch.bool)


OPERATORS: OperatorTable = {
    "Where": where,
    "Equal": equal,
    "Greater": binary(torch.gt, operator.gt, "gt"),
    "GreaterOrEqual": binary(torch.ge, operator.ge, "ge"),
    "Less": binary(torch.lt, operator.lt, "lt"),
    "LessOrEqual": binary(torch.le, operator.le, "le"),
    "Not": plain(torch.logical_not),
    "And": logical(torch.logical_and),
    "Or": logical(torch.logical_or),
    "Xor": logical(torch.logical_xor),
    "IsNaN": plain(torch.isnan),
    "IsInf": is_infinite,
    "BitShift": bit_shift,
    "BitwiseAnd": bitwise(torch.bitwise_and, "and"),
    "BitwiseOr": bitwise(torch.bitwise_or, "or"),
    "BitwiseXor": bitwise(torch.bitwise_xor, "xor"),
    "BitwiseNot": bitwise_not,
}
