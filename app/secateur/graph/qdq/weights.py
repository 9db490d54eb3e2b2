"""Weights as integers in an ONNX file: their layout and how they are packed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper  # noqa: TID253

from secateur.graph.onnx_layers import OnnxLayer
from secateur.model.encoding import Encodings, WeightEncoding, grouped_axis

_PER_CHANNEL_OPSET: Final = 13
_BLOCK_OPSET: Final = 21
_TWO_BIT_OPSET: Final = 25
_TYPES: Final = {
    (8, False): onnx.TensorProto.INT8,
    (8, True): onnx.TensorProto.UINT8,
    (4, False): onnx.TensorProto.INT4,
    (4, True): onnx.TensorProto.UINT4,
    (2, False): onnx.TensorProto.INT2,
    (2, True): onnx.TensorProto.UINT2,
}
"""By the bits that a code takes, and whether there are zero points."""


def opset_for(encodings: Encodings) -> tuple[int, str]:
    """The first operator set of ONNX that can hold these encodings, and what of them needs it."""
    if any(encoding.container == 2 for encoding in encodings.weights.values()):
        return _TWO_BIT_OPSET, "weights of 2 bits"
    if any(encoding.bits < 8 for encoding in encodings.weights.values()):
        return _BLOCK_OPSET, "weights of fewer than 8 bits"
    if any(encoding.granularity == "group" for encoding in encodings.weights.values()):
        return _BLOCK_OPSET, "weights in groups"
    if any(encoding.bits > 8 for encoding in encodings.activations.values()):
        return _BLOCK_OPSET, "activations of 16 bits"
    return _PER_CHANNEL_OPSET, "quantized weights"


def in_file_layout(encoding: WeightEncoding, layer: OnnxLayer, proto: onnx.ModelProto) -> WeightEncoding:
    """The encoding with its axis in the layout of the file: products store their matrix transposed.

    One scale for the whole tensor becomes one for each channel.
    """
    if encoding.axis is None:
        tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == layer.weight)
        scale = np.repeat(encoding.scale, tensor.dims[layer.channel_axis])
        zero = None if encoding.zero_point is None else np.repeat(encoding.zero_point, scale.size)
        return replace(encoding, axis=layer.channel_axis, scale=scale, zero_point=zero)
    axis = layer.channel_axis if encoding.granularity == "channel" else grouped_axis(layer.channel_axis)
    return encoding if encoding.axis == axis else encoding.transposed((1, 0))


def integer_tensor(name: str, codes: NDArray[Any], encoding: WeightEncoding) -> onnx.TensorProto:
    """Codes, or zero points, of an encoding: of 8, 4 or 2 bits, several packed in a byte.

    ONNX Runtime 1.32 turns a matrix in groups of 2 bits into a MatMulNBits that is wrong where its columns do not fill
    whole bytes: such a one is stored in 4.
    """
    bits = encoding.container
    if bits == 2 and encoding.group_size is not None and codes.shape[-1] % 4:
        bits = 4
    kind = _TYPES[bits, encoding.is_affine]
    return helper.make_tensor(name, kind, codes.shape, encoding.pack(codes, bits).tobytes(), raw=True)


def dequantizer(inputs: Sequence[str], output: str, encoding: WeightEncoding, name: str = "") -> onnx.NodeProto:
    """The node that turns integers (then scales, and zero points) of an encoding in the file's layout back."""
    blocks: dict[str, Any] = {} if encoding.group_size is None else {"block_size": encoding.group_size}
    return helper.make_node("DequantizeLinear", inputs, [output], name or None, axis=encoding.axis, **blocks)
