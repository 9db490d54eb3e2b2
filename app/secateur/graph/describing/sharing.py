"""Tensors that several layers share are counted once, and it is said which layers they are."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from secateur.model.description import Layer


class Held(NamedTuple):
    """A tensor that a layer holds: how many numbers, 0 where they are not trained, and bytes."""

    params: int
    size_bytes: int


Holdings = Mapping[Hashable, Held]
"""Whatever tells a tensor from others → what it is."""


def counted_once(layers: Sequence[tuple[Layer, Holdings]]) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """(layers, notes): each shared tensor is counted with the first convolution or linear layer that has it, else
    with the first layer: what can be compressed stands where it is compressed.
    """
    owners: dict[Hashable, str] = {}
    for layer, held in sorted(layers, key=lambda pair: not pair[0].is_weighted):
        for key in held:
            owners.setdefault(key, layer.name)
    counted, pairs = [], []
    for layer, held in layers:
        others = {key: tensor for key, tensor in held.items() if owners[key] != layer.name}
        pairs += [(layer.name, owner) for owner in dict.fromkeys(owners[key] for key in others)]
        params = layer.params - sum(tensor.params for tensor in others.values())
        size = layer.size_bytes - sum(tensor.size_bytes for tensor in others.values())
        counted.append(replace(layer, params=params, size_bytes=size) if others else layer)
    return tuple(counted), tuple(
        f"{name} and {owner} share a weight: it is stored and counted once, with {owner}, and what is done to one is "
        "done to both."
        for name, owner in pairs
    )
