"""What a person is shown of the data: not the picture on the disk, but exactly what the network is fed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from secateur.model.maps import FedInput

if TYPE_CHECKING:
    from secateur.data.batch import Batch
    from secateur.data.dataset import Dataset
    from secateur.data.splits import Split


READABLE = 8
"""Numbers of a port that are read one by one; more of them are a picture."""


@dataclass(frozen=True)
class Shown:
    """What a person reads of a sample: its texts with the pieces that each became, or its cells.

    `cells` are (column, what the network is fed of it). `places` names all places of the first row that the network
    sees of the texts: the pieces, and what fills it up.
    """

    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[str, ...], ...] = ()
    cells: tuple[tuple[str, float], ...] = ()
    places: tuple[str, ...] = ()


@runtime_checkable
class Showing(Protocol):
    """Ready inputs that can be read by a person."""

    def show(self, sample: int) -> Shown:
        """One sample of the whole set."""
        ...


@dataclass(frozen=True, eq=False)
class Preview:
    """One sample exactly as the network is fed: `image` uint8 (h, w, 3) for show, `fed_…` of the numbers.

    `mask` is uint8 (h, w), the class of each pixel, where targets are masks; `shown` what can be read of a sample;
    `inputs` what each port is fed, where there is more than one and nothing to read.
    """

    image: NDArray[np.uint8]
    label: str
    fed_min: float
    fed_max: float
    fed_mean: float
    mask: NDArray[np.uint8] | None = None
    shown: Shown | None = None
    inputs: tuple[FedInput, ...] = ()


def previews(dataset: "Dataset", count: int, split: "Split" = "calibration") -> tuple[Preview, ...]:
    """The first `count` samples of a split: the very batch that the network gets, back in pixels."""
    places = range(min(count, dataset.size(split)))
    if not places:
        return ()
    from secateur.data.tasks.segmentation import Segmentation

    batch = dataset.batch(split, places)
    has_masks = isinstance(dataset.task, Segmentation)
    found = []
    for place in places:
        one = preview(dataset, batch.first[place * batch.passes], dataset.label(split, place))
        mask = np.asarray(batch.targets[place], dtype=np.uint8) if has_masks else None
        shown = shown_of(dataset, split, place)
        inputs = () if shown else fed_inputs(batch, place)
        found.append(replace(one, mask=mask, shown=shown, inputs=inputs))
    return tuple(found)


def shown_of(dataset: "Dataset", split: "Split", place: int) -> Shown | None:
    """What can be read of a sample of the split; None where it is to be looked at."""
    return dataset.inputs.show(int(dataset.splits[split][place])) if isinstance(dataset.inputs, Showing) else None


def fed_inputs(batch: "Batch", place: int = 0) -> tuple[FedInput, ...]:
    """What each port is fed of one sample of a batch; empty where there is one port alone."""
    if len(batch.inputs) < 2:
        return ()
    return tuple(_fed_input(name, values[place * batch.passes]) for name, values in batch.inputs.items())


def _fed_input(port: str, fed: NDArray[np.generic]) -> FedInput:
    from secateur.data.dataset import stretched

    image = stretched(fed)
    colour = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
    values = fed.astype(np.float64)
    few = tuple(float(value) for value in values.reshape(-1)) if fed.size <= READABLE else ()
    return FedInput(port, tuple(fed.shape), colour, float(values.min()), float(values.max()), few)


def preview(dataset: "Dataset", fed: NDArray[np.generic], label: str) -> Preview:
    """One fed input (without the batch axis) as a picture, with the numbers the network sees."""
    from secateur.data.dataset import stretched

    rule = dataset.preprocessing
    image = stretched(fed) if rule is None else rule.denormalise(fed[None])[0]
    colour = np.broadcast_to(image, (*image.shape[:2], 3))
    values = fed.astype(np.float64)
    return Preview(
        image=np.ascontiguousarray(colour),
        label=label,
        fed_min=float(values.min()),
        fed_max=float(values.max()),
        fed_mean=float(values.mean()),
    )
