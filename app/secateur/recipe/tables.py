"""What a plan saves beside its layers: tables that are only looked up or added go to float16 among integers.

That is what quantizing does (`secateur.methods.quantize.tables`) where every weighted layer of a network is encoded;
of a network of words the table of their vectors can be half of the file.
"""

from collections.abc import Iterable
from dataclasses import replace

from secateur.methods.base import Method
from secateur.methods.quantize.tables import SMALLEST
from secateur.model.description import Layer, ModelDescription


def saved_bytes(model: ModelDescription) -> int:
    """Bytes by which the tables of a network get smaller where all of its weighted layers are encoded."""
    return sum(layer.size_bytes - halved(layer).size_bytes for layer in model.layers) if model.trainable else 0


def encodes(methods: Iterable[Method]) -> bool:
    """Whether a layer on which these work is stored in an encoding afterwards."""
    return any(method.family == "quantize" for method in methods)


def halved(layer: Layer) -> Layer:
    """The layer with its table in float16; the same where it has none, or where it is stored so already."""
    weight = layer.weight
    if layer.is_weighted or weight is None or weight.dtype != "float32":
        return layer
    wide = [size for size in weight.shape if size > 1]
    if len(wide) < 2 or weight.count < SMALLEST or layer.size_bytes < weight.size_bytes:
        return layer
    return replace(layer, size_bytes=layer.size_bytes - weight.size_bytes // 2)
