"""The first layers of a network as a network of their own."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily

from secateur.graph.onnx_layers import GraphIndex, onnx_layers
from secateur.model.encoding import Encodings

if TYPE_CHECKING:
    from secateur.graph.network import Model

_ACTIVATIONS = ("Relu", "Clip")


@dataclass(frozen=True)
class Cut:
    """A layer and the tensor behind it (behind its activation, which runtimes fuse with it)."""

    layer: str
    tensor: str


@dataclass(frozen=True)
class Part:
    """A model of the first layers, and which of the whole network's inputs it takes."""

    model: "Model"
    inputs: tuple[int, ...]


def cuts_of(model: "Model") -> tuple[Cut, ...]:
    """Where a network can be cut: behind each layer, in the order of the graph; empty where it has no graph."""
    proto = _graph(model)
    if proto is None:
        return ()
    graph = GraphIndex(proto)
    found: dict[int, Cut] = {}
    for layer in onnx_layers(proto):
        last = layer.absorbed[0] if layer.absorbed else layer.nodes[0]
        tensor = proto.graph.node[last].output[0]
        readers = graph.readers.get(tensor, [])
        if len(readers) == 1 and proto.graph.node[readers[0]].op_type in _ACTIVATIONS:
            last, tensor = readers[0], proto.graph.node[readers[0]].output[0]
        found[last] = Cut(layer.name, tensor)
    return tuple(found[index] for index in sorted(found))


def cut_behind(model: "Model", cut: Cut) -> Part:
    """The network up to a tensor, which becomes its only output; with the encodings of what is left."""
    from secateur.graph.homes import shipped
    from secateur.graph.network import TorchModel
    from secateur.graph.onnx_files.reading import graph_ports
    from secateur.graph.onnx_import.importer import import_model

    proto = _graph(model)
    if proto is None:
        raise ValueError(f"{model.name} has no graph")
    part = _upto(proto, cut.tensor)
    names = [value.name for value in part.graph.input]
    used = tuple(index for index, port in enumerate(model.inputs) if port.name in names)
    inputs = tuple(model.inputs[index] for index in used)
    _, outputs = graph_ports(part)
    if not isinstance(model, TorchModel):
        kept = _kept(model.encodings, part)
        return Part(replace(model, proto=part, inputs=inputs, outputs=outputs, encodings=kept), used)
    module = import_model(part)
    graph, kept = shipped(part, module), _kept(model.encodings, part)
    return Part(replace(model, module=module, lowered=graph, inputs=inputs, outputs=outputs, encodings=kept), used)


def _graph(model: "Model") -> onnx.ModelProto | None:
    from secateur.graph.lowering import graph_of
    from secateur.graph.network import OnnxModel, TorchModel

    if isinstance(model, TorchModel):
        return graph_of(model)
    return model.proto if isinstance(model, OnnxModel) else None


def _upto(proto: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """The nodes, weights and inputs that a tensor depends on."""
    graph = GraphIndex(proto)
    wanted, waiting = set(), [tensor]
    while waiting:
        name = waiting.pop()
        if name in wanted:
            continue
        wanted.add(name)
        if name in graph.makers:
            waiting += [entry for entry in graph.makers[name].input if entry]
            waiting += _captured(graph.makers[name])
    inferred = onnx.shape_inference.infer_shapes(proto)
    known = {value.name: value for value in (*inferred.graph.value_info, *inferred.graph.output)}
    output = known.get(tensor)
    if output is None:
        output = onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None)
    return onnx.helper.make_model(
        onnx.helper.make_graph(
            [node for node in proto.graph.node if any(name in wanted for name in node.output)],
            "network",
            [value for value in proto.graph.input if value.name in wanted],
            [output],
            [value for value in proto.graph.initializer if value.name in wanted],
        ),
        opset_imports=list(proto.opset_import),
        ir_version=proto.ir_version,
        functions=list(proto.functions),
    )


def _captured(node: onnx.NodeProto) -> list[str]:
    """Tensors of the graph that a node's subgraphs read."""
    graphs = [graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs)]
    return [name for graph in graphs for inner in graph.node for name in (*inner.input, *_captured(inner))]


def _kept(encodings: Encodings, proto: onnx.ModelProto) -> Encodings:
    """The encodings of the layers and tensors that a graph has."""
    layers = {layer.name for layer in onnx_layers(proto)}
    tensors: Collection[str] = {
        *(value.name for value in proto.graph.input),
        *(name for node in proto.graph.node for name in node.output),
    }
    return Encodings(
        {name: encoding for name, encoding in encodings.weights.items() if name in layers},
        {name: encoding for name, encoding in encodings.activations.items() if name in tensors},
    )
