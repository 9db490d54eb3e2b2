"""The layers of a model that stays an ONNX file; output shapes come from running it once."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from math import prod
from types import MappingProxyType
from typing import Any, Final

import onnx  # noqa: TID253 - imported lazily by secateur.formats.describing.describe

from secateur.graph.describing.costs import multiply_accumulates
from secateur.graph.describing.describe_recurrent import recurrent_macs
from secateur.graph.describing.sharing import Held, Holdings, counted_once
from secateur.graph.layers import example_inputs
from secateur.graph.network import OnnxModel
from secateur.graph.onnx_files.reading import tensor_bytes
from secateur.graph.onnx_layers import GraphIndex, OnnxLayer, inner_nodes, multiplied_axes, onnx_layers, session_of
from secateur.model.description import Layer, TensorInfo
from secateur.model.encoding import planes_bytes

_SETTINGS: Final = {
    "Resize": (1, 2),
    "Upsample": (1,),
    "OneHot": (2,),
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
}
"""Inputs of operators that say how they work, and are no parameters."""

_SMALL_INTEGERS: Final = tuple(
    getattr(onnx.TensorProto, name) for name in ("INT8", "UINT8", "INT4", "UINT4", "INT2", "UINT2")
)
_FEW: Final = 16
"""Numbers up to which a stored matrix is a setting rather than a weight."""

_RECURRENT: Final = frozenset({"LSTM", "GRU", "RNN"})

Shapes = dict[str, tuple[int, ...]]


def onnx_description(model: OnnxModel) -> tuple[tuple[Layer, ...], list[str]]:
    """(layers, notes): stored tensors that belong to no layer stand at the end, each by its own name."""
    found = onnx_layers(model.proto)
    shapes, problem = (inferred_shapes(model.proto), "") if model.blocked else _shapes(model, found)
    layers, notes = described(model.proto, found, shapes, model.narrow)
    return layers, [*([problem] if problem else []), *notes]


def described(
    proto: onnx.ModelProto,
    found: tuple[OnnxLayer, ...],
    shapes: Shapes,
    narrow: Mapping[str, str] = MappingProxyType({}),
) -> tuple[tuple[Layer, ...], list[str]]:
    """(layers, notes) of a graph whose tensors have these shapes for one sample; its weights are not looked at.

    `narrow` names the types in which the file keeps tensors with less room.
    """
    graph = GraphIndex(proto)
    layers, notes = counted_once([(_layer(graph, layer, shapes), _held(graph, layer)) for layer in found])
    loose = []
    for name in loose_parameters(graph, found):
        info = tensor_info(graph.initializers[name])
        loose.append(Layer(name, "Parameter", info, params=info.count, size_bytes=info.size_bytes))
    notes += tuple(loose_note(loose))
    if any(not layer.nodes for layer in found):
        notes += ("Some layers stand in the branches of an If or the body of a Loop: their MACs are not counted.",)
    return tuple(kept_narrow(proto, (*layers, *loose), narrow)), list(notes)


def loose_note(layers: Iterable[Layer]) -> list[str]:
    """A sentence that names the stored matrices that are no layer's, where there are any."""
    named = [
        f"{layer.name} ({'×'.join(str(size) for size in layer.weight.shape)})"
        for layer in layers
        if layer.kind == "Parameter" and layer.weight is not None
        if sum(size > 1 for size in layer.weight.shape) > 1 and layer.weight.count > _FEW
    ]
    if not named:
        return []
    words = "matrices belong" if len(named) > 1 else "matrix belongs"
    return [f"{len(named)} stored {words} to no layer, and no method compresses what it holds: {', '.join(named)}."]


def graph_loose_note(proto: onnx.ModelProto) -> list[str]:
    """The same for a graph."""
    graph = GraphIndex(proto)
    names = loose_parameters(graph, onnx_layers(proto))
    return loose_note(Layer(name, "Parameter", tensor_info(graph.initializers[name])) for name in names)


