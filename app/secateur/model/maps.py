"""What the layers of two networks put out for one sample, in plain values that are small enough to be shown."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["maps", "features", "rows"]
Values = NDArray[np.float16 | np.float32]

FIRST_CHANNELS: Final = 64
"""Channels that are shown of a layer before a person asks for more."""


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """One layer's output for one sample: the original's, the compressed network's, and their difference.

    `form` says what the arrays are: `maps` (channels, height, width); `features` (n,), the values of a vector; `rows`
    (rows, columns), one row a token or a channel. `first` is the number of the first channel in them and `channels`
    how many there are in all, `shape` the whole output without the batch axis. Every value of the arrays is the mean
    of `pooled` (rows, columns) values of the output. `compressed` and `difference` (compressed − original) are None
    where there is nothing beside the original, and NaN in `removed` channels. `low` and `high` are the extremes of
    both, in these arrays. `sqnr_db` is that of the whole output of the channels which both have: None where it is
    not defined, and where these do not differ (`is_unchanged`). `note` is a sentence on what is missing.
    """

    layer: str
    form: Form
    shape: tuple[int, ...]
    original: Values
    compressed: Values | None = None
    difference: Values | None = None
    first: int = 0
    channels: int = 0
    pooled: tuple[int, int] = (1, 1)
    low: float = 0.0
    high: float = 0.0
    removed: tuple[int, ...] = ()
    sqnr_db: float | None = None
    is_unchanged: bool = False
    note: str = ""

    def only(self, channel: int) -> "LayerMaps":
        """The same with one channel of the arrays, on the scale of all."""
        at = slice(channel - self.first, channel - self.first + 1)
        return replace(
            self,
            original=self.original[at],
            compressed=None if self.compressed is None else self.compressed[at],
            difference=None if self.difference is None else self.difference[at],
            first=channel,
        )

    @property
    def has_more(self) -> bool:
        """Whether there are channels that are not in the arrays."""
        return self.form == "maps" and (self.first > 0 or self.first + len(self.original) < self.channels)


@dataclass(frozen=True)
class AnswerAt:
    """The answer where the layers up to and including `layer` are the compressed ones and the rest is the original.

    `layer` is empty for the original itself. `score` is the softmax of the class that the original answers, `margin`
    its score's lead over the best other one (before the softmax; negative where another one leads), `answer` the class
    that is answered: None where the outputs are no class scores. `deviation` is the distance of the outputs from the
    original's, relative to them. All are None where the shapes on both sides do not fit together.
    """

    layer: str
    score: float | None = None
    margin: float | None = None
    answer: int | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Guess:
    """One of the best answers: the class's name or number, and its share of the softmax."""

    name: str
    score: float


@dataclass(frozen=True, eq=False)
class FedInput:
    """What one port is fed of a sample: `image` uint8 (h, w, 3) for show, with the extremes of its numbers.

    `shape` is without the batch axis; `numbers` are the values themselves where they are few enough to be read.
    """

    port: str
    shape: tuple[int, ...]
    image: NDArray[np.uint8]
    low: float
    high: float
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class TakenSample:
    """The sample as the network is fed, what it is called, and the layers that will come, in the network's order.

    `image` is uint8 (h, w, 3), None for text. `beside` says what stands beside the original; empty where nothing does.
    `notes` are sentences on how the sample was read and what was left out of the plan. Of a text sample, `texts` are
    its texts, `tokens` the pieces that each became, and `places` the piece at every place of the row that is followed,
    with what fills it up. `inputs` are what each port is fed, where there is more than one and it can be looked at.
    """

    image: NDArray[np.uint8] | None
    title: str
    label: str
    layers: tuple[str, ...]
    classes: tuple[str, ...] = ()
    beside: str = ""
    notes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[str, ...], ...] = ()
    places: tuple[str, ...] = ()
    inputs: tuple[FedInput, ...] = ()


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A sample of the test split, small: `image` uint8 (h, w, 3), or None and its `texts`."""

    index: int
    image: NDArray[np.uint8] | None
    label: str
    texts: tuple[str, ...] = ()
