"""Changes of dtype, also to those that torch does not compute in (see `storage`)."""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.storage import CARRIERS, torch_dtype
from secateur.graph.onnx_import.values import (
    Numbers,
    OnnxNode,
    OperatorTable,
    Unsupported,
    Value,
    items_of,
    simplified,
)

_INTEGER_BITS: Final = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4}
_EIGHT_BIT_FLOATS: Final = frozenset({"float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"})
_E8M0: Final = "float8_e8m0fnu"
_FLOAT4: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The values of float4_e2m1fn by their code, without the sign."""


def cast(build: GraphBuilder, node: OnnxNode) -> Value:
    """Cast: sizes stay Python numbers, tensors change dtype."""
    return cast_to(build, node, node.required(0), dtype_name(int(node.attributes["to"])))


def cast_like(build: GraphBuilder, node: OnnxNode) -> Value:
    return cast_to(build, node, node.required(0), build.dtype_name(node.required(1)))


def dtype_name(number: int) -> str:
    """The name that numpy (or ml_dtypes) gives to a dtype of the ONNX numbering."""
    from onnx.helper import tensor_dtype_to_np_dtype

    return str(np.dtype(tensor_dtype_to_np_dtype(number)).name)


def cast_to(build: GraphBuilder, node: OnnxNode, value: Value, name: str) -> Value:
    """`value` as numbers of the dtype `name`."""
    if isinstance(value, Numbers):
        is_float = name.startswith(("float", "bfloat"))
        items = [_number(build, item, is_float=is_float) for item in items_of(value)]
        return simplified(items, is_scalar=value.is_scalar)
    source = build.tensor(value)
    if name in _INTEGER_BITS:
        low_bits = _INTEGER_BITS[name]
        return build.call_as(name, _to_few_bits, source, low_bits, signed=not name.startswith("u"))
    if name == "float4_e2m1fn":
        return build.call_as(name, _to_float4, source)
    target = torch_dtype(name)
    if target is None:
        raise Unsupported(f"torch has no numbers of the kind {name}")
    if name == _E8M0:
        word = node.word("round_mode", "up")
        return build.call(_to_e8m0, source, rounding=word, saturate=node.flag("saturate", 1))
    if name in _EIGHT_BIT_FLOATS and node.flag("saturate", 1):
        return build.call(_to_saturated, source, target)
    if name == "float8_e4m3fn":
        return build.call(_to_e4m3, source)
    return build.call(torch.Tensor.to, source, target)


def _number(build: GraphBuilder, item: Any, *, is_float: bool) -> Any:
    if not isinstance(item, fx.Node):
        return float(item) if is_float else int(item)
    return build.call(_to_float if is_float else _to_int, item)


def _to_int(value: Any) -> Any:
    return value if isinstance(value, int | torch.SymInt) else int(value)


def _to_float(value: Any) -> Any:
    return torch.sym_float(value)  # type: ignore[no-untyped-call]


def _to_few_bits(values: torch.Tensor, bits: int, *, signed: bool) -> torch.Tensor:
    """Whole numbers of 2 or 4 bits: towards zero, and beyond the range the lowest bits."""
    whole = values.to(torch.float32).trunc().to(torch.int32) if values.is_floating_point() else values.to(torch.int32)
    rest = whole & ((1 << bits) - 1)
    if not signed:
        return rest.to(torch.uint8)
    return torch.where(rest >= 1 << (bits - 1), rest - (1 << bits), rest).to(torch.int8)


def _to_float4(values: torch.Tensor) -> torch.Tensor:
    """The nearest value of float4_e2m1fn, the even code of two equally near, the largest beyond."""
    size, code = values.float().abs(), torch.zeros_like(values, dtype=torch.int64)
    for index, (low, high) in enumerate(pairwise(_FLOAT4)):
        middle = (low + high) / 2
        code = code + ((size > middle) | ((size == middle) & bool(index % 2))).long()
    found = torch.tensor(_FLOAT4, device=values.device)[code]
    # the format has no place for what is not a number: ml_dtypes, and onnx with it, makes it a negative zero
    return torch.where(values.float().isnan(), -0.0, torch.copysign(found, values.float()))


def _to_saturated(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """8-bit floats of which the largest stands for all beyond it (ONNX Cast, `saturate`)."""
    largest = torch.finfo(dtype).max
    return values.float().clamp(-largest, largest).to(dtype)


def _to_e4m3(values: torch.Tensor) -> torch.Tensor:
    """float8_e4m3fn with NaN beyond its range, where torch's own conversion gives the largest number."""
    largest = 464.0  # half-way from 448 to what would come next
    return torch.where(values.float().abs() > largest, float("nan"), values.float()).to(torch.float8_e4m3fn)


def _to_e8m0(values: torch.Tensor, *, rounding: str, saturate: bool) -> torch.Tensor:
    """Powers of two (ONNX Cast to FLOAT8E8M0): rounded up, down or to the nearest."""
    mantissa, exponent = torch.frexp(values.float().abs())
    lower = exponent - 1
    step = {
        "up": mantissa > 0.5,
        "down": torch.zeros_like(mantissa, dtype=torch.bool),
        "nearest": mantissa >= 0.75,
    }[rounding]
    code = lower + step.to(lower.dtype) + 127
    if saturate:
        code = torch.where(values.float().isinf(), 254, code.clamp(0, 254))
        code = torch.where(values.float() == 0, 0, code)
    outside = (code < 0) | (code > 254) | values.float().isnan()
    return torch.where(outside, 255, code).to(torch.uint8).view(torch.float8_e8m0fnu)


def bit_cast(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """BitCast: the same bits read as another dtype of the same width."""
    name = dtype_name(int(node.attributes["to"]))
    target = torch_dtype(name)
    if target is None or name in CARRIERS or build.dtype_name(node.required(0)) in CARRIERS:
        raise Unsupported("torch does not store numbers of less than 8 bits as they are")
    if torch.bool in {target, build.dtype(node.required(0))}:
        return build.call(torch.Tensor.to, build.tensor(node.required(0)), target)
    return build.call(torch.Tensor.view, build.tensor(node.required(0)), target)


OPERATORS: OperatorTable = {"Cast": cast, "CastLike": cast_like, "BitCast": bit_cast}
