"""Integer kernels that overflow: what an 8-bit weight may be stored as on this processor.

Processors without VNNI (most before 2019, AMD's before Zen 4) multiply uint8 by int8 in pairs and add each pair in 16
bits, where 255 × 127 twice is cut off: results are silently wrong, up to whole classes. ONNX Runtime computes exactly
there with weights of uint8 around 128, which are the same numbers in the same room, in a kernel that takes somewhat
longer; and with weights of 7 bits and fewer in any kernel. Whether it is so is not looked up but tried.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_layers import new_session

Integers = Literal["auto", "int8", "uint8"]
"""How static weights of 8 bits are stored: `auto` as this processor's kernels need it."""

_CHANNELS: Final = 64
MIDDLE: Final = 128


@cache
def overflows_here() -> bool:
    """Whether this processor's kernels for uint8 × int8 give other results than whole numbers do; tried once."""
    scale = np.float32(_CHANNELS * 255 * 127 / 200)
    stored = {
        "w": np.full((_CHANNELS, _CHANNELS, 1, 1), 127, np.int8),
        "one": np.float32(1),
        "zero": np.uint8(0),
        "ones": np.ones(_CHANNELS, np.float32),
        "zeros": np.zeros(_CHANNELS, np.int8),
        "scale": scale,
    }
    node = helper.make_node("QLinearConv", ["x", "one", "zero", "w", "ones", "zeros", "scale", "zero"], ["y"])
    shape = [1, _CHANNELS, 4, 4]
    graph = helper.make_graph(
        [node],
        "probe",
        [helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (found,) = new_session(proto, 1).run(None, {"x": np.full(shape, 255, np.uint8)})
    return bool(np.any(found != 200))


def around_128(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with 8-bit weights that integer kernels read as uint8 around 128; `proto`, changed in place.

    Those that no kernel multiplies with integers, and those of few bits that a function unpacks, stay as they are.
    """
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    unpackers = [node for node in proto.graph.node if node.op_type == "DequantizeLinear"]
    bytewise = {name for name, tensor in stored.items() if tensor.data_type == onnx.TensorProto.UINT8}
    computed = [node for node in unpackers if node.input[0] not in stored and len(node.input) > 2]
    rounded = {node.output[0] for node in computed if node.input[2] in bytewise}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    middles: dict[tuple[int, ...], str] = {}
    for tensor in [one for one in stored.values() if one.data_type == onnx.TensorProto.INT8 and len(one.dims) > 1]:
        own = _unpackers(tensor.name, readers)
        multiplied = {name for node in own for reader in readers.get(node.output[0], ()) for name in reader.input}
        if not multiplied & rounded:
            continue
        codes = numpy_helper.to_array(tensor).astype(np.int16) + MIDDLE
        tensor.CopyFrom(numpy_helper.from_array(codes.astype(np.uint8), tensor.name))
        for node in own:
            name = middles.setdefault(tuple(stored[node.input[1]].dims), f"m{len(middles)}")
            del node.input[2:]
            node.input.append(name)
    for shape, name in middles.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.full(shape, MIDDLE, np.uint8), name))
    return proto


def _unpackers(name: str, readers: Mapping[str, Sequence[onnx.NodeProto]]) -> list[onnx.NodeProto]:
    """The nodes that turn stored codes into floats, those of a tied weight that is turned before included."""
    found: list[onnx.NodeProto] = []
    for node in readers.get(name, ()):
        if node.op_type == "DequantizeLinear":
            found.append(node)
        elif node.op_type == "Transpose":
            found += _unpackers(node.output[0], readers)
    return found
