"""Integers of few bits in an ONNX file, in as many bits as they have: planes, and functions that unpack them.

ONNX has integers of 2, 4 and 8 bits alone, and kernels for those of 8. Others lie in planes
(`secateur.model.encoding.packed_planes`) that a local function of the file puts together (`Unpack3(planes, shape)`), in
standard operators. What then gives floats back:

- `Dequantize(codes, scale, zero)`, another local function: ONNX Runtime computes it when it loads the file, and the
  layer runs as fast as in float. It leaves every DequantizeLinear for the run, where each batch pays for it.
- A DequantizeLinear before a MatMul: of that it makes a product with stored integers, as of those of 8 bits.
- A DequantizeLinear behind `Signed(codes, first)`, a third local function that makes int8 of them, where activations
  are rounded too: ONNX Runtime computes the int8 when it loads the file, and then the layer in integers.

What is read is brought into the second form, with integers of 8 bits, which everything here knows as a layer with
integer weights, and the bits of each are told beside it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_names import unique
from secateur.graph.qdq.functions import (
    BITS_OF,
    DEQUANTIZE,
    DOMAIN,
    SIGNED,
    UNPACK,
    WIDTHS,
    add_functions,
    drop_functions,
    drop_unread,
)
from secateur.graph.qdq.once import with_dequantizers
from secateur.model.encoding import Codes, IntegerEncoding, WeightEncoding, unpacked_planes

_FUNCTION_BYTES: Final = 950
"""What the functions of one width take in a file."""


# ---------------------------------------------------------------------- written


def paying(encodings: Mapping[str, tuple[WeightEncoding, tuple[int, ...]]]) -> frozenset[str]:
    """Which of these weights (encoding and shape) lie in planes: of a width that saves more than its functions take."""
    kept: set[str] = set()
    for bits in WIDTHS:
        names = [name for name, (one, shape) in encodings.items() if one.bits == bits and one.lies_in_planes(shape)]
        saved = (
            int(np.prod(shape, dtype=np.int64)) * (one.container - bits)
            for one, shape in (encodings[name] for name in names)
        )
        if sum(saved) // 8 > _FUNCTION_BYTES:
            kept.update(names)
    return frozenset(kept)


def unpackers(
    encoding: WeightEncoding,
    names: tuple[str, str],
    shape: tuple[int, ...],
    numbers: np.dtype[Any],
    constant: Callable[[NDArray[Any], str], str],
    fresh: Callable[[str], str],
    *,
    for_product: bool,
    with_zero: bool = False,
) -> list[onnx.NodeProto]:
    """The nodes between stored planes and the weight as floats, `names` both, in the order of a graph.

    `encoding` has its axis in the layout of the file, `numbers` is the type of the floats. `constant` stores an array
    and gives its name, `fresh` a name that is not taken. `with_zero`: what computes in integers wants zero points of 0.
    """
    planes, weight = names
    codes = fresh("c")
    first = np.array(1 << (encoding.bits - 1), np.uint8) if encoding.zero_point is None else encoding.zero_point
    unpack = helper.make_node(
        f"{UNPACK}{encoding.bits}", [planes, constant(np.array(shape, np.int64), "n")], [codes], domain=DOMAIN
    )
    scale = encoding.scale.astype(numbers)
    if encoding.in_integers:
        whole = fresh("c")
        signed = helper.make_node(SIGNED, [codes, constant(first.astype(np.int8), "z")], [whole], domain=DOMAIN)
        read = [whole, constant(scale, "s"), *([constant(np.zeros(scale.shape, np.int8), "z")] if with_zero else [])]
        return [unpack, signed, helper.make_node("DequantizeLinear", read, [weight], axis=encoding.axis)]
    if for_product:
        zeros = np.broadcast_to(first, scale.shape).copy()
        read = [codes, constant(scale, "s"), constant(zeros, "z")]
        return [unpack, helper.make_node("DequantizeLinear", read, [weight], axis=encoding.axis)]
    spread = [encoding.spread(part, shape) if part.ndim else part for part in (scale, first)]
    read = [codes, constant(spread[0], "s"), constant(spread[1], "z")]
    return [unpack, helper.make_node(DEQUANTIZE, read, [weight], domain=DOMAIN)]


def stored_planes(name: str, codes: Codes, encoding: WeightEncoding) -> onnx.TensorProto:
    """The initializer that holds these codes."""
    return numpy_helper.from_array(encoding.planes(codes), name)


def in_planes(proto: onnx.ModelProto, narrow: Mapping[str, str]) -> onnx.ModelProto:
    """What `without_planes` read, as it was: `narrow` has the types of its initializers, `int3` of those in planes.

    `proto` is not changed; itself where there are none. Those stay whose DequantizeLinear is not theirs alone.
    """
    widths = {name: int(dtype.removeprefix("int")) for name, dtype in narrow.items() if dtype.startswith("int")}
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = {
        name: readers[name][0]
        for name in widths
        if name in stored and [node.op_type for node in readers.get(name, [])] == ["DequantizeLinear"]
    }
    if not found:
        return proto
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    taken = set(stored) | {name for node in proto.graph.node for name in node.output}
    shared: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def fresh(letter: str) -> str:
        return unique(f"{letter}0", taken)

    def constant(values: NDArray[Any], letter: str) -> str:
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in shared:
            shared[key] = fresh(letter)
            result.graph.initializer.append(numpy_helper.from_array(values, shared[key]))
        return shared[key]

    back = (node for node in proto.graph.node if node.op_type == "DequantizeLinear" and node.input[0] not in stored)
    rounded = {node.output[0] for node in back}
    nodes: list[onnx.NodeProto] = []
    for node in proto.graph.node:
        if node.input and node.input[0] in found and node.op_type == "DequantizeLinear":
            nodes += _packed(result, node, widths[node.input[0]], readers, rounded, (constant, fresh))
        else:
            nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    result.graph.ClearField("node")
    result.graph.node.extend(nodes)
    drop_unread(result, {name for node in found.values() for name in node.input})
    add_functions(result)
    return result


def _packed(
    proto: onnx.ModelProto,
    node: onnx.NodeProto,
    bits: int,
    readers: Mapping[str, list[onnx.NodeProto]],
    rounded: Collection[str],
    naming: tuple[Callable[[NDArray[Any], str], str], Callable[[str], str]],
) -> list[onnx.NodeProto]:
    """What takes the place of a DequantizeLinear whose integers, in `proto`, become planes.

    `rounded` are the activations that were rounded to integers.
    """
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    codes, scale = (np.asarray(numpy_helper.to_array(tensors[name])) for name in node.input[:2])
    zero = numpy_helper.to_array(tensors[node.input[2]]).reshape(-1) if len(node.input) > 2 else None
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    reading = readers.get(node.output[0], [])
    is_static = bool(reading) and all(one.input[0] in rounded for one in reading)
    encoding = IntegerEncoding(
        bits,
        scale.reshape(-1),
        axis if scale.size > 1 else None,
        None if is_static else zero,
        in_integers=is_static,
    )
    tensors[node.input[0]].CopyFrom(stored_planes(node.input[0], codes, encoding))
    names, is_product = (
        (node.input[0], node.output[0]),
        scale.size > 1 and {one.op_type for one in reading} == {"MatMul"},
    )
    with_zero = len(node.input) > 2
    return unpackers(encoding, names, codes.shape, scale.dtype, *naming, for_product=is_product, with_zero=with_zero)


# ---------------------------------------------------------------------- read


@dataclass(frozen=True, eq=False)
class WithoutPlanes:
    """A graph whose integers have types of ONNX; `bits` are those of the initializers that the file has in planes."""

    proto: onnx.ModelProto
    bits: Mapping[str, int] = field(default_factory=dict)


def in_words(bits: Mapping[str, int]) -> dict[str, str]:
    """Bits of initializers as names of number types: `int3`."""
    return {name: f"int{width}" for name, width in bits.items()}


def without_planes(proto: onnx.ModelProto) -> WithoutPlanes:
    """The graph with an integer of 8 bits for every code that lies in planes, behind a DequantizeLinear.

    Planes that were not loaded become tensors that are not loaded. `proto` itself where there are none; it is not
    changed. Functions that nothing calls any more are left out.
    """
    unpacks = {node.output[0]: node for node in proto.graph.node if _is_unpack(node)}
    if not unpacks:
        return WithoutPlanes(with_dequantizers(proto))
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    known = {}
    signed: dict[str, str] = {}
    for codes, unpack in unpacks.items():
        reader = readers.get(codes, [])
        if len(reader) == 1 and (reader[0].domain, reader[0].op_type) == (DOMAIN, SIGNED):
            first = reader[0].input[1]
            half = 1 << (BITS_OF[unpack.op_type] - 1)
            if first in stored and numpy_helper.to_array(stored[first]) == half:
                signed[reader[0].output[0]] = codes
                reader = readers.get(reader[0].output[0], [])
        is_own = len(reader) == 1 and _gives_floats(reader[0], signed) and len(readers[unpack.input[0]]) == 1
        if is_own and all(name in stored for name in (*unpack.input, *reader[0].input[1:])):
            known[codes] = reader[0]
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    bits: dict[str, int] = {}
    made: dict[str, onnx.NodeProto] = {}
    for codes, reader in known.items():
        name = unpacks[codes].input[0]
        bits[name] = BITS_OF[unpacks[codes].op_type]
        made[reader.output[0]] = _in_types(result, stored, unpacks[codes], reader)
    nodes = []
    for node in proto.graph.node:
        if node.output[0] in known or signed.get(node.output[0]) in known:
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(made.get(node.output[0], node))
        nodes.append(copy)
    result.graph.ClearField("node")
    result.graph.node.extend(nodes)
    unread = {name for codes, node in known.items() for name in (*unpacks[codes].input, *node.input)}
    drop_unread(result, unread | {readers[codes][0].input[1] for codes in signed.values()})
    drop_functions(result)
    return WithoutPlanes(with_dequantizers(result), bits)


def _is_unpack(node: onnx.NodeProto) -> bool:
    return node.domain == DOMAIN and node.op_type in BITS_OF


def _gives_floats(node: onnx.NodeProto, signed: Collection[str]) -> bool:
    """Whether it makes floats of codes, or of the int8 that `signed` names, which have no zero points."""
    kind = (node.domain, node.op_type)
    if kind == ("", "DequantizeLinear") and node.input[0] in signed:
        return True
    return kind in ((DOMAIN, DEQUANTIZE), ("", "DequantizeLinear")) and len(node.input) > 2


def _in_types(
    proto: onnx.ModelProto, stored: Mapping[str, onnx.TensorProto], unpack: onnx.NodeProto, node: onnx.NodeProto
) -> onnx.NodeProto:
    """A DequantizeLinear of integers of 8 bits, which are stored in `proto` under the name that the planes had."""
    half = 1 << (BITS_OF[unpack.op_type] - 1)
    shape = tuple(int(size) for size in numpy_helper.to_array(stored[unpack.input[1]]))
    scale = np.asarray(numpy_helper.to_array(stored[node.input[1]]))
    is_signed = node.input[0] != unpack.output[0]
    zero = np.full(1, half) if is_signed else np.asarray(numpy_helper.to_array(stored[node.input[2]]))
    name, planes = unpack.input[0], stored[unpack.input[0]]
    is_loaded = planes.data_location != onnx.TensorProto.EXTERNAL
    codes = unpacked_planes(numpy_helper.to_array(planes), int(np.prod(shape))) if is_loaded else np.ones(1, np.uint8)
    is_affine = not is_signed and (bool((zero != half).any()) or not codes.all())
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
    if axis is None:
        axis = next((place for place, size in enumerate(scale.shape) if size > 1), 0)
    read = [name, _stored_anew(proto, f"{name}_scale", scale.reshape(-1) if scale.size > 1 else scale.reshape(()))]
    if is_signed:
        read += node.input[2:]
    elif is_affine:
        spread = np.broadcast_to(zero.reshape(-1), (scale.size,)).reshape(-1 if scale.size > 1 else ()).copy()
        read.append(_stored_anew(proto, f"{name}_zero", spread.astype(np.uint8)))
    whole = codes if is_affine else (codes.astype(np.int16) - half).astype(np.int8)
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    if is_loaded:
        tensor.CopyFrom(numpy_helper.from_array(whole.reshape(shape), name))
    else:
        tensor.ClearField("dims")
        tensor.dims.extend(shape)
        tensor.data_type = onnx.TensorProto.UINT8 if is_affine else onnx.TensorProto.INT8
    return helper.make_node("DequantizeLinear", read, [node.output[0]], node.name or None, axis=axis)


def _stored_anew(proto: onnx.ModelProto, name: str, values: NDArray[Any]) -> str:
    taken = {tensor.name for tensor in proto.graph.initializer}
    while name in taken:
        name += "_"
    proto.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
    return name
