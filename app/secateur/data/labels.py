"""Labels as a task needs them: class numbers, targets, or none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.dataset import Task
from secateur.data.description_file import Wish
from secateur.data.preprocessing import shape_text
from secateur.errors import UserError


def labels_for(
    name: str, count: int, labels: NDArray[Any] | None, classes: tuple[str, ...], wish: Wish
) -> tuple[Task, NDArray[Any], tuple[str, ...]]:
    """Task, labels of `count` samples and class names; what `wish` says goes before the source's own.

    Without labels the task is `none`; whole numbers are classes, other numbers targets of a regression.
    UserError where labels are missing, too few, negative, or beyond the class names.
    """
    if labels is None or wish.task == "none":
        if wish.task not in {None, "none"}:
            raise UserError(f"{name} has no labels, and {wish.task} needs them.", "Give labels, or say task: none.")
        return "none", np.zeros(count, dtype=np.int64), ()
    if len(labels) != count:
        raise UserError(f"{name} has {count:,} inputs and {len(labels):,} labels.", "Give one label for each input.")
    task: Task = wish.task or ("regression" if labels.dtype.kind == "f" else "classification")
    if task != "classification":
        return task, labels.astype(np.float32), ()
    numbers = class_numbers(labels, name)
    names = wish.classes or classes or tuple(str(n) for n in range(int(numbers.max()) + 1))
    if numbers.max() >= len(names):
        raise UserError(
            f"{name} has the label {numbers.max()}, and there are {len(names)} class names.",
            "Labels count from 0: correct them, or name every class.",
        )
    return task, numbers, names


def class_numbers(labels: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Labels as int64 class numbers: integers of shape (n,) or (n, 1), or one-hot rows."""
    if (
        labels.ndim == 2
        and labels.shape[1] > 1
        and ((labels == 0) | (labels == 1)).all()
        and (labels.sum(1) == 1).all()
    ):
        return np.asarray(labels.argmax(axis=1), dtype=np.int64)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.array_equal(labels, np.rint(labels)):
        raise UserError(
            f"The labels of {name} are no class numbers: {labels.dtype}, {shape_text(labels.shape)}.",
            "Give one whole number for each sample, or say task: regression in a data.yaml.",
        )
    if labels.min() < 0:
        raise UserError(f"{name} has the label {labels.min()}, and classes are numbered from 0.", "Correct the labels.")
    return np.asarray(labels, dtype=np.int64)
