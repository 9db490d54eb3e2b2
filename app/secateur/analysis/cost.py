"""What a model weighs: bytes, bytes after zip, parameters, non-zero parameters, multiply-accumulates."""

import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx
    from torch import nn

_PACKED_WHOLE, _PIECES, _PIECE_BYTES = 64 << 20, 64, 1 << 20


def zip_bytes(path: Path) -> int:
    """Size of the file after deflate at zip's usual level (6); packed once while the file stays as it is."""
    state = path.stat()
    return _zip_bytes(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _zip_bytes(path: Path, size_bytes: int, changed_ns: int) -> int:
    packer, size = zlib.compressobj(6), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            size += len(packer.compress(piece))
    return size + len(packer.flush())


def packed_bytes(path: Path) -> int:
    """`zip_bytes`; of a file of more than 64 MB an estimate from 64 megabytes of it, evenly spread."""
    size = path.stat().st_size
    if size <= _PACKED_WHOLE:
        return zip_bytes(path)
    packer, packed = zlib.compressobj(6), 0
    with path.open("rb") as file:
        for place in range(_PIECES):
            file.seek(place * (size - _PIECE_BYTES) // (_PIECES - 1))
            packed += len(packer.compress(file.read(_PIECE_BYTES)))
    packed += len(packer.flush())
    return round(packed * size / (_PIECES * _PIECE_BYTES))


def file_parameters(path: Path) -> tuple[int, int]:
    """(parameters, non-zero parameters) of an ONNX file: what opening it shows.

    Tied weights count once. Scales, zero points, the running statistics of batch norms and lone numbers are none.
    """
    from secateur.graph.onnx_files.reading import read_onnx

    return onnx_parameters(read_onnx(path).proto)


def onnx_parameters(proto: "onnx.ModelProto") -> tuple[int, int]:
    """The same of a graph as reading leaves it; int4 tensors count each packed value."""
    from onnx import numpy_helper

    from secateur.graph.describing.describe_onnx import stored_parameters

    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    whole = nonzero = 0
    for name in stored_parameters(proto):
        values = numpy_helper.to_array(tensors[name])
        whole += values.size
        nonzero += int(np.count_nonzero(values.astype(np.float32)))
    return whole, nonzero


def network_parameters(module: "nn.Module") -> tuple[int, int]:
    """The same of a torch network."""
    parameters = list(module.parameters())
    return sum(value.numel() for value in parameters), sum(int(value.count_nonzero()) for value in parameters)
