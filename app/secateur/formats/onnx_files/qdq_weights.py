"""Weights as integers in an ONNX graph: int8, or int4 packed two to a byte, behind a DequantizeLinear."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.model.encoding import WeightEncoding
from secateur.model.onnx_layers import OnnxLayer


def in_file_layout(encoding: WeightEncoding, layer: OnnxLayer, proto: onnx.ModelProto) -> WeightEncoding:
    """The encoding with its axis in the layout of the file: products store their matrix transposed."""
    axis = None if encoding.axis is None else layer.channel_axis
    size = next(tensor for tensor in proto.graph.initializer if tensor.name == layer.weight).dims[layer.channel_axis]
    scale = encoding.scale if axis is not None else np.repeat(encoding.scale, size)
    return WeightEncoding(encoding.bits, scale, layer.channel_axis)


def store_weight(proto: onnx.ModelProto, layer: OnnxLayer, encoding: WeightEncoding) -> None:
    """Replace, in place, a float weight by integers and a DequantizeLinear that gives it back under its old name."""
    graph = proto.graph
    index, tensor = next((i, item) for i, item in enumerate(graph.initializer) if item.name == layer.weight)
    stored = in_file_layout(encoding, layer, proto)
    values = stored.quantize(np.asarray(numpy_helper.to_array(tensor), np.float32))
    integers, scale = f"{layer.weight}_quantized", f"{layer.weight}_scale"
    shape = list(tensor.dims)
    del graph.initializer[index]
    graph.initializer.append(_integer_tensor(integers, values, shape, stored.bits))
    graph.initializer.append(numpy_helper.from_array(stored.scale.astype(np.float32), scale))
    node = helper.make_node(
        "DequantizeLinear", [integers, scale], [layer.weight], f"{layer.weight}_dequantize", axis=stored.axis
    )
    graph.node.insert(0, node)


def _integer_tensor(name: str, values: Any, shape: Sequence[int], bits: int) -> onnx.TensorProto:
    """int8, or int4 packed two to a byte, the first in the low half (ONNX's layout)."""
    if bits == 8:
        return helper.make_tensor(name, onnx.TensorProto.INT8, shape, values.tobytes(), raw=True)
    flat = values.reshape(-1).view(np.uint8) & 0x0F
    flat = np.append(flat, np.uint8(0)) if flat.size % 2 else flat
    packed = (flat[0::2] | (flat[1::2] << 4)).astype(np.uint8)
    return helper.make_tensor(name, onnx.TensorProto.INT4, shape, packed.tobytes(), raw=True)
