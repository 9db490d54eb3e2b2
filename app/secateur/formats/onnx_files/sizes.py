"""Finding an image height, or a length, for files that leave it open and yet do not take every one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import onnx  # noqa: TID253 - imported lazily by secateur.formats.reading

from secateur.graph.layers import SPATIAL_SIZE, batch_axis, example_input, example_shape
from secateur.graph.onnx_files.reading import graph_ports
from secateur.graph.onnx_layers import session_of
from secateur.model.description import Port

_HEIGHTS: Final = (SPATIAL_SIZE, 48, 32, 64, 28, 128, 256, 320, 512, 640)
_LENGTHS: Final = (256, 64, 512, 128, 576, 1024, 4096, 16000)


def settle_heights(proto: onnx.ModelProto) -> str:
    """Fix the open height of the image inputs to one that ONNX Runtime runs, in place; a note where it did.

    Nothing is changed where no height is open, where the usual one runs, or where none does.
    """
    has_open_height = any(len(port.shape) == 4 and port.shape[2] is None for port in graph_ports(proto)[0])
    if not has_open_height or _runs(proto):
        return ""
    trial = onnx.ModelProto()
    for height in _HEIGHTS[1:]:
        trial.CopyFrom(proto)
        _set_heights(trial, height)
        if _runs(trial):
            _set_heights(proto, height)
            return (
                f"The file leaves the image height open but does not take {SPATIAL_SIZE}; {height} was found by trying."
            )
    return ""


def with_lengths(proto: onnx.ModelProto) -> tuple[Port, ...]:
    """The inputs of a file, with lengths of sequences and waveforms that ONNX Runtime takes (`Port.typical`).

    As they are where no length is open, where the usual one runs, or where none does. `proto` is not changed.
    """
    ports = graph_ports(proto)[0]
    open_ports = [port for port in ports if len(port.shape) < 4 and _open_lengths(port)]
    if not open_ports or _runs(proto, ports):
        return ports
    for length in _LENGTHS:
        tried = tuple(_with_length(port, length) if port in open_ports else port for port in ports)
        if _runs(proto, tried):
            return tried
    return ports


def _open_lengths(port: Port) -> tuple[int, ...]:
    """The open axes that are not the batch."""
    return tuple(axis for axis, size in enumerate(port.shape) if size is None and axis != batch_axis(port))


def _with_length(port: Port, length: int) -> Port:
    shape, places = example_shape(port), _open_lengths(port)
    return replace(port, typical=tuple(length if axis in places else size for axis, size in enumerate(shape)))


def _real_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    stored = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in stored]


def _set_heights(proto: onnx.ModelProto, height: int) -> None:
    for value, port in zip(_real_inputs(proto), graph_ports(proto)[0], strict=True):
        if len(port.shape) == 4 and port.shape[2] is None:
            value.type.tensor_type.shape.dim[2].dim_value = height


def _runs(proto: onnx.ModelProto, ports: Sequence[Port] | None = None) -> bool:
    """Whether ONNX Runtime runs one sample; a file that cannot even be loaded is told elsewhere."""
    given = graph_ports(proto)[0] if ports is None else ports
    try:
        session_of(proto).run(None, {port.name: example_input(port) for port in given})
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own; trying is the purpose
        return False
    return True
