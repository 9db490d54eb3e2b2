"""Puts stored integers and quantize/dequantize pairs into a graph, under short names, each scalar once."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_layers import OnnxLayer
from secateur.graph.qdq.planes import stored_planes, unpackers
from secateur.graph.qdq.weights import dequantizer, integer_tensor
from secateur.model.encoding import ActivationEncoding, WeightEncoding

_ADDED: Final = {"Conv": 2, "ConvTranspose": 2, "Gemm": 2}
"""Where an operator reads its bias."""


class Inserting:
    """A graph that is being encoded, changed in place; `finish` gives it back, its nodes in order.

    Names that it makes up: `q` (integers), `d` (activations back in float), `w` (weights back in float), `b` (biases),
    `s` (scales), `z` (zero points), `y` (what a network output is rounded from), `c` (integers out of planes), `n`
    (shapes), each with a number.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self._proto, self._graph = proto, proto.graph
        self._tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._taken = {name for graph in _all_graphs(proto.graph) for name in _names(graph)}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for graph in _all_graphs(proto.graph):
            for node in graph.node:
                for name in node.input:
                    self._readers.setdefault(name, []).append(node)
        self._counts: dict[str, int] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._first: list[onnx.NodeProto] = []
        self._behind: dict[str, list[onnx.NodeProto]] = {}

    # ------------------------------------------------------------------ weights and biases

    def store_weight(self, layer: OnnxLayer, encoding: WeightEncoding, *, with_zero: bool) -> None:
        """Replace a float weight by integers, called `<layer>.weight`, that a DequantizeLinear gives back.

        All that read the weight read that, also where it belongs to more than one layer.
        """
        tensor = self._tensors[layer.weight]
        values = encoding.quantize(np.asarray(numpy_helper.to_array(tensor), np.float32))
        name = f"{layer.name}.weight"
        stored = name if name == layer.weight or name not in self._taken else self._short("q")
        self._taken.add(stored)
        back = self._short("w")
        inputs = [stored, self._constant(encoding.scale.astype(numpy_helper.to_array(tensor).dtype), "s")]
        if encoding.zero_point is not None:
            inputs.append(self._short("z"))
            self._add(integer_tensor(inputs[-1], encoding.zero_point, encoding))
        elif with_zero:
            inputs.append(self._constant(np.zeros(encoding.scale.shape, np.int8), "z"))
        self._read_instead(layer.weight, back)
        self._remove(layer.weight)
        self._add(integer_tensor(stored, values, encoding))
        self._first.append(dequantizer(inputs, back, encoding))
        if encoding.feeds_integer_kernels:
            self._turn_integers(stored, back, inputs[1:], encoding.axis)

    def store_planes(self, layer: OnnxLayer, encoding: WeightEncoding, *, with_zero: bool) -> None:
        """Replace a float weight by integers in planes, called `<layer>.weight`, that further nodes give back."""
        tensor = self._tensors[layer.weight]
        floats = np.asarray(numpy_helper.to_array(tensor))
        codes = encoding.quantize(floats.astype(np.float32))
        name = f"{layer.name}.weight"
        stored = name if name == layer.weight or name not in self._taken else self._short("q")
        self._taken.add(stored)
        back = self._short("w")
        self._read_instead(layer.weight, back)
        self._remove(layer.weight)
        self._add(stored_planes(stored, codes, encoding))
        self._first += unpackers(
            encoding, (stored, back), floats.shape, floats.dtype, self._constant, self._short,
            for_product=layer.operator == "MatMul", with_zero=with_zero,
        )  # fmt: skip

    def _turn_integers(self, stored: str, back: str, grid: list[str], axis: int | None) -> None:
        """Let every Transpose of a tied weight turn its integers, which the runtime does once when it loads the file.

        Behind a Transpose of floats no product is computed in integers.
        """
        for node in list(self._readers[back]):
            order = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), [1, 0])
            if node.op_type != "Transpose" or axis is None or len(order) != len(self._tensors[stored].dims):
                continue
            turned, result = self._short("q"), node.output[0]
            self._read_in(node, back, stored)
            node.output[0] = turned
            unpack = helper.make_node("DequantizeLinear", [turned, *grid], [result], axis=order.index(axis))
            self._behind[turned] = [unpack]

    def is_turned(self, layer: OnnxLayer) -> bool:
        """Whether a Transpose reads the layer's weight."""
        return any(node.op_type == "Transpose" for node in self._readers.get(layer.weight, []))

    def bias_of(self, layer: OnnxLayer) -> NDArray[np.float32] | None:
        """A layer's stored bias, float32 in the shape of the file; None where it has none."""
        if layer.bias is None or layer.bias not in self._tensors:
            return None
        return np.asarray(numpy_helper.to_array(self._tensors[layer.bias]), np.float32)

    def inputs_of(self, layer: OnnxLayer) -> list[str]:
        """The tensors that a layer's nodes read."""
        return [self._graph.node[index].input[layer.data_place] for index in layer.nodes]

    def set_bias(self, layer: OnnxLayer, values: NDArray[np.float32]) -> None:
        """Store another bias for this layer alone."""
        assert layer.bias is not None  # noqa: S101 - it has one: its values were asked for
        own = [self._graph.node[index] for index in (*layer.nodes, *layer.absorbed)]
        name = layer.bias
        if len(self._readers[name]) > sum(name in node.input for node in own):
            name = self._short("b")
            for node in own:
                self._read_in(node, layer.bias, name)
        else:
            self._remove(name)
        self._add(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))

    def store_integer_bias(self, layer: OnnxLayer, input_scale: float, weight_scale: NDArray[np.float32]) -> None:
        """Store the bias of a Gemm, rounded before, as int32 in steps of input scale × weight scale."""
        node = self._graph.node[layer.nodes[0]]
        name = node.input[_ADDED["Gemm"]]
        values = np.asarray(numpy_helper.to_array(self._tensors[name]), np.float64).reshape(-1)
        step = (np.float64(np.float32(input_scale)) * weight_scale.astype(np.float64)).astype(np.float32)
        step = np.broadcast_to(step, values.shape)
        whole = np.clip(np.rint(values / step), -(2.0**31), 2.0**31 - 1).astype(np.int32)
        back = self._short("b")
        for index in layer.nodes:
            self._read_in(self._graph.node[index], name, back)
        stored = self._short("q") if self._readers[name] else name
        if stored == name:
            self._remove(name)
        self._add(numpy_helper.from_array(whole, stored))
        inputs = [stored, self._constant(np.ascontiguousarray(step), "s")]
        self._first.append(helper.make_node("DequantizeLinear", inputs, [back], axis=0))

    # ------------------------------------------------------------------ activations

    def round_activations(self, encodings: Mapping[str, ActivationEncoding]) -> None:
        """Put a pair behind each of these tensors; all that read them read what comes out of it.

        A network output keeps its name: what it is rounded from gets another one.
        """
        outputs = {value.name for value in self._graph.output}
        makers = {name: node for node in self._graph.node for name in node.output}
        for name, encoding in encodings.items():
            scale = self._constant(np.array(encoding.scale, np.float32), "s")
            zero = self._constant(np.array(encoding.zero_point, encoding.dtype), "z")
            before, whole, after = name, self._short("q"), self._short("d")
            self._read_instead(name, after)
            if name in outputs:
                before = self._short("y")
                _replace(makers[name].output, name, before)
                self._read_instead(after, name)
                after = name
            self._behind[before] = [
                helper.make_node("QuantizeLinear", [before, scale, zero], [whole]),
                helper.make_node("DequantizeLinear", [whole, scale, zero], [after]),
            ]

    def finish(self) -> onnx.ModelProto:
        """The graph with all that was put in, everything made before it is read."""
        nodes = [*self._first]
        for value in self._graph.input:
            nodes += self._behind.get(value.name, [])
        for node in self._graph.node:
            own = onnx.NodeProto()
            own.CopyFrom(node)
            nodes.append(own)
            for name in node.output:
                nodes += self._behind.get(name, [])
        self._graph.ClearField("node")
        self._graph.node.extend(nodes)
        return self._proto

    # ------------------------------------------------------------------ names and constants

    def _short(self, letter: str) -> str:
        while True:
            number = self._counts.get(letter, 0)
            self._counts[letter] = number + 1
            if f"{letter}{number}" not in self._taken:
                self._taken.add(f"{letter}{number}")
                return f"{letter}{number}"

    def _constant(self, values: NDArray[Any], letter: str) -> str:
        """The name of a stored tensor with these values, stored where there is none yet."""
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            self._constants[key] = self._short(letter)
            self._add(numpy_helper.from_array(values, self._constants[key]))
        return self._constants[key]

    def _add(self, tensor: onnx.TensorProto) -> None:
        self._graph.initializer.append(tensor)
        self._tensors[tensor.name] = self._graph.initializer[-1]
        self._taken.add(tensor.name)

    def _remove(self, name: str) -> None:
        del self._tensors[name]
        index = next(index for index, tensor in enumerate(self._graph.initializer) if tensor.name == name)
        del self._graph.initializer[index]

    def _read_in(self, node: onnx.NodeProto, name: str, other: str) -> None:
        """Let one node read `other` where it reads `name`."""
        _replace(node.input, name, other)
        self._readers[name] = [reader for reader in self._readers[name] if reader is not node and name in reader.input]
        self._readers.setdefault(other, []).append(node)

    def _read_instead(self, name: str, other: str) -> None:
        """Let every node, also in subgraphs, read `other` where it reads `name`."""
        nodes = self._readers.pop(name, [])
        for node in nodes:
            _replace(node.input, name, other)
        self._readers.setdefault(other, []).extend(nodes)


def _all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and its subgraphs (of If, Loop, Scan), at any depth."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _all_graphs(inner)


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from node.input
        yield from node.output


def _replace(names: Any, old: str, new: str) -> None:
    for place, name in enumerate(names):
        if name == old:
            names[place] = new
