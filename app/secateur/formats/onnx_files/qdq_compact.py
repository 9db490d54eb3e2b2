"""Makes a quantized graph small: in one of a few hundred kilobytes, names and zero points are a tenth."""

from collections.abc import Mapping

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import numpy_helper  # noqa: TID253

_DEFAULTS = {"auto_pad": b"NOTSET", "group": 1, "alpha": 1.0, "beta": 1.0, "transA": 0, "ceil_mode": 0, "allowzero": 0}
_SIGNED = (onnx.TensorProto.INT8, onnx.TensorProto.INT4, onnx.TensorProto.INT32)


def compact(proto: onnx.ModelProto, weight_names: Mapping[str, str]) -> onnx.ModelProto:
    """`proto`, changed in place: short names, shared scalars, no defaults, no documentation, nothing unused.

    `weight_names` maps the float weight's initializer to the name under which its integers are stored, which is what
    layers are recognised by when the file is opened again. Results stay the same to the bit.
    """
    graph = proto.graph
    _drop_signed_zero_points(graph)
    _share_scalars(graph)
    _shorten(graph, weight_names)
    for node in graph.node:
        node.ClearField("name")
        _drop_defaults(node)
    for holder in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
    graph.ClearField("value_info")
    graph.ClearField("quantization_annotation")
    proto.producer_name, proto.producer_version = "secateur", ""
    _sort(graph)
    return proto


def _drop_signed_zero_points(graph: onnx.GraphProto) -> None:
    """Signed integers are symmetric: their zero points are zeros, which is what a missing one means."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and len(node.input) == 3:
            zero = tensors.get(node.input[2])
            if zero is not None and zero.data_type in _SIGNED and not numpy_helper.to_array(zero).any():
                del node.input[2]
    _drop_unused(graph)


def _share_scalars(graph: onnx.GraphProto) -> None:
    """One initializer for every distinct scale and zero point."""
    operands = {name for node in graph.node if "tizeLinear" in node.op_type for name in node.input[1:]}
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    names = {}
    for tensor in graph.initializer:
        if tensor.name in operands:
            key = (tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes())
            names[tensor.name] = first.setdefault(key, tensor.name)
    for node in graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = names.get(name, name)
    _drop_unused(graph)


def _shorten(graph: onnx.GraphProto, weight_names: Mapping[str, str]) -> None:
    """Names of one letter and a number for what quantization added: q, d, w (weights back in float), s and z."""
    kept = {tensor.name for tensor in graph.initializer} | {value.name for value in (*graph.input, *graph.output)}
    kept |= {name for node in graph.node for name in node.output}
    names: dict[str, str] = {}
    counts: dict[str, int] = {}

    def short(name: str, letter: str) -> None:
        while name not in names:
            number = counts.get(letter, 0)
            counts[letter] = number + 1
            if f"{letter}{number}" not in kept:
                names[name] = f"{letter}{number}"

    integers = {f"{old}_quantized": new for old, new in weight_names.items()}
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        short(node.input[1], "s")
        if len(node.input) > 2:
            short(node.input[2], "z")
        is_weight = node.input[0] in integers
        if is_weight:
            names[node.input[0]] = integers[node.input[0]]
        if node.output[0] not in outputs:
            short(node.output[0], "w" if is_weight else "q" if node.op_type == "QuantizeLinear" else "d")
        if node.input[0].endswith("_QuantizeLinear_Input"):
            short(node.input[0], "y")
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for node in graph.node:
        for fields in (node.input, node.output):
            for position, name in enumerate(fields):
                fields[position] = names.get(name, name)


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


def _sort(graph: onnx.GraphProto) -> None:
    """Put the nodes in an order in which everything is made before it is read, as ONNX demands."""
    known = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input} | {""}
    waiting, ordered = list(graph.node), []
    while waiting:
        ready, later = [], []
        for node in waiting:
            if all(name in known for name in node.input):
                ready.append(node)
                known.update(node.output)
            else:
                later.append(node)
        if not ready:
            raise ValueError("the quantized graph reads a tensor that nothing makes: " + ", ".join(later[0].input))
        ordered.extend(ready)
        waiting = later
    copies = []
    for node in ordered:
        duplicate = onnx.NodeProto()
        duplicate.CopyFrom(node)
        copies.append(duplicate)
    graph.ClearField("node")
    graph.node.extend(copies)
