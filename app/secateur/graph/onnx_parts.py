"""What makes a node of an ONNX graph a layer: the stored parameters that it computes with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily

if TYPE_CHECKING:
    from secateur.graph.onnx_layers import GraphIndex, View

_NORMALIZATIONS: Final = {
    "BatchNormalization": "BatchNorm",
    "InstanceNormalization": "InstanceNorm",
    "LayerNormalization": "LayerNorm",
    "RMSNormalization": "RMSNorm",
    "SimplifiedLayerNormalization": "RMSNorm",
    "GroupNormalization": "GroupNorm",
}
_SKIPPING: Final = {"SkipLayerNormalization": "LayerNorm", "SkipSimplifiedLayerNormalization": "RMSNorm"}

NORMALIZATIONS: Final = frozenset({*_NORMALIZATIONS.values(), *_SKIPPING.values()})


@dataclass(frozen=True, slots=True)
class Parts:
    """The parameters of one node, as initializers; `operator` is what it amounts to where that is not its own.

    `weight_place` is the input that the node reads its weight from, `channel_axis` an axis of the initializer.
    `absorbed` are the indices of the Add nodes of the main graph whose constant is the bias.
    """

    kind: str
    weight: str
    bias: str | None
    tensors: tuple[str, ...]
    channel_axis: int = 0
    absorbed: tuple[int, ...] = ()
    operator: str = ""
    weight_place: int = 1

    @property
    def is_normalization(self) -> bool:
        return self.kind in NORMALIZATIONS


def find_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """What makes this node a layer, or None where it holds no stored parameters (or an unusual form of them)."""
    table = {"": _OWN, "ai.onnx": _OWN, "com.microsoft": _MICROSOFT}.get(node.domain, {})
    finder = table.get(node.op_type)
    return finder(graph, node) if finder is not None else None


def _convolution_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    weight = graph.stored(node.input[1])
    has_bias = len(node.input) > 2 and bool(node.input[2])
    bias = graph.stored(node.input[2]) if has_bias else None
    if weight is None or (has_bias and bias is None):
        return None
    rank = len(graph.shape(weight)) - 2
    kind = f"{'ConvTranspose' if node.op_type == 'ConvTranspose' else 'Conv'}{rank}d"
    tensors = (weight, bias) if bias else (weight,)
    return Parts(kind, weight, bias, tensors, 1 if node.op_type == "ConvTranspose" else 0)


def _gemm_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """A Gemm with a stored matrix and an input that is not transposed: y = α·x·W (+ β·b).

    The bias is the layer's where nothing is scaled (reading brings files into that form, see
    `secateur.graph.onnx_files.gemms`).
    """
    options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    view = graph.view(node.input[1])
    if view is None or options.get("transA", 0):
        return None
    axis = view.axes[0 if options.get("transB", 0) else 1]
    bias = graph.stored(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    channels = graph.shape(view.initializer)[axis]
    is_scaled = options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0
    if bias and (is_scaled or graph.shape(bias) not in {(channels,), (1, channels)}):
        bias = None
    tensors = (view.initializer, bias) if bias else (view.initializer,)
    return Parts("Linear", view.initializer, bias, tensors, axis)


def _product_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """A product with a stored matrix or a stack of them.

    With one matrix on the right it is a linear layer, and a constant added right behind it, to it alone, is its bias.
    """
    right, left = graph.view(node.input[1]), graph.view(node.input[0])
    if (right is None) == (left is None):
        return None
    view, place = (right, 1) if right is not None else (left, 0)
    if view is None or len(view.axes) < 2 or not _is_matrix(graph, view):
        return None
    if len(view.axes) > 2 or place == 0:
        axis = view.axes[-1 if place else -2]
        return Parts("MatrixProduct", view.initializer, None, (view.initializer,), axis, weight_place=place)
    return _with_added_bias(graph, node, view.initializer, view.axes[1])


def _is_matrix(graph: "GraphIndex", view: "View") -> bool:
    return view.unpacked_by is not None or graph.is_floating(view.initializer)


def _fused_product_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """FusedMatMul with a stored matrix, transposed or not, of an input that is neither."""
    options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    view = graph.view(node.input[1])
    is_turned = any(options.get(name, 0) for name in ("transA", "transBatchA", "transBatchB"))
    if view is None or len(view.axes) != 2 or is_turned:
        return None
    weight, axis = view.initializer, view.axes[0 if options.get("transB", 0) else 1]
    if options.get("alpha", 1.0) != 1.0:
        return Parts("Linear", weight, None, (weight,), axis, operator="MatMul")
    return replace(_with_added_bias(graph, node, weight, axis), operator="MatMul")


def _with_added_bias(graph: "GraphIndex", node: onnx.NodeProto, weight: str, axis: int) -> Parts:
    readers = graph.readers.get(node.output[0], [])
    if len(readers) == 1 and node.output[0] not in graph.outputs:
        adder = graph.proto.graph.node[readers[0]]
        others = [name for name in adder.input if name != node.output[0]]
        if adder.op_type == "Add" and len(others) == 1 and others[0] in graph.initializers:
            bias = others[0]
            if graph.shape(bias) == (graph.shape(weight)[axis],):
                return Parts("Linear", weight, bias, (weight, bias), axis, (readers[0],))
    return Parts("Linear", weight, None, (weight,), axis)


def _normalization_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    names = [graph.stored(name) for name in node.input[1:] if name]
    if not names or any(name is None for name in names):
        return None
    tensors = tuple(name for name in names if name is not None)
    bias = tensors[1] if len(tensors) > 1 else None
    return Parts(_NORMALIZATIONS[node.op_type], tensors[0], bias, tensors)


def _skip_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """The scale, and the shift where there is one, of a normalization that adds two tensors first."""
    count = 4 if node.op_type == "SkipLayerNormalization" else 3
    tensors = [graph.stored(name) for name in node.input[2:count] if name]
    known = tuple(name for name in tensors if name is not None)
    if not known or len(known) < len(tensors):
        return None
    return Parts(_SKIPPING[node.op_type], known[0], known[1] if len(known) > 1 else None, known)


def _packed_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """The one matrix with which com.microsoft's Attention makes queries, keys and values."""
    weight = graph.stored(node.input[1])
    has_bias = len(node.input) > 2 and bool(node.input[2])
    bias = graph.stored(node.input[2]) if has_bias else None
    if weight is None or len(graph.shape(weight)) != 2 or (has_bias and bias is None):
        return None
    return Parts("Linear", weight, bias, (weight, bias) if bias else (weight,), 1, operator="MatMul")


