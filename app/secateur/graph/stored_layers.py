"""Which tensor of a file is which layer's weight."""

from typing import NamedTuple

from secateur.graph.network import Model, StoredModel
from secateur.model.stored import StoredTensor


class LayerTensor(NamedTuple):
    """A layer's weight in a file. `channel_axis` is that of the stored tensor, which may be transposed in the layer."""

    tensor: StoredTensor
    channel_axis: int


def layer_tensors(model: Model) -> dict[str, LayerTensor]:
    """The weights, by layer, of a model that is nothing but tensors in files; empty for a network."""
    if not isinstance(model, StoredModel):
        return {}
    stored = {tensor.name: tensor for tensor in model.tensors}
    return {
        layer.name: LayerTensor(stored[layer.weight.name], layer.channel_axis)
        for layer in model.layers
        if layer.weight is not None and layer.weight.name not in model.replaced
    }
