"""LiteRT (TensorFlow Lite) files, converted by litert-torch and run by ai-edge-litert.

The converter makes integer kernels of what stands between quantize and dequantize operators, and takes away the pair
at the input: a file whose input has an encoding takes integers, with scale and zero point beside it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner, WriteOptions
from secateur.formats.devices.encoded_layers import (
    activations_told,
    as_torch,
    computed_layers,
    float_results,
    in_eight_bits,
    listed,
    sentences,
    stored_layers,
)
from secateur.formats.devices.fixed_sizes import fixed_inputs, told_sizes

if TYPE_CHECKING:
    from secateur.graph.network import Model

_TITLE: Final = "LiteRT"


def losses(model: "Model") -> str:
    """What a LiteRT file does not keep of a model; empty where nothing is lost."""
    from secateur.graph.network import TorchModel

    told = told_sizes(model, _TITLE)
    if not isinstance(model, TorchModel) or not model.encodings:
        return told
    wide, model = activations_told(model, "litert"), in_eight_bits(model)
    without = {*stored_layers(model), *float_results(model)}
    floats = [name for name in model.encodings.weights if name in without]
    integers = [port.name for port in model.inputs if port.name in model.encodings.activations]
    return sentences(
        told,
        wide,
        f"The file takes {listed(integers)} as 8-bit integers; scale and zero point stand in it." if integers else "",
        f"The weights of {listed(floats)} are stored as rounded float32: the converter keeps integers only where "
        "a layer's input and result are encoded too." if floats else "",
    )  # fmt: skip


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Convert the network for inputs of one size; UserError where the converter refuses it."""
    import litert_torch

    from secateur.formats.torch_files.int8_graph import int8_module

    network = as_torch(model)
    module = int8_module(network, computed_layers(network), unfolded=True)
    is_static = bool(network.encodings.activations)
    try:
        converted = litert_torch.convert(
            module.eval(), fixed_inputs(network), quant_config=_static_config() if is_static else None
        )
    except Exception as error:  # the converter's passes raise whatever they like
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(
            f"LiteRT's converter refuses {model.name}: {lines[0][:200] if lines else type(error).__name__}",
            "Export it as ONNX.",
        ) from error
    converted.export(str(path))
    return (path,)


def _static_config() -> Any:
    """What makes the converter look for quantize and dequantize operators; its own observers are never run."""
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    scheme = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=False)
    return QuantConfig(pt2e_quantizer=PT2EQuantizer().set_global(scheme))


def run(path: Path) -> Runner:
    """A new interpreter for the file, one sample (or fixed batch) at a time, on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    from secateur.graph.network import in_batches_of

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    inputs = sorted(interpreter.get_input_details(), key=_place)
    outputs = sorted(interpreter.get_output_details(), key=_place)

    def run_all(*batch: NDArray[Any]) -> list[NDArray[Any]]:
        for detail, value in zip(inputs, batch, strict=True):
            interpreter.set_tensor(detail["index"], _as_taken(detail, value))
        interpreter.invoke()
        return [_as_float(detail, interpreter.get_tensor(detail["index"])) for detail in outputs]

    sizes = inputs[0]["shape"]
    return Runner(in_batches_of(int(sizes[0]) if len(sizes) else None, run_all))


def _place(detail: dict[str, Any]) -> int:
    """The number in names like `serving_default_args_0`, which tells the order of the network's own."""
    digits = [part for part in str(detail["name"]).replace(":", "_").split("_") if part.isdigit()]
    return int(digits[0]) if digits else int(detail["index"])


def _as_taken(detail: dict[str, Any], value: NDArray[Any]) -> NDArray[Any]:
    """A value in the dtype of the file's input: rounded to its grid, or cast."""
    kind = np.dtype(detail["dtype"])
    scale, zero_point = detail["quantization"]
    if scale and kind.kind in "iu" and value.dtype.kind == "f":
        limits = np.iinfo(kind)
        whole = np.rint(value / np.float32(scale)) + zero_point
        return np.asarray(np.clip(whole, limits.min, limits.max).astype(kind))
    return np.ascontiguousarray(value.astype(kind, copy=False))


def _as_float(detail: dict[str, Any], value: NDArray[Any]) -> NDArray[np.float32]:
    """An output in float32, off its grid where it is on one."""
    scale, zero_point = detail["quantization"]
    if scale:
        return np.asarray((value.astype(np.float32) - zero_point) * np.float32(scale))
    return np.array(value, dtype=np.float32)
