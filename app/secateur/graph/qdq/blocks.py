"""Products with weights in groups, in the two forms that ONNX files have for them, and from one to the other.

- Block-wise `DequantizeLinear` (opset 21) before a `MatMul`: standard ONNX, smaller by the head of a node. ONNX Runtime
  makes a MatMulNBits of it when it loads the file, one that rounds its inputs to 8 bits; but not of one before a Gemm,
  nor always of one before a MatMul with an Add behind it, which it may make a Gemm first: then it unpacks the whole
  weight for every batch.
- `MatMulNBits` of com.microsoft: ONNX Runtime's own operator, which no optimisation undoes. Its attribute
  `accuracy_level` says what its inputs are rounded to: 1 is float32, not at all, 4 is 8 bits.

What is read is brought into the first form, which everything here knows as a layer with integer weights.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.onnx_layers import GraphIndex, OnnxLayer
from secateur.graph.onnx_names import unique
from secateur.model.encoding import packed_codes, unpacked_codes

MICROSOFT: Final = "com.microsoft"
OPERATOR: Final = "MatMulNBits"
FLOAT32_INPUTS: Final = 1
INT8_INPUTS: Final = 4
"""`accuracy_level` of a product that rounds nothing but its weight, and of one that rounds its inputs to 8 bits."""

_OPSET: Final = 21
_IR_VERSION: Final = 10
"""The first versions of ONNX with blocks and integers of 4 bits."""
_TWO_BIT_OPSET: Final = 25
_TWO_BIT_IR_VERSION: Final = 13
"""Those with integers of 2 bits."""

_SUFFIX: Final = "_blocks"
_SMALLEST_GROUP: Final = 16
"""Of MatMulNBits, which also wants a power of two."""

_BITS: Final = {
    onnx.TensorProto.INT2: 2,
    onnx.TensorProto.UINT2: 2,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.UINT4: 4,
    onnx.TensorProto.INT8: 8,
    onnx.TensorProto.UINT8: 8,
}


def gemms_as_products(proto: onnx.ModelProto, layers: Sequence[OnnxLayer]) -> None:
    """Turn the Gemms of these layers into MatMul and Add, in place, weights turned with them.

    Those stay whose weight or bias something else reads too, or that scale what they compute.
    """
    reads = Counter(name for node in proto.graph.node for name in node.input)
    reads.update(value.name for value in proto.graph.output)
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    adders: dict[int, onnx.NodeProto] = {}
    for layer in layers:
        node = proto.graph.node[layer.nodes[0]] if len(layer.nodes) == 1 else onnx.NodeProto()
        told = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        is_plain = told.get("alpha", 1.0) == 1.0 and told.get("beta", 1.0) == 1.0 and not told.get("transA", 0)
        if node.op_type != "Gemm" or not is_plain or reads[layer.weight] > 1 or node.input[1] != layer.weight:
            continue
        if told.get("transB", 0):
            weight = stored[layer.weight]
            turned = np.ascontiguousarray(numpy_helper.to_array(weight).T)
            weight.CopyFrom(numpy_helper.from_array(turned, weight.name))
        node.op_type = "MatMul"
        node.ClearField("attribute")
        if len(node.input) > 2 and node.input[2]:
            bias, result = node.input[2], node.output[0]
            made = f"{result}_product"
            del node.input[2]
            node.output[0] = made
            adders[layer.nodes[0]] = helper.make_node("Add", [made, bias], [result])
    for index in sorted(adders, reverse=True):
        proto.graph.node.insert(index + 1, adders[index])


# ---------------------------------------------------------------------- to MatMulNBits


def as_nbits(proto: onnx.ModelProto, accuracy: int) -> onnx.ModelProto:
    """A copy of an encoded graph in which the products with weights in groups are MatMulNBits of this accuracy level.

    What ONNX Runtime's operator has no form for (convolutions, groups that are no power of two) stays as it is.
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    graph = GraphIndex(result)
    reads = Counter(name for node in result.graph.node for name in node.input)
    gone: set[str] = set()
    for node in result.graph.node:
        unpack = graph.makers.get(node.input[1]) if node.op_type == "MatMul" and not node.domain else None
        if unpack is None or not _fits(graph, unpack) or reads[node.input[1]] > 1:
            continue
        gone |= {unpack.output[0], *unpack.input}
        _become_nbits(result, graph, node, unpack, accuracy)
    if gone:
        kept = [node for node in result.graph.node if not set(node.output) & gone]
        _set_nodes(result, kept)
        _drop_unread(result, gone)
        result.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return result


