"""The sums under the layer table, as they are written. No Qt."""

from collections.abc import Sequence

from secateur import figures
from secateur.model.description import Layer

WIDEST = {"params": "88.8 M", "macs": "88.8 M", "size": "88.8 MB", "ms": "<\u00a00.001"}
"""By column, a text as wide as any that may come: sums follow the filter, and milliseconds are measured later."""


def sums(layers: Sequence[Layer]) -> dict[str, str]:
    """By column, the sum over these layers."""
    times = [layer.latency_ms for layer in layers if layer.latency_ms is not None]
    return {
        "params": figures.count(sum(layer.params for layer in layers)),
        "macs": figures.macs(sum(layer.macs for layer in layers)),
        "size": figures.size(sum(layer.size_bytes for layer in layers)),
        "ms": figures.bare_milliseconds(sum(times)) if times else "–",
    }
