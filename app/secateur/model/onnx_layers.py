"""The layers of an ONNX graph: their names, their stored weights, and sessions that run the graph.

Names are decided here alone, from the graph, so that a file that stays an `OnnxModel` and the torch network
imported from it call every layer the same.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import numpy_helper  # noqa: TID253

from secateur.model.onnx_names import layer_name

_FLOATING: Final = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
)
_NORMALIZATIONS: Final = {
    "BatchNormalization": "BatchNorm",
    "InstanceNormalization": "InstanceNorm",
    "LayerNormalization": "LayerNorm",
    "GroupNormalization": "GroupNorm",
}


@dataclass(frozen=True, slots=True)
class OnnxLayer:
    """One layer of a graph.

    `nodes` are the indices of the nodes that compute with it (several where the file shares its weights),
    `absorbed` the indices of the Add nodes whose constant is its bias. `weight`, `bias` and `tensors` (all of
    them) name initializers. `channel_axis` is the axis of the output channels in the weight as it is stored.
    """

    name: str
    kind: str
    operator: str
    nodes: tuple[int, ...]
    weight: str
    bias: str | None
    tensors: tuple[str, ...]
    channel_axis: int
    absorbed: tuple[int, ...] = ()


class GraphIndex:
    """Who makes and who reads each tensor of a graph, and which tensors are stored in the file."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.proto = proto
        self.initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
        self.makers = {name: node for node in proto.graph.node for name in node.output if name}
        self.readers: dict[str, list[int]] = {}
        for index, node in enumerate(proto.graph.node):
            for name in node.input:
                self.readers.setdefault(name, []).append(index)
        self.outputs = {value.name for value in proto.graph.output}

    def stored(self, name: str) -> str | None:
        """The initializer behind a tensor: itself, or what a DequantizeLinear unpacks; None if it is computed."""
        if name in self.initializers:
            return name
        maker = self.makers.get(name)
        if maker is not None and maker.op_type == "DequantizeLinear":
            return maker.input[0] if all(part in self.initializers for part in maker.input if part) else None
        return None

    def shape(self, initializer: str) -> tuple[int, ...]:
        return tuple(self.initializers[initializer].dims)

    def is_floating(self, initializer: str) -> bool:
        return self.initializers[initializer].data_type in _FLOATING

    def values(self, name: str) -> NDArray[Any]:
        """Values of a stored tensor; quantized ones come back as float32."""
        if name in self.initializers:
            return np.asarray(numpy_helper.to_array(self.initializers[name]))
        return dequantize(self, self.makers[name])


def onnx_layers(proto: onnx.ModelProto) -> tuple[OnnxLayer, ...]:
    """Every layer that holds stored parameters, in graph order. Subgraphs (If, Loop) are not looked into."""
    graph = GraphIndex(proto)
    found: dict[tuple[Any, ...], OnnxLayer] = {}
    used: set[str] = set()
    for index, node in enumerate(proto.graph.node):
        parts = _parts(graph, index, node)
        if parts is None:
            continue
        attributes = tuple(sorted(attribute.SerializeToString() for attribute in node.attribute))
        key: tuple[Any, ...] = (node.op_type, parts.weight, parts.bias, parts.tensors, attributes)
        if node.op_type in _NORMALIZATIONS:
            # exporters store equal tensors once: fresh normalizations look shared without being so
            key = (index,)
        known = found.get(key)
        if known is not None:
            nodes, absorbed = (*known.nodes, index), (*known.absorbed, *parts.absorbed)
            found[key] = OnnxLayer(
                known.name, known.kind, known.operator, nodes, known.weight, known.bias, known.tensors,
                known.channel_axis, absorbed,
            )  # fmt: skip
            continue
        name = layer_name(parts.weight, parts.bias, node.name, node.op_type, used)
        found[key] = OnnxLayer(
            name, parts.kind, node.op_type, (index,), parts.weight, parts.bias, parts.tensors,
            parts.channel_axis, parts.absorbed,
        )  # fmt: skip
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Parts:
    kind: str
    weight: str
    bias: str | None
    tensors: tuple[str, ...]
    channel_axis: int = 0
    absorbed: tuple[int, ...] = ()