def _fits(graph: GraphIndex, unpack: onnx.NodeProto) -> bool:
    """Whether a DequantizeLinear holds a matrix in groups of its rows, as MatMulNBits wants them."""
    told = {attribute.name: attribute.i for attribute in unpack.attribute}
    block = told.get("block_size", 0)
    if unpack.op_type != "DequantizeLinear" or not all(name in graph.initializers for name in unpack.input if name):
        return False
    is_matrix = len(graph.shape(unpack.input[0])) == 2 and told.get("axis", 1) == 0
    is_known = graph.initializers[unpack.input[0]].data_type in _BITS
    return is_matrix and is_known and block >= _SMALLEST_GROUP and block & (block - 1) == 0


def _become_nbits(
    proto: onnx.ModelProto, graph: GraphIndex, node: onnx.NodeProto, unpack: onnx.NodeProto, accuracy: int
) -> None:
    """Let a MatMul be a MatMulNBits that reads the integers of a DequantizeLinear, stored in its own order."""
    codes, name = graph.initializers[unpack.input[0]], unpack.input[0]
    bits, block = _BITS[codes.data_type], next(a.i for a in unpack.attribute if a.name == "block_size")
    is_affine = codes.data_type in _UNSIGNED
    half = 1 << (bits - 1)
    whole = np.asarray(numpy_helper.to_array(codes)).astype(np.int16).T + (0 if is_affine else half)
    outputs, inputs = whole.shape
    padded = np.pad(whole, [(0, 0), (0, -inputs % block)], constant_values=0 if is_affine else half)
    packed = packed_codes(padded.reshape(outputs, -1, block).astype(np.uint8), bits)
    scale = np.asarray(graph.values(unpack.input[1])).T
    added = [numpy_helper.from_array(packed, name), numpy_helper.from_array(scale.reshape(-1), unpack.input[1])]
    if is_affine:
        zero = np.asarray(graph.values(unpack.input[2])).astype(np.int16).T
        added.append(numpy_helper.from_array(packed_codes(zero.astype(np.uint8), bits).reshape(-1), unpack.input[2]))
    own = [name, *(unique(f"{entry.name}_n", _names(proto)) for entry in added[1:])]
    for entry, given in zip(added, own, strict=True):
        entry.name = given
    _remove(proto, name)
    proto.graph.initializer.extend(added)
    attributes = {"K": inputs, "N": outputs, "bits": bits, "block_size": block, "accuracy_level": accuracy}
    node.CopyFrom(
        helper.make_node(OPERATOR, [node.input[0], *own], list(node.output), node.name, domain=MICROSOFT, **attributes)
    )


# ---------------------------------------------------------------------- from MatMulNBits


def without_nbits(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with block-wise DequantizeLinear and MatMul for every MatMulNBits whose weight is stored.

    `proto` itself where there is none, or where its other operators cannot be had in the operator set that has blocks;
    it is not changed.
    """
    if not any(_is_readable(node) for node in proto.graph.node):
        return proto
    from secateur.graph.qdq.placing import with_opset

    has_two = any(_is_readable(node) and _told(node).get("bits", 4) == 2 for node in proto.graph.node)
    result = onnx.ModelProto()
    try:
        result.CopyFrom(with_opset(proto, _TWO_BIT_OPSET if has_two else _OPSET))
    except UserError:
        return proto
    result.ir_version = max(result.ir_version, _TWO_BIT_IR_VERSION if has_two else _IR_VERSION)
    stored = {}
    for tensor in result.graph.initializer:
        stored[tensor.name] = onnx.TensorProto()
        stored[tensor.name].CopyFrom(tensor)
    nodes: list[onnx.NodeProto] = []
    gone: set[str] = set()
    known: dict[tuple[str, ...], str] = {}
    for node in result.graph.node:
        parts = tuple(name for name in node.input[1:4] if name)
        if not _is_readable(node) or not all(name in stored for name in parts) or _has_float_zeros(node, stored):
            nodes.append(node)
            continue
        if parts not in known:
            unpack = _unpacking(result, node, stored)
            known[parts] = unpack.output[0]
            nodes.append(unpack)
        gone |= set(parts)
        nodes += _product(result, node, known[parts])
    _set_nodes(result, nodes)
    _drop_unread(result, gone)
    _call_as_before(result, gone)
    return result


def _is_readable(node: onnx.NodeProto) -> bool:
    """Whether a node is a MatMulNBits of 2, 4 or 8 bits whose groups lie in order."""
    told = _told(node)
    has_order = len(node.input) > 4 and bool(node.input[4])
    return node.op_type == OPERATOR and node.domain == MICROSOFT and told.get("bits", 4) in (2, 4, 8) and not has_order


def has_float_zeros(proto: onnx.ModelProto) -> bool:
    """Whether a MatMulNBits has zero points that are no integers (HQQ): no encoding has them."""
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    return any(_is_readable(node) and _has_float_zeros(node, stored) for node in proto.graph.node)


def _told(node: onnx.NodeProto) -> dict[str, int]:
    return {attribute.name: attribute.i for attribute in node.attribute}


def _has_float_zeros(node: onnx.NodeProto, stored: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether the zero points of a MatMulNBits are no integers, for which DequantizeLinear has no form."""
    name = node.input[3] if len(node.input) > 3 else ""
    return name in stored and stored[name].data_type != onnx.TensorProto.UINT8


def _unpacking(proto: onnx.ModelProto, node: onnx.NodeProto, stored: Mapping[str, onnx.TensorProto]) -> onnx.NodeProto:
    """The DequantizeLinear that gives the matrix of a MatMulNBits, with its integers stored beside those."""
    told = {attribute.name: attribute.i for attribute in node.attribute}
    inputs, outputs, block, bits = told["K"], told["N"], told["block_size"], told.get("bits", 4)
    groups = -(-inputs // block)
    packed = numpy_helper.to_array(stored[node.input[1]]).reshape(outputs, groups, -1)
    codes = unpacked_codes(packed, bits, block).reshape(outputs, -1)[:, :inputs].T
    scale = numpy_helper.to_array(stored[node.input[2]]).reshape(outputs, groups).T  # of the network's number type
    zero_name = node.input[3] if len(node.input) > 3 else ""
    taken = _names(proto)
    weight = unique(f"{node.input[1]}{_SUFFIX}", taken)
    back, read = unique(f"{weight}_float", taken), [weight, unique(f"{node.input[2]}{_SUFFIX}", taken)]
    proto.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(scale), read[1]))
    if zero_name:
        zero = unpacked_codes(numpy_helper.to_array(stored[zero_name]).reshape(outputs, -1), bits, groups).T
        read.append(unique(f"{zero_name}{_SUFFIX}", taken))
        proto.graph.initializer.append(_whole(read[2], zero, bits, is_affine=True))
        proto.graph.initializer.append(_whole(weight, codes, bits, is_affine=True))
    else:
        signed = codes.astype(np.int16) - (1 << (bits - 1))
        proto.graph.initializer.append(_whole(weight, signed, bits, is_affine=False))
    return helper.make_node("DequantizeLinear", read, [back], axis=0, block_size=block)


