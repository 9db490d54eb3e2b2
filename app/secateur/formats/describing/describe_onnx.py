"""The layers of a model that stays an ONNX file; output shapes come from running it once."""

from typing import Any, Final

import onnx  # noqa: TID253 - imported lazily by secateur.formats.describing.describe

from secateur.formats.describing.costs import multiply_accumulates
from secateur.formats.describing.describe_recurrent import recurrent_macs
from secateur.formats.onnx_files.reading import tensor_bytes
from secateur.model.description import Layer, TensorInfo
from secateur.model.layers import example_inputs
from secateur.model.model import OnnxModel
from secateur.model.onnx_layers import GraphIndex, OnnxLayer, onnx_layers, session_of

_RECURRENT: Final = frozenset({"LSTM", "GRU", "RNN"})

Shapes = dict[str, tuple[int, ...]]


def onnx_description(model: OnnxModel) -> tuple[tuple[Layer, ...], str]:
    """(layers, note): stored tensors that belong to no layer stand at the end, each by its own name."""
    found = onnx_layers(model.proto)
    shapes, problem = _shapes(model, found)
    layers, note = described(model.proto, found, shapes)
    return layers, problem or note


def described(proto: onnx.ModelProto, found: tuple[OnnxLayer, ...], shapes: Shapes) -> tuple[tuple[Layer, ...], str]:
    """(layers, note) of a graph whose tensors have these shapes for one sample; its weights are not looked at."""
    graph = GraphIndex(proto)
    layers = [_layer(graph, layer, shapes) for layer in found]
    owned = {name for layer in found for name in _stored(graph, layer)}
    for tensor in proto.graph.initializer:
        if tensor.name not in owned and graph.is_floating(tensor.name) and len(tensor.dims) > 0:
            info = tensor_info(tensor)
            layers.append(Layer(tensor.name, "Parameter", info, params=info.count, size_bytes=info.size_bytes))
    note = ""
    if any(not layer.nodes for layer in found):
        note = "Some layers stand in the branches of an If or the body of a Loop: their MACs are not counted."
    return tuple(layers), note


def tensor_info(tensor: onnx.TensorProto) -> TensorInfo:
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).name)
    return TensorInfo(tensor.name, dtype, tuple(tensor.dims), tensor_bytes(tensor))


def _stored(graph: GraphIndex, layer: OnnxLayer) -> set[str]:
    """The layer's initializers, with the scales and zero points that unpack them."""
    names = set(layer.tensors)
    for name in layer.first.input:
        maker = graph.makers.get(name)
        if maker is not None and maker.op_type == "DequantizeLinear" and maker.input[0] in names:
            names.update(part for part in maker.input if part in graph.initializers)
    return names


def _layer(graph: GraphIndex, layer: OnnxLayer, shapes: Shapes) -> Layer:
    node = layer.first
    weight = tensor_info(graph.initializers[layer.weight])
    given = shapes.get(node.input[0], ())
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
        macs=_recurrent_macs(graph, layer, given) or multiply_accumulates(kind, macs_shape, given, made),
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


def _shapes(model: OnnxModel, layers: tuple[OnnxLayer, ...]) -> tuple[Shapes, str]:
    """Shape of what goes into and comes out of each layer for one sample, and a note where it cannot be run."""
    wanted: list[str] = []
    for layer in layers:
        node = layer.first
        wanted += [node.input[0], node.output[0]]
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