def kept_narrow(proto: onnx.ModelProto, layers: Iterable[Layer], narrow: Mapping[str, str]) -> list[Layer]:
    """`layers`, their bytes less those that the file saves with half as wide numbers behind a Cast, or with planes."""
    if not narrow:
        return list(layers)
    graph, saved = GraphIndex(proto), {}
    for layer in onnx_layers(proto):
        held = [name for name in layer.tensors if name in narrow]
        saved[layer.name] = sum(_saved(graph.initializers[name], narrow[name]) for name in held)
    loose = {
        name: _saved(graph.initializers[name], dtype) for name, dtype in narrow.items() if name in graph.initializers
    }
    saved = {**loose, **saved}
    return [replace(layer, size_bytes=max(layer.size_bytes - saved.get(layer.name, 0), 0)) for layer in layers]


def _saved(tensor: onnx.TensorProto, dtype: str) -> int:
    """Bytes that a file saves which keeps a tensor in this type."""
    info = tensor_info(tensor)
    if not dtype.startswith("int"):
        return info.size_bytes // 2
    return info.size_bytes - planes_bytes(info.count, int(dtype.removeprefix("int")))


def loose_parameters(graph: GraphIndex, found: tuple[OnnxLayer, ...]) -> list[str]:
    """The stored tensors that the graph computes with and that are no layer's: floats, and matrices of integers.

    Lone numbers are none, nor are the settings of operators (scales of Resize and of quantization).
    """
    owned = {name for layer in found for name in _stored(graph, layer)}
    settings = {
        name
        for node in (*graph.proto.graph.node, *inner_nodes(graph.proto.graph))
        for place, name in enumerate(node.input)
        if place in _SETTINGS.get(node.op_type, ()) or (node.op_type.startswith("QLinear") and name)
        if not _is_integer_matrix(graph, name)
    }
    return [
        tensor.name
        for tensor in graph.proto.graph.initializer
        if tensor.name not in owned | settings
        if graph.is_floating(tensor.name) or _is_integer_matrix(graph, tensor.name)
        if prod(tensor.dims) > 1
    ]


def _is_integer_matrix(graph: GraphIndex, name: str) -> bool:
    tensor = graph.initializers.get(name)
    return tensor is not None and tensor.data_type in _SMALL_INTEGERS and len(tensor.dims) > 1


def stored_parameters(proto: onnx.ModelProto) -> list[str]:
    """The initializers that are parameters, as `described` counts them: one that layers share stands here once."""
    graph = GraphIndex(proto)
    found = onnx_layers(proto)
    names: list[str] = []
    shared: set[Hashable] = set()
    for layer in found:
        held = _held(graph, layer)
        names += [name for name in _trainable(layer) if name not in held or name not in shared]
        shared.update(held)
    return [*names, *loose_parameters(graph, found)]


def _held(graph: GraphIndex, layer: OnnxLayer) -> Holdings:
    """The weight, which layers may share; equal biases and normalizations are stored once without being shared."""
    if layer.is_normalization:
        return {}
    info = tensor_info(graph.initializers[layer.weight])
    return {layer.weight: Held(info.count, info.size_bytes)}


def tensor_info(tensor: onnx.TensorProto) -> TensorInfo:
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).name)
    return TensorInfo(tensor.name, dtype, tuple(tensor.dims), tensor_bytes(tensor))


def _stored(graph: GraphIndex, layer: OnnxLayer) -> set[str]:
    """The layer's initializers, with the scales and zero points that unpack them."""
    names = set(layer.tensors)
    for name in layer.first.input:
        view = graph.view(name) if name in graph.makers else None
        if view is not None and view.unpacked_by is not None and view.initializer in names:
            names.update(part for part in view.unpacked_by.input if part in graph.initializers)
    return names


def _contracted(graph: GraphIndex, layer: OnnxLayer) -> int:
    """How many products make one number of a MatrixProduct's result; 0 for other layers."""
    if layer.kind != "MatrixProduct":
        return 0
    order = multiplied_axes(graph, layer)
    return graph.shape(layer.weight)[order[-1 if layer.weight_place == 0 else -2]]