def _product(proto: onnx.ModelProto, node: onnx.NodeProto, matrix: str) -> list[onnx.NodeProto]:
    """What a MatMulNBits computes, of a matrix that was unpacked."""
    result, bias = node.output[0], node.input[5] if len(node.input) > 5 else ""
    product = unique(f"{result}_product", _names(proto)) if bias else result
    made = [helper.make_node("MatMul", [node.input[0], matrix], [product], node.name or None)]
    return [*made, helper.make_node("Add", [product, bias], [result])] if bias else made


def _call_as_before(proto: onnx.ModelProto, names: set[str]) -> None:
    """Give what stands for these tensors their names, where nothing has them any more: layers are called by them."""
    taken = _names(proto)
    for tensor in proto.graph.initializer:
        name = tensor.name.removesuffix(_SUFFIX)
        if name == tensor.name or name not in names or name in taken:
            continue
        for node in proto.graph.node:
            for place, given in enumerate(node.input):
                if given == tensor.name:
                    node.input[place] = name
        tensor.name = name


def _whole(name: str, codes: NDArray[Any], bits: int, *, is_affine: bool) -> onnx.TensorProto:
    """Codes as a tensor of ONNX's integers."""
    kinds = {bits: kind for kind, bits in _BITS.items() if (kind in _UNSIGNED) == is_affine}
    raw = np.ascontiguousarray(codes).astype(np.int8 if not is_affine else np.uint8).view(np.uint8)
    raw = packed_codes(raw.reshape(-1), bits)
    return helper.make_tensor(name, kinds[bits], codes.shape, raw.tobytes(), raw=True)


_UNSIGNED: Final = (onnx.TensorProto.UINT2, onnx.TensorProto.UINT4, onnx.TensorProto.UINT8)


# ---------------------------------------------------------------------- graphs


def _set_nodes(proto: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    proto.graph.ClearField("node")
    proto.graph.node.extend(copies)


def _names(proto: onnx.ModelProto) -> set[str]:
    tensors = {tensor.name for tensor in proto.graph.initializer}
    return tensors | {name for node in proto.graph.node for name in (*node.input, *node.output)}


def _remove(proto: onnx.ModelProto, name: str) -> None:
    index = next(index for index, tensor in enumerate(proto.graph.initializer) if tensor.name == name)
    del proto.graph.initializer[index]


def _drop_unread(proto: onnx.ModelProto, names: set[str]) -> None:
    """Of these initializers, remove those that nothing reads any more."""
    read = {name for node in proto.graph.node for name in node.input}
    unread = [i for i, tensor in enumerate(proto.graph.initializer) if tensor.name in names and tensor.name not in read]
    for index in reversed(unread):
        del proto.graph.initializer[index]
