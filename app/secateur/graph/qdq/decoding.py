"""Weights that a file stores in groups, as encodings of a float graph: read back, such a file is a network again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import numpy_helper  # noqa: TID253

from secateur.graph.onnx_layers import WEIGHTED, GraphIndex, OnnxLayer, onnx_layers
from secateur.model.encoding import Encodings, IntegerEncoding, WeightEncoding, grouped_axis

_KINDS: Final = {
    onnx.TensorProto.INT2: (2, False),
    onnx.TensorProto.UINT2: (2, True),
    onnx.TensorProto.INT4: (4, False),
    onnx.TensorProto.UINT4: (4, True),
    onnx.TensorProto.INT8: (8, False),
    onnx.TensorProto.UINT8: (8, True),
}
"""Bits, and whether there are zero points."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A graph with float weights where the file has integers, and the encodings that give those integers again."""

    proto: onnx.ModelProto
    encodings: Encodings


def decoded(proto: onnx.ModelProto, planes: Mapping[str, int] | None = None) -> Decoded | None:
    """What a file is whose weights alone are integers, some of them in groups or in planes; None for any other.

    `planes` are the bits of those initializers that the file holds in planes. None also where a weight has a grid that
    no encoding has, or is read by what is no layer. `proto` is not changed.
    """
    graph = GraphIndex(proto)
    unpackers = [node for node in proto.graph.node if node.op_type == "DequantizeLinear"]
    if any(node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") for node in proto.graph.node):
        return None
    planes = planes or {}
    grids = {node.output[0]: _grid(graph, node, planes.get(node.input[0], 0)) for node in unpackers}
    if not planes and not any(grid is not None and grid.granularity == "group" for grid in grids.values()):
        return None
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    floats: dict[str, IntegerEncoding] = {}
    for node in unpackers:
        grid, name = grids[node.output[0]], node.input[0]
        if grid is None or name in floats or len(graph.readers.get(name, [])) > 1:
            return None
        floats[name] = grid
        codes = _codes(graph.initializers[name]) + _shift(graph, node)
        values = grid.dequantize(codes.astype(grid.dtype)).astype(
            graph.values(node.input[1]).dtype
        )  # as the operator gives them
        tensor = next(tensor for tensor in result.graph.initializer if tensor.name == name)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))
    _read_directly(result, {node.output[0]: node.input[0] for node in unpackers})
    layers = {layer.weight: layer for layer in onnx_layers(result) if layer.operator in WEIGHTED}
    if not set(floats) <= set(layers):
        return None
    encodings = {layers[name].name: _as_module_has_it(grid, layers[name]) for name, grid in floats.items()}
    known = {name: encoding for name, encoding in encodings.items() if encoding is not None}
    return Decoded(result, Encodings(known)) if len(known) == len(floats) else None


def _grid(graph: GraphIndex, node: onnx.NodeProto, fewer: int = 0) -> IntegerEncoding | None:
    """The encoding that a DequantizeLinear of stored integers amounts to, in the file's layout; None for no such.

    `fewer` are the bits of integers that have fewer than their type; 0 for all others.
    """
    parts = [name for name in node.input if name]
    if not all(name in graph.initializers for name in parts):
        return None
    bits, is_affine = _KINDS.get(graph.initializers[parts[0]].data_type, (0, False))
    told = {attribute.name: attribute.i for attribute in node.attribute}
    scale = np.asarray(graph.values(parts[1]), np.float32)
    zero = np.asarray(graph.values(parts[2])).astype(np.int16) if len(parts) > 2 else np.zeros(scale.shape, np.int16)
    if not bits or not np.all(np.isfinite(scale) & (scale != 0)):
        return None
    shift = _shift(graph, node)
    bits = fewer or bits
    zero, is_affine = zero + shift, is_affine or bool(shift)
    axis = told.get("axis", 1) % len(graph.shape(parts[0]))
    grid = IntegerEncoding(
        bits,
        scale if told.get("block_size", 0) else scale.reshape(-1),
        axis if told.get("block_size", 0) or scale.size > 1 else None,
        zero.reshape(scale.shape).astype(np.uint8) if is_affine else None,
        told.get("block_size", 0) or None,
    )
    codes = _codes(graph.initializers[parts[0]]) + shift
    return grid if codes.min(initial=0) >= grid.lowest else None


def _codes(tensor: onnx.TensorProto) -> NDArray[np.int16]:
    return np.asarray(numpy_helper.to_array(tensor)).astype(np.int16)


def _shift(graph: GraphIndex, node: onnx.NodeProto) -> int:
    """What is added to signed codes that have zero points: an affine encoding counts from 0, with zero points moved."""
    bits, is_affine = _KINDS[graph.initializers[node.input[0]].data_type]
    has_zeros = len(node.input) > 2 and bool(node.input[2]) and bool(_codes(graph.initializers[node.input[2]]).any())
    return 1 << (bits - 1) if has_zeros and not is_affine else 0


def _read_directly(proto: onnx.ModelProto, names: dict[str, str]) -> None:
    """Remove what unpacks weights: all that reads its result reads the weight, and nothing its scales."""
    kept = []
    for node in proto.graph.node:
        if node.op_type == "DequantizeLinear" and node.output[0] in names:
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(copy.input):
            copy.input[place] = names.get(name, name)
        kept.append(copy)
    proto.graph.ClearField("node")
    proto.graph.node.extend(kept)
    read = {name for node in kept for name in node.input}
    unread = [index for index, tensor in enumerate(proto.graph.initializer) if tensor.name not in read]
    for index in reversed(unread):
        del proto.graph.initializer[index]


def _as_module_has_it(encoding: IntegerEncoding, layer: OnnxLayer) -> WeightEncoding | None:
    """The encoding in the layout of the torch layer; None where its scales do not go with channels or inputs."""
    if encoding.axis is None:
        return encoding
    axis = layer.channel_axis if encoding.granularity == "channel" else grouped_axis(layer.channel_axis)
    if encoding.axis != axis:
        return None
    return encoding.transposed((1, 0)) if layer.kind == "Linear" and layer.channel_axis == 1 else encoding
