"""How many bytes an encoded layer takes in an exported ONNX file: what predictions and the budget read."""

from secateur.model.description import Layer
from secateur.model.encoding import PLANES_BYTES, grouped_axis, lies_in_planes, scales_in, stored_bytes

DEQUANTIZE_NODE_BYTES = 60
"""A DequantizeLinear node with its short names and the header of its scale, as `formats.onnx_files.qdq` writes them."""

ACTIVATION_NODES_BYTES = 100
"""The QuantizeLinear/DequantizeLinear pair behind a layer's output, with names and scalars."""


def encoded_bytes(
    layer: Layer, bits: int, *, static: bool, group_size: int | None = None, is_affine: bool = False
) -> int:
    """Size of one layer with weights of `bits` per output channel or group.

    They take as many bits as they have, unless there are few or they are in groups: then 3 bits take the room of 4, and
    5 and 6 that of 8. Each channel or group adds a float32 scale, affine ones a zero point; each channel a float32 bias
    (batch norms are folded into one). The last group is filled up, as products in groups are stored. With `static` a
    pair of nodes stands behind the output.
    """
    if layer.weight is None:
        return layer.size_bytes
    axis = layer.channel_axis if group_size is None else grouped_axis(layer.channel_axis)
    scales = layer.out_channels if group_size is None else scales_in(layer.weight.shape, axis, group_size)
    codes = layer.weight.count if group_size is None else scales * group_size
    nodes = DEQUANTIZE_NODE_BYTES + (ACTIVATION_NODES_BYTES if static else 0)
    nodes += PLANES_BYTES if lies_in_planes(codes, bits, group_size, in_integers=static) else 0
    stored = stored_bytes(codes, scales, bits, group_size, is_affine=is_affine, in_integers=static)
    return stored + layer.out_channels * 4 + nodes
