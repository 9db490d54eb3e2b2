"""Encodings as an ONNX file: QuantizeLinear/DequantizeLinear pairs where ONNX Runtime's own quantizer puts them.

Where the pairs stand decides whether the runtime computes in integers at all, so the placement is the runtime's; bits,
ranges and scales are ours. Static layers are U8S8 with weights per output channel. Their biases are rounded to what
integer kernels add, and stored as float32: the runtime turns them into int32 when it loads the file, which saves their
scales. Weight-only layers are stored as int8 or packed int4 behind a DequantizeLinear.
"""

import copy
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.errors import UserError
from secateur.formats.onnx_files.qdq_compact import compact
from secateur.formats.onnx_files.qdq_weights import in_file_layout, store_weight
from secateur.model.encoding import ActivationEncoding, Encodings, WeightEncoding, round_bias
from secateur.model.onnx_layers import GraphIndex, onnx_layers

_WEIGHTED: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FOLLOWING: Final = (
    "Add", "Mul", "Relu", "Clip", "LeakyRelu", "Sigmoid", "MaxPool", "AveragePool", "GlobalAveragePool", "Reshape",
    "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Pad", "Slice", "Split", "Resize",
)  # fmt: skip
"""Operators with 8-bit kernels, which are quantized where all that they read is."""

_INT4_OPSET: Final = 21
_QDQ_OPSET: Final = 13


@dataclass(frozen=True)
class Placement:
    """`providers`: quantized tensor → the tensor whose scale and zero point it takes (mostly itself)."""

    providers: Mapping[str, str]


def static_placement(proto: onnx.ModelProto, layers: Collection[str]) -> Placement:
    """Which tensors ONNX Runtime's quantizer rounds to compute these layers, and what lies between, in integers."""
    prepared = _prepared(proto)
    return Placement(_providers(_quantize(prepared, layers, {}, {})))


def encode(proto: onnx.ModelProto, encodings: Encodings) -> onnx.ModelProto:
    """The encoded, compact form of a lowered float graph; `proto` is not changed.

    Layers of 8 bits whose inputs have an activation encoding are computed in integers; all others are stored in few
    bits only. UserError where a weight is missing or an activation has no encoding.
    """
    layers = {layer.name: layer for layer in onnx_layers(proto)}
    for name in encodings.weights:
        if name not in layers:
            raise UserError(f"The graph has no layer {name} to encode.", "Quantize the network again.")
    if any(encoding.bits < 8 for encoding in encodings.weights.values()):
        proto = with_opset(proto, _INT4_OPSET)
    static = static_layers(proto, encodings)
    result = _prepared(proto)
    _round_biases(result, encodings)
    if static:
        weights = {
            layers[name].weight: in_file_layout(encodings.weights[name], layers[name], result) for name in static
        }
        result = _quantize(result, static, encodings.activations, weights)
        missing = set(_providers(result).values()) - set(encodings.activations)
        if missing:
            raise UserError(
                f"The tensor {min(missing)} of the graph has no activation encoding.",
                "Quantize the network again with calibration samples.",
            )
    for name, encoding in encodings.weights.items():
        if name not in static:
            store_weight(result, layers[name], encoding)
    return compact(result, {layers[name].weight: f"{name}.weight" for name in encodings.weights})


def static_layers(proto: onnx.ModelProto, encodings: Encodings) -> list[str]:
    """The layers that these encodings let the runtime compute in integers: 8 bits, input and result encoded."""
    graph = GraphIndex(proto)
    linear = {
        layer.name: [proto.graph.node[index] for index in layer.nodes]
        for layer in onnx_layers(proto)
        if layer.name in encodings.weights and encodings.weights[layer.name].bits == 8
    }
    known = encodings.activations
    return [
        name
        for name, nodes in linear.items()
        if all(node.input[0] in known and _is_result_known(graph, node, known) for node in nodes)
    ]


