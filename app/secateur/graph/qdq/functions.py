"""The local functions of an encoded ONNX file: how its integers become floats, in standard operators.

They come with the file, so that no runtime needs to know them. ONNX Runtime computes what they give once, when it loads
the file, where all that they read is stored; a DequantizeLinear it leaves for the run, where each batch pays for it.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.model.encoding import PARTS

DOMAIN: Final = "secateur"
IR_VERSION: Final = 10
OLDEST_OPSET: Final = 15
"""The first that has all operators of `Dequantize`."""

UNPACK: Final = "Unpack"
DEQUANTIZE: Final = "Dequantize"
SIGNED: Final = "Signed"
WIDTHS: Final = (2, 3, 4, 5, 6, 7)
BITS_OF: Final = {f"{UNPACK}{bits}": bits for bits in WIDTHS}
"""Name of a function that unpacks planes → bits of its codes."""


def add_functions(proto: onnx.ModelProto) -> None:
    """Put the local functions that the graph calls and the file lacks into it, in place."""
    there = {function.name for function in proto.functions if function.domain == DOMAIN}
    called = {node.op_type for node in proto.graph.node if node.domain == DOMAIN} - there
    if not called:
        return
    opset = max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    for name in sorted(called):
        proto.functions.append(_MAKERS[name](opset) if name in _MAKERS else _unpack(BITS_OF[name], opset))
    if not there:
        proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    proto.ir_version = max(proto.ir_version, IR_VERSION)


def _unpack(bits: int, opset: int) -> onnx.FunctionProto:
    """Planes `q` and a shape `n` → codes (uint8) of that shape."""
    parts = [part for part in PARTS if bits & part]
    nodes = [
        _constant("u", np.array([-1], np.int64)),
        _constant("z", np.zeros(1, np.int64)),
        _constant("v", np.array(parts, np.int64)),
        helper.make_node("Split", ["q", "v"], [f"q{part}" for part in parts], axis=0),
    ]
    together, below = "", bits
    for part in parts:
        below -= part
        shifts = (np.arange(8 // part, dtype=np.uint8) * part).astype(np.uint8).reshape(-1, 1, 1)
        nodes += [
            _constant(f"s{part}", shifts),
            _constant(f"m{part}", np.array((1 << part) - 1, np.uint8)),
            helper.make_node("BitShift", [f"q{part}", f"s{part}"], [f"a{part}"], direction="RIGHT"),
            helper.make_node("BitwiseAnd", [f"a{part}", f"m{part}"], [f"b{part}"]),
            helper.make_node("Reshape", [f"b{part}", "u"], [f"c{part}"]),
        ]
        made = f"c{part}"
        if below:
            nodes.append(_constant(f"l{part}", np.array(below, np.uint8)))
            nodes.append(helper.make_node("BitShift", [made, f"l{part}"], [f"d{part}"], direction="LEFT"))
            made = f"d{part}"
        if together:
            nodes.append(helper.make_node("BitwiseOr", [together, made], [f"o{part}"]))
            made = f"o{part}"
        together = made
    nodes += [
        helper.make_node("ReduceProd", ["n"], ["e"]),
        helper.make_node("Slice", [together, "z", "e"], ["g"]),
        helper.make_node("Reshape", ["g", "n"], ["c"]),
    ]
    return helper.make_function(DOMAIN, f"{UNPACK}{bits}", ["q", "n"], ["c"], nodes, [helper.make_opsetid("", opset)])


def _dequantize(opset: int) -> onnx.FunctionProto:
    """Codes `c`, scales `s` and zero points `z`, which broadcast to them → floats in the type of the scales."""
    nodes = [
        helper.make_node("CastLike", ["c", "s"], ["a"]),
        helper.make_node("CastLike", ["z", "s"], ["b"]),
        helper.make_node("Sub", ["a", "b"], ["d"]),
        helper.make_node("Mul", ["d", "s"], ["w"]),
    ]
    return helper.make_function(DOMAIN, DEQUANTIZE, ["c", "s", "z"], ["w"], nodes, [helper.make_opsetid("", opset)])


def _signed(opset: int) -> onnx.FunctionProto:
    """Codes `c` (uint8) and the one that stands for 0, `f` (int8) → int8."""
    nodes = [
        helper.make_node("Cast", ["c"], ["a"], to=onnx.TensorProto.INT8),
        helper.make_node("Sub", ["a", "f"], ["i"]),
    ]
    return helper.make_function(DOMAIN, SIGNED, ["c", "f"], ["i"], nodes, [helper.make_opsetid("", opset)])


_MAKERS: Final[Mapping[str, Callable[[int], onnx.FunctionProto]]] = {DEQUANTIZE: _dequantize, SIGNED: _signed}


def _constant(name: str, values: NDArray[Any]) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values))


def drop_functions(proto: onnx.ModelProto) -> None:
    """Remove the functions of this domain where nothing calls them any more."""
    if any(node.domain == DOMAIN for node in proto.graph.node):
        return
    for entries in (proto.functions, proto.opset_import):
        for index in reversed(range(len(entries))):
            if entries[index].domain == DOMAIN:
                del entries[index]


def drop_unread(proto: onnx.ModelProto, names: Collection[str]) -> None:
    """Of these initializers, remove those that nothing reads any more."""
    read = {name for node in proto.graph.node for name in node.input}
    for index in reversed(range(len(proto.graph.initializer))):
        name = proto.graph.initializer[index].name
        if name in names and name not in read:
            del proto.graph.initializer[index]