def _parts(graph: GraphIndex, index: int, node: onnx.NodeProto) -> _Parts | None:
    """What makes this node a layer, or None where it holds no stored parameters (or an unusual form of them)."""
    if node.domain not in {"", "ai.onnx"}:
        return None
    if node.op_type in {"Conv", "ConvTranspose"}:
        return _convolution_parts(graph, node)
    if node.op_type == "Gemm":
        return _gemm_parts(graph, node)
    if node.op_type == "MatMul":
        return _product_parts(graph, index, node)
    if node.op_type in _NORMALIZATIONS:
        return _normalization_parts(graph, node)
    weight = graph.stored(node.input[1]) if node.op_type == "PRelu" else None
    if weight is not None:
        return _Parts("PReLU", weight, None, (weight,))
    table = graph.stored(node.input[0]) if node.op_type == "Gather" else None
    if table is not None and _is_embedding(graph, node, table):
        return _Parts("Embedding", table, None, (table,), channel_axis=1)
    return None


def _convolution_parts(graph: GraphIndex, node: onnx.NodeProto) -> _Parts | None:
    weight = graph.stored(node.input[1])
    has_bias = len(node.input) > 2 and bool(node.input[2])
    bias = graph.stored(node.input[2]) if has_bias else None
    if weight is None or (has_bias and bias is None):
        return None
    rank = len(graph.shape(weight)) - 2
    kind = f"{'ConvTranspose' if node.op_type == 'ConvTranspose' else 'Conv'}{rank}d"
    tensors = (weight, bias) if bias else (weight,)
    return _Parts(kind, weight, bias, tensors, 1 if node.op_type == "ConvTranspose" else 0)


