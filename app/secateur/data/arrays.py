"""Arrays as data: an .npz file, or what a person's own function returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from secateur import figures
from secateur.data.folders import open_archive
from secateur.data.samples import ArrayImages, ArrayInputs, Reader
from secateur.data.splits import Indices
from secateur.errors import UserError

INPUT_KEYS, LABEL_KEYS = ("images", "inputs"), ("labels", "targets", "masks")
SPLIT_KEYS = ("train", "test", "validation")
NOT_FED = (*LABEL_KEYS, *SPLIT_KEYS, "classes")
"""Names of arrays that are no inputs."""
DIVIDED_KEYS = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_inputs", "train_targets", "test_inputs", "test_targets"),
    ("train_images", "train_masks", "test_images", "test_masks"),
    ("x_train", "y_train", "x_test", "y_test"),
)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Inputs and labels of all samples, the source's own division and class names where it has them."""

    inputs: NDArray[Any]
    labels: NDArray[Any] | None
    train: Indices | None = None
    test: Indices | None = None
    validation: Indices | None = None
    classes: tuple[str, ...] = ()

    @property
    def are_images(self) -> bool:
        """Whether these are pixels: uint8, or uint16 in a shape that images have."""
        if self.inputs.dtype == np.uint16:
            return image_axes(self.inputs.shape[1:])
        return self.inputs.dtype == np.uint8 and self.inputs.ndim in {3, 4}

    def reader(self, dtype: str) -> Reader:
        """Pixels are images, everything else is ready inputs, cast to the network's `dtype`."""
        if not self.are_images:
            return ArrayInputs(self.inputs, np.dtype(dtype))
        return ArrayImages((self.inputs >> 8).astype(np.uint8) if self._is_deep else self.inputs.astype(np.uint8))

    @property
    def _is_deep(self) -> bool:
        return self.inputs.dtype == np.uint16 and bool(self.inputs.max() > 255)

    def notes(self, dtype: str) -> tuple[str, ...]:
        """How these arrays are read, where that is not what everybody would expect."""
        if self.are_images and self.inputs.dtype == np.uint16:
            how = "are reduced to the upper 8 of their 16 bits" if self._is_deep else "are read as 8-bit images"
            return (f"The inputs are uint16: they are taken for images and {how}.",)
        if not self.are_images and self.inputs.dtype.kind in "iub" and np.dtype(dtype).kind == "f":
            low, high = figures.thousands(int(self.inputs.min())), figures.thousands(int(self.inputs.max()))
            kind = self.inputs.dtype
            return (f"The inputs are {kind}, from {low} to {high}: they are fed as they are, as {dtype}.",)
        return ()


def read_npz(path: Path) -> Arrays:
    """The arrays of an .npz for one input; UserError where it is damaged, needs a pickle, or lacks a key."""
    return from_mapping(read_arrays(path), str(path))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz by name; UserError where it is damaged or needs a pickle."""
    with open_archive(path):
        pass  # checked for hostile members before numpy unpacks anything
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise UserError(f"{path} is damaged ({error}).", "Write it again with numpy.savez.") from None
        raise UserError(
            f"{path} holds arrays of Python objects, which could run code when they are read.",
            "Write plain numbers: numpy.savez(path, images=…, labels=…), all samples of one shape.",
        ) from None
    except (OSError, BadZipFile, EOFError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}).", "Write it again with numpy.savez.") from None
    return content


def from_mapping(content: Mapping[str, NDArray[Any]], name: str) -> Arrays:
    """Arrays by key: `images|inputs` with `labels|targets|masks`, or a `train_…` and `test_…` pair of each.

    Index arrays `train`, `test` and `validation`, and class names `classes`, are read where they are there.
    """
    classes = tuple(str(value) for value in content["classes"]) if "classes" in content else ()
    for keys in DIVIDED_KEYS:
        if all(key in content for key in keys):
            return _divided([content[key] for key in keys], name, classes)
    inputs = next((content[key] for key in INPUT_KEYS if key in content), None)
    if inputs is None:
        known = ", ".join(sorted(content)) or "nothing"
        raise UserError(f"{name} has no array named images or inputs.", f"It holds {known}: rename its arrays.")
    labels = next((content[key] for key in LABEL_KEYS if key in content), None)
    check_arrays(inputs, labels, name)
    train, test, validation = (indices_of(content, key, len(inputs), name) for key in SPLIT_KEYS)
    if test is not None and train is None:
        train = np.setdiff1d(np.arange(len(inputs)), test)
    return Arrays(inputs, labels, train, test, validation, classes)


def image_axes(shape: tuple[int, ...]) -> bool:
    """Whether the axes of one sample can be those of an image: rows and columns, with 1, 3 or 4 channels."""
    return len(shape) == 2 or (len(shape) == 3 and bool({shape[0], shape[2]} & {1, 3, 4}))


def check_arrays(inputs: NDArray[Any], labels: NDArray[Any] | None, name: str) -> None:
    """UserError where the arrays are empty, of different length, of objects, or hold NaN."""
    for key, values in (("inputs", inputs), ("labels", labels)):
        if values is None:
            continue
        if values.dtype.kind not in "biuf":
            raise UserError(f"The {key} of {name} are of type {values.dtype}, not numbers.", "Give arrays of numbers.")
        if values.ndim == 0 or len(values) == 0:
            raise UserError(f"{name} holds no {key}.", "Give two samples or more.")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(f"The {key} of {name} hold NaN or infinite values.", "Take those samples out.")
    if labels is not None and len(labels) != len(inputs):
        raise UserError(
            f"{name} holds {len(inputs):,} inputs and {len(labels):,} labels.",
            "Give one label for each input.",
        )


def _divided(parts: list[NDArray[Any]], name: str, classes: tuple[str, ...]) -> Arrays:
    train_inputs, train_labels, test_inputs, test_labels = parts
    check_arrays(train_inputs, train_labels, f"The train part of {name}")
    check_arrays(test_inputs, test_labels, f"The test part of {name}")
    if train_inputs.shape[1:] != test_inputs.shape[1:]:
        raise UserError(
            f"In {name}, training inputs have the shape {train_inputs.shape[1:]} and test inputs "
            f"{test_inputs.shape[1:]}.",
            "Give both the same shape.",
        )
    count, total = len(train_inputs), len(train_inputs) + len(test_inputs)
    return Arrays(
        np.concatenate([train_inputs, test_inputs]),
        np.concatenate([train_labels, test_labels]),
        np.arange(count),
        np.arange(count, total),
        classes=classes,
    )


def indices_of(content: Mapping[str, NDArray[Any]], key: str, count: int, name: str) -> Indices | None:
    """The numbers of the samples that are listed under `key`; None where there is no such list."""
    if key not in content:
        return None
    values = content[key]
    if values.dtype.kind not in "iu" or values.ndim != 1 or not len(values):
        raise UserError(f"{key} in {name} is not a list of sample numbers.", "Give a 1-D array of integers.")
    if values.min() < 0 or values.max() >= count:
        raise UserError(f"{key} in {name} names samples beyond the {count:,} there are.", "Correct the numbers.")
    return np.unique(values.astype(np.intp))
