"""float16 for an ONNX graph: weights and what lies between in half precision, inputs and outputs as they were."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.errors import UserError

_FLOAT, _HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
_TYPE_ATTRIBUTES: Final = ("to", "dtype")

KEPT_IN_FLOAT: Final = frozenset({
    "Resize", "Upsample", "NonMaxSuppression", "RoiAlign", "MaxRoiPool", "Range", "Bernoulli", "Multinomial",
    "CumSum", "Det", "EyeLike", "GridSample", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "TfIdfVectorizer",
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
})  # fmt: skip
"""Operators whose specification or whose kernel in ONNX Runtime has no float16, or whose sums overflow in it."""


def in_half_precision(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `proto` in float16 between its inputs and outputs; values beyond ±65504 saturate.

    UserError where the graph branches (If, Loop), holds operators of other domains, or its types cannot be inferred.
    """
    for node in proto.graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise UserError(f"The graph holds {node.op_type}, whose inner graph stays float32.", "Write it as float32.")
        if node.domain not in ("", "ai.onnx"):
            raise UserError(
                f"The graph holds the operator {node.domain}.{node.op_type}, which has no float16 here.",
                "Write it as float32.",
            )
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    return _Halving(result).done()


class _Halving:
    """One conversion: what is float becomes half, with a Cast where the two meet."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.proto = proto
        self.floats = _float_tensors(proto)
        self.nodes: list[onnx.NodeProto] = []
        self.casts: dict[tuple[str, int], str] = {}
        self.stored = {tensor.name for tensor in proto.graph.initializer}
        self.kept = self._read_in_float_alone()

    def done(self) -> onnx.ModelProto:
        graph = self.proto.graph
        outputs = {value.name for value in graph.output if value.name in self.floats}
        for tensor in graph.initializer:
            if tensor.data_type == _FLOAT and tensor.name not in self.kept:
                tensor.CopyFrom(numpy_helper.from_array(_half(numpy_helper.to_array(tensor)), tensor.name))
        inputs = {value.name for value in graph.input if value.name in self.floats} - self.stored
        for node in list(graph.node):
            (self._keep if node.op_type in KEPT_IN_FLOAT else self._halve)(node, inputs, outputs)
        made = {name for node in self.nodes for name in node.output}
        for name in outputs - made:  # an input or a weight that is handed through
            self._cast(f"{name}_half" if name not in inputs else name, name, _FLOAT)
        copies = [_copy(node) for node in self.nodes]
        graph.ClearField("node")
        graph.node.extend(copies)
        graph.ClearField("value_info")
        return self.proto

    def _halve(self, node: onnx.NodeProto, inputs: set[str], outputs: set[str]) -> None:
        """Float inputs of the node in half precision; float outputs of the network are cast back behind it."""
        for position, name in enumerate(node.input):
            if name in inputs or name in self.kept:
                node.input[position] = self._as(name, _HALF)
            elif name in outputs:
                node.input[position] = f"{name}_half"
        for attribute in node.attribute:
            if attribute.name in _TYPE_ATTRIBUTES and attribute.i == _FLOAT and _makes(node, self.floats):
                attribute.i = _HALF
            if attribute.HasField("t") and attribute.t.data_type == _FLOAT:
                attribute.t.CopyFrom(numpy_helper.from_array(_half(numpy_helper.to_array(attribute.t))))
        if not node.input and node.op_type == "Constant":
            _constant_to_tensor(node)
        self.nodes.append(node)
        for position, name in enumerate(node.output):
            if name in outputs:
                node.output[position] = f"{name}_half"
                self._cast(f"{name}_half", name, _FLOAT)

    def _keep(self, node: onnx.NodeProto, inputs: set[str], outputs: set[str]) -> None:
        """The node in float32: its float inputs are cast up, its float outputs down where the network goes on."""
        for position, name in enumerate(node.input):
            if name in self.floats and name not in inputs and name not in outputs and name not in self.kept:
                node.input[position] = self._as(name, _FLOAT)
        self.nodes.append(node)
        for position, name in enumerate(node.output):
            if name not in self.floats:
                continue
            if name in outputs:
                self._cast(name, f"{name}_half", _HALF)
            else:
                node.output[position] = f"{name}_float"
                self._cast(f"{name}_float", name, _HALF)

    def _as(self, name: str, kind: int) -> str:
        """A tensor in another type, cast once."""
        key = (name, kind)
        if key not in self.casts:
            self.casts[key] = f"{name}_{'half' if kind == _HALF else 'float'}"
            self._cast(name, self.casts[key], kind)
        return self.casts[key]

    def _cast(self, source: str, target: str, kind: int) -> None:
        self.nodes.append(helper.make_node("Cast", [source], [target], f"{target}_cast", to=kind))

    def _read_in_float_alone(self) -> set[str]:
        """Stored tensors that only nodes kept in float read: the scales of a Resize must stay exact."""
        readers: dict[str, list[str]] = {}
        for node in self.proto.graph.node:
            for name in node.input:
                readers.setdefault(name, []).append(node.op_type)
        return {name for name in self.stored if readers.get(name) and set(readers[name]) <= KEPT_IN_FLOAT}


def _float_tensors(proto: onnx.ModelProto) -> set[str]:
    """Names of all float32 tensors; UserError where the type of one is not known."""
    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    bare.graph.ClearField("value_info")
    try:
        inferred = onnx.shape_inference.infer_shapes(bare)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"The types in the graph cannot be inferred: {error}", "Write it as float32.") from error
    graph = inferred.graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in _values(graph)}
    kinds |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    unknown = [name for node in graph.node for name in node.output if name and not kinds.get(name)]
    if unknown:
        raise UserError(f"The type of the tensor {unknown[0]} cannot be inferred.", "Write it as float32.")
    return {name for name, kind in kinds.items() if kind == _FLOAT}


def _values(graph: onnx.GraphProto) -> Iterable[onnx.ValueInfoProto]:
    return (*graph.input, *graph.value_info, *graph.output)


def _makes(node: onnx.NodeProto, names: set[str]) -> bool:
    return any(name in names for name in node.output)


def _half(
    values: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float16]]":
    largest = float(np.finfo(np.float16).max)
    finite = np.isfinite(values)
    return np.where(finite, np.clip(values, -largest, largest), values).astype(np.float16)


def _constant_to_tensor(node: onnx.NodeProto) -> None:
    """A constant that is given as a number becomes a tensor, which has a type to change."""
    for attribute in list(node.attribute):
        if attribute.name in ("value_float", "value_floats"):
            value = _half(np.asarray(helper.get_attribute_value(attribute), np.float32))
            node.attribute.remove(attribute)
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(value)))


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    duplicate = onnx.NodeProto()
    duplicate.CopyFrom(node)
    return duplicate