def _gemm_parts(graph: GraphIndex, node: onnx.NodeProto) -> _Parts | None:
    """A Gemm that is a plain linear layer: y = x·W (+ b), neither scaled nor with a transposed input."""
    options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    weight = graph.stored(node.input[1])
    if weight is None or options.get("transA", 0) or options.get("alpha", 1.0) != 1.0:
        return None
    axis = 0 if options.get("transB", 0) else 1
    bias = graph.stored(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    channels = graph.shape(weight)[axis]
    if bias and (options.get("beta", 1.0) != 1.0 or graph.shape(bias) not in {(channels,), (1, channels)}):
        bias = None
    return _Parts("Linear", weight, bias, (weight, bias) if bias else (weight,), axis)


def _product_parts(graph: GraphIndex, index: int, node: onnx.NodeProto) -> _Parts | None:
    """A product with a stored matrix; a constant added right behind it, to it alone, is its bias."""
    weight = graph.stored(node.input[1])
    if weight is None or len(graph.shape(weight)) != 2:
        return None
    readers = graph.readers.get(node.output[0], [])
    if len(readers) == 1 and node.output[0] not in graph.outputs:
        adder = graph.proto.graph.node[readers[0]]
        others = [name for name in adder.input if name != node.output[0]]
        if adder.op_type == "Add" and len(others) == 1 and others[0] in graph.initializers:
            bias = others[0]
            if graph.shape(bias) == (graph.shape(weight)[1],):
                return _Parts("Linear", weight, bias, (weight, bias), 1, (readers[0],))
    return _Parts("Linear", weight, None, (weight,), 1)


def _normalization_parts(graph: GraphIndex, node: onnx.NodeProto) -> _Parts | None:
    names = [graph.stored(name) for name in node.input[1:] if name]
    if not names or any(name is None for name in names):
        return None
    tensors = tuple(name for name in names if name is not None)
    bias = tensors[1] if len(tensors) > 1 else None
    return _Parts(_NORMALIZATIONS[node.op_type], tensors[0], bias, tensors)


def _is_embedding(graph: GraphIndex, node: onnx.NodeProto, table: str) -> bool:
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    constant_index = graph.stored(node.input[1]) is not None
    return axis == 0 and not constant_index and len(graph.shape(table)) == 2 and graph.is_floating(table)


# ---------------------------------------------------------------------- weights


def layer_weights(proto: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """Layer name → float32 weight of every convolution and matrix product, in the layout of the file."""
    graph = GraphIndex(proto)
    weights = {}
    for layer in onnx_layers(proto):
        if layer.operator in {"Conv", "ConvTranspose", "Gemm", "MatMul"}:
            node = proto.graph.node[layer.nodes[0]]
            weights[layer.name] = np.asarray(graph.values(node.input[1]), dtype=np.float32)
    return weights


def replace_weights(proto: onnx.ModelProto, weights: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """A copy of `proto` with these layers' weights replaced (KeyError, ValueError for a wrong name or shape).

    A weight that the file stores as integers is rounded to the scale that stands beside it.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = GraphIndex(copy)
    layers = {layer.name: layer for layer in onnx_layers(copy)}
    for name, values in weights.items():
        target = graph.initializers[layers[name].weight]
        if tuple(target.dims) != values.shape:
            raise ValueError(f"{name} has the shape {tuple(target.dims)}, the new weight {values.shape}.")
        maker = graph.makers.get(copy.graph.node[layers[name].nodes[0]].input[1])
        stored = values if maker is None else quantize(graph, maker, values)
        dtype = numpy_helper.to_array(target).dtype
        target.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(stored.astype(dtype)), target.name))
    return copy


def _grid(graph: GraphIndex, node: onnx.NodeProto) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(scale, zero point) of a DequantizeLinear as float32, ready to broadcast against its input."""
    options = {attribute.name: attribute.i for attribute in node.attribute if attribute.name != "output_dtype"}
    shape = graph.shape(node.input[0])
    scale = np.asarray(graph.values(node.input[1]), dtype=np.float32)
    has_zero = len(node.input) > 2 and bool(node.input[2])
    zero = np.asarray(graph.values(node.input[2]), dtype=np.float32) if has_zero else np.zeros_like(scale)
    axis = options.get("axis", 1)
    if options.get("block_size", 0):
        block = options["block_size"]
        keep = tuple(slice(0, size) for size in shape)
        return np.repeat(scale, block, axis)[keep], np.repeat(zero, block, axis)[keep]
    if scale.size == 1:
        return scale.reshape(()), zero.reshape(())
    broadcast = [1] * len(shape)
    broadcast[axis] = -1
    return scale.reshape(broadcast), zero.reshape(broadcast)


def dequantize(graph: GraphIndex, node: onnx.NodeProto) -> NDArray[np.float32]:
    """What a DequantizeLinear over stored integers gives."""
    scale, zero = _grid(graph, node)
    stored = np.asarray(graph.values(node.input[0])).astype(np.float32)
    return np.asarray((stored - zero) * scale, dtype=np.float32)


_RANGES: Final = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int16": (-32768, 32767),
}


def quantize(graph: GraphIndex, node: onnx.NodeProto, values: NDArray[Any]) -> NDArray[np.float32]:
    """The integers (as float32) that stand for `values` on the grid of a DequantizeLinear, saturating."""
    scale, zero = _grid(graph, node)
    stored_type = re.sub(r"^.*\.", "", str(graph.values(node.input[0]).dtype))
    low, high = _RANGES[stored_type]
    return np.asarray(np.clip(np.rint(values / scale) + zero, low, high), dtype=np.float32)


# ---------------------------------------------------------------------- running

_SESSIONS: OrderedDict[tuple[int, int | None], tuple[onnx.ModelProto, Any]] = OrderedDict()
_KEPT_SESSIONS: Final = 4


def session_of(proto: onnx.ModelProto, threads: int | None = None, *, profile: bool = False) -> Any:
    """An ONNX Runtime CPU session for `proto`; the last few are kept, with the graph they belong to.

    The entry holds the graph itself, so an identity is never mistaken for that of a freed one. Graphs are
    never changed in place, which is what makes this sound. Profiled sessions are always new.
    """
    key = (id(proto), threads)
    if not profile and key in _SESSIONS:
        _SESSIONS.move_to_end(key)
        return _SESSIONS[key][1]
    session = _new_session(proto, threads, profile)
    if not profile:
        _SESSIONS[key] = (proto, session)
        while len(_SESSIONS) > _KEPT_SESSIONS:
            _SESSIONS.popitem(last=False)
    return session


def _new_session(proto: onnx.ModelProto, threads: int | None, profile: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised as well; standard error stays clean
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    options.enable_profiling = profile
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
