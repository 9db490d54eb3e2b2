"""An opened data set: samples, labels and splits, and batches exactly as the network is fed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.augment import mirrored, shifted
from secateur.data.batch import Batch, Feed, Ragged
from secateur.data.masks import IGNORED, MaskCache
from secateur.data.preprocessing import Pixels, Preprocessing
from secateur.data.remarks import Remarks, upright
from secateur.data.samples import ImageReader
from secateur.data.splits import Indices, Split
from secateur.data.task import Task
from secateur.data.tasks.segmentation import Segmentation
from secateur.errors import UserError

Report = Callable[[int, int, str], None]

CACHE_LIMIT_BYTES = 1_500_000_000

ORDERED_AT_ONCE = 2_000
"""Samples that are put in order by their length at a time."""


class PixelCache:
    """Decoded images of a data set, uint8 after resize and crop, filled as they are asked for.

    Below `CACHE_LIMIT_BYTES` for the whole set they are kept (the array's pages are only taken when they are
    written); above it every batch is decoded anew. Safe to use from several threads.
    """

    def __init__(self, reader: ImageReader, preprocessing: Preprocessing, *, limit: int = CACHE_LIMIT_BYTES) -> None:
        self._reader, self._preprocessing, self._lock = reader, preprocessing, Lock()
        shape = (len(reader), *preprocessing.size, preprocessing.channels)
        self.is_kept = int(np.prod(shape, dtype=np.int64)) <= limit
        self._pixels: Pixels | None = np.empty(shape, np.uint8) if self.is_kept else None
        self._known = np.zeros(len(reader), dtype=bool)
        self.remarks = Remarks()

    def pixels(self, samples: NDArray[np.integer]) -> Pixels:
        """uint8 (n, height, width, channels) of these samples of the whole set."""
        if self._pixels is None:
            return np.stack([self._decode(int(sample)) for sample in samples])
        with self._lock:
            for sample in np.unique(samples[~self._known[samples]]):
                self._pixels[sample] = self._decode(int(sample))
                self._known[sample] = True
            kept: Pixels = self._pixels[samples]
            return kept

    def _decode(self, sample: int) -> Pixels:
        pixels, remarks = self._preprocessing.apply_and_tell(self._reader.image(sample))
        self.remarks.note(sample, remarks)
        return pixels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with their targets and the task that they are for, divided into splits (`data.splits`).

    `source` is what was opened; `images` reads single images, fed to the port `input_name`, or `inputs` batches of
    ready inputs for any number of ports (one of the two, the other is None); `labels` are the targets of all samples,
    as the task wants them (zeros without a task).
    `preprocessing` is resolved: nothing in it is left open (None for ready inputs). `mirror` says whether an
    image seen in a mirror keeps its meaning. `notes` are sentences about what was assumed or left out when the
    source was opened, `drawn` says which splits were drawn at random, `guessed` what was guessed of the source and why;
    `told` adds what was done to the samples since. Of a segmentation, `masks` are the targets, and `labels` their
    numbers. `said` is how the source was read, under the keys of a data.yaml.
    """

    name: str
    source: str
    task: Task
    classes: tuple[str, ...]
    labels: NDArray[Any]
    splits: Mapping[Split, Indices]
    input_name: str = "input"
    images: ImageReader | None = None
    inputs: Feed | None = None
    preprocessing: Preprocessing | None = None
    mirror: bool = True
    notes: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    cache: PixelCache | None = field(default=None, repr=False)
    masks: MaskCache | None = field(default=None, repr=False)
    said: dict[str, object] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """Name of what the task is judged by."""
        return self.task.metric

    @property
    def told(self) -> tuple[str, ...]:
        """Everything that a person should know of how this data is read: assumed, left out, read differently."""
        return (*self.notes, *(self.cache.remarks.sentences() if self.cache else ()))

    def size(self, split: Split) -> int:
        """Number of samples in the split."""
        return len(self.splits[split])

    def batches(self, split: Split, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """Inputs ready for the network with their targets, in the same order on every call; the last may be short.

        Images are float32 NCHW unless the preprocessing says otherwise. `limit` takes the first samples only, a fair
        sample of the split. Samples that differ in length come ordered by it (`alike`).
        """
        count = self.size(split) if limit is None else min(limit, self.size(split))
        for places in self.alike(split, np.arange(count), batch_size):
            yield self.batch(split, places)

    def alike(self, split: Split, places: Sequence[int] | NDArray[np.integer], most: int) -> Iterator[Indices]:
        """These places of the split in groups of at most `most`, each for a batch.

        In their order where all samples are equally long. Else by length, the longest first, for a batch is as long as
        its longest sample: of texts drawn at random more than half of what a network computes is padding.
        """
        given = np.asarray(places, dtype=np.intp)
        if not isinstance(self.inputs, Ragged):
            yield from (given[start : start + most] for start in range(0, len(given), most))
            return
        block = max(ORDERED_AT_ONCE // most, 1) * most
        for begin in range(0, len(given), block):
            block_places = given[begin : begin + block]
            lengths = self.inputs.lengths(self.splits[split][block_places])
            ordered = block_places[np.argsort(-lengths, kind="stable")]
            yield from (ordered[start : start + most] for start in range(0, len(ordered), most))

    def batch(self, split: Split, indices: Sequence[int] | NDArray[np.integer]) -> Batch:
        """The samples at these places of the split, as the network is fed."""
        samples = self.splits[split][np.asarray(indices, dtype=np.intp)]
        if self.cache is None:
            feed = self._feed()
            return Batch(feed.read(samples), self.labels[samples], feed.passes)
        return self._of_pixels(self.cache.pixels(samples), samples)

    def training_batch(
        self, indices: Sequence[int] | NDArray[np.integer], rng: np.random.Generator, augment: bool = True
    ) -> Batch:
        """Samples of the train split, images mirrored (where that keeps their meaning) and shifted at random.

        The same generator state gives the same batch. Ready inputs are never augmented,
        nor images whose masks have more classes than an image holds.
        """
        stays = (
            isinstance(self.task, Segmentation) and self.masks is None
        )  # masks of that many classes are not moved along
        if not augment or self.cache is None or stays:
            return self.batch("train", indices)
        samples = self.splits["train"][np.asarray(indices, dtype=np.intp)]
        pixels = self.cache.pixels(samples)
        if self.masks is not None:  # what is moved in from outside is black, and of no class: 255, turned round
            pixels = np.concatenate([pixels, IGNORED - self.masks.read(samples)[..., None]], axis=-1)
        pixels = shifted(mirrored(pixels, rng) if self.mirror else pixels, rng)
        if self.masks is not None:
            return self._of_pixels(pixels[..., :-1], samples, IGNORED - pixels[..., -1])
        return self._of_pixels(pixels, samples)

    def prepare(self, split: Split, progress: Report, chunk: int = 64) -> None:
        """Decode a split into memory now, reporting; does nothing where images are decoded batch by batch."""
        if self.cache is None or not self.cache.is_kept:
            return
        samples = self.splits[split]
        for start in range(0, len(samples), chunk):
            progress(start, len(samples), f"Decoding the {split} images")
            self.cache.pixels(samples[start : start + chunk])
        progress(len(samples), len(samples), f"Decoding the {split} images")

    def raw(self, split: Split, index: int) -> NDArray[np.uint8]:
        """One image as it was stored, upright and before resizing: uint8 (height, width, 3 or 1).

        A ready input is stretched from its least to its greatest value; one without rows and columns is
        shown as a single row.
        """
        sample = int(self.splits[split][index])
        if self.images is not None:
            image, _ = upright(self.images.image(sample))
            image = image if image.mode in {"L", "RGB"} else image.convert("RGB")
            pixels = np.asarray(image, dtype=np.uint8)
            return pixels[..., None] if pixels.ndim == 2 else pixels
        return stretched(next(iter(self._feed().read(self.splits[split][[index]]).values()))[0])

    def label(self, split: Split, index: int) -> str:
        """The target in words: the class name, the number of a regression, or nothing."""
        return self.task.told_target(self.targets(self.splits[split][[index]])[0], self.classes)

    def targets(self, samples: Indices) -> NDArray[Any]:
        """What the answers to these samples of the whole set are compared with."""
        return self.labels[samples] if self.masks is None else self._judged(self.masks.read(samples))

    def _judged(self, masks: Pixels) -> NDArray[np.int64]:
        """Class numbers of pixels as the task takes them: its own number for those that are not judged."""
        ignore = self.task.ignore if isinstance(self.task, Segmentation) else IGNORED
        return np.where(masks == IGNORED, ignore, masks.astype(np.int64))

    def with_preprocessing(self, preprocessing: Preprocessing) -> "Dataset":
        """The same samples under another resolved preprocessing; decoded images of the same size are kept."""
        if self.images is None or self.preprocessing is None:
            raise UserError(f"{self.name} holds ready inputs, which are not preprocessed.", "Change the data itself.")
        before, after = self.preprocessing, preprocessing
        same = (before.resize, before.crop, before.channels) == (after.resize, after.crop, after.channels)
        cache = self.cache if same else PixelCache(self.images, preprocessing)
        masks = self.masks.under(preprocessing) if self.masks else None
        return replace(self, preprocessing=preprocessing, cache=cache, masks=masks)

    def _of_pixels(self, pixels: Pixels, samples: Indices, masks: Pixels | None = None) -> Batch:
        assert self.preprocessing is not None  # noqa: S101 - a data set with a cache has one
        targets = self.targets(samples) if masks is None else self._judged(masks)
        return Batch({self.input_name: self.preprocessing.normalise(pixels)}, targets)

    def _feed(self) -> Feed:
        if self.inputs is None:
            raise TypeError("a data set of images has no ready inputs")
        return self.inputs


def stretched(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Any array as a grey or colour image (h, w, 1 or 3), from its least value (black) to its greatest."""
    grid = np.asarray(values, dtype=np.float32)
    if grid.ndim == 3 and grid.shape[0] in {1, 3}:
        grid = grid.transpose(1, 2, 0)
    elif grid.ndim != 3 or grid.shape[-1] not in {1, 3}:
        grid = grid.reshape(-1, grid.shape[-1] if grid.ndim > 1 else max(1, grid.size))[..., None]
    low, high = float(grid.min()), float(grid.max())
    gain = 255 / (high - low) if high > low else 0.0
    return np.asarray(np.rint((grid - low) * gain), dtype=np.uint8)
