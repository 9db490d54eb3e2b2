"""What stands in the graphs inside an ONNX graph (the branches of If, the body of Loop), and in torch's notes."""

import re
from collections.abc import Iterator, Mapping
from math import prod
from typing import Final

import onnx  # noqa: TID253 - imported lazily by secateur.graph.onnx_files.reading

from secateur.graph.onnx_names import unique

_NUMBERS = onnx.TensorProto
_FLOATING: Final = (_NUMBERS.FLOAT, _NUMBERS.DOUBLE, _NUMBERS.FLOAT16, _NUMBERS.BFLOAT16)
_FORMS: Final = frozenset({"Identity", "Transpose", "Cast"})
_SCOPES: Final = "pkg.torch.onnx.name_scopes"


def lift_weights(proto: onnx.ModelProto) -> None:
    """Bring the float weights of inner graphs into the initializers of the outer one, in place.

    There they are seen, measured and rewritten as all others; inner graphs read what stands outside of them. A
    name that is taken gets a number. Weights that an inner graph gives out as they are stay inside it. The nodes that
    only give stored tensors another type or order of axes come along.
    """
    used = _all_names(proto.graph)
    for node in proto.graph.node:
        for inner in subgraphs(node):
            _lift(inner, proto.graph, used)
    stored = {tensor.name for tensor in proto.graph.initializer}
    lifted = [made for node in proto.graph.node for inner in subgraphs(node) for made in _forms(inner, stored, used)]
    if lifted:
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in proto.graph.node]
        del proto.graph.node[:]
        proto.graph.node.extend([*lifted, *nodes])


def _forms(graph: onnx.GraphProto, stored: set[str], used: dict[str, int]) -> list[onnx.NodeProto]:
    """The nodes of an inner graph that only give another form to tensors stored outside, taken out of it."""
    given = {value.name for value in graph.output}
    found = []
    for node in list(graph.node):
        is_form = node.op_type in _FORMS and not node.domain and node.input[0] in stored and used[node.input[0]] == 1
        if is_form and node.output[0] not in given:
            made = onnx.NodeProto.FromString(node.SerializeToString())
            if used[made.output[0]] > 1:  # a branch may use the names of its sibling
                made.output[0] = unique(made.output[0], set(used))
                used[made.output[0]] = 1
                rename_reads(graph, {node.output[0]: made.output[0]})
            graph.node.remove(node)
            stored.add(made.output[0])
            found.append(made)
    for node in graph.node:
        for inner in subgraphs(node):
            found += _forms(inner, stored, used)
    return found


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node holds."""
    for attribute in node.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def _lift(graph: onnx.GraphProto, outer: onnx.GraphProto, used: dict[str, int]) -> None:
    given = {value.name for value in graph.output}
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        tensor = _weight_of(node)
        if tensor is not None and tensor.name not in given:
            del graph.node[index]
            _move(tensor, graph, outer, used)
    for index in reversed(range(len(graph.initializer))):
        stored = graph.initializer[index]
        if _is_weight(stored) and stored.name not in given:
            tensor = onnx.TensorProto()
            tensor.CopyFrom(stored)
            del graph.initializer[index]
            _move(tensor, graph, outer, used)
    for node in graph.node:
        for inner in subgraphs(node):
            _lift(inner, outer, used)


def _weight_of(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """A copy of the weight that a Constant node makes, under the name of its output; None where it makes none."""
    if node.op_type != "Constant" or not node.attribute or node.attribute[0].name != "value":
        return None
    if not _is_weight(node.attribute[0].t):
        return None
    tensor = onnx.TensorProto()
    tensor.CopyFrom(node.attribute[0].t)
    tensor.name = node.output[0]
    return tensor


def _is_weight(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type in _FLOATING and len(tensor.dims) > 0 and prod(tensor.dims) > 0


def _move(tensor: onnx.TensorProto, graph: onnx.GraphProto, outer: onnx.GraphProto, used: dict[str, int]) -> None:
    """Enter `tensor` into the outer graph, by a name of its own, which its readers in `graph` learn."""
    if used.get(tensor.name, 0) > 1:  # a branch may use the names of its sibling
        name = unique(tensor.name, set(used))
        used[name] = 1
        rename_reads(graph, {tensor.name: name})
        tensor.name = name
    outer.initializer.append(tensor)


def rename_reads(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Let every node of a graph, at any depth, read tensors by their new names, in place."""
    if not names:
        return
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]
        for inner in subgraphs(node):
            rename_reads(inner, names)


def _all_names(graph: onnx.GraphProto) -> dict[str, int]:
    """Every name that something in a graph, at any depth, is made or stored under, with how often it is."""
    counts: dict[str, int] = {}
    waiting = [graph]
    while waiting:
        part = waiting.pop()
        for value in (*part.input, *part.initializer):
            counts[value.name] = counts.get(value.name, 0) + 1
        for node in part.node:
            for name in node.output:
                counts[name] = counts.get(name, 0) + 1
            waiting.extend(subgraphs(node))
    return counts


def scoped_name(node: onnx.NodeProto) -> str:
    """The name of a node by the module that torch's newer exporter made it in; its own where that is not noted.

    `blocks.0.mlp.fc1` gives `/blocks/0/mlp/fc1/MatMul`, as the older exporter calls it, so that a layer whose
    weight lost its name (linear layers without a bias, recurrent layers) is still called after its module.
    """
    note = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
    scopes = re.findall(r"'([\w.]*)'", note)[:-1]
    if not node.name.startswith("node_") or not scopes or not scopes[-1]:
        return str(node.name)
    return f"/{scopes[-1].replace('.', '/')}/{node.op_type}"
