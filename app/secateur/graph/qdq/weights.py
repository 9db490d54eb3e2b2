"""Weights as integers in an ONNX file: their layout and how they are packed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper  # noqa: TID253

from secateur.graph.onnx_layers import OnnxLayer
from secateur.model.encoding import WeightEncoding


def in_file_layout(encoding: WeightEncoding, layer: OnnxLayer, proto: onnx.ModelProto) -> WeightEncoding:
    """The encoding with its axis in the layout of the file: products store their matrix transposed."""
    axis = None if encoding.axis is None else layer.channel_axis
    size = next(tensor for tensor in proto.graph.initializer if tensor.name == layer.weight).dims[layer.channel_axis]
    scale = encoding.scale if axis is not None else np.repeat(encoding.scale, size)
    return WeightEncoding(encoding.bits, scale, layer.channel_axis)


def integer_tensor(name: str, values: Any, shape: Sequence[int], bits: int) -> onnx.TensorProto:
    """int8, or int4 packed two to a byte, the first in the low half (ONNX's layout)."""
    if bits == 8:
        return helper.make_tensor(name, onnx.TensorProto.INT8, shape, values.tobytes(), raw=True)
    flat = values.reshape(-1).view(np.uint8) & 0x0F
    flat = np.append(flat, np.uint8(0)) if flat.size % 2 else flat
    packed = (flat[0::2] | (flat[1::2] << 4)).astype(np.uint8)
    return helper.make_tensor(name, onnx.TensorProto.INT4, shape, packed.tobytes(), raw=True)
