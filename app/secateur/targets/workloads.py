"""The workloads of a network's layers, told from its lowered graph, and each as a network of its own to be timed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.workload import Workload
from secateur.targets.flow import Flow

if TYPE_CHECKING:
    import onnx

    from secateur.graph.onnx_layers import OnnxLayer
    from secateur.model.encoding import ActivationEncoding, IntegerEncoding

ACTIVATIONS: Final = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh")
"""Operators that runtimes compute together with the layer before them."""

NORM: Final = "BatchNormalization"
"""Folded into the layer before it when the network is exported."""

CLIPPING: Final = ("Relu", "Clip")
"""Those that vanish in the grid of what they put out."""

INPUT, OUTPUT, RESULT, LAYER = "x", "y", "z", "layer"


def workloads_of(proto: "onnx.ModelProto", inputs: Sequence[NDArray[Any]]) -> dict[str, tuple[Workload, ...]]:
    """Layer → what is computed for it on these inputs, one workload for each place where it is used.

    Layers whose operator is not known here (transposed convolutions, attention) are not in it.
    """
    from secateur.graph.onnx_layers import WEIGHTED, onnx_layers

    layers = [layer for layer in onnx_layers(proto) if layer.operator in WEIGHTED and layer.nodes]
    shapes = _shapes(
        proto, {proto.graph.node[i].input[layer.data_place] for layer in layers for i in layer.nodes}, inputs
    )
    stored = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: dict[str, tuple[Workload, ...]] = {}
    for layer in layers:
        own = []
        for index in layer.nodes:
            node = proto.graph.node[index]
            shape = shapes.get(node.input[layer.data_place], ())
            work = _workload(node, layer, shape, stored.get(layer.weight, ()))
            if work is None:
                break
            own.append(replace(work, activation=_activation(proto, node, layer, readers)))
        else:
            found[layer.name] = tuple(own)
    return found


def _shapes(proto: "onnx.ModelProto", names: set[str], inputs: Sequence[NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    """Shapes of these tensors where the graph is run on `inputs`."""
    import onnx
    import onnxruntime as ort

    tapped = onnx.ModelProto()
    tapped.CopyFrom(proto)
    given = {value.name: np.shape(data) for value, data in zip(_fed(proto), inputs, strict=False)}
    wanted = sorted(names - set(given))
    del tapped.graph.output[:]
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    if not wanted:
        return given
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(tapped.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {value.name: data for value, data in zip(session.get_inputs(), inputs, strict=False)}
    results = session.run(None, feeds)
    return given | {name: tuple(np.shape(result)) for name, result in zip(wanted, results, strict=True)}


def _fed(proto: "onnx.ModelProto") -> list["onnx.ValueInfoProto"]:
    stored = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in stored]


def _workload(
    node: "onnx.NodeProto", layer: "OnnxLayer", shape: tuple[int, ...], weight: tuple[int, ...]
) -> Workload | None:
    if layer.operator == "Conv" and len(weight) > 2 and len(shape) == len(weight):
        attributes = _attributes(node)
        kernel, axes = weight[2:], len(weight) - 2
        strides = tuple(attributes.get("strides", (1,) * axes))
        dilations = tuple(attributes.get("dilations", (1,) * axes))
        pads = _pads(attributes, shape[2:], kernel, strides, dilations)
        groups = int(attributes.get("group", 1))
        return Workload("conv", shape[1], weight[0], shape[2:], kernel, strides, pads, dilations, groups)
    if layer.operator in {"Gemm", "MatMul"} and len(weight) == 2 and shape:
        outputs, inputs = weight[layer.channel_axis], weight[1 - layer.channel_axis]
        return Workload("linear", inputs, outputs, (max(1, prod(shape) // inputs),))
    return None


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    import onnx

    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def _pads(
    attributes: Mapping[str, Any],
    positions: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    mode = attributes.get("auto_pad", b"NOTSET").decode()
    if mode not in {"SAME_UPPER", "SAME_LOWER"}:
        return tuple(attributes.get("pads", (0,) * (2 * len(kernel))))
    begins, ends = [], []
    for length, size, stride, dilation in zip(positions, kernel, strides, dilations, strict=True):
        reach = dilation * (size - 1) + 1
        missing = max(0, (-(-length // stride) - 1) * stride + reach - length)
        less, more = missing // 2, missing - missing // 2
        begins.append(less if mode == "SAME_UPPER" else more)
        ends.append(more if mode == "SAME_UPPER" else less)
    return (*begins, *ends)


def _activation(
    proto: "onnx.ModelProto", node: "onnx.NodeProto", layer: "OnnxLayer", readers: Mapping[str, list["onnx.NodeProto"]]
) -> str:
    """The activation that alone reads what the node puts out, past the addition of its own bias and a norm."""
    absorbed = {proto.graph.node[index].output[0] for index in layer.absorbed}
    following = readers.get(node.output[0], [])
    if len(following) == 1 and following[0].output[0] in absorbed:
        following = readers.get(following[0].output[0], [])
    if len(following) == 1 and following[0].op_type == NORM:
        following = readers.get(following[0].output[0], [])
    return following[0].op_type if len(following) == 1 and following[0].op_type in ACTIVATIONS else ""


# ---------------------------------------------------------------------- a workload as a network


def network_of(work: Workload) -> "onnx.ModelProto":
    """The layer alone as an exported file would hold it: float, or with its Q/DQ pairs, written by the same writer."""
    import onnx

    from secateur.graph.qdq.placing import encode
    from secateur.model.encoding import ActivationEncoding, Encodings

    proto = _float_network(work)
    precision = work.precision
    if precision.is_float:
        return proto
    activations = {}
    if precision.is_static or precision.is_between:
        # behind an activation the grid ends where its values do: the runtime then needs no kernel for it
        bits = 8 if precision.is_between else precision.activation_bits
        signed = ActivationEncoding(12.8 / (1 << bits), 1 << (bits - 1), bits)
        result = ActivationEncoding(6.0 / ((1 << bits) - 1), 0, bits) if work.activation in CLIPPING else signed
        activations = {INPUT: signed, RESULT if work.activation else OUTPUT: result}
        if work.activation and work.activation not in CLIPPING:
            activations[OUTPUT] = result
    if precision.is_between:
        return _between_integers(proto, activations)
    encodings = Encodings({LAYER: _weight_encoding(work)}, activations)
    encoded = encode(proto, encodings)
    onnx.checker.check_model(encoded)
    return encoded


def _weight_encoding(work: Workload) -> "IntegerEncoding":
    from secateur.model.encoding import IntegerEncoding

    precision, is_linear = work.precision, work.operator == "linear"
    if not precision.group:
        axis, shape = (1 if is_linear else 0), [work.outputs]
    else:
        axis, groups = (0 if is_linear else 1), -(-work.inputs // precision.group)
        shape = [groups, work.outputs] if is_linear else [work.outputs, groups, *work.kernel]
    zero = np.full(shape, 1 << (precision.weight_bits - 1), np.uint8) if precision.is_affine else None
    scale = np.full(shape, 1e-2, np.float32)
    few = precision.is_static and precision.weight_bits < 8
    return IntegerEncoding(precision.weight_bits, scale, axis, zero, precision.group or None, in_integers=few)


def _between_integers(proto: "onnx.ModelProto", activations: "Mapping[str, ActivationEncoding]") -> "onnx.ModelProto":
    from secateur.graph.qdq.insert import Inserting

    inserting = Inserting(proto)
    inserting.round_activations(activations)
    return inserting.finish()


def example_of(work: Workload) -> NDArray[np.float32]:
    """One sample of noise for `network_of`."""
    random = np.random.default_rng(0)
    shape = (*work.positions, work.inputs) if work.operator == "linear" else (1, work.inputs, *work.positions)
    return random.standard_normal(shape).astype(np.float32)


def _float_network(work: Workload) -> "onnx.ModelProto":
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    if work.operator == "linear":
        shape: tuple[int, ...] = (work.inputs, work.outputs)
        node = helper.make_node("Gemm", [INPUT, f"{LAYER}.weight", f"{LAYER}.bias"], [OUTPUT], name=LAYER)
    else:
        shape = (work.outputs, work.inputs // work.groups, *work.kernel)
        node = helper.make_node(
            "Conv",
            [INPUT, f"{LAYER}.weight", f"{LAYER}.bias"],
            [OUTPUT],
            name=LAYER,
            kernel_shape=work.kernel,
            strides=work.strides,
            pads=work.pads,
            dilations=work.dilations,
            group=work.groups,
        )
    weight = random.standard_normal(shape).astype(np.float32) * 0.3
    stored = [
        numpy_helper.from_array(weight, f"{LAYER}.weight"),
        numpy_helper.from_array(np.zeros(work.outputs, np.float32), f"{LAYER}.bias"),
    ]
    nodes, last = [node], OUTPUT
    if work.activation:
        last = RESULT
        bounds = []
        if work.activation == "Clip":
            bounds = ["low", "high"]
            stored += [
                numpy_helper.from_array(np.array(value, np.float32), name)
                for name, value in (("low", 0.0), ("high", 6.0))
            ]
        nodes.append(helper.make_node(work.activation, [OUTPUT, *bounds], [RESULT], name="activation"))
    batch = () if work.operator == "linear" else (1,)
    positions, result = (work.positions, work.output_positions)
    ins = (*positions, work.inputs) if work.operator == "linear" else (*batch, work.inputs, *positions)
    outs = (*result, work.outputs) if work.operator == "linear" else (*batch, work.outputs, *result)
    graph = helper.make_graph(
        nodes,
        "workload",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ins)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, outs)],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


# ---------------------------------------------------------------------- what goes from where to where


def flow_of(proto: "onnx.ModelProto", known: Collection[str]) -> Flow:
    """What each layer and each operator between layers reads; `known` are the layers with workloads."""
    from secateur.graph.onnx_layers import onnx_layers
    from secateur.graph.qdq.placement import COMPUTING, MOVING

    nodes = list(proto.graph.node)
    stored = {tensor.name for tensor in proto.graph.initializer}
    layers = {index: layer for layer in onnx_layers(proto) if layer.name in known for index in layer.nodes}
    absorbed = {index for layer in layers.values() for index in layer.absorbed}
    readers: dict[str, int] = {}
    for node in nodes:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    makers: dict[str, str] = {}  # tensor → the layer or operator that it is the value of
    sources: dict[str, tuple[str, ...]] = {}
    integer = set()
    for index, node in enumerate(nodes):
        data = [name for name in node.input if name and name not in stored]
        name = node.name or f"{node.op_type} {index}"
        before = makers.get(data[0], data[0]) if data else ""
        if index in layers:
            name = layers[index].name
            read = makers.get(node.input[layers[index].data_place], node.input[layers[index].data_place])
            sources[name] = tuple(dict.fromkeys((*sources.get(name, ()), read)))
        elif (
            index in absorbed
            or node.op_type in MOVING
            or (node.op_type in (NORM, *ACTIVATIONS) and before in known and readers.get(data[0], 0) == 1)
        ):
            name = before
        elif data:
            sources[name] = tuple(dict.fromkeys(makers.get(each, each) for each in data))
            if node.op_type in (*COMPUTING, *CLIPPING):
                integer.add(name)
        for output in node.output:
            makers[output] = name
    return Flow(sources, frozenset(known), frozenset(integer))
