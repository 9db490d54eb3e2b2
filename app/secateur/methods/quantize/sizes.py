"""How many bytes an encoded layer takes in an exported ONNX file: what predictions and the budget read."""

from secateur.model.description import Layer
from secateur.model.encoding import SCALE_BYTES, container_bits, grouped_axis, packed_bytes, scales_in

DEQUANTIZE_NODE_BYTES = 60
"""A DequantizeLinear node with its short names and the header of its scale, as `formats.onnx_files.qdq` writes them."""

ACTIVATION_NODES_BYTES = 100
"""The QuantizeLinear/DequantizeLinear pair behind a layer's output, with names and scalars."""


def encoded_bytes(
    layer: Layer, bits: int, *, static: bool, group_size: int | None = None, is_affine: bool = False
) -> int:
    """Size of one layer with weights of `bits` per output channel or group (int8, or packed int4 and int2).

    Each channel or group adds a float32 scale, affine ones a zero point of the same bits; each channel a float32 bias
    (batch norms are folded into one). The last group is filled up, as products in groups are stored. With `static` a
    pair of nodes stands behind the output.
    """
    if layer.weight is None:
        return layer.size_bytes
    bits = container_bits(bits)
    axis = layer.channel_axis if group_size is None else grouped_axis(layer.channel_axis)
    scales = layer.out_channels if group_size is None else scales_in(layer.weight.shape, axis, group_size)
    codes = layer.weight.count if group_size is None else scales * group_size
    zeros = packed_bytes(scales, bits) if is_affine else 0
    nodes = DEQUANTIZE_NODE_BYTES + (ACTIVATION_NODES_BYTES if static else 0)
    return packed_bytes(codes, bits) + scales * SCALE_BYTES + zeros + layer.out_channels * 4 + nodes
