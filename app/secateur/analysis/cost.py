"""What a model weighs: bytes, bytes after zip, parameters, non-zero parameters, multiply-accumulates."""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_PACKED_WHOLE, _PIECES, _PIECE_BYTES = 64 << 20, 64, 1 << 20


def zip_bytes(path: Path) -> int:
    """Size of the file after deflate at zip's usual level (6); read in pieces."""
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


def onnx_parameters(proto: "onnx.ModelProto") -> tuple[int, int]:
    """(parameters, non-zero parameters) stored in a file's initializers, scales and zero points left out.

    int4 tensors count each packed value.
    """
    from onnx import numpy_helper

    not_weights = {
        name
        for node in proto.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
        for name in node.input[1:]
    }
    whole = nonzero = 0
    for tensor in proto.graph.initializer:
        if tensor.name in not_weights:
            continue
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int64:  # shapes and indices, not parameters
            continue
        whole += values.size
        nonzero += int(np.count_nonzero(values.astype(np.float32)))
    return whole, nonzero
