"""Arithmetic, element by element; the same operators do the shape arithmetic of exported graphs."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.activation import plain
from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.unsigned import POORLY_SUPPORTED, on_unsigned
from secateur.graph.onnx_import.values import (
    Numbers,
    OnnxNode,
    OperatorTable,
    Result,
    Unsupported,
    Value,
    is_numbers,
    items_of,
    simplified,
)

Handler = Callable[[GraphBuilder, OnnxNode], Result]


def binary(tensors: Callable[..., Any], numbers: Callable[..., Any], unsigned: str = "") -> Handler:
    """An operator of two tensors that is `numbers` on sizes; `unsigned` names it in `unsigned.on_unsigned`."""

    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        left, right = node.required(0), node.required(1)
        if is_numbers(left, right):
            return on_numbers(build, numbers, left, right)
        if unsigned and build.dtype(left) in POORLY_SUPPORTED:
            return build.call(on_unsigned, unsigned, build.tensor(left), build.tensor(right))
        return build.call(tensors, *operands(build, left, right))

    return handler


def operands(build: GraphBuilder, left: Value, right: Value) -> tuple[Any, Any]:
    """The two as arguments of a torch function, of which the first is a tensor or both are."""
    first, second = build.operand(left, right), build.operand(right, left)
    if not isinstance(first, fx.Node) or isinstance(left, Numbers):
        first = build.tensor(left)
    return first, second


def on_numbers(build: GraphBuilder, function: Callable[..., Any], *values: Value) -> Value:
    """`function` over the entries of several shape-like values, broadcast against one another."""
    entries = [items_of(value) for value in values]
    length = max(len(items) for items in entries)
    wide = [items * length if len(items) == 1 else items for items in entries]
    results = [_number(build, function, *parts) for parts in zip(*wide, strict=True)]
    is_scalar = all(build.rank(value) == 0 for value in values)
    return simplified(results, is_scalar=is_scalar)


def _number(build: GraphBuilder, function: Callable[..., Any], *parts: Any) -> Any:
    if not any(isinstance(part, fx.Node) for part in parts):
        return function(*parts)
    return build.call(function, *parts)


def unary(tensors: Callable[..., Any], numbers: Callable[..., Any]) -> Handler:
    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        value = node.required(0)
        if isinstance(value, Numbers):
            return on_numbers(build, numbers, value)
        return build.call(tensors, build.tensor(value))

    return handler


def divide(build: GraphBuilder, node: OnnxNode) -> Value:
    """Div: whole numbers are divided towards zero."""
    left, right = node.required(0), node.required(1)
    if is_numbers(left, right):
        floating = build.is_floating(left) or build.is_floating(right)
        return on_numbers(build, operator.truediv if floating else operator.floordiv, left, right)
    if build.is_floating(left):
        return build.call(torch.div, *operands(build, left, right))
    if build.dtype(left) in POORLY_SUPPORTED:
        return _of_whole(build, on_unsigned, "div", left, right)
    return _of_whole(build, torch.div, "", left, right, rounding_mode="trunc")


def modulo(build: GraphBuilder, node: OnnxNode) -> Value:
    """Mod: the sign of the divisor, or with `fmod` that of the dividend."""
    left, right = node.required(0), node.required(1)
    if is_numbers(left, right):
        return on_numbers(build, operator.mod, left, right)
    function = torch.fmod if node.flag("fmod") else torch.remainder
    if build.is_floating(left):
        return build.call(function, *operands(build, left, right))
    if build.dtype(left) in POORLY_SUPPORTED:
        return _of_whole(build, on_unsigned, "mod", left, right)
    return _of_whole(build, function, "", left, right)


def _of_whole(
    build: GraphBuilder, function: Callable[..., Any], word: str, left: Value, right: Value, **options: Any
) -> fx.Node:
    """A quotient or rest; what it looks like is told, as the example of the divisor is zero."""
    shape = np.broadcast_shapes(build.shape(left), build.shape(right))
    example = torch.zeros((), dtype=build.dtype(left)).expand(shape)
    words = (word,) if word else ()
    return build.call_like(example, function, *words, build.tensor(left), build.tensor(right), **options)


def power(build: GraphBuilder, node: OnnxNode) -> Value:
    """Pow: the result has the dtype of the base, whatever that of the exponent is."""
    left, right = node.required(0), node.required(1)
    if is_numbers(left, right):
        return on_numbers(build, operator.pow, left, right)
    if build.is_floating(left) or not build.is_floating(right):
        return build.call(torch.pow, *operands(build, left, right))
    result = build.call(torch.pow, build.tensor(left), build.tensor(right))
    return build.call(torch.Tensor.to, result, build.dtype(left))


def several(function: Callable[..., Any], numbers: Callable[..., Any], unsigned: str = "") -> Handler:
    """Sum, Max and Min of any number of tensors."""

    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        values = [node.required(index) for index in range(len(node.inputs))]
        if is_numbers(*values):
            return on_numbers(build, numbers, *values)
        result = build.tensor(values[0])
        for value in values[1:]:
            if unsigned and build.dtype(result) in POORLY_SUPPORTED:
                result = build.call(on_unsigned, unsigned, result, build.tensor(value))
            else:
                result = build.call(function, result, build.tensor(value))
        return result

    return handler


def mean_of(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    result = build.tensor(node.required(0))
    for index in range(1, len(node.inputs)):
        result = build.call(torch.add, result, build.tensor(node.required(index)))
    return build.call(torch.div, result, float(len(node.inputs)))


def cumulative(function: Callable[..., Any]) -> Handler:
    """CumSum and CumProd: also backwards, and without the entry itself."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        axis, source = node.constant(1), build.tensor(node.required(0))
        if axis is None:
            raise Unsupported("its axis is missing")
        place, dtype = build.axis(source, int(axis.reshape(-1)[0])), build.dtype(source)
        if node.flag("reverse"):
            source = build.call(torch.flip, source, (place,))
        result = build.call(function, source, place, dtype=dtype)
        if node.flag("exclusive"):
            neutral = 0 if function is torch.cumsum else 1
            result = build.call(_shifted, result, place, neutral)
        return build.call(torch.flip, result, (place,)) if node.flag("reverse") else result

    return handler


