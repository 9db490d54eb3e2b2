"""The layers of an ONNX graph: their names, their stored weights, and sessions that run the graph.

Names are decided here alone, from the graph, so that a file that stays an `OnnxModel` and the torch network
imported from it call every layer the same.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import numpy_helper  # noqa: TID253

from secateur.graph.network import LazyWeights
from secateur.graph.onnx_large import LARGEST_MESSAGE, session_in_parts, weight_bytes, without_initializers
from secateur.graph.onnx_names import layer_name
from secateur.graph.onnx_parts import NORMALIZATIONS, Parts, find_parts

WEIGHTED: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators of the layers whose weights are pruned and quantized."""

_FLOATING: Final = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
)


@dataclass(frozen=True, slots=True)
class OnnxLayer:
    """One layer of a graph.

    `nodes` are the indices of the nodes that compute with it (several where the file shares its weights, none
    where they stand in a subgraph), `first` is the first of them, and `absorbed` are the indices of the Add nodes
    whose constant is its bias. `operator` is the ONNX operator that it amounts to, fused or not. `weight`, `bias`
    and `tensors` (all of them) name initializers. `channel_axis` is the axis of the output channels in the weight
    as it is stored.
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
    first: onnx.NodeProto = field(default_factory=onnx.NodeProto, compare=False, repr=False)
    weight_place: int = 1

    @property
    def is_normalization(self) -> bool:
        return self.kind in NORMALIZATIONS

    @property
    def weight_input(self) -> str:
        """The tensor that the first of its nodes reads as its weight: the initializer, or what is a view of it."""
        return str(self.first.input[self.weight_place])

    @property
    def data_place(self) -> int:
        """The input of its nodes that is computed with the weight."""
        return 0 if self.weight_place else 1

    @property
    def data_input(self) -> str:
        """The tensor that the first of its nodes computes with it."""
        return str(self.first.input[self.data_place])


@dataclass(frozen=True, slots=True)
class View:
    """A tensor that is a stored one, straight or with its axes in another order.

    Axis `i` of the tensor is axis `axes[i]` of the initializer. Where the initializer holds integers that a
    DequantizeLinear unpacks, it is `unpacked_by`, whose input has its axes in the order `packed_axes`.
    """

    initializer: str
    axes: tuple[int, ...]
    unpacked_by: onnx.NodeProto | None = None
    packed_axes: tuple[int, ...] = ()

    @property
    def is_straight(self) -> bool:
        return self.axes == tuple(range(len(self.axes)))


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

    def view(self, name: str) -> View | None:
        """How a tensor stands to the initializer behind it; None where it is computed.

        Behind it: through Identity, Transpose, and one DequantizeLinear of stored integers.
        """
        passed: list[onnx.NodeProto] = []
        while name not in self.initializers:
            maker = self.makers.get(name)
            if maker is None or maker.op_type not in {"Identity", "Transpose", "DequantizeLinear"} or maker.domain:
                return None
            passed.append(maker)
            name = maker.input[0]
        unpackers = [node for node in passed if node.op_type == "DequantizeLinear"]
        grids = [part for node in unpackers for part in node.input[1:] if part]
        if len(unpackers) > 1 or not all(part in self.initializers for part in grids):
            return None
        axes = tuple(range(len(self.shape(name))))
        packed = axes
        for node in reversed(passed):
            if node.op_type == "Transpose":
                axes = tuple(axes[axis] for axis in _order(node) or reversed(range(len(axes))))
            elif node.op_type == "DequantizeLinear":
                packed = axes
        return View(name, axes, unpackers[0], packed) if unpackers else View(name, axes)

    def stored(self, name: str) -> str | None:
        """The initializer behind a tensor that is it, or is unpacked from it, with its axes in the same order."""
        view = self.view(name)
        return view.initializer if view is not None and view.is_straight else None

    def view_shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor that is a view of a stored one."""
        view = self.view(name)
        if view is None:
            raise KeyError(name)
        shape = self.shape(view.initializer)
        return tuple(shape[axis] for axis in view.axes)

    def shape(self, initializer: str) -> tuple[int, ...]:
        return tuple(self.initializers[initializer].dims)

    def is_floating(self, initializer: str) -> bool:
        return self.initializers[initializer].data_type in _FLOATING

    def values(self, name: str) -> NDArray[Any]:
        """Values of a view of a stored tensor; quantized ones come back as float32."""
        if name in self.initializers:
            return np.asarray(numpy_helper.to_array(self.initializers[name]))
        maker = self.makers[name]
        if maker.op_type == "DequantizeLinear":
            return dequantize(self, maker)
        given = self.values(maker.input[0])
        if maker.op_type == "Identity":
            return given
        return given.transpose(_order(maker) or None)

    def values_as_stored(self, name: str) -> NDArray[Any]:
        """The same, with the axes in the order in which the initializer has them."""
        view = self.view(name)
        if view is None:
            raise KeyError(name)
        return self.values(name).transpose(np.argsort(view.axes))


