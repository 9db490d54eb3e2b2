"""What a network is fed at once, and what its answers are compared with: an array for each port, and targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from secateur.data.samples import ArrayReader
from secateur.data.splits import Indices

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """`inputs` are arrays by the name of the port that they are fed to, in the order of the network's ports.

    Each has `passes` rows for a sample, one after the other: a pair of texts goes through the network as two rows of
    the same ports. `targets` have a row for each sample; a task says what they are.
    """

    inputs: Mapping[str, Array]
    targets: Array
    passes: int = 1

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.targets)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The inputs in the order of the network's ports: what a run is called with."""
        return tuple(self.inputs.values())

    @property
    def first(self) -> Array:
        """What the first port is fed."""
        return next(iter(self.inputs.values()))

    def head(self, count: int) -> "Batch":
        """The first `count` samples alone."""
        rows = count * self.passes
        inputs = {name: values[:rows] for name, values in self.inputs.items()}
        return Batch(inputs, self.targets[:count], self.passes)


@runtime_checkable
class Feed(Protocol):
    """Ready inputs of any number of ports, read batch by batch: rows of one batch may be as long as the longest needs.

    `passes` is the number of rows that the network sees of a sample.
    """

    @property
    def passes(self) -> int: ...

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def read(self, samples: Indices) -> Mapping[str, Array]:
        """By port, in the network's order: (samples × passes, …)."""
        ...


@runtime_checkable
class Ragged(Protocol):
    """A feed whose samples differ in length, and are filled up to the longest that they are read with."""

    def lengths(self, samples: Indices) -> NDArray[np.intp]:
        """How long the rows of each sample are before they are filled up."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayFeed:
    """A reader of single arrays for each port; all of them have as many samples."""

    readers: Mapping[str, ArrayReader]
    passes: int = 1

    def __len__(self) -> int:
        return min(len(reader) for reader in self.readers.values())

    def read(self, samples: Indices) -> Mapping[str, Array]:
        return {
            name: np.stack([reader.array(int(sample)) for sample in samples]) for name, reader in self.readers.items()
        }


Run = Callable[..., list[Array]]
"""Runs a network: takes an array for each port, gives all its outputs."""
