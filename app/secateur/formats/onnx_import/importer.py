"""ONNX graph → torch.fx GraphModule whose layers are ordinary torch layers under the file's names."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - imported lazily with the importer
import torch  # noqa: TID253
from numpy.typing import NDArray
from onnx import numpy_helper  # noqa: TID253
from torch import fx  # noqa: TID253

from secateur.formats.onnx_import.builder import GraphBuilder
from secateur.formats.onnx_import.operators import OPERATORS
from secateur.formats.onnx_import.values import (
    Constant,
    ImportRefused,
    OnnxNode,
    Result,
    Unsupported,
    Value,
)
from secateur.formats.onnx_read import graph_ports
from secateur.model.description import Port
from secateur.model.layers import example_shape
from secateur.model.onnx_layers import GraphIndex, OnnxLayer, onnx_layers

__all__ = ["TRACED_BATCH", "ImportRefused", "import_model", "refuse_missing"]

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
_LARGEST_FOLD: Final = 1 << 28
"""Entries of a constant that is computed at import; a file that asks for more is not doing shape arithmetic."""


TRACED_BATCH: Final = 5
"""The batch that shapes are followed with: a number that no layer has, so that a batch is not mistaken for one."""


def import_model(proto: onnx.ModelProto) -> fx.GraphModule:
    """The trainable network of an ONNX graph, in evaluation mode.

    `node.meta["onnx"]` of every fx node that stands for a tensor of the file names it (`meta["onnx_aliases"]`
    names further tensors with the same values, and `meta["onnx_inner"]` the product behind a linear layer that
    took in the Add after it). Raises ImportRefused with a sentence that names the operators in the way.
    `proto` is not changed.
    """
    refuse_missing(proto)
    ports, _ = graph_ports(proto)
    is_dynamic = any(port.shape[:1] == (None,) for port in ports)
    try:
        return _Import(proto, ports, TRACED_BATCH if is_dynamic else 1).run()
    except ImportRefused:
        if not is_dynamic:
            raise
        # some files call their batch dynamic and were traced for one sample all the same
        return _Import(proto, ports, 1).run()


def refuse_missing(proto: onnx.ModelProto) -> None:
    """Raise ImportRefused where an operator is not in the table, naming all of them."""
    kinds = {node.op_type for node in proto.graph.node}
    if kinds & _QUANTIZED:
        raise ImportRefused(f"it is quantized already ({_listed(kinds & _QUANTIZED)}) and is run as it is.")
    known = {tensor.name for tensor in proto.graph.initializer}
    missing = set()
    for node in proto.graph.node:
        if node.op_type not in _RANDOM and all(name in known for name in node.input if name):
            known.update(node.output)
        elif node.domain not in _DOMAINS:
            missing.add(f"{node.domain}.{node.op_type}")
        elif node.op_type not in OPERATORS:
            missing.add(node.op_type)
    if missing:
        words = "operators have" if len(missing) > 1 else "operator has"
        raise ImportRefused(f"the following {words} no torch counterpart here: {_listed(missing)}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


class _Import:
    """One import: the values of the file's tensors so far, and the graph that grows from them."""

    def __init__(self, proto: onnx.ModelProto, ports: tuple[Port, ...], batch: int) -> None:
        self.proto = proto
        self.ports = ports
        self.stored = GraphIndex(proto)
        self.build = GraphBuilder(self.stored, batch)
        self.values: dict[str, Value] = {}
        self.opset = next((entry.version for entry in proto.opset_import if entry.domain in _DOMAINS), 1)
        self.layers: dict[int, OnnxLayer] = {}
        self.absorbed: dict[int, OnnxLayer] = {}
        for layer in onnx_layers(proto):
            self.layers.update(dict.fromkeys(layer.nodes, layer))
            self.absorbed.update(dict.fromkeys(layer.absorbed, layer))

    def run(self) -> fx.GraphModule:
        for port in self.ports:
            shape = example_shape(port, self.build.batch)
            self.values[port.name] = self.build.placeholder(port.name, _torch_dtype(port), shape)
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
            node.op_type not in _RANDOM
            and index not in self.layers
            and all(value is None or isinstance(value, Constant) for value in inputs)
        ):
            return self._fold(node, inputs)
        attributes = {attribute.name: _attribute(attribute) for attribute in node.attribute}
        seen = OnnxNode(
            node.op_type, node.name, inputs, tuple(node.output), attributes, self.opset, self.layers.get(index)
        )
        try:
            return OPERATORS[node.op_type](self.build, seen)
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

    def _fold(self, node: onnx.NodeProto, inputs: tuple[Value | None, ...]) -> tuple[Value, ...]:
        """The outputs of a node whose inputs are all known, computed now."""
        from onnx.reference import ReferenceEvaluator

        arrays = [value.array if isinstance(value, Constant) else None for value in inputs]
        _refuse_huge(node, arrays)
        names = [name for name in node.input if name]
        known = [array for array in arrays if array is not None]
        feeds = dict(zip(names, known, strict=True))
        graph_inputs = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in feeds.items()
        ]
        outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "fold", graph_inputs, outputs)
        model = onnx.helper.make_model(graph, opset_imports=list(self.proto.opset_import))
        try:
            results = ReferenceEvaluator(model).run(None, feeds)
        except (RuntimeError, ValueError, TypeError, NotImplementedError) as problem:
            raise ImportRefused(f"{_title(node)} could not be computed at import: {problem}") from problem
        made = iter(results)
        return tuple(Constant(name, np.asarray(next(made) if name else 0)) for name in node.output)


def _refuse_huge(node: onnx.NodeProto, arrays: list[NDArray[Any] | None]) -> None:
    """Guard against a small file that asks for gigabytes."""
    place = {"ConstantOfShape": 0, "Expand": 1}.get(node.op_type)
    shape = arrays[place] if place is not None else None
    if shape is not None and np.prod(shape.astype(np.float64)) > _LARGEST_FOLD:
        raise ImportRefused(f"{_title(node)} asks for a constant of {shape.tolist()} entries.")


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


def _torch_dtype(port: Port) -> torch.dtype:
    dtype = getattr(torch, port.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise ImportRefused(f"the input '{port.name}' has the dtype {port.dtype}, which torch does not have.")
    return dtype


def _title(node: onnx.NodeProto) -> str:
    return f"{node.op_type} '{node.name or node.output[0]}'"
