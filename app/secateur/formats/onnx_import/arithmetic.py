"""Arithmetic, element by element; the same operators do the shape arithmetic of exported graphs."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.formats.onnx_import.activation import plain
from secateur.formats.onnx_import.builder import GraphBuilder, to_tensor
from secateur.formats.onnx_import.values import (
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


def binary(tensors: Callable[..., Any], numbers: Callable[..., Any]) -> Handler:
    """An operator of two tensors that is `numbers` on sizes."""

    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        left, right = node.required(0), node.required(1)
        if is_numbers(left, right):
            return on_numbers(build, numbers, left, right)
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
    arguments = operands(build, left, right)
    if build.is_floating(left):
        return build.call(torch.div, *arguments)
    return build.call(torch.div, *arguments, rounding_mode="trunc")


def modulo(build: GraphBuilder, node: OnnxNode) -> Value:
    """Mod: the sign of the divisor, or with `fmod` that of the dividend."""
    left, right = node.required(0), node.required(1)
    if is_numbers(left, right):
        return on_numbers(build, operator.mod, left, right)
    return build.call(torch.fmod if node.flag("fmod") else torch.remainder, *operands(build, left, right))


def several(function: Callable[..., Any], numbers: Callable[..., Any]) -> Handler:
    """Sum, Max and Min of any number of tensors."""

    def handler(build: GraphBuilder, node: OnnxNode) -> Value:
        values = [node.required(index) for index in range(len(node.inputs))]
        if is_numbers(*values):
            return on_numbers(build, numbers, *values)
        result = build.tensor(values[0])
        for value in values[1:]:
            result = build.call(function, result, build.tensor(value))
        return result

    return handler


def mean_of(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    result = build.tensor(node.required(0))
    for index in range(1, len(node.inputs)):
        result = build.call(torch.add, result, build.tensor(node.required(index)))
    return build.call(torch.div, result, float(len(node.inputs)))


def cast(build: GraphBuilder, node: OnnxNode) -> Value:
    """Cast: sizes stay Python numbers, tensors change dtype."""
    import onnx  # noqa: F401 - the numbering of dtypes
    from onnx.helper import tensor_dtype_to_np_dtype

    dtype = np.dtype(tensor_dtype_to_np_dtype(int(node.attributes["to"])))
    value = node.required(0)
    if isinstance(value, Numbers):
        return on_numbers(build, _to_float if np.issubdtype(dtype, np.floating) else _to_int, value)
    return build.call(torch.Tensor.to, build.tensor(value), to_tensor(np.zeros(0, dtype)).dtype)


def cast_like(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    return build.call(torch.Tensor.type_as, build.tensor(node.required(0)), build.tensor(node.required(1)))


def cumulative_sum(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    if node.flag("exclusive") or node.flag("reverse"):
        raise Unsupported("it sums exclusively or backwards")
    axis = node.constant(1)
    if axis is None:
        raise Unsupported("its axis is missing")
    return build.call(torch.cumsum, build.tensor(node.required(0)), int(axis.reshape(-1)[0]))


def _square_root(value: float) -> Any:
    return value**0.5


def _to_int(value: Any) -> Any:
    return value if isinstance(value, int | torch.SymInt) else int(value)


def _to_float(value: Any) -> Any:
    return torch.sym_float(value)  # type: ignore[no-untyped-call]


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
    "Add": binary(torch.add, operator.add),
    "Sub": binary(torch.sub, operator.sub),
    "Mul": binary(torch.mul, operator.mul),
    "Div": divide,
    "Mod": modulo,
    "Pow": binary(torch.pow, operator.pow),
    "Sqrt": unary(torch.sqrt, _square_root),
    "Neg": unary(torch.neg, operator.neg),
    "Abs": unary(torch.abs, abs),
    "Floor": unary(torch.floor, math.floor),
    "Ceil": unary(torch.ceil, math.ceil),
    "Round": plain(torch.round),
    "Sign": plain(torch.sign),
    "Exp": plain(torch.exp),
    "Log": plain(torch.log),
    "Sin": plain(torch.sin),
    "Cos": plain(torch.cos),
    "Tan": plain(torch.tan),
    "Atan": plain(torch.atan),
    "Erf": plain(torch.erf),
    "Reciprocal": plain(torch.reciprocal),
    "Max": several(torch.maximum, _larger),
    "Min": several(torch.minimum, _smaller),
    "Sum": several(torch.add, _total),
    "Mean": mean_of,
    "CumSum": cumulative_sum,
    "Cast": cast,
    "CastLike": cast_like,
}
