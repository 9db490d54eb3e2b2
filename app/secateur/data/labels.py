"""Labels as a task needs them: class numbers, targets, or none; and how they were read where that is a guess."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.description_file import Wish
from secateur.data.preprocessing import shape_text
from secateur.errors import UserError
from secateur.model.description import Port


@dataclass(frozen=True, eq=False)
class Labels:
    """`values` are int64 class numbers (n,), float32 targets (n, …), or zeros without a task.

    `classes` are empty but for a classification; `notes` say how the labels were read, where they could have been
    read otherwise.
    """

    task: str
    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def scores_of(outputs: tuple[Port, ...]) -> int | None:
    """How many numbers the network answers for a sample, where it answers with a row of them; None where unknown."""
    shape = outputs[0].shape[1:] if outputs else (None,)
    return 1 if not shape else shape[0] if len(shape) == 1 else None


def labels_for(
    name: str,
    count: int,
    labels: NDArray[Any] | None,
    classes: tuple[str, ...],
    wish: Wish,
    outputs: tuple[Port, ...] = (),
) -> Labels:
    """The labels of `count` samples for a network with these outputs; what `wish` says goes before all else.

    Without labels the task is `none`. Whole numbers are classes, and so are one-hot rows, and floats that are whole
    numbers where the network answers with several scores; other numbers are targets of a regression. UserError
    where labels are missing, too few, negative, or beyond the class names.
    """
    if labels is None or wish.task == "none":
        if wish.task not in {None, "none"}:
            raise UserError(f"{name} has no labels, and {wish.task} needs them.", "Give labels, or say task: none.")
        return Labels("none", np.zeros(count, dtype=np.int64))
    if len(labels) != count:
        raise UserError(f"{name} has {count:,} inputs and {len(labels):,} labels.", "Give one label for each input.")
    scores = scores_of(outputs)
    task = wish.task or ("classification" if _are_classes(labels, scores) else "regression")
    if task == "multilabel":
        return _many_labels(labels, wish.classes or classes, name)
    if task == "segmentation":
        return Labels(task, labels.astype(np.int64), wish.classes or classes)
    if task != "classification":
        return Labels(task, labels.astype(np.float32))
    read = class_numbers(labels, name)
    known = len(wish.classes or classes) or scores
    if known and read.values.min() == 1 and read.values.max() == known:
        note = f"The labels run from 1 to {known}: they are read as counting from 1, so that 1 is the first class."
        read = replace(read, values=read.values - 1, notes=(*read.notes, note))
    highest = int(read.values.max())
    names = wish.classes or classes or tuple(str(n) for n in range(highest + 1))
    if highest >= len(names):
        raise UserError(
            f"{name} has the label {highest}, and there are {len(names)} class names.",
            "Labels count from 0: correct them, or name every class.",
        )
    return replace(read, classes=names)


def _many_labels(labels: NDArray[Any], classes: tuple[str, ...], name: str) -> Labels:
    """Rows of noughts and ones, (n, labels) float32."""
    if labels.ndim != 2 or not np.isin(labels, (0, 1)).all():
        raise UserError(
            f"The labels of {name} are no rows of noughts and ones: {labels.dtype}, {shape_text(labels.shape)}.",
            "Give a row for each sample, with a one for each label that it has.",
        )
    names = classes or tuple(str(n) for n in range(labels.shape[1]))
    return Labels("multilabel", labels.astype(np.float32), names)


def _are_classes(labels: NDArray[Any], scores: int | None) -> bool:
    """Whether labels of an unstated task are class numbers in some form."""
    if labels.dtype.kind != "f":
        return True
    if _is_one_hot(labels):
        return scores in {None, labels.shape[1]}
    is_column = labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)
    is_whole = np.array_equal(labels, np.rint(labels)) and labels.min() >= 0
    return bool(is_column and is_whole and scores is not None and scores > 1)


def _is_one_hot(labels: NDArray[Any]) -> bool:
    """Whether these are rows (n, classes) of noughts with a single one in each."""
    is_wide = labels.ndim == 2 and labels.shape[1] > 1
    return bool(is_wide and ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all())


def class_numbers(labels: NDArray[Any], name: str) -> Labels:
    """Labels as int64 class numbers: whole numbers of shape (n,) or (n, 1), or one-hot rows; without class names."""
    if _is_one_hot(labels):
        note = f"The labels are one-hot rows of {labels.shape[1]}: each is read as the number of its class."
        return Labels("classification", np.asarray(labels.argmax(axis=1), dtype=np.int64), notes=(note,))
    notes = []
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
        notes.append("The labels are a column (n × 1): each is read as the number of its class.")
    if labels.ndim != 1 or not np.array_equal(labels, np.rint(labels)):
        raise UserError(
            f"The labels of {name} are no class numbers: {labels.dtype}, {shape_text(labels.shape)}.",
            "Give one whole number for each sample, or say task: regression in a data.yaml.",
        )
    if labels.min() < 0:
        raise UserError(f"{name} has the label {labels.min()}, and classes are numbered from 0.", "Correct the labels.")
    if labels.dtype.kind == "f":
        notes.append(
            f"The labels are {labels.dtype}, but whole numbers: they are read as class numbers. "
            "Say task: regression in a data.yaml where they are targets."
        )
    return Labels("classification", np.asarray(labels, dtype=np.int64), notes=tuple(notes))


def scale_of(labels: Labels) -> dict[str, object]:
    """Where targets of a similarity begin and end: the network's cosine is compared on that scale."""
    if labels.task != "similarity" or not len(labels.values):
        return {}
    return {"low": min(0.0, float(labels.values.min())), "high": float(labels.values.max())}
