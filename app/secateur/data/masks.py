"""Images with a mask for each, for segmentation: which belongs to which, and masks as class numbers of pixels.

A folder or a zip with `images/` and `masks/`, the same names below both (a suffix `_mask` counts for nothing), and
optionally `train` and `test` above or below them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from secateur.data.folders import TEST_NAMES, TRAIN_NAMES, Listing
from secateur.data.preprocessing import Preprocessing, pair
from secateur.data.samples import ImageReader
from secateur.errors import UserError

IMAGE_FOLDERS = ("images", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "mask", "annotations", "annotation", "segmentations", "segmentation")
IGNORED = 255
"""The number of a pixel that belongs to no class: as PASCAL VOC has it, and what surrounds a cut beyond the image."""

LOOKED_AT = 64
"""Masks that are looked at for how they number their classes."""

NAMED = 3
Parts = tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Places in the listing of image and mask, pair by pair, and the part of the data set that each lies in."""

    images: tuple[int, ...]
    masks: tuple[int, ...]
    parts: tuple[str, ...]
    notes: tuple[str, ...]

    def rows(self, part: str) -> NDArray[np.intp] | None:
        """Numbers of the pairs of one part; None where nothing is divided."""
        found = np.flatnonzero(np.array([one == part for one in self.parts]))
        return found.astype(np.intp) if len(found) else None


def has_masks(listing: Listing) -> bool:
    """Whether every image lies below a folder of images or one of masks, and there are both."""
    kinds = {_kind(parts) for parts in listing.images}
    return kinds == {"image", "mask"}


def _kind(parts: Parts) -> str:
    folders = [folder.lower() for folder in parts[:-1]]
    known = [folder for folder in folders if folder in IMAGE_FOLDERS or folder in MASK_FOLDERS]
    return "" if len(known) != 1 else "image" if known[0] in IMAGE_FOLDERS else "mask"


def pairs_of(listing: Listing, name: str) -> Pairs:
    """Every image with its mask; UserError where none has one. Images without a mask are left out and told."""
    images: dict[tuple[Parts, str], int] = {}
    masks: dict[tuple[Parts, str], int] = {}
    for place, parts in enumerate(listing.images):
        kind = _kind(parts)
        folders = tuple(f for f in parts[:-1] if f.lower() not in (*IMAGE_FOLDERS, *MASK_FOLDERS))
        stem = PurePosixPath(parts[-1]).stem
        key = (folders, re.sub(r"[_-]?masks?$", "", stem, flags=re.IGNORECASE) or stem if kind == "mask" else stem)
        (masks if kind == "mask" else images)[key] = place
    both = sorted(images.keys() & masks.keys())
    if not both:
        raise UserError(
            f"No image in {name} has a mask of the same name.", "Name images/cat.jpg and masks/cat.png alike."
        )
    notes = list(listing.notes)
    for found, what in ((images.keys() - masks.keys(), "without a mask"), (masks.keys() - images.keys(), "")):
        if found:
            names = ", ".join(stem for _, stem in sorted(found)[:NAMED]) + (", …" if len(found) > NAMED else "")
            kind = f"image{'s' if len(found) > 1 else ''} {what}" if what else f"mask{'s' if len(found) > 1 else ''}"
            notes.append(f"{len(found):,} {kind}{'' if what else ' without an image'} left out: {names}.")
    parts = tuple(_part(folders) for folders, _ in both)
    divided = parts if {"train", "test"} <= set(parts) else ("",) * len(parts)
    return Pairs(tuple(images[key] for key in both), tuple(masks[key] for key in both), divided, tuple(notes))


def _part(folders: Parts) -> str:
    low = {folder.lower() for folder in folders}
    return "train" if low & set(TRAIN_NAMES) else "test" if low & set(TEST_NAMES) else ""


@dataclass(frozen=True)
class Numbering:
    """How grey values are classes: as they are, or 255 as class 1 where masks hold nothing but 0 and 255."""

    is_black_and_white: bool
    highest: int
    notes: tuple[str, ...] = ()


