"""Where quantize/dequantize pairs stand in a float graph so that ONNX Runtime computes what lies between in integers.

The runtime fuses `DequantizeLinear → operator → QuantizeLinear` into one integer kernel, and only where all three
stand. What is listed here was seen in its optimised graphs (1.32, CPU); `computed` looks again at every file
that is written.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper  # noqa: TID253

from secateur.graph.onnx_layers import GraphIndex, OnnxLayer

MOVING: Final = frozenset({
    "MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "DepthToSpace",
    "SpaceToDepth", "Expand", "Tile",
})  # fmt: skip
"""Operators that only move or choose values: their results stay on the grid of what they read."""

COMPUTING: Final = frozenset({
    "Add", "Mul", "AveragePool", "GlobalAveragePool", "Concat", "LeakyRelu", "Sigmoid", "Resize", "Pad",
})  # fmt: skip
"""Operators with integer kernels of their own, which need a grid for their results."""

_OF_FIRST: Final = frozenset({"Relu", "Clip", "Resize", "Pad"})
"""Operators of which only the first input is data."""

_CLIPPING: Final = frozenset({"Relu", "Clip"})
"""Activations that vanish in the grid behind them: their bounds are where its integers saturate."""

_SELF_CONTAINED: Final = frozenset({"MatMul"})
"""Layers whose integer kernels answer in float."""


@dataclass(frozen=True)
class Placement:
    """`providers`: tensor that is rounded → the tensor whose grid it takes (mostly itself), in graph order.

    `bounds`: tensor behind a Clip that its grid stands for → (low, high), which the grid must not go beyond.
    """

    providers: Mapping[str, str]
    bounds: Mapping[str, tuple[float, float]]


def place(proto: onnx.ModelProto, layers: Sequence[OnnxLayer], chosen: Collection[str]) -> Placement:
    """Which tensors are rounded so that the chosen layers, and all that can be between them, compute in integers.

    `layers` are those of `proto`, with names that need not follow from it; `chosen` are such names.
    """
    return _Placing(proto, layers, frozenset(chosen)).placement()


class _Placing:
    def __init__(self, proto: onnx.ModelProto, layers: Sequence[OnnxLayer], chosen: frozenset[str]) -> None:
        self._graph = GraphIndex(proto)
        self._nodes = proto.graph.node
        self._absorbed = {index for layer in layers for index in layer.absorbed}
        self._chosen = {index: layer for layer in layers if layer.name in chosen for index in layer.nodes}
        self._integer: set[str] = set()
        self._providers: dict[str, str] = {}
        self._bounds: dict[str, tuple[float, float]] = {}

    def placement(self) -> Placement:
        for index, node in enumerate(self._nodes):
            if index in self._chosen:
                self._round(node.input[self._chosen[index].data_place])
                if node.op_type not in _SELF_CONTAINED and not self._is_float_answer(node):
                    self._round_result(node)
            elif self._moves(node) and node.input[0] in self._integer:
                for name in node.output:
                    self._share(name, node.input[0])
            elif self._follows(index, node):
                self._round_result(node)
        made = {name: place for place, node in enumerate(self._nodes) for name in node.output}
        ordered = sorted(self._providers, key=lambda name: made.get(name, -1))
        return Placement({name: self._providers[name] for name in ordered}, self._bounds)

    def _follows(self, index: int, node: onnx.NodeProto) -> bool:
        """Whether an operator that is no layer computes in integers: it can, and all that it reads is rounded.

        Not sums and products with a constant: a grid for the whole constant would coarsen what is stored in float.
        """
        if index in self._absorbed or node.op_type not in COMPUTING | _CLIPPING:
            return False
        read = node.input[:1] if node.op_type in _OF_FIRST else node.input
        return bool(read) and all(name in self._integer for name in read)

    def _round_result(self, node: onnx.NodeProto) -> None:
        """Round what a node makes, behind the activation that takes part in its kernel where there is one."""
        result = node.output[0]
        readers = self._graph.readers.get(result, [])
        if len(readers) == 1 and result not in self._graph.outputs and node.op_type not in _CLIPPING:
            reader = self._nodes[readers[0]]
            bounds = _clipping_bounds(self._graph, reader)
            if bounds is not None:
                self._bounds[reader.output[0]] = bounds
                result = reader.output[0]
        self._round(result)

    def _round(self, name: str) -> None:
        if name and name not in self._integer:
            self._integer.add(name)
            self._providers[name] = name

    def _share(self, name: str, source: str) -> None:
        if name:
            self._integer.add(name)
            self._providers[name] = self._providers[source]

    def _is_float_answer(self, node: onnx.NodeProto) -> bool:
        """A Gemm that makes an output of the network answers in float: ten logits in 256 steps would tie."""
        return node.op_type == "Gemm" and node.output[0] in self._graph.outputs

    def _moves(self, node: onnx.NodeProto) -> bool:
        """Whether a node only moves or chooses values, so that its result needs no grid of its own."""
        if node.op_type == "Resize":
            return _mode(node, "nearest") == "nearest"
        if node.op_type == "Pad":
            return _mode(node, "constant") != "constant" or self._pads_with_zero(node)
        return node.op_type in MOVING

    def _pads_with_zero(self, node: onnx.NodeProto) -> bool:
        """Zero is on every grid; any other value may lie outside that of what is padded."""
        value = node.input[2] if len(node.input) > 2 else ""
        if not value:
            return not any(attribute.name == "value" and attribute.f != 0.0 for attribute in node.attribute)
        stored = self._graph.stored(value)
        return stored is not None and not np.any(self._graph.values(stored))


def _mode(node: onnx.NodeProto, default: str) -> str:
    found = next((attribute.s for attribute in node.attribute if attribute.name == "mode"), default.encode())
    return found.decode()


def _clipping_bounds(graph: GraphIndex, node: onnx.NodeProto) -> tuple[float, float] | None:
    """The bounds of a Relu or Clip that a grid with zero on it can stand for; None for any other node."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    if node.op_type != "Clip":
        return None
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    bounds = [float(attributes.get("min", -np.inf)), float(attributes.get("max", np.inf))]
    for place, name in enumerate(node.input[1:3]):
        if name:
            stored = graph.stored(name)
            if stored is None:
                return None
            bounds[place] = float(graph.values(stored).reshape(-1)[0])
    return (bounds[0], bounds[1]) if bounds[0] <= 0.0 <= bounds[1] else None
