"""Layers that became several: the parts stand beneath the name of the layer that they replace."""

from collections.abc import Collection, Sequence
from typing import Final

FIRST: Final = "first"
SECOND: Final = "second"


def parts_of(layer: str, known: Collection[str]) -> tuple[str, ...]:
    """What stands for a layer among the layers of a network: itself, else its two factors, else nothing."""
    if layer in known:
        return (layer,)
    parts = (f"{layer}.{FIRST}", f"{layer}.{SECOND}")
    return parts if all(part in known for part in parts) else ()


def present(layers: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The layers that a later step works on where it was asked for these; those that are unknown stay as they are."""
    return tuple(part for layer in layers for part in parts_of(layer, known) or (layer,))