def layer_inputs(proto: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """Layer → the tensors that its nodes read (one, unless layers share their weight)."""
    return {
        layer.name: tuple(proto.graph.node[index].input[0] for index in layer.nodes) for layer in onnx_layers(proto)
    }


def settled(proto: onnx.ModelProto, encodings: Encodings) -> Encodings:
    """The encodings with exactly those activations that the file of their static layers will hold."""
    known = encodings.activations
    providers = static_placement(proto, static_layers(proto, encodings)).providers if known else {}
    return replace(encodings, activations={name: known[provider] for name, provider in providers.items()})


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


# ---------------------------------------------------------------------- static layers


def _providers(quantized: onnx.ModelProto) -> dict[str, str]:
    """Quantized tensor → the tensor whose scale it takes, from ONNX Runtime's names."""
    return {
        node.input[0].removesuffix("_QuantizeLinear_Input"): node.input[1].removesuffix("_scale")
        for node in quantized.graph.node
        if node.op_type == "QuantizeLinear"
    }


def _quantize(
    prepared: onnx.ModelProto,
    layers: Collection[str],
    activations: Mapping[str, ActivationEncoding],
    weights: Mapping[str, WeightEncoding],
) -> onnx.ModelProto:
    """ONNX Runtime's QDQ form of `prepared` with these scales, float network outputs left float."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    # it asks for a range of every tensor, also of those that it then finds no need to quantize
    one = TensorData(lowest=np.float32(0.0), highest=np.float32(1.0))
    ranges = TensorsData(CalibrationMethod.MinMax, dict.fromkeys(_float_tensors(prepared), one))
    excluded, operators = _excluded(prepared, layers), [*_WEIGHTED, *_FOLLOWING]
    options: dict[str, Any] = {
        "ActivationSymmetric": False,
        "WeightSymmetric": True,
        "QuantizeBias": False,
        "QDQDisableWeightAdjustForInt32Bias": True,
        "OpTypesToExcludeOutputQuantization": ["MatMul"],
        "TensorQuantOverrides": {
            **{name: [_activation_override(encoding)] for name, encoding in activations.items()},
            **{name: _weight_overrides(encoding) for name, encoding in weights.items()},
        },
    }
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # its notes on every tensor are not for the person
    try:
        quantizer = QDQQuantizer(
            copy.deepcopy(prepared),
            True,  # per channel
            False,  # reduce range
            QuantType.QInt8,
            QuantType.QUInt8,
            ranges,
            [],
            excluded,
            operators,
            options,
        )
        quantizer.quantize_model()
    finally:
        logging.root.setLevel(level)
    result: onnx.ModelProto = quantizer.model.model
    _float_outputs(result)
    return result


def _activation_override(encoding: ActivationEncoding) -> dict[str, Any]:
    return {"scale": np.array(encoding.scale, np.float32), "zero_point": np.array(encoding.zero_point, np.uint8)}


def _weight_overrides(encoding: WeightEncoding) -> list[dict[str, Any]]:
    zero = np.array(0, np.int8)
    return [
        {"axis": encoding.axis, "scale": np.array(scale, np.float32), "zero_point": zero} for scale in encoding.scale
    ]


def _excluded(prepared: onnx.ModelProto, layers: Collection[str]) -> list[str]:
    """Names of the nodes that stay float: unselected layers, their bias additions, and what reads any float tensor."""
    graph = prepared.graph
    selected: set[int] = set()
    absorbed: set[int] = set()
    for layer in onnx_layers(prepared):
        absorbed.update(layer.absorbed)
        if layer.name in layers:
            selected.update(layer.nodes)
    constants = {tensor.name for tensor in graph.initializer}
    quantized: set[str] = set()
    excluded = []
    for index, node in enumerate(graph.node):
        reads = [name for name in node.input if name and name not in constants]
        follows = node.op_type in _FOLLOWING and index not in absorbed and _computes(node, constants)
        if index in selected:
            quantized.update(reads)
        if index in selected or (follows and reads and all(name in quantized for name in reads)):
            quantized.update(() if node.op_type == "MatMul" else node.output)
        else:
            excluded.append(node.name)
    return excluded


def _computes(node: onnx.NodeProto, constants: set[str]) -> bool:
    """False for sums and products with a constant: a scale per tensor would coarsen what is stored in float."""
    return node.op_type not in ("Add", "Mul") or not any(name in constants for name in node.input)


def _float_outputs(proto: onnx.ModelProto) -> None:
    """Take away the pair behind a network output that a linear layer makes: its kernel can answer in float.

    Ten logits in 256 steps tie; without the pair the decision is exact and the file smaller.
    """
    graph = proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    for value in graph.output:
        dequantize = makers[value.name]
        if dequantize.op_type != "DequantizeLinear":
            continue
        quantize = makers[dequantize.input[0]]
        linear = makers.get(quantize.input[0])
        if quantize.op_type != "QuantizeLinear" or linear is None or linear.op_type != "Gemm":
            continue
        linear.output[0] = value.name
        for node in (quantize, dequantize):
            graph.node.remove(node)


def _round_biases(proto: onnx.ModelProto, encodings: Encodings) -> None:
    """Round, in place, float biases to what the integer kernels will add, as the simulation does."""
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    layers = onnx_layers(proto)
    owners = Counter(layer.bias for layer in layers)
    for layer in layers:
        encoding = encodings.weights.get(layer.name)
        if encoding is None or encoding.bits != 8 or layer.bias is None or owners[layer.bias] > 1:
            continue
        sources = {proto.graph.node[index].input[0] for index in layer.nodes}
        scales = {encodings.activations[name].scale for name in sources if name in encodings.activations}
        bias = np.asarray(numpy_helper.to_array(tensors[layer.bias]), np.float32)
        if len(scales) == 1 and sources <= set(encodings.activations) and encoding.scale.size in (1, bias.size):
            rounded = round_bias(bias.reshape(-1), scales.pop(), encoding.scale).reshape(bias.shape)
            tensors[layer.bias].CopyFrom(numpy_helper.from_array(rounded, layer.bias))


# ---------------------------------------------------------------------- preparation


def _prepared(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with inferred shapes (the quantizer needs element types) and a name for every node."""
    prepared = onnx.ModelProto()
    prepared.CopyFrom(with_opset(proto, _QDQ_OPSET))
    prepared.graph.ClearField("value_info")
    prepared = onnx.shape_inference.infer_shapes(prepared)
    for index, node in enumerate(prepared.graph.node):
        node.name = f"node{index}"
    # tells the quantizer that shapes are inferred: without it, it writes the model to a temporary file to infer them
    helper.set_model_props(prepared, {"onnx.infer": "onnxruntime.quant"})
    return prepared


def _float_tensors(proto: onnx.ModelProto) -> list[str]:
    values = [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]
    return [value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
