"""How many bytes an encoded layer takes in an exported ONNX file: what predictions and the budget read."""

from collections.abc import Iterable
from typing import Final

from secateur.model.description import Layer
from secateur.model.encoding import PLANES_BYTES, grouped_axis, lies_in_planes, scales_in, stored_bytes
from secateur.model.workload import Precision

DEQUANTIZE_NODE_BYTES = 60
"""A DequantizeLinear node with its short names and the header of its scale, as `formats.onnx_files.qdq` writes them."""

ACTIVATION_NODES_BYTES = 100
"""The QuantizeLinear/DequantizeLinear pair behind a layer's output, with names and scalars."""

FUNCTION_BYTES: Final = {2: 620, 3: 920, 4: 620, 5: 920, 6: 920, 7: 1210}
"""What a file takes for putting planes of codes together, once for each number of bits that a layer of it is stored in.

The functions of `graph.qdq.functions`: to unpack them, to give them their sign, to scale them.
"""


def plane_bits(layer: Layer, bits: int | None, precision: Precision | None) -> int:
    """In planes of how many bits the codes of a layer are stored, of `bits` and computed so; 0 where they are not.

    None: the layer is stored as it was.
    """
    if bits is None or precision is None or bits not in FUNCTION_BYTES or layer.weight is None:
        return 0
    group = precision.group or None
    return bits if lies_in_planes(layer.weight.count, bits, group, in_integers=precision.is_static) else 0


def functions_bytes(bits: Iterable[int]) -> int:
    """What the functions of a file take whose layers are stored in planes of these numbers of bits."""
    return sum(FUNCTION_BYTES[each] for each in set(bits) - {0})


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
