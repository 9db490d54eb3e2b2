"""Gemm in its plain form, y = x·W + b: factors go into weight and bias, a transposed input is transposed before."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx  # noqa: TID253 - imported lazily by secateur.graph.onnx_files.reading
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_files.folding import all_nodes, is_unloaded
from secateur.graph.onnx_layers import GraphIndex
from secateur.graph.onnx_names import unique

Changed = Callable[[str], None]
"""Told of a stored tensor whose values are no longer those of the file."""


def plain_gemms(proto: onnx.ModelProto, changed: Changed = lambda name: None) -> None:
    """Bring every Gemm with a stored matrix into its plain form, in place.

    `alpha` goes into the weight where nothing else reads it, `beta` into the bias; a bias of one number, or with axes
    of length one before it, becomes one number an output. What does not fit stays as it is.
    """
    graph = GraphIndex(proto)
    reads = Counter(name for node in all_nodes(proto.graph) for name in node.input)
    reads.update(value.name for value in proto.graph.output)
    used = {name for node in all_nodes(proto.graph) for name in (*node.input, *node.output)} | set(graph.initializers)
    turned = {}
    for index, node in enumerate(proto.graph.node):
        view = graph.view(node.input[1]) if node.op_type == "Gemm" and node.domain in {"", "ai.onnx"} else None
        if view is None or view.unpacked_by is not None:
            continue
        weight = graph.initializers[view.initializer]
        if reads[weight.name] == 1 and weight.name == node.input[1] and _float(node, "alpha") != 1.0:
            _scale(weight, _float(node, "alpha"), changed)
            _forget(node, "alpha")
        _plain_bias(proto, node, graph, reads, used, changed)
        if any(attribute.name == "transA" and attribute.i for attribute in node.attribute):
            turned[index] = _turned(node, used)
    for index in sorted(turned, reverse=True):
        proto.graph.node.insert(index, turned[index])


def _plain_bias(
    proto: onnx.ModelProto,
    node: onnx.NodeProto,
    graph: GraphIndex,
    reads: "Counter[str]",
    used: set[str],
    changed: Changed,
) -> None:
    bias = graph.initializers.get(node.input[2]) if len(node.input) > 2 else None
    if bias is None:
        return
    is_turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    channels = graph.view_shape(node.input[1])[0 if is_turned else 1]
    is_row = tuple(bias.dims) in {(channels,), (1, channels)} or np.prod(bias.dims, dtype=np.int64) == 1
    is_plain = tuple(bias.dims) == (channels,) and _float(node, "beta") == 1.0
    if not is_row or is_plain or is_unloaded(bias) or bias.data_type != onnx.TensorProto.FLOAT:
        return
    values = np.broadcast_to(numpy_helper.to_array(bias).reshape(-1) * np.float32(_float(node, "beta")), (channels,))
    name = bias.name if reads[bias.name] == 1 else unique(f"{bias.name}_{channels}", used)
    made = numpy_helper.from_array(np.ascontiguousarray(values), name)
    if name == bias.name:
        bias.CopyFrom(made)
        changed(name)
        for place in reversed(range(len(proto.graph.input))):
            if proto.graph.input[place].name == name:
                del proto.graph.input[place]
    else:
        reads[bias.name] -= 1
        proto.graph.initializer.append(made)
        node.input[2] = name
    _forget(node, "beta")


def _scale(weight: onnx.TensorProto, factor: float, changed: Changed) -> None:
    changed(weight.name)
    if not is_unloaded(weight):
        scaled = numpy_helper.to_array(weight) * np.float32(factor)
        weight.CopyFrom(numpy_helper.from_array(scaled.astype(numpy_helper.to_array(weight).dtype), weight.name))


def _turned(node: onnx.NodeProto, used: set[str]) -> onnx.NodeProto:
    """The Transpose that gives a Gemm its input the right way round; the Gemm reads it from now on."""
    made = unique(f"{node.input[0]}_transposed", used)
    before = helper.make_node(
        "Transpose", [node.input[0]], [made], unique(f"{node.name}_transposed", used), perm=[1, 0]
    )
    node.input[0] = made
    _forget(node, "transA")
    return before


def _float(node: onnx.NodeProto, name: str) -> float:
    return next((float(attribute.f) for attribute in node.attribute if attribute.name == name), 1.0)


def _forget(node: onnx.NodeProto, name: str) -> None:
    for place in reversed(range(len(node.attribute))):
        if node.attribute[place].name == name:
            del node.attribute[place]
