"""Sessions for graphs that are too large to be one protobuf message: the graph as bytes, its weights beside it."""

from collections.abc import Iterable
from typing import Any, Final

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import numpy_helper  # noqa: TID253

LARGEST_MESSAGE: Final = 2**31 - 2**20
"""What one message can hold, less what stands around the weights."""

_APART: Final = 1 << 20
"""Bytes from which a weight is handed over apart."""


def weight_bytes(proto: onnx.ModelProto) -> int:
    """Bytes of the stored tensors; protobuf itself cannot count beyond 2 GB."""
    return sum(len(tensor.raw_data) or int(tensor.ByteSize()) for tensor in proto.graph.initializer)


def session_in_parts(proto: onnx.ModelProto, options: Any) -> Any:
    """An ONNX Runtime CPU session for a graph of any size. `proto` is not changed; `options` are."""
    import onnxruntime

    names, values = [], []
    skeleton = without_initializers(proto)
    for tensor in proto.graph.initializer:
        entry = skeleton.graph.initializer.add()
        size = len(tensor.raw_data)
        if size < _APART:
            entry.CopyFrom(tensor)
            continue
        entry.name, entry.data_type, entry.data_location = tensor.name, tensor.data_type, onnx.TensorProto.EXTERNAL
        entry.dims.extend(tensor.dims)
        for key, value in (("location", "memory"), ("offset", "0"), ("length", str(size))):
            entry.external_data.add(key=key, value=value)
        names.append(tensor.name)
        values.append(onnxruntime.OrtValue.ortvalue_from_numpy(numpy_helper.to_array(tensor)))
    if names:
        options.add_external_initializers(names, values)
    session = onnxruntime.InferenceSession(skeleton.SerializeToString(), options, providers=["CPUExecutionProvider"])
    session.secateur_weights = values  # they must live as long as it does
    return session


def plain_session(proto: onnx.ModelProto) -> Any:
    """A session that computes every node as it stands, on one thread: for what is run once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def without_initializers(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of everything else."""
    skeleton = onnx.ModelProto()
    for message, copy, left_out in ((proto, skeleton, "graph"), (proto.graph, skeleton.graph, "initializer")):
        for field, value in message.ListFields():
            if field.name != left_out:
                _set(copy, field.name, value)
    return skeleton


def _set(message: object, name: str, value: object) -> None:
    if isinstance(value, str | bytes | int | float):
        setattr(message, name, value)
    elif isinstance(value, Iterable):
        getattr(message, name).extend(value)
    else:
        getattr(message, name).CopyFrom(value)
