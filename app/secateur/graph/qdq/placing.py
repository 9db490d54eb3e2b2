"""Encodings as an ONNX file: QuantizeLinear/DequantizeLinear pairs that ONNX Runtime fuses into integer kernels.

Where the pairs stand decides whether the runtime computes in integers at all: `qdq_placement` says where. Static layers
are U8S8 with weights per output channel, or U8U8 where this processor's kernels for the former overflow. Their biases
are rounded to what integer kernels add; they are stored as float32, which the runtime turns into int32 when it loads
the file, but for Gemm as int32, without which it stays float. Weight-only layers are stored as int8 or packed int4
behind a DequantizeLinear, block-wise where they are in groups; those of 3, 5 and 6 bits in planes.
Names and shared scalars are short: in a file of a few hundred kilobytes they are a tenth.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.onnx_layers import GraphIndex, OnnxLayer, onnx_layers
from secateur.graph.qdq.blocks import gemms_as_products
from secateur.graph.qdq.compact import compact
from secateur.graph.qdq.functions import add_functions
from secateur.graph.qdq.insert import Inserting
from secateur.graph.qdq.once import unpacked_once
from secateur.graph.qdq.overflow import Integers, around_128, overflows_here
from secateur.graph.qdq.placement import Placement, place
from secateur.graph.qdq.planes import paying
from secateur.graph.qdq.weights import in_file_layout, opset_for
from secateur.model.encoding import Encodings, round_bias


def static_placement(proto: onnx.ModelProto, layers: Collection[str]) -> Placement:
    """Which tensors are rounded so that these layers, and what can be between them, compute in integers."""
    return place(proto, onnx_layers(proto), layers)


def encode(
    proto: onnx.ModelProto, encodings: Encodings, *, packs: bool = True, integers: Integers = "auto"
) -> onnx.ModelProto:
    """The encoded, compact form of a lowered float graph; `proto` is not changed.

    Layers of 8 bits, or of fewer that are meant for it, whose inputs have an activation encoding are computed in
    integers; all others are stored in few bits only. What ONNX has no integers for lies in planes unless its own are
    asked for. `integers` says how static weights of 8 bits are stored: see `overflow`. UserError where a weight is
    missing or an activation has no encoding.
    """
    layers = {layer.name: layer for layer in onnx_layers(proto)}
    for name in encodings.weights:
        if name not in layers:
            raise UserError(f"The graph has no layer {name} to encode.", "Quantize the network again.")
    static = static_layers(proto, encodings)
    providers = place(proto, tuple(layers.values()), static).providers if static else {}
    missing = set(providers.values()) - set(encodings.activations)
    if missing:
        raise UserError(
            f"The tensor {min(missing)} of the graph has no activation encoding.",
            "Quantize the network again with calibration samples.",
        )
    result, layers = _at_opset(proto, encodings, layers)
    inserting, done = Inserting(result), set()
    shapes = {tensor.name: tuple(tensor.dims) for tensor in result.graph.initializer}
    known = {name: (one, shapes[layers[name].weight]) for name, one in encodings.weights.items()}
    packed = paying(known) if packs else frozenset()
    for name, encoding in encodings.weights.items():
        layer = layers[name]
        if layer.weight in done:  # tied: its integers are stored, and all that read them know
            continue
        done.add(layer.weight)
        laid = in_file_layout(encoding, layer, result)
        with_zero = _is_gemm(layer, name, static)
        if name in packed and not (laid.in_integers and inserting.is_turned(layer)):
            inserting.store_planes(layer, laid, with_zero=with_zero)
        else:
            inserting.store_weight(layer, laid, with_zero=with_zero)
    for layer in layers.values():
        _store_bias(inserting, layer, encodings, is_static=layer.name in static)
    inserting.round_activations({name: encodings.activations[source] for name, source in providers.items()})
    finished = inserting.finish()
    if packs:
        unpacked_once(finished)
    if integers == "uint8" or (integers == "auto" and overflows_here()):
        around_128(finished)
    add_functions(compact(finished))
    return finished


def _at_opset(
    proto: onnx.ModelProto, encodings: Encodings, layers: Mapping[str, OnnxLayer]
) -> tuple[onnx.ModelProto, dict[str, OnnxLayer]]:
    """A copy of the graph in an operator set that holds these encodings, and its layers under the names they had.

    Layers are what they were before: names are never derived again from a graph that was changed.
    """
    result = onnx.ModelProto()
    result.CopyFrom(with_opset(proto, opset_for(encodings)[0]))
    result.ir_version = max(result.ir_version, helper.find_min_ir_version_for(list(result.opset_import), True))
    converted = onnx_layers(result)
    encoded = [encodings.weights.get(name) for name in layers]
    if len(converted) == len(layers) and any(one is not None and one.granularity == "group" for one in encoded):
        pairs = zip(converted, encoded, strict=True)
        gemms_as_products(result, [layer for layer, one in pairs if one is not None and one.granularity == "group"])
        converted = onnx_layers(result)
    if len(converted) != len(layers):
        raise UserError(
            f"The graph has other layers in a newer operator set ({len(converted)} instead of {len(layers)}).",
            "Export the network anew with a current exporter.",
        )
    return result, {name: replace(layer, name=name) for name, layer in zip(layers, converted, strict=True)}


def _is_gemm(layer: OnnxLayer, name: str, static: Collection[str]) -> bool:
    """Whether the runtime's integer kernel wants a zero point beside the weight although it is 0."""
    return name in static and layer.operator == "Gemm"


