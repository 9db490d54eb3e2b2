"""Images and masks, in a folder, a zip or arrays, as content for segmentation."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.content import Content
from secateur.data.description_file import Wish
from secateur.data.folders import Listing
from secateur.data.guesses import Guess
from secateur.data.masks import IGNORED, Numbering, check_sizes, numbering_of, pairs_of
from secateur.data.samples import ArrayImages, ImageReader
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
    scores = _scores(outputs)
    numbering = numbering_of(masks, scores)
    return Content(
        name,
        images,
        np.arange(len(pairs.images), dtype=np.int64),
        _class_names(name, classes, numbering, scores),
        pairs.rows("train"),
        pairs.rows("test"),
        notes=(*pairs.notes, *numbering.notes),
        masks=masks,
        task="segmentation",
        guesses=() if task else (Guess("task", "segmentation", f"{name} has a mask for each image"),),
    )


def read_masks(content: Content, wish: Wish, outputs: tuple[Port, ...]) -> Content:
    """`content` whose labels are masks, as segmentation; as it is where they are something else.

    Masks are whole numbers (n, height, width), or with one channel: of integers, or of any kind where a person says so
    or the network answers with a map. Those of images are cut and moved along with them; those of ready inputs are of
    the size that the network answers with. UserError where they do not fit images or network.
    """
    labels, is_map = content.labels, bool(outputs) and len(outputs[0].shape) == 4
    values = _one_channel(labels)
    if labels is None or values is None or content.masks is not None:
        return content
    if wish.task != "segmentation" and (wish.task is not None or not (is_map or labels.dtype.kind in "biu")):
        return content
    ignored = wish.parameters.get("ignore", IGNORED)
    numbers = np.where(values == ignored, IGNORED, values)
    guesses = () if wish.task else (Guess("task", "segmentation", f"each input of {content.name} has a mask"),)
    content = replace(content, task="segmentation", guesses=(*content.guesses, *guesses))
    if numbers.min() < 0 or numbers.max() > IGNORED:
        return content  # more classes than a mask of images holds: compared as they are
    masks, scores = ArrayImages(numbers.astype(np.uint8)), _scores(outputs)
    if isinstance(content.reader, ImageReader):
        check_sizes(content.reader, masks, [f"image {number}" for number in range(len(masks))])
    numbering = numbering_of(masks, scores)
    content = replace(
        content,
        classes=_class_names(content.name, wish.classes or content.classes, numbering, scores),
        notes=(*content.notes, *numbering.notes),
    )
    if isinstance(content.reader, ImageReader):
        return replace(content, masks=masks, labels=np.arange(len(masks), dtype=np.int64))
    return replace(content, labels=np.asarray(values > 0 if numbering.is_black_and_white else values, dtype=np.int64))


def _one_channel(labels: NDArray[Any] | None) -> NDArray[Any] | None:
    """Labels (n, height, width), of whole numbers; None where they are something else."""
    if labels is None or labels.ndim not in {3, 4} or labels.dtype.kind not in "biuf":
        return None
    if labels.ndim == 4:
        axis = next((axis for axis in (1, 3) if labels.shape[axis] == 1), None)
        if axis is None:
            return None
        labels = labels.squeeze(axis)
    is_whole = labels.dtype.kind != "f" or np.array_equal(labels, np.rint(labels))
    return labels.astype(np.int64) if is_whole and labels.size else None


def _scores(outputs: tuple[Port, ...]) -> int | None:
    """How many classes the network tells apart in a map."""
    return next((port.shape[1] for port in outputs if len(port.shape) == 4), None)


def _class_names(name: str, classes: tuple[str, ...], numbering: Numbering, scores: int | None) -> tuple[str, ...]:
    """The names of the classes, which are their numbers where nobody named them."""
    count = {None: numbering.highest + 1, 1: 2}.get(scores, scores) or 2
    if classes and len(classes) <= numbering.highest:
        raise UserError(
            f"The masks of {name} hold the class {numbering.highest}, and {len(classes)} classes are named.",
            "Name every class.",
        )
    return classes or tuple(str(number) for number in range(count))