def _layer(graph: GraphIndex, layer: OnnxLayer, shapes: Shapes) -> Layer:
    node = layer.first
    weight = tensor_info(graph.initializers[layer.weight])
    given = shapes.get(layer.data_input, ())
    made = shapes.get(node.output[0], ())
    macs_shape = (
        weight.shape if layer.channel_axis == 0 else weight.shape[::-1] if layer.kind == "Linear" else weight.shape
    )
    attributes = {attribute.name: attribute for attribute in node.attribute}
    is_convolution = layer.operator in {"Conv", "ConvTranspose"}
    kind = layer.kind
    if kind in {"BatchNorm", "InstanceNorm"} and made:
        kind = f"{kind}{max(len(made) - 2, 1)}d"
    return Layer(
        name=layer.name,
        kind=kind,
        weight=weight,
        bias=tensor_info(graph.initializers[layer.bias]) if layer.bias else None,
        params=sum(tensor_info(graph.initializers[name]).count for name in _trainable(layer)),
        macs=_recurrent_macs(graph, layer, given)
        or multiply_accumulates(kind, macs_shape, given, made, _contracted(graph, layer)),
        size_bytes=sum(tensor_bytes(graph.initializers[name]) for name in _stored(graph, layer)),
        output_shape=made[1:] if layer.kind not in _RECURRENT else (made[:1] + made[3:]),
        kernel=weight.shape[2:] if is_convolution else (),
        groups=int(attributes["group"].i) if "group" in attributes and is_convolution else 1,
        channel_axis=layer.channel_axis,
    )


def _recurrent_macs(graph: GraphIndex, layer: OnnxLayer, given: tuple[int, ...]) -> int:
    """Those of a recurrent layer (the sequence is axis 0 of its input), 0 for others."""
    if layer.kind not in _RECURRENT:
        return 0
    return recurrent_macs(tuple(graph.shape(name) for name in layer.tensors[:2]), given)


def _trainable(layer: OnnxLayer) -> tuple[str, ...]:
    """The layer's parameters; the statistics of a batch normalization are stored but not trained."""
    return layer.tensors[:2] if layer.kind == "BatchNorm" else layer.tensors


def inferred_shapes(proto: onnx.ModelProto) -> Shapes:
    """Shape of each tensor for one sample as far as ONNX's own inference knows it, for a graph that nothing runs."""
    from secateur.graph.describing.graph_of_onnx import sample_shapes

    known, _ = sample_shapes(proto)
    return {name: (1, *(size for size in shape if size)) for name, shape in known.items() if all(shape)}


def _shapes(model: OnnxModel, layers: tuple[OnnxLayer, ...]) -> tuple[Shapes, str]:
    """Shape of what goes into and comes out of each layer for one sample, and a note where it cannot be run."""
    wanted: list[str] = []
    for layer in layers:
        node = layer.first
        wanted += [layer.data_input, node.output[0]]
    ports = {port.name for port in (*model.inputs, *model.outputs)}
    probe = onnx.ModelProto()
    probe.CopyFrom(model.proto)
    makers = {name for node in model.proto.graph.node for name in node.output}
    for name in dict.fromkeys(wanted):
        if name in makers and name not in ports:
            probe.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    arrays = dict(zip((port.name for port in model.inputs), example_inputs(model), strict=True))
    try:
        session = session_of(probe)
        names = [value.name for value in session.get_outputs()]
        results: dict[str, Any] = dict(zip(names, session.run(names, arrays), strict=True))
    except Exception as problem:  # noqa: BLE001 - ONNX Runtime raises types of its own; the note says which
        lines = str(problem).strip().splitlines()
        return (
            {},
            f"Shapes and MACs are unknown: ONNX Runtime could not run one sample ({lines[0] if lines else problem}).",
        )
    return {name: tuple(value.shape) for name, value in {**arrays, **results}.items() if hasattr(value, "shape")}, ""
