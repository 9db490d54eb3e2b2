"""An encoded graph with ONNX's own integers behind DequantizeLinear alone: the form in which layers are found."""

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily

from secateur.graph.qdq.blocks import without_nbits
from secateur.graph.qdq.planes import without_planes


def in_standard_form(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without planes and MatMulNBits, tensors between layers called as before; `proto` is not changed."""
    return without_nbits(without_planes(proto).proto)
