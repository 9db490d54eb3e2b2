"""The graph of an ONNX file: its layers, the operators between them, the real data flow alone."""

import json
from collections.abc import Mapping
from typing import Final

import onnx  # noqa: TID253 - imported lazily by secateur.graph.describing.network_graph

from secateur.graph.describing.graph_nodes import Path, Piece, assemble
from secateur.graph.onnx_layers import onnx_layers
from secateur.graph.onnx_names import module_path
from secateur.model.description import Layer
from secateur.model.graph import NetworkGraph

PASSED: Final = frozenset(
    {"Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "Unsqueeze"}
)
"""Operators that do nothing that a person would look for."""

_SHAPE_MAKERS: Final = frozenset({"Shape", "Size", "ConstantOfShape", "EyeLike"})
_NOISE: Final = frozenset({"RandomNormal", "RandomUniform"})
_SMALL: Final = 4096
"""Bytes of a tensor that shape inference may look into."""

Known = dict[str, Piece | None]
"""Tensor → the piece that makes it; None for constants and shapes."""


def graph_of_onnx(proto: onnx.ModelProto, layers: Mapping[str, Layer]) -> NetworkGraph:
    """The graph of `proto`, whose weights are initializers; `layers` are those of its description, by name."""
    names, absorbed = _layer_of_node(proto)
    shapes, note = sample_shapes(proto)
    stored = {tensor.name for tensor in proto.graph.initializer}
    known: Known = dict.fromkeys(stored)
    pieces: list[Piece] = []
    for value in proto.graph.input:
        if value.name not in stored:
            known[value.name] = Piece("input", shape=shapes.get(value.name, ()), label=value.name)
            pieces.append(_of(known[value.name]))
    for index, node in enumerate(proto.graph.node):
        layer = names.get(index, "")
        piece = _piece(node, layer, known, layers, pieces)
        for name in node.output:
            known[name] = piece
        if piece is None:
            continue
        piece.is_passed = piece.is_passed or index in absorbed
        piece.shape = () if layer in layers and layers[layer].output_shape else shapes.get(node.output[0], ())
        pieces.append(piece)
    for value in proto.graph.output:
        source = known.get(value.name)
        if source is not None:
            pieces.append(Piece("output", [source], shape=shapes.get(value.name, ()), label=value.name))
    return assemble(pieces, layers, note)


def _of(piece: Piece | None) -> Piece:
    if piece is None:
        raise ValueError("a piece was expected")
    return piece


def _layer_of_node(proto: onnx.ModelProto) -> tuple[dict[int, str], set[int]]:
    """Node index → layer that computes there, and the nodes that only add a layer's bias."""
    names: dict[int, str] = {}
    absorbed: set[int] = set()
    for layer in onnx_layers(proto):
        names.update(dict.fromkeys(layer.nodes, layer.name))
        absorbed.update(layer.absorbed)
    return names, absorbed


def _piece(
    node: onnx.NodeProto, layer: str, known: Known, layers: Mapping[str, Layer], pieces: list[Piece]
) -> Piece | None:
    """The piece of a node; None where it computes constants or shapes. Parameters that stand alone are added."""
    read = [name for name in (*node.input, *_captured(node)) if name]
    sources = [source for name in read if (source := known.get(name)) is not None]
    if not layer and (node.op_type in _SHAPE_MAKERS or (not sources and node.op_type not in _NOISE)):
        return None
    if not layer:
        for name in read:
            if name in known and known[name] is None and name in layers:  # a position embedding, a class token
                piece = Piece("Parameter", layer=name)
                known[name] = piece
                pieces.append(piece)
                sources.append(piece)
    passed = node.op_type in PASSED and len({id(source) for source in sources}) == 1
    return Piece(node.op_type, sources, layer, _scope(node), is_passed=passed and not layer)


def _captured(node: onnx.NodeProto) -> list[str]:
    """Names of the outer graph that a node's subgraphs (If, Loop) read."""
    found: list[str] = []
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                found += [*inner.input, *_captured(inner)]
    return found


def _scope(node: onnx.NodeProto) -> Path | None:
    """The block that an exporter wrote down: torch.onnx's name scopes, or a node name like `/layer1/layer1.0/Add`."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            return _written_scope(entry.value)
    if not node.name.startswith("/"):
        return None
    segments = [segment for segment in node.name.split("/") if segment][:-1]
    path: list[str] = []
    for segment in segments:
        if path and segment.startswith(path[-1] + "."):  # the older exporter repeats each container in its child
            path.pop()
        path.append(segment)
    return tuple(module_path(".".join(path)).split(".")) if path else ()


def _written_scope(value: str) -> Path | None:
    try:
        scopes = json.loads(value.replace("'", '"'))
    except ValueError:
        return None
    if not isinstance(scopes, list) or len(scopes) < 2 or not all(isinstance(scope, str) for scope in scopes):
        return None
    return tuple(part for part in scopes[-2].split(".") if part)


# ---------------------------------------------------------------------- shapes


def sample_shapes(proto: onnx.ModelProto) -> tuple[dict[str, tuple[int | None, ...]], str]:
    """Tensor → shape of one sample, by ONNX's own inference on a copy without its large weights."""
    skeleton = onnx.ModelProto()
    for field in ("ir_version", "producer_name"):
        setattr(skeleton, field, getattr(proto, field))
    skeleton.opset_import.extend(proto.opset_import)
    graph = skeleton.graph
    graph.name = "skeleton"
    graph.node.extend(proto.graph.node)
    graph.input.extend(proto.graph.input)
    graph.output.extend(proto.graph.output)
    graph.value_info.extend(proto.graph.value_info)
    given = {value.name for value in proto.graph.input}
    for tensor in proto.graph.initializer:
        if tensor.ByteSize() <= _SMALL and tensor.data_location != onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
        elif tensor.name not in given:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    note = ""
    try:
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except Exception as problem:  # noqa: BLE001 - the checker raises types of its own; the note says which
        inferred, lines = skeleton, str(problem).strip().splitlines()
        note = f"Shapes between the layers are unknown: {lines[0] if lines else type(problem).__name__}"
    values = (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)
    return {value.name: _sample_shape(value) for value in values}, note


def _sample_shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)[1:]