def _order(node: onnx.NodeProto) -> tuple[int, ...]:
    """The order of axes that a Transpose names; empty where it names none."""
    return next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), ())


def onnx_layers(proto: onnx.ModelProto) -> tuple[OnnxLayer, ...]:
    """Every layer that holds stored parameters, in graph order; those inside subgraphs (If, Loop) at the end."""
    graph = GraphIndex(proto)
    found: dict[tuple[Any, ...], _Found] = {}
    for index, node in (*enumerate(proto.graph.node), *((-1, node) for node in inner_nodes(proto.graph))):
        parts = find_parts(graph, node)
        if parts is None:
            continue
        known = found.setdefault(_identity(node, parts), _Found(node, parts))
        known.nodes += () if index < 0 else (index,)
        known.absorbed += parts.absorbed
    users = Counter(one.parts.weight for one in found.values() if not one.parts.is_normalization)
    used: set[str] = set()
    owned: set[str] = set()
    layers = []
    for one in found.values():
        node, parts = one.node, one.parts
        # a tied weight has one name and several layers: where their own names are known, it is none of theirs
        is_known = "/" in node.name or (parts.bias or "").endswith(".bias")
        is_tied = parts.weight in owned or (users[parts.weight] > 1 and is_known)
        name = layer_name("" if is_tied else parts.weight, parts.bias, node.name, node.op_type, used)
        if not parts.is_normalization:
            owned.add(parts.weight)
        layer = OnnxLayer(
            name, parts.kind, parts.operator or node.op_type, one.nodes, parts.weight, parts.bias, parts.tensors,
            parts.channel_axis, one.absorbed, node, parts.weight_place,
        )  # fmt: skip
        layers.append(_as_stored(graph, layer))
    return tuple(layers)


@dataclass
class _Found:
    """A layer before it has a name: the first of its nodes, its parts, and the places of all its nodes."""

    node: onnx.NodeProto
    parts: Parts
    nodes: tuple[int, ...] = ()
    absorbed: tuple[int, ...] = ()


def _as_stored(graph: GraphIndex, layer: OnnxLayer) -> OnnxLayer:
    """`layer`, as a product with the matrix as it is stored where a linear layer would have to turn a shared one."""
    if layer.kind != "Linear" or layer.channel_axis == 0:
        return layer
    view = graph.view(layer.weight_input)
    is_shared = bool(set(graph.readers.get(layer.weight, ())) - set(layer.nodes)) and view is not None
    if not is_shared or view is None or view.unpacked_by is not None:
        return layer
    return replace(layer, kind="MatrixProduct")


def multiplied_axes(graph: GraphIndex, layer: OnnxLayer) -> tuple[int, ...]:
    """The axes of a product's stored weight in the order in which it is multiplied (a Gemm may turn it itself)."""
    view = graph.view(layer.weight_input)
    axes = view.axes if view is not None else tuple(range(len(graph.shape(layer.weight))))
    is_last = layer.weight_place == 0 or axes[-1] == layer.channel_axis
    return axes if is_last else (*axes[:-2], axes[-1], axes[-2])


