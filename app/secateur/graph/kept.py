"""Which channels of an opened network's layers are left after some were removed: so that they can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Kept:
    """The outputs and inputs of a layer that are left, as places in the layer as it was opened; None where all are."""

    outputs: Places | None = None
    inputs: Places | None = None

    def after(self, earlier: "Kept | None") -> "Kept":
        """The same, where `earlier` channels had been removed before."""
        if earlier is None:
            return self
        return Kept(_chained(earlier.outputs, self.outputs), _chained(earlier.inputs, self.inputs))

    def part_of(self, weight: NDArray[Number], channel_axis: int) -> NDArray[Number]:
        """What is left of a weight as it was opened: outputs on `channel_axis`, inputs on the other of the first two.

        All of an axis that does not hold the layer's channels one by one, as that of a grouped convolution.
        """
        if self.outputs is not None and self.outputs.max() < weight.shape[channel_axis]:
            weight = weight.take(self.outputs, channel_axis)
        if self.inputs is not None and weight.ndim > 1 and self.inputs.max() < weight.shape[1 - channel_axis]:
            weight = weight.take(self.inputs, 1 - channel_axis)
        return weight


def kept_after(earlier: Mapping[str, Kept], now: Mapping[str, Kept]) -> dict[str, Kept]:
    """What is left once more channels were removed; layers that keep everything are not in it."""
    return {name: now.get(name, Kept()).after(earlier.get(name)) for name in {**earlier, **now}}


def _chained(earlier: Places | None, now: Places | None) -> Places | None:
    if earlier is None or now is None:
        return earlier if now is None else now
    return earlier[now]
