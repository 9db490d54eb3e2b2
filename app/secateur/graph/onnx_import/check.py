"""Whether an imported network computes what the file computes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from secateur.graph.layers import example_input
from secateur.graph.onnx_files.reading import graph_ports
from secateur.model.description import Port

AGREED: Final = 1e-4
"""Largest relative deviation that rounding explains."""

TOLERATED: Final = 1e-3
"""Above this the import is not trusted, and the file stays an OnnxModel."""


_SATURATED: Final = frozenset({"Sigmoid", "HardSigmoid", "Softmax"})
_UNIT_FLOOR: Final = 1e-3
"""Outputs between 0 and 1 are rounded as if they were that large: below this a relative difference means nothing."""

Ports = tuple[Port, ...]


def import_deviation(proto: onnx.ModelProto, module: nn.Module, batch: int = 1, inputs: Ports | None = None) -> float:
    """Largest difference between ONNX Runtime and torch on noise, relative to the largest output.

    Over all outputs; infinity where shapes differ or one is finite where the other is not. Raises what ONNX
    Runtime raises where it cannot run the file. `inputs` are the graph's own, or those with typical lengths.
    """
    ports = graph_ports(proto)[0] if inputs is None else inputs
    arrays = [example_input(port, batch, seed) for seed, port in enumerate(ports)]
    return _largest(proto, run_file(proto, arrays), run_module(module, arrays))


def batch_deviation(proto: onnx.ModelProto, module: nn.Module, inputs: Ports | None = None) -> float:
    """The same for two samples at once; zero where the file itself does not take two or mixes them up."""
    ports, outputs = graph_ports(proto)
    if any(port.shape[:1] != (None,) for port in (*ports, *outputs)):
        return 0.0
    arrays = [example_input(port, 2, seed) for seed, port in enumerate(inputs or ports)]
    expected = _tried(proto, arrays)
    if any(value.shape[:1] != (2,) for value in expected):
        return 0.0
    return _largest(proto, expected, run_module(module, arrays)) if expected else 0.0


def size_deviation(proto: onnx.ModelProto, module: nn.Module, inputs: Ports | None = None) -> float:
    """The same for other lengths of the open axes behind the batch; zero where the file does not take them."""
    from secateur.graph.layers import batch_axis, example_shape

    ports = graph_ports(proto)[0] if inputs is None else inputs
    if not any(size is None for port in ports for axis, size in enumerate(port.shape) if axis != batch_axis(port)):
        return 0.0
    arrays = []
    for seed, port in enumerate(ports):
        shape = example_shape(port)
        places = [axis for axis, size in enumerate(port.shape) if size is None and axis != batch_axis(port)]
        other = tuple(_other_length(size, axis) if axis in places else size for axis, size in enumerate(shape))
        arrays.append(example_input(replace(port, shape=other), 1, seed))
    expected = _tried(proto, arrays)
    if not expected:
        return 0.0
    try:
        return _largest(proto, expected, run_module(module, arrays))
    except (RuntimeError, ValueError, IndexError, TypeError):
        return float("inf")


def _other_length(length: int, axis: int) -> int:
    """A second length for an axis: images get a height and a width that differ, in whole steps of 32."""
    return length - 32 * axis if length >= 192 else max(length - 5, 2)


def _tried(proto: onnx.ModelProto, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """The outputs of the file; none where it does not take these inputs."""
    try:
        return run_file(proto, arrays)
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own: the file was made for other sizes
        return []


def _largest(proto: onnx.ModelProto, expected: list[NDArray[Any]], given: list[NDArray[Any]]) -> float:
    """The largest of the relative deviations of all outputs."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    floors = []
    for value in proto.graph.output:
        maker = makers.get(value.name)
        while maker is not None and maker.op_type == "Identity":
            maker = makers.get(maker.input[0])
        floors.append(_UNIT_FLOOR if maker is not None and maker.op_type in _SATURATED else 0.0)
    return max(deviations(expected, given, floors), default=0.0)


def run_file(proto: onnx.ModelProto, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """All outputs of the file in ONNX Runtime."""
    from secateur.graph.onnx_layers import session_of

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


def deviations(
    expected: list[NDArray[Any]], given: list[NDArray[Any]], floors: Sequence[float] | None = None
) -> list[float]:
    """Deviation of each output relative to its largest number, or to its floor where that is larger."""
    bases = [0.0] * len(expected) if floors is None else floors
    return [_deviation(one, other, base) for one, other, base in zip(expected, given, bases, strict=True)]


def _deviation(expected: NDArray[Any], given: NDArray[Any], floor: float) -> float:
    if expected.shape != given.shape:
        return float("inf")
    one, other = expected.astype(np.float64), given.astype(np.float64)
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return float("inf")
    if not finite.any():
        return 0.0
    largest = max(float(np.abs(one[finite]).max()), floor)
    difference = float(np.abs(one[finite] - other[finite]).max())
    return difference / largest if largest else difference
