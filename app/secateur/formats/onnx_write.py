"""Writes ONNX files: the float graph of a network, or its encoded form."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner

if TYPE_CHECKING:
    import onnx

    from secateur.model.model import Model

LARGEST_BYTES = 2**31 - 1
"""What one protobuf message can hold."""


def onnx_graph(model: "Model") -> "onnx.ModelProto":
    """The graph that a model is shipped as: an ONNX file's own, a network's float graph, or that with its encodings."""
    import onnx

    from secateur.formats.qdq import encode
    from secateur.methods.quantize.lowering import graph_of, strip, to_onnx
    from secateur.model.model import OnnxModel

    if isinstance(model, OnnxModel):
        return model.proto
    if model.encodings:
        return encode(graph_of(model), model.encodings)
    proto = onnx.ModelProto()
    proto.CopyFrom(to_onnx(model))
    strip(proto)  # an opened file may hold the stack traces and paths of the machine that exported it
    return proto


def write_onnx(model: "Model", path: Path) -> tuple[Path, ...]:
    """Write a model to `path` as one file; UserError where it is beyond the 2 GB of a single file."""
    proto = onnx_graph(model)
    if proto.ByteSize() > LARGEST_BYTES:
        raise UserError(
            f"{model.name} is larger than 2 GB, which a single ONNX file cannot be.", "Compress it further."
        )
    with path.open("wb") as file:
        file.write(proto.SerializeToString())
    return (path,)


def run_onnx(path: Path, threads: int = 1) -> Runner:
    """A new ONNX Runtime session on the CPU from the file itself."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(*inputs: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, dict(zip(names, inputs, strict=True)))[0], dtype=np.float32)

    return run
