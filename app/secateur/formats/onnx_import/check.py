"""Whether an imported network computes what the file computes."""

from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from secateur.formats.onnx_read import graph_ports
from secateur.model.layers import example_input

AGREED: Final = 1e-4
"""Largest relative deviation that rounding explains."""

TOLERATED: Final = 1e-3
"""Above this the import is not trusted, and the file stays an OnnxModel."""


def import_deviation(proto: onnx.ModelProto, module: nn.Module, batch: int = 1) -> float:
    """Largest difference between ONNX Runtime and torch on noise, relative to the largest output.

    Over all outputs; infinity where shapes differ or one is finite where the other is not. Raises what ONNX
    Runtime raises where it cannot run the file.
    """
    inputs, _ = graph_ports(proto)
    arrays = [example_input(port, batch, seed) for seed, port in enumerate(inputs)]
    return max(deviations(run_file(proto, arrays), run_module(module, arrays)), default=0.0)


def batch_deviation(proto: onnx.ModelProto, module: nn.Module) -> float:
    """The same for two samples at once; zero where the file itself does not take two or mixes them up."""
    inputs, outputs = graph_ports(proto)
    if any(port.shape[:1] != (None,) for port in (*inputs, *outputs)):
        return 0.0
    arrays = [example_input(port, 2, seed) for seed, port in enumerate(inputs)]
    try:
        expected = run_file(proto, arrays)
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own: the file was made for one sample
        return 0.0
    if any(value.shape[:1] != (2,) for value in expected):
        return 0.0
    return max(deviations(expected, run_module(module, arrays)), default=0.0)


def run_file(proto: onnx.ModelProto, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """All outputs of the file in ONNX Runtime."""
    from secateur.model.onnx_layers import session_of

    session = session_of(proto)
    names = [value.name for value in session.get_inputs()]
    return list(session.run(None, dict(zip(names, arrays, strict=True))))


def run_module(module: nn.Module, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """All outputs of a network, in evaluation mode."""
    import torch

    with torch.inference_mode():
        output = module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
    outputs = output if isinstance(output, tuple | list) else [output]
    return [value.numpy() for value in outputs]


def deviations(expected: list[NDArray[Any]], given: list[NDArray[Any]]) -> list[float]:
    """Relative deviation of each output."""
    return [_deviation(one, other) for one, other in zip(expected, given, strict=True)]


def _deviation(expected: NDArray[Any], given: NDArray[Any]) -> float:
    if expected.shape != given.shape:
        return float("inf")
    one, other = expected.astype(np.float64), given.astype(np.float64)
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return float("inf")
    if not finite.any():
        return 0.0
    largest = float(np.abs(one[finite]).max())
    difference = float(np.abs(one[finite] - other[finite]).max())
    return difference / largest if largest else difference
