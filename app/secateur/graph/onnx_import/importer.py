"""ONNX graph → torch.fx GraphModule whose layers are ordinary torch layers under the file's names."""

from collections.abc import Iterable
from typing import Any, Final

import onnx  # noqa: TID253 - imported lazily with the importer
import torch  # noqa: TID253
from onnx import numpy_helper  # noqa: TID253
from torch import fx  # noqa: TID253

from secateur.graph.layers import example_shape
from secateur.graph.onnx_files.reading import graph_ports
from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.folding import fold
from secateur.graph.onnx_import.operators import OPERATORS
from secateur.graph.onnx_import.values import (
    Constant,
    ImportRefused,
    OnnxNode,
    Result,
    Unsupported,
    Value,
)
from secateur.graph.onnx_layers import GraphIndex, OnnxLayer, onnx_layers
from secateur.graph.qdq.blocks import has_float_zeros
from secateur.model.description import Port

__all__ = ["TRACED_BATCH", "ImportRefused", "import_model", "quantized_reason", "refuse_missing"]

_QUANTIZED: Final = frozenset(
    {
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
        "MatMulNBits",
        "QGemm",
    }
)
_RANDOM: Final = frozenset(
    ["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"]
)
_DOMAINS: Final = frozenset({"", "ai.onnx"})
_UNKNOWN_EXTENTS: Final = (11, 13)
"""What stands for the extent of a result that only a run can tell, in a first and a second import."""

TRACED_BATCH: Final = 5
"""The batch that shapes are followed with: a number that no layer has, so that a batch is not mistaken for one."""


def import_model(proto: onnx.ModelProto, inputs: tuple[Port, ...] | None = None) -> fx.GraphModule:
    """The trainable network of an ONNX graph, in evaluation mode.

    `node.meta["onnx"]` of every fx node that stands for a tensor of the file names it (`meta["onnx_aliases"]`
    names further tensors with the same values, and `meta["onnx_inner"]` the product behind a linear layer that
    took in the Add after it). Raises ImportRefused with a sentence that names the operators in the way.
    `inputs` are the graph's own, or those with typical lengths. `proto` is not changed.
    """
    refuse_missing(proto)
    ports = graph_ports(proto)[0] if inputs is None else inputs
    is_dynamic = any(port.shape[:1] == (None,) for port in ports)
    try:
        return _imported(proto, ports, TRACED_BATCH if is_dynamic else 1)
    except ImportRefused:
        if not is_dynamic:
            raise
        # some files call their batch dynamic and were traced for one sample all the same
        return _imported(proto, ports, 1)


def _imported(proto: onnx.ModelProto, ports: tuple[Port, ...], batch: int) -> fx.GraphModule:
    """The network; refused where it depends on the number that stood for an extent which only a run can tell."""
    first = _Import(proto, ports, batch, _UNKNOWN_EXTENTS[0])
    network = first.run()
    if first.build.has_unknown:
        second = _Import(proto, ports, batch, _UNKNOWN_EXTENTS[1]).run()
        if not _are_alike(network, second):
            raise ImportRefused("a shape depends on how many values an operator (NonZero, Compress, …) finds.")
    return network


def _are_alike(one: fx.GraphModule, other: fx.GraphModule) -> bool:
    """Whether two networks have the same code and the same stored values."""
    first, second = one.state_dict(), other.state_dict()
    same = one.code == other.code and str(one) == str(other) and first.keys() == second.keys()
    return same and all(torch.equal(first[name], second[name]) for name in first)


def quantized_reason(proto: onnx.ModelProto) -> str:
    """Why a file that computes in integers is not opened as a float network; empty where it does not.

    `import_model` takes such files: what they compute is simulated in floats. A person who opens one wants to
    see, measure and compare it as it is: its bytes, its integer weights, its speed.
    """
    kinds = {node.op_type for node in proto.graph.node} & _QUANTIZED
    if not kinds:
        return ""
    detail = ", with zero points that are no integers," if has_float_zeros(proto) else ""
    return f"it is quantized already ({_listed(kinds)}){detail} and is run as it is."


def refuse_missing(proto: onnx.ModelProto) -> None:
    """Raise ImportRefused where an operator is not in the table, naming all of them."""
    known = {tensor.name for tensor in proto.graph.initializer}
    missing = set()
    for node in proto.graph.node:
        if _is_folded(node) and all(name in known for name in node.input if name):
            known.update(node.output)
        elif _key(node) not in OPERATORS:
            missing.add(_key(node))
    if missing:
        words = "operators have" if len(missing) > 1 else "operator has"
        raise ImportRefused(f"the following {words} no torch counterpart here: {_listed(missing)}.")