def static_layers(proto: onnx.ModelProto, encodings: Encodings) -> list[str]:
    """The layers that these encodings let the runtime compute in integers: 8 bits, input and result encoded."""
    graph = GraphIndex(proto)
    linear = [
        (layer, [proto.graph.node[index] for index in layer.nodes])
        for layer in onnx_layers(proto)
        if layer.name in encodings.weights and encodings.weights[layer.name].feeds_integer_kernels
    ]
    known = encodings.activations
    return [
        layer.name
        for layer, nodes in linear
        if nodes
        and all(node.input[layer.data_place] in known and _is_result_known(graph, node, known) for node in nodes)
    ]


def layer_inputs(proto: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """Layer → the tensors that its nodes read (one, unless layers share their weight)."""
    return {
        layer.name: tuple(proto.graph.node[index].input[layer.data_place] for index in layer.nodes)
        for layer in onnx_layers(proto)
    }


def settled(proto: onnx.ModelProto, encodings: Encodings) -> Encodings:
    """The encodings with exactly those activations that the file of their static layers will hold.

    Layers of few bits that read and make rounded values feed integer kernels then, which compute the same numbers:
    ONNX Runtime 1.32 makes such kernels of them whatever they are stored in. Of ONNX's own integers of 2 bits it makes
    a graph that it then refuses, and floats it rounds once more.
    """
    known = encodings.activations
    providers = static_placement(proto, static_layers(proto, encodings)).providers if known else {}
    kept = replace(encodings, activations={name: known[provider] for name, provider in providers.items()})
    return _in_integers_between(proto, kept) if kept.activations else kept


def _in_integers_between(proto: onnx.ModelProto, encodings: Encodings) -> Encodings:
    """Layers of few bits between others that are static feed integer kernels; what is rounded stays what it is."""
    able = {
        name: replace(encoding, in_integers=True)
        for name, encoding in encodings.weights.items()
        if not encoding.feeds_integer_kernels and not encoding.is_affine and encoding.group_size is None
    }
    static = set(static_layers(proto, encodings.with_weights(able)))
    return encodings.with_weights({name: able[name] for name in able if name in static})


def _is_result_known(graph: GraphIndex, node: onnx.NodeProto, known: Collection[str]) -> bool:
    result = node.output[0]
    if node.op_type == "MatMul" or result in known:
        return True
    if node.op_type == "Gemm" and result in graph.outputs:
        return True
    readers = [graph.proto.graph.node[index] for index in graph.readers.get(result, [])]
    return len(readers) == 1 and readers[0].op_type in ("Relu", "Clip") and readers[0].output[0] in known


def with_opset(proto: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """`proto`, converted where its operators are of an earlier set; UserError where they cannot be."""
    current = max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    if current >= opset:
        return proto
    from onnx import version_converter

    try:
        return version_converter.convert_version(proto, opset)
    except (RuntimeError, ValueError, IndexError) as error:
        raise UserError(
            f"The graph cannot be brought to ONNX opset {opset}: {str(error).splitlines()[0]}",
            "Encode its weights in 8 bits, which need no conversion.",
        ) from error


def _store_bias(inserting: Inserting, layer: OnnxLayer, encodings: Encodings, *, is_static: bool) -> None:
    """Round a layer's bias to what the integer kernels will add, as the simulation does.

    A bias that other layers share becomes this layer's own first: each rounds it to its own step.
    """
    encoding, values = encodings.weights.get(layer.name), inserting.bias_of(layer)
    if encoding is None or values is None or not encoding.feeds_integer_kernels:
        return
    if encoding.scale.size not in (1, values.size):
        return
    sources = inserting.inputs_of(layer)
    if not sources or not set(sources) <= set(encodings.activations):
        return
    inputs = [encodings.activations[name] for name in sources]
    scales = {one.scale for one in inputs}
    if len(scales) == 1 and all(one.feeds_integer_kernels for one in inputs):
        step = scales.pop()
        inserting.set_bias(layer, round_bias(values.reshape(-1), step, encoding.scale).reshape(values.shape))
        if is_static and layer.operator == "Gemm":
            inserting.store_integer_bias(layer, step, encoding.scale)
