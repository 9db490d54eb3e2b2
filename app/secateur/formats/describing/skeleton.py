"""The skeleton of a model: its ONNX graph with every tensor's name, type and shape, but without the weights.

What graph viewers read whole (Netron refuses gigabytes) stays small this way, whatever the model weighs. Nodes that
compute a layer bear the layer's name, so that a click on one can be traced back to the table.
"""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secateur.errors import UserError

if TYPE_CHECKING:
    import onnx

    from secateur.graph.network import Model

MOST_KEPT: Final = 64
"""Integer tensors of at most this many values are kept: they are shapes, axes and slices, not weights."""

_STRUCTURAL: Final = frozenset({6, 7, 9})
"""TensorProto.INT32, INT64 and BOOL: what ONNX writes shapes, axes and conditions in."""


def write_skeleton(model: "Model", path: Path) -> Path:
    """Write the model's skeleton to `path` as ONNX; UserError where there is no graph to show."""
    proto = skeleton_of(graph_of(model))
    path.write_bytes(proto.SerializeToString())
    return path


def graph_of(model: "Model") -> "onnx.ModelProto":
    """The graph that stands for a model: its file's own, else the float graph that a torch network is shipped as."""
    from secateur.graph.lowering import to_onnx
    from secateur.graph.network import OnnxModel, TorchModel

    if isinstance(model, OnnxModel):
        return model.proto
    if isinstance(model, TorchModel):
        return model.lowered.structure if model.lowered is not None else to_onnx(model)
    raise UserError(f"{model.name} has no graph to show: it holds weights without a network.", model.reason)


def skeleton_of(proto: "onnx.ModelProto") -> "onnx.ModelProto":
    """`proto` without weights, layer names on its nodes, and the shapes of its tensors inferred; a new message.

    Stack traces, comments and other metadata are left out too. `proto` is not changed and no weight is copied.
    """
    import onnx

    from secateur.graph.onnx_layers import onnx_layers

    layers = onnx_layers(proto)
    weights = frozenset(name for layer in layers for name in layer.tensors)
    bare = onnx.ModelProto(ir_version=proto.ir_version, producer_name=proto.producer_name)
    bare.opset_import.extend(proto.opset_import)
    bare.graph.CopyFrom(_bare_graph(proto.graph, weights))
    for function in proto.functions:
        kept = bare.functions.add(name=function.name, domain=function.domain)
        for field in ("input", "output", "attribute", "opset_import"):
            getattr(kept, field).extend(getattr(function, field))
        kept.node.extend(_bare_node(node, weights) for node in function.node)
    _name_nodes(bare.graph, {index: layer.name for layer in layers for index in layer.nodes})
    return _with_shapes(bare)


def _bare_graph(graph: "onnx.GraphProto", weights: frozenset[str]) -> "onnx.GraphProto":
    import onnx

    bare = onnx.GraphProto(name=graph.name)
    for field in ("input", "output", "value_info"):
        getattr(bare, field).extend(getattr(graph, field))
    bare.initializer.extend(_bare_tensor(tensor, weights) for tensor in graph.initializer)
    bare.sparse_initializer.extend(_bare_sparse(sparse) for sparse in graph.sparse_initializer)
    bare.node.extend(_bare_node(node, weights) for node in graph.node)
    return bare


def _bare_node(node: "onnx.NodeProto", weights: frozenset[str]) -> "onnx.NodeProto":
    import onnx

    bare = onnx.NodeProto(op_type=node.op_type, domain=node.domain, name=node.name)
    bare.input.extend(node.input)
    bare.output.extend(node.output)
    bare.attribute.extend(_bare_attribute(attribute, weights) for attribute in node.attribute)
    return bare


def _bare_attribute(attribute: "onnx.AttributeProto", weights: frozenset[str]) -> "onnx.AttributeProto":
    """`attribute` with its tensors and subgraphs laid bare; long lists of numbers are weights too, and left out."""
    import onnx

    bare = onnx.AttributeProto(name=attribute.name, type=attribute.type, ref_attr_name=attribute.ref_attr_name)
    for field in ("f", "i", "s", "tp"):
        if attribute.HasField(field):
            part = getattr(attribute, field)
            bare.tp.CopyFrom(part) if field == "tp" else setattr(bare, field, part)
    for field in ("floats", "ints", "strings"):
        values = getattr(attribute, field)
        if len(values) <= MOST_KEPT:
            getattr(bare, field).extend(values)
    if attribute.HasField("t"):
        bare.t.CopyFrom(_bare_tensor(attribute.t, weights))
    if attribute.HasField("g"):
        bare.g.CopyFrom(_bare_graph(attribute.g, weights))
    if attribute.HasField("sparse_tensor"):
        bare.sparse_tensor.CopyFrom(_bare_sparse(attribute.sparse_tensor))
    bare.tensors.extend(_bare_tensor(tensor, weights) for tensor in attribute.tensors)
    bare.graphs.extend(_bare_graph(graph, weights) for graph in attribute.graphs)
    return bare


def _bare_sparse(sparse: "onnx.SparseTensorProto") -> "onnx.SparseTensorProto":
    import onnx

    return onnx.SparseTensorProto(dims=sparse.dims, values=_stub(sparse.values), indices=_stub(sparse.indices))


def _bare_tensor(tensor: "onnx.TensorProto", weights: frozenset[str]) -> "onnx.TensorProto":
    """`tensor` itself where its values are structure (a shape, an axis, a bound), else its stub."""
    import onnx

    count = prod(tensor.dims)
    is_structure = count == 1 or (tensor.data_type in _STRUCTURAL and count <= MOST_KEPT)
    is_here = tensor.data_location != onnx.TensorProto.EXTERNAL
    return tensor if is_structure and is_here and tensor.name not in weights else _stub(tensor)


def _stub(tensor: "onnx.TensorProto") -> "onnx.TensorProto":
    """Name, type and shape alone: Netron shows these, and "empty" for the values."""
    import onnx

    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _name_nodes(graph: "onnx.GraphProto", layers: dict[int, str]) -> None:
    """Name every node after its layer; another node of that name gets its operator behind it."""
    taken = set(layers.values())
    for index, node in enumerate(graph.node):
        if index in layers:
            node.name = layers[index]
        elif node.name in taken:
            node.name = f"{node.name}/{node.op_type}"


def _with_shapes(bare: "onnx.ModelProto") -> "onnx.ModelProto":
    """`bare` with the shapes that can be told from its inputs, which a viewer writes on the edges."""
    import onnx

    try:
        return onnx.shape_inference.infer_shapes(bare)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return bare  # a graph whose shapes contradict each other is shown without them: the viewer is for looking
