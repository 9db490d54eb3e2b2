"""What the window shows of one layer's weight: figures of its channels, pictures of its filters, tiles of its matrix.

Plain values, made in the engine (`secateur.engine.weight_views`) and small enough to cross to the window. A weight is
looked at as a matrix: one row for each output channel (a filter), one column for each number of it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["network", "norm", "similarity"]
"""How rows or columns stand: as in the network, the largest norm first, or like beside like."""

Blocks = Literal["greatest", "mean"]
"""What stands for a block of weights: the one of the greatest magnitude, or the mean of all."""

Variant = Literal["before", "after", "difference"]

MOST_TILE = 1 << 20
"""Values in one tile, and so pixels of a heat map."""


@dataclass(frozen=True, eq=False)
class ChannelFigures:
    """Figures of each output channel of a layer's weight; every array has one entry a channel.

    `norm`, `minimum` and `maximum` are float32, `zeros` int64. `similarity` is the cosine with the most similar other
    channel and `nearest` which that is (NaN and −1 where there is none). `gone` says which channels the plan removes,
    `zeroed` how many weights of each the plan sets to zero besides. `by_norm` and `by_similarity` are the channels in
    these orders, int32.
    """

    norm: NDArray[np.float32]
    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    zeros: NDArray[np.int64]
    size: int
    """Weights in one channel."""
    by_norm: NDArray[np.int32]
    gone: NDArray[np.bool_]
    zeroed: NDArray[np.int64]
    similarity: NDArray[np.float32] | None = None
    nearest: NDArray[np.int32] | None = None
    by_similarity: NDArray[np.int32] | None = None
    why_unordered: str = ""
    """Why there is no similarity, as a sentence; empty where it is there or on its way."""
    why_not_marked: str = ""
    """Why it is not known which channels the plan removes, as a sentence."""

    @property
    def count(self) -> int:
        return len(self.norm)

    def order(self, name: Order) -> NDArray[np.int32]:
        """Channels in an order; network order where the one asked for is not there."""
        found = {"norm": self.by_norm, "similarity": self.by_similarity}.get(name)
        return np.arange(self.count, dtype=np.int32) if found is None else found


@dataclass(frozen=True, eq=False)
class ChannelActivity:
    """What each output channel of a layer puts out over samples, float32 (channels,).

    `mean` of its outputs, and `dead`: the share of them that are zero or below, of which a ReLU lets nothing through.
    """

    mean: NDArray[np.float32]
    dead: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FilterPage:
    """The filters at places `first` and on in an order, as they are painted.

    `codes` is int8 (filters, inputs, height, width): a value is about code × the filter's entry in `limits` / 127,
    and no number where the code is −128. `limit` is the magnitude that all but a thousandth of the layer keep within:
    a common scale that few outliers do not spoil.
    """

    first: int
    codes: NDArray[np.int8]
    limits: NDArray[np.float32]
    limit: float
    total: int
    """Filters in the layer."""

    @property
    def stop(self) -> int:
        return self.first + len(self.codes)


@dataclass(frozen=True, eq=False)
class MatrixTile:
    """A rectangle of the sorted matrix, one value for each block of it: its mean, or that of the greatest magnitude.

    `row_edges` (h + 1) and `column_edges` (w + 1) are the borders of the blocks in places of the sorted matrix; the
    pictures are float32 (h, w). `after` is what the plan makes of it (None where nothing is planned), NaN for
    what it removes, and `difference` the change in each block. `rows` and `columns` are which row or
    column of the weight stands at each place of the whole matrix, int32.
    """

    shape: tuple[int, int]
    row_edges: NDArray[np.int64]
    column_edges: NDArray[np.int64]
    before: NDArray[np.float32]
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    after: NDArray[np.float32] | None = None
    difference: NDArray[np.float32] | None = None
    limit: float = 0.0
    """The greatest magnitude in the whole weight."""
    change_limit: float = 0.0
    """The greatest change in the whole weight."""
    notes: tuple[str, ...] = ()
    blocks: Blocks = "greatest"

    def picture(self, variant: Variant) -> NDArray[np.float32] | None:
        """The values of a variant, float32 (h, w); None where nothing is planned."""
        return {"before": self.before, "after": self.after, "difference": self.difference}[variant]

    @property
    def is_exact(self) -> bool:
        """Whether every block is one weight."""
        return self.before.shape == (
            int(self.row_edges[-1] - self.row_edges[0]),
            int(self.column_edges[-1] - self.column_edges[0]),
        )

    @property
    def is_whole(self) -> bool:
        """Whether it covers the whole matrix."""
        return (int(self.row_edges[0]), int(self.row_edges[-1])) == (0, self.shape[0]) and (
            int(self.column_edges[0]),
            int(self.column_edges[-1]),
        ) == (0, self.shape[1])
