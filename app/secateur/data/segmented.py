"""A folder or a zip of images and masks, as content for segmentation."""

from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from secateur.data.content import Content
from secateur.data.folders import Listing
from secateur.data.guesses import Guess
from secateur.data.masks import check_sizes, numbering_of, pairs_of
from secateur.data.samples import ImageReader
from secateur.errors import UserError
from secateur.model.description import Port

Task = str | None


def read_segmented(
    name: str,
    listing: Listing,
    reader_of: Callable[[tuple[int, ...]], ImageReader],
    outputs: tuple[Port, ...],
    classes: tuple[str, ...],
    task: Task,
) -> Content:
    """Pairs of image and mask; `reader_of` reads the images of a listing at these places.

    The labels are the numbers of the pairs: their masks are read when they are asked for. UserError where images and
    masks do not fit each other, or the masks the network.
    """
    if task not in {None, "segmentation", "none"}:
        raise UserError(
            f"{name} holds images and masks, and {task} has another kind of target.", "Say task: segmentation."
        )
    pairs = pairs_of(listing, name)
    images, masks = reader_of(pairs.images), reader_of(pairs.masks)
    check_sizes(images, masks, [PurePosixPath(listing.images[place][-1]).name for place in pairs.images])
    scores = next((port.shape[1] for port in outputs if len(port.shape) == 4), None)
    numbering = numbering_of(masks, scores)
    count = {None: numbering.highest + 1, 1: 2}.get(scores, scores) or 2
    if classes and len(classes) <= numbering.highest:
        raise UserError(
            f"The masks of {name} hold the class {numbering.highest}, and {len(classes)} classes are named.",
            "Name every class.",
        )
    return Content(
        name,
        images,
        np.arange(len(pairs.images), dtype=np.int64),
        classes or tuple(str(number) for number in range(count)),
        pairs.rows("train"),
        pairs.rows("test"),
        notes=(*pairs.notes, *numbering.notes),
        masks=masks,
        task="segmentation",
        guesses=() if task else (Guess("task", "segmentation", f"{name} has a mask for each image"),),
    )
