"""Finding an image height for files that leave it open and yet do not take every one."""

from typing import Final

import onnx  # noqa: TID253 - imported lazily by secateur.formats.reading

from secateur.formats.onnx_read import graph_ports
from secateur.model.layers import SPATIAL_SIZE, example_input
from secateur.model.onnx_layers import session_of

_HEIGHTS: Final = (SPATIAL_SIZE, 48, 32, 64, 28, 128, 256, 320, 512, 640)


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


def _real_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    stored = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in stored]


def _set_heights(proto: onnx.ModelProto, height: int) -> None:
    for value, port in zip(_real_inputs(proto), graph_ports(proto)[0], strict=True):
        if len(port.shape) == 4 and port.shape[2] is None:
            value.type.tensor_type.shape.dim[2].dim_value = height


def _runs(proto: onnx.ModelProto) -> bool:
    """Whether ONNX Runtime runs one sample; a file that cannot even be loaded is told elsewhere."""
    ports, _ = graph_ports(proto)
    try:
        session_of(proto).run(None, {port.name: example_input(port) for port in ports})
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own; trying is the purpose
        return False
    return True