def _shifted(values: torch.Tensor, axis: int, first: int) -> torch.Tensor:
    """Every entry one place further along `axis`, `first` in front."""
    head = torch.full_like(values.narrow(axis, 0, 1), first)
    return torch.cat([head, values.narrow(axis, 0, values.shape[axis] - 1)], axis)


_PLAIN: dict[str, Callable[..., Any]] = {
    "Round": torch.round,
    "Sign": torch.sign,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Asin": torch.asin,
    "Acos": torch.acos,
    "Atan": torch.atan,
    "Sinh": torch.sinh,
    "Cosh": torch.cosh,
    "Asinh": torch.asinh,
    "Acosh": torch.acosh,
    "Atanh": torch.atanh,
    "Erf": torch.erf,
    "Reciprocal": torch.reciprocal,
    "Det": torch.det,
}


def _square_root(value: float) -> Any:
    return value**0.5


def _smaller(*values: Any) -> Any:
    result = values[0]
    for value in values[1:]:
        result = torch.sym_min(result, value)  # type: ignore[no-untyped-call]
    return result


def _total(*values: Any) -> Any:
    return sum(values[1:], values[0])


def _larger(*values: Any) -> Any:
    result = values[0]
    for value in values[1:]:
        result = torch.sym_max(result, value)  # type: ignore[no-untyped-call]
    return result


OPERATORS: OperatorTable = {
    "Add": binary(torch.add, operator.add, "add"),
    "Sub": binary(torch.sub, operator.sub, "sub"),
    "Mul": binary(torch.mul, operator.mul, "mul"),
    "Div": divide,
    "Mod": modulo,
    "Pow": power,
    "Sqrt": unary(torch.sqrt, _square_root),
    "Neg": unary(torch.neg, operator.neg),
    "Abs": unary(torch.abs, abs),
    "Floor": unary(torch.floor, math.floor),
    "Ceil": unary(torch.ceil, math.ceil),
    **{name: plain(function) for name, function in _PLAIN.items()},
    "Max": several(torch.maximum, _larger, "max"),
    "Min": several(torch.minimum, _smaller, "min"),
    "Sum": several(torch.add, _total),
    "Mean": mean_of,
    "CumSum": cumulative(torch.cumsum),
    "CumProd": cumulative(torch.cumprod),
}
