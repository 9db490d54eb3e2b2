"""Which validation samples are asked first: those of whose class the network is unsure, for they say most.

A change moves the answers to a sample about as far as its likelihoods leave room: divergence is, to second order,
the variance of the changed logits under them (Kullback, Information Theory and Statistics, 1959, 2.6). On samples of
which the network is certain next to nothing is seen, whatever is done to it. So the first ones are drawn without
replacement with chances in proportion to 1 − Σ p², and count for as much less as they were likelier to be drawn.

Measured against 1,000 samples on ResNet-20 (432 cells, mean rank correlation within an option, 30 draws): 16 samples
0.86 ± 0.02 where as many at random tell 0.76 ± 0.06, 32 0.91 for 0.84, 64 0.95 for 0.90; damages are off by half as
much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.graph.network import TorchModel
    from secateur.model.description import Layer

POOL: Final = 256
"""Samples of which those that come first are drawn."""
POOL_MACS: Final = 4e10
"""Multiply-accumulates that finding them may take: a few seconds."""
LEAST_POOL: Final = 32
"""Of fewer there is nothing to choose."""
FLOOR: Final = 0.02
"""The least chance of a sample, as a share of the largest: what was certain may not stay so."""
BATCH: Final = 64
GOLDEN: Final = 0.6180339887498949


@dataclass(frozen=True, eq=False)
class Order:
    """The order in which the first `samples` of a validation split are asked.

    `drawn` (pool,) are the places of those of a pool, in their order; the rest stand as in the data. They were drawn
    with these `chances` (pool,), which add up to 1.
    """

    samples: int
    drawn: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    chances: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of_chances(cls, unsure: NDArray[np.float64], samples: int) -> "Order":
        """With a pool of the first `len(unsure)` by successive sampling (Rosén, Ann. Math. Statist. 43, 1972).

        Each gets an exponential ÷ its chance, the least comes first (Efraimidis & Spirakis, Inf. Process. Lett. 97,
        2006). The exponentials are even over the chances, by multiples of the golden ratio, and always the same.
        """
        chances = np.maximum(unsure, FLOOR * max(float(unsure.max(initial=0.0)), 1e-12))
        chances /= chances.sum()
        even = np.empty(len(unsure))
        even[np.argsort(chances, kind="stable")] = (np.arange(len(unsure)) * GOLDEN + 0.5) % 1
        first = np.argsort(-np.log1p(-even) / chances, kind="stable")
        return cls(samples, first, chances[first])

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Position in the order → place in the split, (samples,)."""
        return np.concatenate([self.drawn, np.arange(len(self.drawn), max(self.samples, len(self.drawn)))])[
            : self.samples
        ]

    @cached_property
    def positions(self) -> NDArray[np.intp]:
        """Place in the split → position in the order."""
        found = np.full(int(self.places.max(initial=0)) + 1, -1, dtype=np.intp)
        found[self.places] = np.arange(len(self.places))
        return found

    def is_plain(self, count: int) -> bool:
        """Whether the first `count` samples count alike."""
        return count >= len(self.chances)

    def weights(self, count: int) -> NDArray[np.float64]:
        """What each of the first `count` samples counts for, (count,): 1 ÷ the chance that it is among so many.

        Its mean is 1; damages are ratios, so that only proportions count (Hájek 1971).
        """
        if self.is_plain(count):
            return np.ones(count)
        if count not in self._weights:
            self._weights[count] = self._weights_of(count)
        return self._weights[count]

    @cached_property
    def _weights(self) -> dict[int, NDArray[np.float64]]:
        return {}

    def _weights_of(self, count: int) -> NDArray[np.float64]:
        low, high = 0.0, 1.0
        while self._among(high).sum() < count:
            low, high = high, 2 * high
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._among(middle).sum() < count else (low, middle)
        weights = 1.0 / self._among(high)[:count]
        return np.asarray(weights / weights.mean())

    def _among(self, time: float) -> NDArray[np.float64]:
        """The chance of each sample of the pool to have come by this time."""
        return -np.expm1(-self.chances * time)

    def weighted(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the first samples add to error and weight, (2, samples), each counted for what it stands for."""
        return parts if self.is_plain(parts.shape[1]) else parts * self.weights(parts.shape[1])


def order_for(model: "TorchModel", data: "Dataset", layers: "Sequence[Layer]", samples: int) -> Order:
    """The order of so many validation samples, the same on any machine but for rounding.

    As they stand in the data where damage is no divergence between classes, the metric no mean over samples, or the
    network so large that finding the first ones would take long.
    """
    macs = max(sum(layer.macs for layer in layers), 1)
    pool = min(POOL, 1 << max(int(POOL_MACS // macs), 1).bit_length() - 1, data.size("validation"))
    if pool < LEAST_POOL:
        return Order(samples)
    task, found = data.task, []
    for places in data.alike("validation", range(pool), BATCH):
        batch = data.batch("validation", places)
        scores = task.scores(model.run_all_on_device(*batch.arrays), batch)
        unsure = task.unsure(scores)
        each = None if task.own else task.per_sample(task.answers(scores), batch.targets)
        if unsure is None or (each is None and task.is_scored) or not np.isfinite(unsure).all():
            return Order(samples)
        found.append((places, unsure))
    every = np.empty(pool)
    for places, unsure in found:
        every[places] = unsure
    return Order.of_chances(every, samples)
