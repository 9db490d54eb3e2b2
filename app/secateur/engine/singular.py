"""Singular values of an open model's layers: worked out when something asks for them, and kept on the disk.

What is asked for by itself stays within what takes no long: the layers that are quick, as many as fit.
"""

import time
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from secateur.engine.cache import arrays_in, cache_file, packed, read_cached, write_cached
from secateur.engine.reporting import Reporter
from secateur.model.description import Layer, ModelDescription
from secateur.model.singular_values import MOST_WORK, as_matrix, singular_values, work_of

if TYPE_CHECKING:
    from secateur.engine.workshop import Bench

Values = NDArray[np.float32]

VERSION: Final = 1
"""Counts up when singular values are worked out otherwise."""
SAVED_EVERY: Final = 1.0
"""Seconds of work that may be lost where it breaks off."""


class SingularValues(Mapping[str, Values]):
    """Layer → its singular values, descending, float32: those that the bench has, the disk has, or that are found now.

    Iterating goes over the layers for which they are found without being long about it, less than `most_work` all
    together; none of a file that stays a file, of which no layer can be split. Finding can be cancelled.
    """

    def __init__(self, bench: "Bench", reporter: Reporter, most_work: int = MOST_WORK) -> None:
        self._bench, self._reporter, self._known = bench, reporter, bench.singular_values
        self._layers = _within(bench.description, most_work)
        self._saved_at = time.monotonic()

    def __getitem__(self, name: str) -> Values:
        if name not in self._known:
            layer = self._layers[name]
            if not self._bench.has_read_singular_values:
                self._bench.has_read_singular_values = True
                self._known.update(_kept(self._bench.description))
            if name not in self._known:
                self._find(layer)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def _find(self, layer: Layer) -> None:
        done = sum(name in self._known for name in self._layers)
        self._reporter.progress(done, len(self._layers), f"Singular values of {layer.name}")
        self._known[layer.name] = singular_values(as_matrix(self._bench.weights[layer.name], layer.channel_axis))
        self._bench.has_new_singular_values = True
        if time.monotonic() - self._saved_at > SAVED_EVERY:
            keep_singular_values(self._bench)
            self._saved_at = time.monotonic()


def _within(model: ModelDescription, most_work: int) -> dict[str, Layer]:
    """The layers that together take less than `most_work`, the quick ones before the others; in network order."""
    if not model.trainable or model.is_deferred:
        return {}
    chosen, left = set(), most_work
    for layer in sorted(model.weighted_layers, key=_work):
        left -= _work(layer)
        if left < 0:
            break
        chosen.add(layer.name)
    return {layer.name: layer for layer in model.weighted_layers if layer.name in chosen}


def _work(layer: Layer) -> int:
    rows = layer.weight.shape[layer.channel_axis] if layer.weight else 0
    return work_of(rows, prod(layer.weight.shape) // rows) if layer.weight and rows else 0


# ---------------------------------------------------------------------- kept


def singular_file(model: ModelDescription) -> Path:
    """Where the singular values of a model are kept."""
    return cache_file("singular.npz", VERSION, model)


def _kept(model: ModelDescription) -> dict[str, Values]:
    """What the disk has of the model's layers as they are; empty where that is nothing, or cannot be used."""

    def read(path: Path) -> dict[str, Values]:
        stored = arrays_in(path)
        names = [str(name) for name in stored["names"]]
        counts, together = stored["counts"].astype(np.int64), stored["values"].astype(np.float32)
        lengths = {layer.name: min(_sides(layer)) for layer in model.weighted_layers}
        is_whole = len(together) == counts.sum() and len(counts) == len(names)
        if not is_whole or any(lengths.get(name) != count for name, count in zip(names, counts, strict=True)):
            raise ValueError("they are those of other layers")
        return dict(zip(names, np.split(together, np.cumsum(counts)[:-1]), strict=True)) if names else {}

    return read_cached(singular_file(model), read) or {}


def _sides(layer: Layer) -> tuple[int, int]:
    rows = layer.weight.shape[layer.channel_axis] if layer.weight else 0
    return rows, prod(layer.weight.shape) // rows if layer.weight and rows else 0


def keep_singular_values(bench: "Bench") -> None:
    """Write what was found since they were written last; where the disk refuses, they are simply found again."""
    known = bench.singular_values
    if not bench.has_new_singular_values:
        return
    bench.has_new_singular_values = False
    counts = np.array([len(values) for values in known.values()], np.int64)
    arrays = {"names": np.array(list(known)), "counts": counts, "values": np.concatenate(list(known.values()))}
    write_cached(singular_file(bench.description), packed(arrays))
