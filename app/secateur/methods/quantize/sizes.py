"""How many bytes an encoded layer takes in an exported ONNX file: what predictions and the budget read."""

from secateur.model.description import Layer

DEQUANTIZE_NODE_BYTES = 60
"""A DequantizeLinear node with its short names and the header of its scale, as `formats.onnx_files.qdq` writes them."""

ACTIVATION_NODES_BYTES = 100
"""The QuantizeLinear/DequantizeLinear pair behind a layer's output, with names and scalars."""


def encoded_bytes(layer: Layer, bits: int, *, static: bool) -> int:
    """Size of one layer with weights of `bits` per output channel (int8 or packed int4).

    Each channel adds a float32 scale and a float32 bias (batch norms are folded into one); zero points are not stored.
    With `static` a pair of nodes stands behind the output.
    """
    if layer.weight is None:
        return layer.size_bytes
    weight = (layer.weight.count * bits + 7) // 8
    nodes = DEQUANTIZE_NODE_BYTES + (ACTIVATION_NODES_BYTES if static else 0)
    return weight + layer.out_channels * (4 + 4) + nodes
