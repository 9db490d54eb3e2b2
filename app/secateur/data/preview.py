"""What a person is shown of the data: not the picture on the disk, but exactly what the network is fed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.data.splits import Split


@dataclass(frozen=True, eq=False)
class Preview:
    """One sample exactly as the network is fed: `image` uint8 (h, w, 3) for show, `fed_…` of the numbers."""

    image: NDArray[np.uint8]
    label: str
    fed_min: float
    fed_max: float
    fed_mean: float


def previews(dataset: "Dataset", count: int, split: "Split" = "calibration") -> tuple[Preview, ...]:
    """The first `count` samples of a split: the very batch that the network gets, back in pixels."""
    places = range(min(count, dataset.size(split)))
    if not places:
        return ()
    batch = dataset.batch(split, places)
    return tuple(preview(dataset, batch.first[place * batch.passes], dataset.label(split, place)) for place in places)


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
