"""Another operator set for an ONNX graph, by ONNX's own converter, with what it trips over out of its way."""

from typing import Final

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper, version_converter  # noqa: TID253

from secateur.errors import UserError

_DEFAULTS: Final = {
    "noop_with_empty_axes": 0, "training_mode": 0, "allowzero": 0, "nearest_mode": b"round_prefer_floor",
}  # fmt: skip
"""Attributes that older operators do not have; at these values they say what those do anyway."""

_SAME_BEFORE: Final[dict[int, dict[str, int]]] = {
    18: {"Pad": 3, "Split": 2, "ScatterND": 3, "ScatterElements": 3, "Resize": 4, "LpPool": 1},
    16: {
        "Where": 3, "LeakyRelu": 1, "PRelu": 2, "ScatterND": 3, "ScatterElements": 3, "Identity": 1,
        "GreaterOrEqual": 2, "LessOrEqual": 2,
    },
    15: {"BatchNormalization": 5, "Pow": 2, "Shape": 1},
    14: {
        "Relu": 1, "Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "Identity": 1, "Reshape": 2, "CumSum": 2,
        "LSTM": 8, "GRU": 6, "RNN": 6, "BatchNormalization": 5,
    },
}  # fmt: skip
"""Operator set → operators that came anew in it with further types, inputs or attributes, and mean the same without
them, with the inputs that they had before. For some of them ONNX's converter knows no way back; none is needed."""

_NEW_ATTRIBUTES: Final = frozenset({
    "layout", "start", "end", "training_mode", "reduction", "num_outputs", "antialias", "axes", "allowzero",
    "keep_aspect_ratio_policy", "ceil_mode", "dilations",
})  # fmt: skip

LARGEST_BYTES: Final = 2**31 - 2**20


def opset_of(proto: onnx.ModelProto) -> int:
    """The version of the standard operators that a graph uses."""
    return max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def in_opset(proto: onnx.ModelProto, opset: int, oldest: tuple[int, str] = (1, "")) -> onnx.ModelProto:
    """`proto` with the operators of this set, itself where it has them; it is not changed.

    `oldest` is the first set that will do and what needs it. UserError where an operator cannot be had in that set.
    """
    if opset < oldest[0]:
        raise UserError(
            f"ONNX opset {opset} cannot hold {oldest[1]}: they need opset {oldest[0]}.",
            f"Choose opset {oldest[0]} or a later one, or leave the quantization out.",
        )
    if opset_of(proto) == opset:
        return proto
    from secateur.formats.onnx_files.external import weight_bytes

    if weight_bytes(proto) > LARGEST_BYTES:
        raise UserError(
            f"ONNX's converter does not take graphs beyond 2 GB, so the opset stays {opset_of(proto)}.",
            "Choose the opset `same`, or compress the network first.",
        )
    plain = onnx.ModelProto()
    plain.CopyFrom(proto)
    _drop_defaults(plain.graph)
    try:
        converted = _converted(plain, opset)
        onnx.checker.check_model(converted)
    except (RuntimeError, ValueError, IndexError, onnx.checker.ValidationError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0].rpartition("failed: ")[2] if lines else type(error).__name__
        raise UserError(
            f"The graph cannot be brought from ONNX opset {opset_of(proto)} to {opset}: {reason}",
            "Choose an opset nearer to the graph's own, or `same`.",
        ) from error
    converted.ir_version = helper.find_min_ir_version_for(list(converted.opset_import))
    return converted


def _converted(proto: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Up in one go; down one set after the other, by hand where ONNX's converter knows no way back."""
    if opset > opset_of(proto):
        result: onnx.ModelProto = version_converter.convert_version(proto, opset)
        return result
    while opset_of(proto) > opset:
        version = opset_of(proto)
        try:
            proto = version_converter.convert_version(proto, version - 1)
        except (RuntimeError, ValueError, IndexError):
            proto = _relabelled(proto, version)
    return proto


def _relabelled(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """The graph with its operators called by the set before `version`; ValueError where one means something else."""
    for node in proto.graph.node:
        if node.domain not in ("", "ai.onnx"):
            continue
        if onnx.defs.get_schema(node.op_type, version).since_version < version:
            continue
        inputs = _SAME_BEFORE.get(version, {}).get(node.op_type)
        if inputs is None or len(node.input) > inputs or any(a.name in _NEW_ATTRIBUTES for a in node.attribute):
            raise ValueError(f"{node.op_type} means something else before opset {version}")
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    for entry in result.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = version - 1
    return result


def _drop_defaults(graph: onnx.GraphProto) -> None:
    """Remove, in place, attributes that change nothing; a Reshape to sizes without a zero needs no rule for zeros."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        shape = stored.get(node.input[1]) if node.op_type == "Reshape" else None
        is_plain = shape is not None and bool(numpy_helper.to_array(shape).all())
        for attribute in list(node.attribute):
            is_default = attribute.name in _DEFAULTS and (
                helper.get_attribute_value(attribute) == _DEFAULTS[attribute.name]
            )
            if is_default or (attribute.name == "allowzero" and is_plain):
                node.attribute.remove(attribute)