def _recurrent_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """The weights for input and state, and bias and peepholes, of which the first stand for the layer."""
    places = (1, 2, 3, 7) if node.op_type == "LSTM" else (1, 2, 3)
    given = [node.input[place] for place in places if place < len(node.input) and node.input[place]]
    tensors = [graph.stored(name) for name in given]
    known = tuple(name for name in tensors if name is not None)
    if len(known) < len(tensors) or len(known) < 2:
        return None
    bias = graph.stored(node.input[3]) if len(node.input) > 3 and node.input[3] else None
    return Parts(node.op_type, known[0], bias, known, 1)


def _slope_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    weight = graph.stored(node.input[1])
    return Parts("PReLU", weight, None, (weight,)) if weight is not None else None


def _embedding_parts(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
    """A stored table of floats whose rows are picked by computed numbers."""
    table = graph.stored(node.input[0])
    if table is None:
        return None
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    is_known = graph.stored(node.input[1]) is not None
    if axis != 0 or is_known or len(graph.shape(table)) != 2 or not graph.is_floating(table):
        return None
    return Parts("Embedding", table, None, (table,), channel_axis=1, weight_place=0)


Finder = Callable[["GraphIndex", onnx.NodeProto], Parts | None]


def _as_operator(finder: Finder, operator: str) -> Finder:
    """`finder` for an operator that ONNX Runtime made of this one and something behind it."""

    def find(graph: "GraphIndex", node: onnx.NodeProto) -> Parts | None:
        parts = finder(graph, node)
        return replace(parts, operator=operator) if parts is not None else None

    return find


_OWN: Final[dict[str, Finder]] = {
    "Conv": _convolution_parts,
    "ConvTranspose": _convolution_parts,
    "Gemm": _gemm_parts,
    "MatMul": _product_parts,
    "PRelu": _slope_parts,
    "Gather": _embedding_parts,
    **dict.fromkeys(_NORMALIZATIONS, _normalization_parts),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent_parts),
}
_MICROSOFT: Final[dict[str, Finder]] = {
    "FusedConv": _as_operator(_convolution_parts, "Conv"),
    "FusedGemm": _as_operator(_gemm_parts, "Gemm"),
    "FusedMatMul": _fused_product_parts,
    "TransposeMatMul": _fused_product_parts,
    "Attention": _packed_parts,
    **dict.fromkeys(("LayerNormalization", "SimplifiedLayerNormalization"), _normalization_parts),
    **dict.fromkeys(_SKIPPING, _skip_parts),
}
