"""Makes a quantized graph small: in one of a few hundred kilobytes, names and default attributes are a tenth."""

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily

_DEFAULTS = {"auto_pad": b"NOTSET", "group": 1, "alpha": 1.0, "beta": 1.0, "transA": 0, "ceil_mode": 0, "allowzero": 0}


def compact(proto: onnx.ModelProto) -> onnx.ModelProto:
    """`proto`, changed in place: no names of nodes, no defaults, no inferred shapes, nothing unused.

    Results stay the same to the bit.
    """
    graph = proto.graph
    _drop_unused(graph)
    for node in graph.node:
        node.ClearField("name")
        _drop_defaults(node)
    for holder in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
    graph.ClearField("value_info")
    graph.ClearField("quantization_annotation")
    proto.producer_name, proto.producer_version = "secateur", ""
    return proto


def _drop_defaults(node: onnx.NodeProto) -> None:
    """Leave out attributes that say what the operator does anyway."""
    for attribute in list(node.attribute):
        value = onnx.helper.get_attribute_value(attribute)
        is_ones = attribute.name == "dilations" and set(value) == {1}
        if is_ones or (attribute.name in _DEFAULTS and value == _DEFAULTS[attribute.name]):
            node.attribute.remove(attribute)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    unused = [index for index, tensor in enumerate(graph.initializer) if tensor.name not in used]
    for index in reversed(unused):
        del graph.initializer[index]