def class_values(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The numbers in a mask, uint8 (height, width): of a palette the places in it, else the grey values.

    UserError where it is in colour, or holds numbers beyond 255.
    """
    if image.mode in {"P", "L", "1"} or image.mode.startswith("I"):
        values = np.asarray(image)
    elif image.mode in {"RGB", "RGBA", "LA"}:
        pixels = np.asarray(image.convert("RGB"))
        if not (pixels[..., :1] == pixels).all():
            raise UserError(
                f"The mask {name} is in colour.",
                "Save masks in one channel, with the number of its class in each pixel.",
            )
        values = pixels[..., 0]
    else:
        raise UserError(f"The mask {name} is of the kind {image.mode}.", "Save masks as PNG in one channel.")
    if values.dtype != np.bool_ and (values.min() < 0 or values.max() > IGNORED):
        raise UserError(
            f"The mask {name} holds numbers up to {values.max()}.",
            f"Number classes from 0 to {IGNORED - 1}; {IGNORED} is judged nowhere.",
        )
    return values.astype(np.uint8)


def numbering_of(reader: ImageReader, outputs: int | None) -> Numbering:
    """How the masks number their classes, by the first of them; `outputs` is how many the network tells apart.

    UserError where they hold more than those.
    """
    seen: set[int] = set()
    for index in range(min(len(reader), LOOKED_AT)):
        seen |= {int(value) for value in np.unique(class_values(reader.image(index), f"of image {index}"))}
    if seen == {0, IGNORED}:
        note = f"The masks hold 0 and {IGNORED} alone: {IGNORED} is read as class 1."
        return Numbering(True, 1, (note,))
    highest = max(seen - {IGNORED}, default=0)
    classes = {1: 2}.get(outputs or 0, outputs)
    if classes is not None and highest >= classes:
        raise UserError(
            f"The masks hold the class {highest}, and the network tells {classes} apart.",
            f"Number classes from 0; pixels of none are {IGNORED}.",
        )
    notes = [f"Pixels of {IGNORED} in a mask belong to no class and are not judged."] if IGNORED in seen else []
    return Numbering(False, highest, tuple(notes))


class MaskCache:
    """Masks as the preprocessing cuts their images, uint8 (height, width), kept where that takes little memory.

    Classes are taken from the nearest pixel; what lies beyond the image is judged nowhere. Safe from several threads.
    """

    def __init__(
        self, reader: ImageReader, preprocessing: Preprocessing, numbering: Numbering, *, limit: int = 500_000_000
    ) -> None:
        self._reader, self._preprocessing, self._numbering, self._lock = reader, preprocessing, numbering, Lock()
        shape = (len(reader), *preprocessing.size)
        self._kept: NDArray[np.uint8] | None = (
            np.empty(shape, np.uint8) if int(np.prod(shape, dtype=np.int64)) <= limit else None
        )
        self._known = np.zeros(len(reader), dtype=bool)

    def under(self, preprocessing: Preprocessing) -> "MaskCache":
        """The same masks under another preprocessing; itself where the size stays."""
        before = self._preprocessing
        if (before.resize, before.crop) == (preprocessing.resize, preprocessing.crop):
            return self
        return MaskCache(self._reader, preprocessing, self._numbering)

    def read(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """uint8 (n, height, width) of these samples of the whole set."""
        if self._kept is None:
            return np.stack([self._decode(int(sample)) for sample in samples])
        with self._lock:
            for sample in np.unique(samples[~self._known[samples]]):
                self._kept[sample] = self._decode(int(sample))
                self._known[sample] = True
            found: NDArray[np.uint8] = self._kept[samples]
            return found

    def _decode(self, sample: int) -> NDArray[np.uint8]:
        values = class_values(self._reader.image(sample), f"of image {sample}")
        if self._numbering.is_black_and_white:
            values = (values > 0).astype(np.uint8)
        return fitted(values, self._preprocessing)


def fitted(values: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """A mask in the size that its image gets: the nearest pixels, cut from the middle."""
    image = Image.fromarray(values)
    if preprocessing.resize is not None:
        image = preprocessing.resized(image, Image.Resampling.NEAREST)
    if preprocessing.crop is not None:
        high, wide = pair(preprocessing.crop)
        left, top = round((image.width - wide) / 2), round((image.height - high) / 2)
        cut = Image.new("L", (wide, high), IGNORED)
        cut.paste(image, (-left, -top))
        image = cut
    return np.asarray(image, dtype=np.uint8)


def check_sizes(images: ImageReader, masks: ImageReader, names: Sequence[str]) -> None:
    """UserError where the first masks are not as large as their images."""
    from secateur.data.remarks import upright

    for index in range(min(len(images), 4)):
        image, mask = upright(images.image(index))[0], masks.image(index)
        if image.size != mask.size:
            raise UserError(
                f"The mask of {names[index]} is {mask.width} × {mask.height}, and the image {image.width} × "
                f"{image.height}.",
                "Make every mask as large as its image.",
            )
