"""Integer operators as float simulations: what they compute, in tensors of the dtypes that the file says.

A QuantizeLinear with its DequantizeLinear right behind it becomes one fake quantization that lets gradients
through; integers that are stored become floats, which are the weights of the layers that read them.
"""

from typing import Any, Final

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.cast import cast_to, dtype_name
from secateur.graph.onnx_import.padding import pad_argument, resolve_padding
from secateur.graph.onnx_import.storage import torch_dtype
from secateur.graph.onnx_import.values import Constant, OnnxNode, OperatorTable, Unsupported, Value

_RANGES: Final = {
    "int2": (-2, 1),
    "uint2": (0, 3),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
    "int32": (-(1 << 31), (1 << 31) - 1),
}
_CONVOLUTIONS: Final[dict[int, Any]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def _fixed(build: GraphBuilder, value: Value | None) -> fx.Node | None:
    """A scale or zero point as a node; stored ones are buffers, so that no optimizer moves them."""
    if isinstance(value, Constant):
        value = Constant(value.name, value.array)
    return None if value is None else build.tensor(value)


def quantize_linear(build: GraphBuilder, node: OnnxNode) -> Value:
    """QuantizeLinear: round(x / scale) + zero point, saturating, in the dtype of the zero point."""
    source, zero = build.tensor(node.required(0)), node.input(2)
    number = int(node.attributes.get("output_dtype", 0))
    name = dtype_name(number) if number else "uint8" if zero is None else build.dtype_name(zero)
    place = (int(node.attributes.get("axis", 1)), int(node.attributes.get("block_size", 0)))
    scale = _fixed(build, node.required(1))
    if name not in _RANGES:
        return cast_to(build, node, build.call(_divided, source, scale, *place), name)
    dtype = torch_dtype(name)
    return build.call_as(name, _quantized, source, scale, _fixed(build, zero), *place, *_RANGES[name], dtype)


def _divided(values: torch.Tensor, scale: torch.Tensor, axis: int, block: int) -> torch.Tensor:
    return values.to(scale.dtype) / _spread(scale, values, axis, block)


def _spread(numbers: torch.Tensor, like: torch.Tensor, axis: int, block: int) -> torch.Tensor:
    """Numbers for the whole, one for each entry of an axis, or for each block along it, ready to broadcast."""
    if numbers.numel() == 1:
        return numbers.reshape(())
    if block:
        return numbers.repeat_interleave(block, axis).narrow(axis, 0, like.shape[axis])
    shape = [1] * like.ndim
    shape[axis] = -1
    return numbers.reshape(shape)


def _quantized(
    values: torch.Tensor,
    scale: torch.Tensor,
    zero: torch.Tensor | None,
    axis: int,
    block: int,
    low: int,
    high: int,
    dtype: torch.dtype,
) -> torch.Tensor:
    steps = torch.round(values.float() / _spread(scale, values, axis, block).float())
    if zero is not None:
        steps = steps + _spread(zero, values, axis, block).float()
    return steps.clamp(low, high).to(dtype)


def dequantize_linear(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """DequantizeLinear: (x − zero point) × scale, in the dtype of the scale."""
    source = build.tensor(node.required(0))
    scale, zero = _fixed(build, node.required(1)), _fixed(build, node.input(2))
    place = (int(node.attributes.get("axis", 1)), int(node.attributes.get("block_size", 0)))
    number = int(node.attributes.get("output_dtype", 0))
    dtype = torch_dtype(dtype_name(number)) if number else build.dtype(node.required(1))
    if source.target is _quantized and source.args[1:5] == (scale, zero, *place):
        return build.call(_fake_quantized, *source.args[:7])
    return build.call(_dequantized, source, scale, zero, *place, dtype)


def _dequantized(
    values: torch.Tensor,
    scale: torch.Tensor,
    zero: torch.Tensor | None,
    axis: int,
    block: int,
    dtype: torch.dtype,
) -> torch.Tensor:
    steps = values.float()
    if zero is not None:
        steps = steps - _spread(zero, values, axis, block).float()
    return (steps * _spread(scale, values, axis, block).float()).to(dtype)


def _fake_quantized(
    values: torch.Tensor,
    scale: torch.Tensor,
    zero: torch.Tensor | None,
    axis: int,
    block: int,
    low: int,
    high: int,
) -> torch.Tensor:
    """Values on the grid; the gradient passes where they lie within its range (straight-through estimator)."""
    step = _spread(scale, values, axis, block)
    first = 0 if zero is None else _spread(zero, values, axis, block).to(values.dtype)
    held = torch.clamp(values, (low - first) * step, (high - first) * step)
    rounded = ((torch.round(values / step) + first).clamp(low, high) - first) * step
    return held + (rounded - held).detach()


def dynamic_quantize(build: GraphBuilder, node: OnnxNode) -> tuple[fx.Node, ...]:
    """DynamicQuantizeLinear: uint8 with the range of the values themselves, zero included."""
    both = build.call(_dynamic, build.tensor(node.required(0)))
    return tuple(build.item(both, index) for index in range(len(node.outputs)))


def _dynamic(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(integers, scale, zero point)."""
    low, high = values.amin().clamp(max=0), values.amax().clamp(min=0)
    scale = (high - low) / 255
    step = torch.where(scale == 0, 1.0, scale)
    zero = torch.round(-low / step).clamp(0, 255)
    return (torch.round(values / step) + zero).clamp(0, 255).to(torch.uint8), scale, zero.to(torch.uint8)


# ---------------------------------------------------------------------- products of integers


def matmul_integer(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    left, right = build.tensor(node.required(0)), build.tensor(node.required(1))
    return build.call(_product, left, right, _fixed(build, node.input(2)), _fixed(build, node.input(3)))


def _product(
    left: torch.Tensor, right: torch.Tensor, left_zero: torch.Tensor | None, right_zero: torch.Tensor | None
) -> torch.Tensor:
    """The matrix product of integers as int32; zero points are one for all, one a row, or one a column."""
    return torch.matmul(_centered(left, left_zero, -2), _centered(right, right_zero, -1)).to(torch.int32)


def _centered(values: torch.Tensor, zero: torch.Tensor | None, axis: int) -> torch.Tensor:
    """Integers without their zero point, in float64, which holds every sum of their products exactly."""
    wide = values.double()
    if zero is None:
        return wide
    return wide - (_spread(zero, values, axis, 0) if zero.ndim <= 1 else zero).double()


def qlinear_matmul(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """QLinearMatMul: the product of quantized matrices, quantized again."""
    parts = [_fixed(build, node.required(index)) for index in range(8)]
    return build.call(_quantized_product, *parts, *_limits(build, node.required(7)))


def _quantized_product(
    left: torch.Tensor, left_scale: torch.Tensor, left_zero: torch.Tensor,
    right: torch.Tensor, right_scale: torch.Tensor, right_zero: torch.Tensor,
    scale: torch.Tensor, zero: torch.Tensor, low: int, high: int,
) -> torch.Tensor:  # fmt: skip
    one = _centered(left, left_zero, -2) * (_spread(left_scale, left, -2, 0) if left_scale.ndim <= 1 else left_scale)
    other = _centered(right, right_zero, -1) * (
        _spread(right_scale, right, -1, 0) if right_scale.ndim <= 1 else right_scale
    )
    return _requantized(torch.matmul(one, other), scale, zero, low, high)


def _requantized(values: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, low: int, high: int) -> torch.Tensor:
    return (torch.round(values / scale.double()) + zero.double()).clamp(low, high).to(zero.dtype)


def _limits(build: GraphBuilder, zero: Value) -> tuple[int, int]:
    name = build.dtype_name(zero)
    if name not in _RANGES:
        raise Unsupported(f"its result is stored as {name}")
    return _RANGES[name]


def convolution_integer(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    source, weight = build.tensor(node.required(0)), build.tensor(node.required(1))
    zeros = (_fixed(build, node.input(2)), _fixed(build, node.input(3)))
    return build.call(_convolved, source, weight, *zeros, *_geometry(build, node, source, weight))


def _geometry(build: GraphBuilder, node: OnnxNode, source: fx.Node, weight: fx.Node) -> tuple[Any, ...]:
    """Padding as F.pad takes it, strides, dilations and groups."""
    rank = build.rank(weight) - 2
    if rank not in _CONVOLUTIONS:
        raise Unsupported(f"torch has no convolution over {rank} axes")
    strides = tuple(node.attributes.get("strides") or (1,) * rank)
    dilations = tuple(node.attributes.get("dilations") or (1,) * rank)
    padding = resolve_padding(node, build.shape(source)[2:], build.shape(weight)[2:], strides, dilations)
    pads = pad_argument(padding.begin, padding.end)
    return pads, strides, dilations, int(node.attributes.get("group", 1))


def _convolved(
    values: torch.Tensor, weight: torch.Tensor, zero: torch.Tensor | None, weight_zero: torch.Tensor | None,
    pads: list[int], strides: tuple[int, ...], dilations: tuple[int, ...], groups: int,
) -> torch.Tensor:  # fmt: skip
    """The convolution of integers as int32; what is padded is the zero point."""
    return _exact_convolution(values, weight, zero, weight_zero, pads, strides, dilations, groups).to(torch.int32)


def _exact_convolution(
    values: torch.Tensor, weight: torch.Tensor, zero: torch.Tensor | None, weight_zero: torch.Tensor | None,
    pads: list[int], strides: tuple[int, ...], dilations: tuple[int, ...], groups: int,
) -> torch.Tensor:  # fmt: skip
    padded = F.pad(_centered(values, zero, 1), pads)
    function = _CONVOLUTIONS[weight.ndim - 2]
    kernels = _centered(weight, weight_zero, 0)
    result: torch.Tensor = function(padded, kernels, None, strides, 0, dilations, groups)
    return result


def qlinear_convolution(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """QLinearConv: the convolution of quantized tensors, quantized again; its bias is in steps of both scales."""
    parts = [_fixed(build, node.required(index)) for index in range(8)]
    source, weight = parts[0], parts[3]
    if source is None or weight is None:
        raise Unsupported("its input or weight is missing")
    limits = _limits(build, node.required(7))
    geometry = _geometry(build, node, source, weight)
    return build.call(_quantized_convolution, *parts, _fixed(build, node.input(8)), *limits, *geometry)


def _quantized_convolution(
    values: torch.Tensor, value_scale: torch.Tensor, value_zero: torch.Tensor,
    weight: torch.Tensor, weight_scale: torch.Tensor, weight_zero: torch.Tensor,
    scale: torch.Tensor, zero: torch.Tensor, bias: torch.Tensor | None, low: int, high: int,
    pads: list[int], strides: tuple[int, ...], dilations: tuple[int, ...], groups: int,
) -> torch.Tensor:  # fmt: skip
    total = _exact_convolution(values, weight, value_zero, weight_zero, pads, strides, dilations, groups)
    if bias is not None:
        total = total + _spread(bias, total, 1, 0).double()
    step = value_scale.double() * _spread(weight_scale, total, 1, 0).double()
    return _requantized(total * step, scale, zero, low, high)


OPERATORS: OperatorTable = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize,
    "MatMulInteger": matmul_integer,
    "ConvInteger": convolution_integer,
    "QLinearMatMul": qlinear_matmul,
    "QLinearConv": qlinear_convolution,
}