def _key(node: onnx.NodeProto) -> str:
    """What the table calls a node's operator: by its domain where that is not ONNX's own."""
    return node.op_type if node.domain in _DOMAINS else f"{node.domain}.{node.op_type}"


def _is_folded(node: onnx.NodeProto) -> bool:
    """Whether a node of this kind is computed at import where all its inputs are known."""
    return node.domain in _DOMAINS and node.op_type not in _RANDOM


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


class _Import:
    """One import: the values of the file's tensors so far, and the graph that grows from them."""

    def __init__(self, proto: onnx.ModelProto, ports: tuple[Port, ...], batch: int, extent: int) -> None:
        self.proto = proto
        self.ports = ports
        self.stored = GraphIndex(proto)
        self.values: dict[str, Value] = {}
        self.opset = next((entry.version for entry in proto.opset_import if entry.domain in _DOMAINS), 1)
        self.layers: dict[int, OnnxLayer] = {}
        self.absorbed: dict[int, OnnxLayer] = {}
        layers = onnx_layers(proto)
        self.build = GraphBuilder(self.stored, batch, extent, (layer.name for layer in layers))
        for layer in layers:
            self.layers.update(dict.fromkeys(layer.nodes, layer))
            self.absorbed.update(dict.fromkeys(layer.absorbed, layer))

    def run(self) -> fx.GraphModule:
        for port in self.ports:
            shape = example_shape(port, self.build.batch)
            self.values[port.name] = self.build.placeholder(port.name, port.dtype, shape)
        for index, node in enumerate(self.proto.graph.node):
            self._take(index, node)
        outputs = [self.build.tensor(self._value(value.name)) for value in self.proto.graph.output]
        return self.build.finish(outputs)

    def _take(self, index: int, node: onnx.NodeProto) -> None:
        """Import one node and enter its outputs."""
        if index in self.absorbed:
            inner = next(name for name in node.input if name not in self.stored.initializers)
            made = self.values[inner]
            if isinstance(made, fx.Node):
                made.meta["onnx"], made.meta["onnx_inner"] = node.output[0], inner
            self.values[node.output[0]] = made
            return
        result = self._result(index, node)
        results = result if isinstance(result, tuple) else (result,)
        for name, value in zip(node.output, results, strict=False):
            if name:
                self.values[name] = value
                _remember(value, name)

    def _result(self, index: int, node: onnx.NodeProto) -> Result:
        inputs = tuple(self._value(name) if name else None for name in node.input)
        if (
            _is_folded(node)
            and index not in self.layers
            and all(value is None or isinstance(value, Constant) for value in inputs)
        ):
            return fold(node, self.proto, inputs)
        attributes = {attribute.name: _attribute(attribute) for attribute in node.attribute}
        seen = OnnxNode(
            node.op_type, node.name, inputs, tuple(node.output), attributes, self.opset, self.layers.get(index)
        )
        try:
            return OPERATORS[_key(node)](self.build, seen)
        except Unsupported as problem:
            raise ImportRefused(f"{_title(node)} has no torch counterpart because {problem}.") from problem
        except (
            RuntimeError,
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            AttributeError,
            NotImplementedError,
        ) as problem:
            first = str(problem).strip().splitlines() or [type(problem).__name__]
            raise ImportRefused(f"{_title(node)} could not be imported: {first[0]}") from problem

    def _value(self, name: str) -> Value:
        if name not in self.values:
            if name not in self.stored.initializers:
                raise ImportRefused(f"the tensor '{name}' is read before anything makes it.")
            self.values[name] = Constant(name, self.stored.values(name), stored=True)
        return self.values[name]


def _remember(value: Value, name: str) -> None:
    """Note in the fx node which tensor of the file it stands for."""
    if isinstance(value, fx.Node):
        if "onnx" not in value.meta:
            value.meta["onnx"] = name
        elif value.meta["onnx"] != name:
            value.meta["onnx_aliases"] = (*value.meta.get("onnx_aliases", ()), name)


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _title(node: onnx.NodeProto) -> str:
    return f"{node.op_type} '{node.name or node.output[0]}'"
