"""Weights that a file keeps as float16 or bfloat16 behind a Cast, written so again where no value has changed."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

_SMALLEST: Final = 128
"""Bytes from which it pays: a Cast is a node of its own."""

_TYPES: Final = {"float16": onnx.TensorProto.FLOAT16, "bfloat16": onnx.TensorProto.BFLOAT16}


def narrowed(proto: onnx.ModelProto, narrow: Mapping[str, str]) -> onnx.ModelProto:
    """`proto` with these float32 initializers in half as many bits behind a Cast, where that holds them exactly.

    `narrow` names initializers with their type. `proto` is not changed; itself where there is nothing to do.
    """
    found = {}
    for tensor in proto.graph.initializer:
        if tensor.name in narrow and tensor.data_type == onnx.TensorProto.FLOAT:
            half = _exact(numpy_helper.to_array(tensor), _TYPES[narrow[tensor.name]])
            if half is not None and half.nbytes >= _SMALLEST:
                found[tensor.name] = half
    if not found:
        return proto
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    used = {name for node in result.graph.node for name in (*node.input, *node.output)}
    casts = []
    for tensor in result.graph.initializer:
        if tensor.name not in found:
            continue
        full, stored = tensor.name, _free(f"{tensor.name}_half", used)
        tensor.CopyFrom(numpy_helper.from_array(found[full], stored))
        casts.append(helper.make_node("Cast", [stored], [full], f"{full}_cast", to=onnx.TensorProto.FLOAT))
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in result.graph.node]
    result.graph.ClearField("node")
    result.graph.node.extend([*casts, *nodes])
    return result


def _exact(values: NDArray[Any], kind: int) -> NDArray[Any] | None:
    """`values` in a narrower type that gives every one of them back; None where one would be rounded."""
    with np.errstate(over="ignore"):
        half = values.astype(helper.tensor_dtype_to_np_dtype(kind))
    return half if np.array_equal(half.astype(np.float32), values, equal_nan=True) else None


def _free(name: str, used: set[str]) -> str:
    while name in used:
        name += "_"
    return name
