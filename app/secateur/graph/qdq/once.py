"""Stored integers that a runtime turns into floats once, when it loads a file, and not before every product.

Of weights alone in few bits: ONNX Runtime unpacks those of a convolution for every batch where a DequantizeLinear does
it, which takes longer than the convolution, and keeps it from choosing the layout that suits it.
"""

from typing import Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_layers import GraphIndex
from secateur.graph.onnx_names import unique
from secateur.graph.qdq.functions import DEQUANTIZE, DOMAIN, OLDEST_OPSET, drop_functions, drop_unread

_COMPUTING: Final = ("Conv", "ConvTranspose", "Gemm")
"""Operators that gain nothing by integers whose input is float. A MatMul does: it computes with them as they are."""


def unpacked_once(proto: onnx.ModelProto) -> None:
    """Let `Dequantize` give the weights that only layers read which compute in float, in place.

    Where a layer reads activations that were rounded, the runtime needs the DequantizeLinear to see an integer kernel.
    The function itself is added by `add_functions`.
    """
    if max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")) < OLDEST_OPSET:
        return
    graph = GraphIndex(proto)
    found = [node for node in proto.graph.node if _is_of_weight(graph, node)]
    if not found:
        return
    taken = {*graph.initializers, *graph.makers, *(value.name for value in proto.graph.input)}
    none = ""
    replaced: set[str] = set()
    for node in found:
        codes, *grid = (name for name in node.input if name)
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        rank = len(graph.shape(codes))
        shape = [-1 if place == axis % rank else 1 for place in range(rank)]
        spread = [_spread(proto, graph.initializers[name], shape, taken) for name in grid]
        if len(grid) == 1:
            if not none:
                none = unique("z", taken)
                proto.graph.initializer.append(numpy_helper.from_array(np.zeros((), np.int8), none))
            spread.append(none)
        replaced |= set(grid)
        node.CopyFrom(helper.make_node(DEQUANTIZE, [codes, *spread], list(node.output), node.name, domain=DOMAIN))
    drop_unread(proto, replaced)


def _is_of_weight(graph: GraphIndex, node: onnx.NodeProto) -> bool:
    """Whether a DequantizeLinear gives a stored weight, with scales per channel, to layers that compute in float."""
    if node.op_type != "DequantizeLinear" or node.domain or not all(n in graph.initializers for n in node.input if n):
        return False
    if any(attribute.name == "block_size" and attribute.i for attribute in node.attribute):
        return False
    name, nodes = node.output[0], graph.proto.graph.node
    readers = [nodes[index] for index in graph.readers.get(name, [])]
    is_read = bool(readers) and name not in graph.outputs
    return is_read and all(_computes_in_float(graph, reader, name) for reader in readers)


def _computes_in_float(graph: GraphIndex, node: onnx.NodeProto, weight: str) -> bool:
    if node.op_type not in _COMPUTING or node.domain or list(node.input).count(weight) != 1:
        return False
    maker = graph.makers.get(node.input[0])
    return node.input[1] == weight and (maker is None or maker.op_type != "DequantizeLinear")


def _spread(proto: onnx.ModelProto, tensor: onnx.TensorProto, shape: list[int], taken: set[str]) -> str:
    """The name of a copy of a scale or zero point that broadcasts against the weight; one for all stays as it is."""
    size = int(np.prod(tensor.dims, dtype=np.int64))
    copy = proto.graph.initializer.add()
    copy.CopyFrom(tensor)
    copy.name = unique(tensor.name, taken)
    copy.ClearField("dims")
    copy.dims.extend([] if size == 1 else [size if place < 0 else place for place in shape])
    return str(copy.name)


def with_dequantizers(proto: onnx.ModelProto) -> onnx.ModelProto:
    """What `unpacked_once` made, as it was: a DequantizeLinear for every `Dequantize` of stored integers.

    `proto` itself where there are none; it is not changed.
    """
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    names = {
        node.output[0]
        for node in proto.graph.node
        if (node.domain, node.op_type) == (DOMAIN, DEQUANTIZE) and all(name in stored for name in node.input)
    }
    if not names:
        return proto
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    tensors = {tensor.name: tensor for tensor in result.graph.initializer}
    taken = {*tensors, *(name for node in proto.graph.node for name in (*node.input, *node.output))}
    replaced: set[str] = set()
    for node in result.graph.node:
        if node.output[0] not in names:
            continue
        codes, scale, zero = node.input
        sizes = list(tensors[scale].dims)
        axis = next((place for place, size in enumerate(sizes) if size > 1), 0)
        read = [codes, _flat(result, tensors[scale], taken)]
        if tensors[zero].dims or np.asarray(numpy_helper.to_array(tensors[zero])).astype(np.int16).any():
            read.append(_flat(result, tensors[zero], taken))
        replaced |= {scale, zero}
        node.CopyFrom(helper.make_node("DequantizeLinear", read, list(node.output), node.name, axis=axis))
    drop_unread(result, replaced)
    drop_functions(result)
    return result


def _flat(proto: onnx.ModelProto, tensor: onnx.TensorProto, taken: set[str]) -> str:
    """The name of a copy of a scale or zero point as DequantizeLinear has it."""
    size = int(np.prod(tensor.dims, dtype=np.int64))
    copy = proto.graph.initializer.add()
    copy.CopyFrom(tensor)
    copy.name = unique(tensor.name, taken)
    copy.ClearField("dims")
    copy.dims.extend([] if size == 1 else [size])
    return str(copy.name)
