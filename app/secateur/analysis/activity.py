"""What the channels of a layer put out over many samples, summed up batch by batch."""

import numpy as np
from numpy.typing import NDArray

from secateur.model.weight_views import ChannelActivity


class ActivityCount:
    """Sums of each channel; `add` takes the layer's output of one batch after another."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._dead: NDArray[np.float64] = np.zeros(0)
        self._count = 0

    def add(self, output: NDArray[np.float32], channel_axis: int) -> None:
        """Count a batch; channels lie on `channel_axis`. An output without a batch axis is one sample."""
        axis = channel_axis % output.ndim if output.ndim > 1 else 0
        others = tuple(other for other in range(output.ndim) if other != axis)
        total = output.sum(axis=others, dtype=np.float64)
        dead = np.count_nonzero(output <= 0, axis=others)
        if not self._count:
            self._sum, self._dead = np.zeros_like(total), np.zeros(len(total))
        self._sum += total
        self._dead += dead
        self._count += output.size // max(len(total), 1)

    def result(self) -> ChannelActivity:
        """Mean of each channel, and the share of its outputs that are not above zero."""
        count = max(self._count, 1)
        return ChannelActivity((self._sum / count).astype(np.float32), (self._dead / count).astype(np.float32))