def inner_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of all subgraphs of a graph, at any depth."""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from inner.node
                yield from inner_nodes(inner)


def _identity(node: onnx.NodeProto, parts: Parts) -> tuple[Any, ...]:
    """What two nodes have in common that compute with one layer."""
    if parts.is_normalization:
        # exporters store equal tensors once: fresh normalizations look shared without being so
        return (node.output[0],)
    attributes = tuple(sorted(attribute.SerializeToString() for attribute in node.attribute))
    return (node.op_type, parts.weight, parts.bias, parts.tensors, parts.channel_axis, attributes)


# ---------------------------------------------------------------------- weights


def layer_weights(proto: onnx.ModelProto) -> Mapping[str, NDArray[np.float32]]:
    """Layer name → float32 weight of every convolution and matrix product, in the layout of the file.

    Each is taken out of the graph when it is asked for, so that there is never a second copy of all of them.
    """
    graph = GraphIndex(proto)

    def read(name: str) -> NDArray[np.float32]:
        return np.asarray(graph.values_as_stored(name), dtype=np.float32)

    weighted = [layer for layer in onnx_layers(proto) if layer.operator in WEIGHTED]
    return LazyWeights({layer.name: partial(read, layer.weight_input) for layer in weighted})


def replace_weights(proto: onnx.ModelProto, weights: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """A copy of `proto` with these layers' weights replaced (KeyError, ValueError for a wrong name or shape).

    A weight that the file stores as integers is rounded to the scale that stands beside it.
    """
    graph = GraphIndex(proto)
    layers = {layer.name: layer for layer in onnx_layers(proto)}
    replaced: dict[str, onnx.TensorProto] = {}
    for name, values in weights.items():
        target = graph.initializers[layers[name].weight]
        if tuple(target.dims) != values.shape:
            raise ValueError(f"{name} has the shape {tuple(target.dims)}, the new weight {values.shape}.")
        view = graph.view(layers[name].weight_input)
        stored = values
        if view is not None and view.unpacked_by is not None:
            packed = quantize(graph, view.unpacked_by, values.transpose(view.packed_axes))
            stored = packed.transpose(np.argsort(view.packed_axes))
        dtype = numpy_helper.to_array(target).dtype
        replaced[target.name] = numpy_helper.from_array(np.ascontiguousarray(stored.astype(dtype)), target.name)
    made = without_initializers(proto)
    made.graph.initializer.extend(replaced.get(tensor.name, tensor) for tensor in proto.graph.initializer)
    return made


def _grid(graph: GraphIndex, node: onnx.NodeProto) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(scale, zero point) of a DequantizeLinear as float32, ready to broadcast against its input."""
    options = {attribute.name: attribute.i for attribute in node.attribute if attribute.name != "output_dtype"}
    shape = graph.view_shape(node.input[0])
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
    "int2": (-2, 1),
    "uint2": (0, 3),
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
    session = new_session(proto, threads, profile=profile)
    if not profile:
        _SESSIONS[key] = (proto, session)
        while len(_SESSIONS) > _KEPT_SESSIONS:
            _SESSIONS.popitem(last=False)
    return session


def forget_sessions(proto: onnx.ModelProto) -> None:
    """Let go of the sessions kept for this graph: each has a copy of its weights."""
    for key in [key for key in _SESSIONS if key[0] == id(proto)]:
        del _SESSIONS[key]


def kept_sessions() -> int:
    """How many sessions are kept."""
    return len(_SESSIONS)


def new_session(proto: onnx.ModelProto, threads: int | None = None, *, profile: bool = False) -> Any:
    """An ONNX Runtime CPU session for `proto` that nobody keeps."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised as well; standard error stays clean
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    options.enable_profiling = profile
    if weight_bytes(proto) > LARGEST_MESSAGE:
        return session_in_parts(proto, options)
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
