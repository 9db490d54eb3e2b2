"""OpenVINO IR: a `.xml` with the graph and a `.bin` with the weights, converted from the ONNX form that ships."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.formats.base import Runner, WriteOptions

if TYPE_CHECKING:
    from secateur.graph.network import Model


def why_not(model: "Model") -> str | None:
    """Why a model cannot be stored this way, as a sentence; None where it can."""
    from secateur.formats.weight_files.stored import needs_network

    return needs_network(model)


def bin_path(path: Path) -> Path:
    """Where OpenVINO keeps the weights of an IR: `net.xml` → `net.bin`."""
    return path.with_suffix(".bin")


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Convert the (quantized) ONNX graph and write it down; the integers of int8 and int4 weights stay integers."""
    import openvino

    from secateur.formats.onnx_files.writing import write_onnx

    with tempfile.TemporaryDirectory() as folder:
        (source, *_) = write_onnx(model, Path(folder) / "network.onnx")
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
    # float32: on newer processors the plugin computes in bfloat16 unless told otherwise
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(str(path), "CPU", settings)
    request = compiled.create_infer_request()

    def run_all(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        results = request.infer([np.ascontiguousarray(value) for value in inputs])
        return [np.array(results[port]) for port in compiled.outputs]

    return Runner(run_all)
