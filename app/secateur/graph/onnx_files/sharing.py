"""One computation where a file holds the same one twice: equal nodes that read stored tensors become one node."""

from collections.abc import Callable

import onnx  # noqa: TID253 - imported lazily by secateur.graph.onnx_files.folding

from secateur.graph.onnx_files.inner import rename_reads


def merge_twins(proto: onnx.ModelProto, is_repeatable: Callable[[onnx.NodeProto], bool]) -> None:
    """Let equal nodes of the main graph that read stored tensors alone be one node, in place.

    Tied weights that every use casts or transposes anew stay tied so.
    """
    graph = proto.graph
    constant = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    first: dict[bytes, onnx.NodeProto] = {}
    names: dict[str, str] = {}
    twins = []
    for index, node in enumerate(graph.node):
        reads = [names.get(name, name) for name in node.input]
        if not is_repeatable(node) or not any(reads) or not all(name in constant for name in reads if name):
            continue
        constant.update(node.output)
        key = onnx.NodeProto(op_type=node.op_type, domain=node.domain, input=reads)
        key.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
        known = first.setdefault(key.SerializeToString(deterministic=True), node)
        if known is not node and not outputs & set(node.output) and len(node.output) == len(known.output):
            names.update(zip(node.output, known.output, strict=True))
            twins.append(index)
    for index in reversed(twins):
        del graph.node[index]
    rename_reads(graph, names)
