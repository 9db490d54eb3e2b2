"""How many bytes an encoded layer takes in an exported ONNX file. One definition: predictions and the budget read it."""

from secateur.model.description import Layer

DEQUANTIZE_NODE_BYTES = 110
"""A DequantizeLinear node with its names, and the headers of its scale and zero point."""

ACTIVATION_NODES_BYTES = 330
"""The QuantizeLinear/DequantizeLinear pair behind a layer's output, with names and scalars."""


def encoded_bytes(layer: Layer, bits: int, *, static: bool) -> int:
    """Size of one layer with weights of `bits` per output channel (int8 or packed int4).

    Each channel adds a float32 scale and an int8 zero point; with `static` the bias is int32 with a scale of its
    own per channel, and a pair of nodes stands behind the output.
    """
    if layer.weight is None:
        return layer.size_bytes
    channels = layer.out_channels
    weight = (layer.weight.count * bits + 7) // 8
    scales = channels * (4 + (1 if bits == 8 else 1))
    bias = channels * 4 * (3 if static else 1)
    return (
        weight
        + scales
        + bias
        + DEQUANTIZE_NODE_BYTES * (2 if static else 1)
        + (ACTIVATION_NODES_BYTES if static else 0)
    )
