"""Writes ONNX files: the float graph of a network, or its encoded form."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner, Samples
from secateur.formats.kinds.onnx_file import OnnxOptions

if TYPE_CHECKING:
    import onnx

    from secateur.graph.network import Model
    from secateur.model.authorship import Authorship

LARGEST_BYTES = 2**31 - 2**20
"""What one protobuf message can hold, less what stands around the weights."""


def onnx_graph(model: "Model", options: OnnxOptions | None = None) -> "onnx.ModelProto":
    """The graph that a model is shipped as: an ONNX file's own, a network's float graph, or that with its encodings.

    It is the caller's own, and says what the author of the opened file wrote beside the network. UserError where it
    cannot be had in the operator set or number type that the options ask for.
    """
    return _signed(_unsigned(model, options or OnnxOptions()), model)


def _signed(proto: "onnx.ModelProto", model: "Model") -> "onnx.ModelProto":
    """A graph from `_unsigned` with the author's words in it; a file's own is copied for that."""
    import onnx

    from secateur.graph.network import OnnxModel
    from secateur.model.authorship import sign

    if isinstance(model, OnnxModel) and proto is model.proto:
        proto = onnx.ModelProto()
        proto.CopyFrom(model.proto)
    sign(proto, _authorship(model))
    return proto


def _authorship(model: "Model") -> "Authorship":
    from secateur.graph.network import OnnxModel, TorchModel
    from secateur.model.authorship import Authorship, authorship_of

    if isinstance(model, OnnxModel):
        return authorship_of(model.proto)
    return model.authorship if isinstance(model, TorchModel) else Authorship()


def _unsigned(model: "Model", options: OnnxOptions) -> "onnx.ModelProto":
    """The graph to be shipped before it is signed; a file's own is not copied, and not to be changed."""
    from secateur.formats.onnx_files.half import in_half_precision
    from secateur.formats.onnx_files.narrow import narrowed
    from secateur.formats.onnx_files.opset import in_opset
    from secateur.formats.onnx_files.qdq_stored import encode_stored
    from secateur.graph.network import OnnxModel, StoredModel
    from secateur.graph.qdq.blocks import FLOAT32_INPUTS, INT8_INPUTS, as_nbits
    from secateur.graph.qdq.placing import encode
    from secateur.graph.qdq.planes import in_planes

    if isinstance(model, StoredModel):
        raise UserError(f"{model.name} cannot be written as ONNX: {model.reason}")
    encodings = model.encodings
    if encodings and options.dtype == "float16":
        raise UserError(
            f"{model.name} is quantized, and float16 would undo what its integers save.",
            "Write it with float32 numbers: its quantized layers stay integers.",
        )
    proto = _float_graph(model)
    if options.opset != "same":
        proto = in_opset(proto, int(options.opset), _oldest_opset(model))
    if encodings:
        packs = options.few_bits == "packed"
        if isinstance(model, OnnxModel):
            proto = encode_stored(proto, encodings, packs=packs)
        else:
            proto = encode(proto, encodings, packs=packs, integers=options.integers)
        if options.groups != "standard":
            proto = as_nbits(proto, FLOAT32_INPUTS if options.groups == "exact" else INT8_INPUTS)
    if options.dtype == "float16":
        return in_half_precision(proto)
    return narrowed(in_planes(proto, model.narrow) if options.few_bits == "packed" else proto, model.narrow)


def _float_graph(model: "Model") -> "onnx.ModelProto":
    from secateur.graph.lowering import graph_of, strip, to_onnx
    from secateur.graph.network import OnnxModel, TorchModel

    if isinstance(model, OnnxModel):
        return model.proto
    if not isinstance(model, TorchModel):
        raise TypeError("only networks have a graph")
    if model.encodings:
        return graph_of(model)
    proto = to_onnx(model)
    strip(proto)  # an opened file may hold the stack traces and paths of the machine that exported it
    return proto


def _oldest_opset(model: "Model") -> tuple[int, str]:
    """The first operator set that can hold the model's encodings, and what of them needs it."""
    encodings = getattr(model, "encodings", None)
    if not encodings:
        return 1, ""
    from secateur.graph.qdq.weights import opset_for

    return opset_for(encodings)


def write_onnx(model: "Model", path: Path, options: OnnxOptions | None = None) -> tuple[Path, ...]:
    """Write a model to `path`; where asked for, and beyond the 2 GB of one file, with its weights beside it."""
    from secateur.formats.onnx_files.external import weight_bytes, write_external

    options = options or OnnxOptions()
    proto = _unsigned(model, options)
    if options.external_data or weight_bytes(proto) > LARGEST_BYTES:
        return write_external(proto, path, _authorship(model))
    with path.open("wb") as file:
        file.write(_signed(proto, model).SerializeToString())
    return (path,)


def run_onnx(path: Path, threads: int = 1) -> Runner:
    """A new ONNX Runtime session on the CPU from the file itself."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        return list(session.run(None, dict(zip(names, inputs, strict=True))))

    return Runner(run)


def layer_outputs_of(path: Path, inputs: Samples) -> dict[str, NDArray[np.float32]] | None:
    """Layer name → its output in the file for one batch; None where the file is too large to be changed in memory."""
    import onnx

    from secateur.formats.onnx_files.external import weight_bytes
    from secateur.graph.layer_outputs import layer_outputs

    proto = onnx.load(str(path))
    if weight_bytes(proto) > LARGEST_BYTES:
        return None
    found = layer_outputs(proto, tuple(inputs))
    return {name: np.asarray(values, np.float32) for name, values in found.items()}
