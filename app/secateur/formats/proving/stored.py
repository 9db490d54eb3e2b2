"""What an encoded ONNX file has stored, number by number beside the encodings that it was written from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray

from secateur.formats.base import LocalProof
from secateur.graph.onnx_layers import GraphIndex, OnnxLayer, dequantize, onnx_layers
from secateur.graph.qdq.overflow import MIDDLE
from secateur.graph.qdq.weights import in_file_layout
from secateur.model.encoding import WeightEncoding

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel

_BIAS: Final = {"Conv": 2, "ConvTranspose": 2, "Gemm": 2}


@dataclass(frozen=True)
class RoundedTensor:
    """A tensor that a file rounds: the name of its integers, and the numbers of its grid."""

    integers: str
    scale: float
    zero_point: int
    kind: int = onnx.TensorProto.UINT8
    """The type of its integers, as ONNX counts them."""


def rounded_tensors(proto: onnx.ModelProto) -> dict[str, RoundedTensor]:
    """Tensor → how the file rounds it, for every QuantizeLinear, in the order of the graph.

    A network output is what comes out of the pair; every other tensor is what goes into it.
    """
    graph = GraphIndex(proto)
    back = {node.input[0]: node.output[0] for node in proto.graph.node if node.op_type == "DequantizeLinear"}
    found = {}
    for node in proto.graph.node:
        if node.op_type == "QuantizeLinear":
            answer = back.get(node.output[0], "")
            name = answer if answer in graph.outputs else node.input[0]
            scale, zero = (graph.values(part).reshape(-1)[0] for part in node.input[1:3])
            found[name] = RoundedTensor(
                node.output[0], float(scale), int(zero), graph.initializers[graph.stored(node.input[2])].data_type
            )
    return found


def first_wrong_number(proto: onnx.ModelProto, model: "TorchModel") -> LocalProof | None:
    """The first stored number that is not what the encodings say; None where all are."""
    return next((LocalProof(*fault) for fault in _wrong_numbers(proto, model)), None)


def _wrong_numbers(proto: onnx.ModelProto, model: "TorchModel") -> Iterator[tuple[str, str]]:
    """(layer or tensor, sentence) of each."""
    from secateur.graph.lowering import graph_of

    yield from _wrong_grids(proto, model)
    before = graph_of(model)
    graph, original = GraphIndex(proto), GraphIndex(before)
    for layer in onnx_layers(before):
        if layer.name in model.encodings.weights:
            yield from _wrong_weight(graph, original, layer, model)
    encoded = {name for layer in onnx_layers(before) if layer.name in model.encodings.weights for name in layer.tensors}
    for name, tensor in graph.initializers.items():
        if name in original.initializers and name not in encoded and tensor.data_type == original.initializers[
            name
        ].data_type and not np.array_equal(graph.values(name), original.values(name), equal_nan=True):  # fmt: skip
            yield name, f"The file holds other values of {name} than the network."


def _wrong_grids(proto: onnx.ModelProto, model: "TorchModel") -> Iterator[tuple[str, str]]:
    """Activations: each rounded exactly on its grid, and back with the same numbers."""
    rounded, wanted = rounded_tensors(proto), model.encodings.activations
    for name, encoding in wanted.items():
        if name not in rounded:
            yield name, f"The file does not round {name}."
        elif rounded[name].scale != float(np.float32(encoding.scale)):
            yield name, f"The file rounds {name} in steps of {rounded[name].scale:.6g}, not {encoding.scale:.6g}."
        elif rounded[name].zero_point != encoding.zero_point:
            yield name, f"The file rounds {name} with zero at {rounded[name].zero_point}, not {encoding.zero_point}."
    for name in rounded:
        if name not in wanted:
            yield name, f"The file rounds {name}, which is not encoded."
    graph = GraphIndex(proto)
    numbers = {tensor.integers: tensor for tensor in rounded.values()}
    for node in proto.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in numbers:
            scale, zero = (graph.values(part).reshape(-1)[0] for part in node.input[1:3])
            there = numbers[node.input[0]]
            if (float(scale), int(zero)) != (there.scale, there.zero_point):
                yield node.input[0], f"The file turns {node.input[0]} back with other numbers than it was rounded with."


def _wrong_weight(
    graph: GraphIndex, original: GraphIndex, layer: OnnxLayer, model: "TorchModel"
) -> Iterator[tuple[str, str]]:
    """One layer: its integers, their scales and axis, and its bias."""
    name = layer.name
    wanted = in_file_layout(model.encodings.weights[name], layer, original.proto)
    maker = _dequantizer(graph, (f"{name}.weight", layer.weight))
    if maker is None:
        yield name, f"The file does not hold the weight of {name} as integers."
        return
    values = np.asarray(original.values(layer.weight), np.float32)
    if wanted.granularity == "group" and _axis(maker) != wanted.axis:  # a Gemm that became a MatMul turned its weight
        values, wanted = values.T, wanted.transposed((1, 0))
    integers, scale = graph.values(maker.input[0]), np.asarray(graph.values(maker.input[1]), np.float32)
    codes = np.asarray(integers).astype(np.int32) - _middle(integers, wanted)
    if not np.array_equal(codes, wanted.quantize(values).astype(np.int32)):
        yield name, f"The file holds other integers for the weight of {name}."
    if not np.array_equal(scale.reshape(-1), wanted.scale.reshape(-1)):
        yield name, f"The file holds other scales for the weight of {name}."
    yield from _wrong_places(graph, maker, name, wanted)
    bias = _expected_bias(model, name)
    if bias is not None:
        found = _stored_bias(graph, maker.output[0])
        tolerance = 1e-6 * float(np.abs(bias).max(initial=0.0)) + 1e-12
        if found is None or found.size != bias.size or np.abs(found.reshape(-1) - bias).max(initial=0.0) > tolerance:
            yield name, f"The file holds another bias of {name}."


def _middle(integers: NDArray[Any], wanted: WeightEncoding) -> int:
    """What stands for 0 in codes of a symmetric encoding: 128 where they are stored as uint8."""
    return MIDDLE if integers.dtype == np.uint8 and wanted.zero_point is None else 0


def _wrong_places(
    graph: GraphIndex, maker: onnx.NodeProto, name: str, wanted: WeightEncoding
) -> Iterator[tuple[str, str]]:
    """What a DequantizeLinear has otherwise than an encoding: zero points, and what of the weight shares a scale."""
    scale = graph.values(maker.input[1])
    zero = graph.values(maker.input[2]) if len(maker.input) > 2 and maker.input[2] else np.zeros(scale.shape)
    middle = _middle(graph.values(maker.input[0]), wanted)
    expected = np.full(scale.shape, middle) if wanted.zero_point is None else wanted.zero_point
    if not np.array_equal(np.asarray(zero).astype(np.int32), expected.astype(np.int32)):
        yield name, f"The file holds other zero points for the weight of {name}."
    axis = _axis(maker)
    block = next((attribute.i for attribute in maker.attribute if attribute.name == "block_size"), 0)
    if scale.size > 1 and axis % len(graph.shape(maker.input[0])) != wanted.axis:
        yield name, f"The file has the scales of {name} along axis {axis}, not {wanted.axis}."
    if block != (wanted.group_size or 0):
        yield name, f"The file has the scales of {name} for groups of {block}, not of {wanted.group_size or 0}."


def _axis(maker: onnx.NodeProto) -> int:
    """The axis that a DequantizeLinear has scales along."""
    return next((attribute.i for attribute in maker.attribute if attribute.name == "axis"), 1)


def _dequantizer(graph: GraphIndex, names: tuple[str, ...]) -> onnx.NodeProto | None:
    """The node that turns the integers of one of these names back."""
    for name in names:
        for index in graph.readers.get(name, []) if name in graph.initializers else []:
            node: onnx.NodeProto = graph.proto.graph.node[index]
            if node.op_type == "DequantizeLinear" and node.input[0] == name:
                return node
    return None


def _expected_bias(model: "TorchModel", layer: str) -> NDArray[np.float32] | None:
    """The bias as the simulation adds it; None where the layer has none."""
    from secateur.graph.simulation import executable

    bias: Any = getattr(executable(model).get_submodule(layer), "bias", None)
    return None if bias is None else np.asarray(bias.detach().float().numpy()).reshape(-1)


def _stored_bias(graph: GraphIndex, weight: str) -> NDArray[np.float32] | None:
    """The bias of the node that computes with a weight: its own, or the constant that is added right behind it."""
    nodes = graph.proto.graph.node
    for index in graph.readers.get(weight, []):
        node = nodes[index]
        if node.op_type in _BIAS and len(node.input) > _BIAS[node.op_type]:
            return _constant(graph, node.input[_BIAS[node.op_type]])
        for reader in graph.readers.get(node.output[0], []):
            if nodes[reader].op_type == "Add":
                return next((_constant(graph, name) for name in nodes[reader].input if name != node.output[0]), None)
    return None


def _constant(graph: GraphIndex, name: str) -> NDArray[np.float32] | None:
    if name in graph.initializers:
        return np.asarray(graph.values(name), np.float32)
    maker = graph.makers.get(name)
    if maker is None or maker.op_type != "DequantizeLinear":
        return None
    try:
        return dequantize(graph, maker)
    except (IndexError, ValueError):  # scales along an axis that the integers do not have
        return None
