"""What a source holds, before it is known which samples train: what every kind of source is read into."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from secateur.data.batch import Feed
from secateur.data.guesses import Guess
from secateur.data.preprocessing import Preprocessing
from secateur.data.samples import ImageReader, Reader
from secateur.data.splits import Indices

Made = tuple[Feed, tuple[Guess, ...]]


@dataclass(frozen=True, eq=False)
class Later:
    """Ready inputs of `count` samples, made once it is known which rows train: statistics are taken of those."""

    count: int
    make: Callable[[Indices], Made]

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True, eq=False)
class Content:
    """What a source holds, before preprocessing and splits. `labels` is None where there are none.

    `masks` are read image by image beside a reader of images; `labels` then are their numbers. `task` and
    `parameters` are what data and network suggest together, taken where a person said nothing, and `guesses` say why.
    `said` is how the source was read, under the keys of a data.yaml.
    """

    name: str
    reader: Reader | Feed | Later
    labels: NDArray[Any] | None
    classes: tuple[str, ...] = ()
    train: Indices | None = None
    test: Indices | None = None
    validation: Indices | None = None
    preprocessing: Preprocessing | None = None
    mirror: bool | None = None
    notes: tuple[str, ...] = ()
    masks: ImageReader | None = None
    task: str | None = None
    parameters: dict[str, object] = field(default_factory=dict)
    guesses: tuple[Guess, ...] = ()
    said: dict[str, object] = field(default_factory=dict)
