"""OpenVINO IR: a `.xml` with the graph and a `.bin` with the weights, converted from the ONNX form that ships."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.formats.base import Runner, WriteOptions
from secateur.formats.devices.encoded_layers import (
    activations_told,
    in_eight_bits,
    sentences,
    why_not_in_equal_blocks,
)

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding

_MATRIX_AXES = 2


def why_not(model: "Model") -> str | None:
    """Why a model cannot be stored this way, as a sentence; None where it can."""
    from secateur.formats.weight_files.stored import needs_network

    return needs_network(model)


def why_not_held(encoding: "WeightEncoding", shape: tuple[int, ...]) -> str | None:
    """Why a weight is not stored number by number, as a sentence; None where it is.

    Matrices come as MatMulNBits, whose last group may be short; the weights of convolutions come block by block.
    """
    if encoding.bits == 2:
        return "OpenVINO has no integers of 2 bits: they are stored as rounded floats."
    return why_not_in_equal_blocks(encoding, shape, "OpenVINO") if len(shape) > _MATRIX_AXES else None


def losses(model: "Model") -> str:
    """What an IR does not keep of a model's encodings; empty where nothing is lost."""
    from secateur.graph.network import TorchModel

    wide = activations_told(model, "openvino") if isinstance(model, TorchModel) else ""
    return sentences(wide, *dict.fromkeys(_not_held(model).values()))


def _not_held(model: "Model") -> dict[str, str]:
    """Encoded layer → why OpenVINO has its weight as rounded floats."""
    encodings = getattr(model, "encodings", None)
    if not encodings:
        return {}
    weights = model.weights()
    reasons = {name: why_not_held(one, weights[name].shape) for name, one in encodings.weights.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _as_held(model: "Model") -> "Model":
    """The model without activations of 16 bits, which OpenVINO reads as 8, and with those weights that it does not hold
    as the floats that their encodings stand for."""
    from secateur.graph.network import StoredModel, TorchModel

    if isinstance(model, TorchModel):
        model = in_eight_bits(model)
    left = _not_held(model)
    if not left or isinstance(model, StoredModel):
        return model
    weights, encodings = model.weights(), model.encodings
    floats = model.with_weights({name: encodings.weights[name].round_trip(weights[name]) for name in left})
    kept = {name: encoding for name, encoding in encodings.weights.items() if name not in left}
    return replace(floats, encodings=replace(encodings, weights=kept))


def bin_path(path: Path) -> Path:
    """Where OpenVINO keeps the weights of an IR: `net.xml` → `net.bin`."""
    return path.with_suffix(".bin")


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Convert the (quantized) ONNX graph and write it down; the integers of int8 and int4 weights stay integers."""
    import openvino

    from secateur.formats.kinds.onnx_file import OnnxOptions
    from secateur.formats.onnx_files.writing import write_onnx

    with tempfile.TemporaryDirectory() as folder:
        (source, *_) = write_onnx(_as_held(model), Path(folder) / "network.onnx", OnnxOptions(few_bits="standard"))
        network = openvino.convert_model(str(source))
        _name_ports(network, model)
        # encoded weights are integers already; what is float besides them follows the option
        openvino.save_model(network, str(path), compress_to_fp16=getattr(options, "compress_to_fp16", False))
    return path, bin_path(path)


def _name_ports(network: Any, model: "Model") -> None:
    """The network's own names for inputs and outputs, where the conversion lost them."""
    for port, described in zip(network.inputs, model.inputs, strict=True):
        if described.name not in port.get_names():
            port.get_tensor().add_names({described.name})


def run(path: Path) -> Runner:
    """Compile the IR for the CPU, in float32 and on one thread, and run it."""
    import openvino

    core = openvino.Core()
    # float32: on newer processors the plugin computes in bfloat16 unless told otherwise, and rounds the inputs of
    # products with stored weights to 8 bits
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(str(path), "CPU", settings)
    request = compiled.create_infer_request()

    def run_all(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        results = request.infer([np.ascontiguousarray(value) for value in inputs])
        return [np.array(results[port]) for port in compiled.outputs]

    return Runner(run_all)
