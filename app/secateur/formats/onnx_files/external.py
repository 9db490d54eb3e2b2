"""ONNX files whose weights lie beside them in one file of their own, written without a second copy in memory."""

from pathlib import Path
from typing import Final

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import numpy_helper  # noqa: TID253

from secateur.graph.onnx_large import weight_bytes as weight_bytes
from secateur.graph.onnx_large import without_initializers
from secateur.graph.shipped import ShippedGraph, raw
from secateur.model.authorship import Authorship, sign

SMALLEST: Final = 1024
"""Bytes from which a tensor goes into the data file: smaller ones stay where shape inference sees them."""

_ALIGNMENT: Final = 4096
"""Tensors begin at pages, so that runtimes can map them."""


def data_path(path: Path) -> Path:
    """Where the weights of an ONNX file lie: `net.onnx` → `net.onnx.data`."""
    return path.with_name(f"{path.name}.data")


def write_external(
    graph: onnx.ModelProto | ShippedGraph, path: Path, authorship: Authorship | None = None
) -> tuple[Path, ...]:
    """Write a graph to `path` and its larger weights to `<path>.data`; the files. `graph` is not changed.

    Weights are copied one at a time. With an authorship the file is signed with it; without one it stays within the
    program, and says what the graph says.
    """
    shipped = graph if isinstance(graph, ShippedGraph) else ShippedGraph(graph, {})
    proto = shipped.structure
    skeleton = without_initializers(proto)
    data = data_path(path)
    with data.open("wb") as file:
        for tensor in proto.graph.initializer:
            is_apart = tensor.name in shipped.weights
            values = raw(shipped.weights[tensor.name]) if is_apart else _raw(tensor)
            entry = skeleton.graph.initializer.add()
            if len(values) < SMALLEST:
                entry.CopyFrom(tensor)
                if is_apart:
                    entry.ClearField("data_location")
                    entry.raw_data = values
                continue
            file.write(b"\0" * (-file.tell() % _ALIGNMENT))
            entry.name, entry.data_type = tensor.name, tensor.data_type
            entry.dims.extend(tensor.dims)
            entry.data_location = onnx.TensorProto.EXTERNAL
            place = {"location": data.name, "offset": str(file.tell()), "length": str(len(values))}
            for key, value in place.items():
                entry.external_data.add(key=key, value=value)
            file.write(values)
        has_data = file.tell() > 0
    if authorship is not None:
        sign(skeleton, authorship)
    path.write_bytes(skeleton.SerializeToString())
    if not has_data:
        data.unlink()
        return (path,)
    return path, data


def _raw(tensor: onnx.TensorProto) -> bytes:
    """The values as they lie in a file; empty for strings, which have no such form."""
    if tensor.raw_data or tensor.data_type == onnx.TensorProto.STRING:
        return bytes(tensor.raw_data)
    return bytes(numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data)
