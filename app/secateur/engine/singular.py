"""Singular values of an open model's layers: worked out once, the quick ones first, as far as that takes no long."""

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secateur.engine.reporting import Reporter
from secateur.model.description import Layer
from secateur.model.singular_values import MOST_WORK, as_matrix, singular_values, work_of

if TYPE_CHECKING:
    from secateur.engine.workshop import Bench

Values = dict[str, NDArray[np.float32]]


def find_singular_values(bench: "Bench", reporter: Reporter, most_work: int = MOST_WORK) -> Values:
    """Those of the layers of a network that together take less than `most_work`; kept in `bench.singular_values`.

    None of a file that stays a file, of which no layer can be split.
    """
    known = bench.singular_values
    if not bench.description.trainable or bench.description.is_deferred:
        return known
    left = most_work
    waiting = sorted((layer for layer in bench.description.weighted_layers if layer.name not in known), key=_work)
    for done, layer in enumerate(waiting):
        left -= _work(layer)
        if left < 0:
            break
        reporter.progress(done, len(waiting), f"Singular values of {layer.name}")
        known[layer.name] = singular_values(as_matrix(bench.weights[layer.name], layer.channel_axis))
    return known


def _work(layer: Layer) -> int:
    rows = layer.weight.shape[layer.channel_axis] if layer.weight else 0
    return work_of(rows, prod(layer.weight.shape) // rows) if layer.weight and rows else 0
