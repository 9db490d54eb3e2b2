"""What a network lost on which part of the samples: by class where there are classes, by target where there are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array
from secateur.data.metric_values import Z95
from secateur.data.task import Task
from secateur.model.run_details import PartChange

MOST = 100
"""Parts that a document holds: of more, those that lost most."""
_NAMED_PARTS = ("lowest third of the targets", "middle third of the targets", "highest third of the targets")


@dataclass(frozen=True)
class Part:
    """Samples (their numbers) and what is judged of each, before and after."""

    name: str
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def part_changes(
    task: Task, before: Array, after: Array, targets: Array, classes: Sequence[str] = ()
) -> tuple[PartChange, ...]:
    """What changed on each part, those that lost most first; nothing where the task has no parts or forms differ.

    `before` and `after` are two networks' answers to the same samples.
    """
    if before.shape != after.shape or not len(after):
        return ()
    first, second = task.judged_by_class(before, targets), task.judged_by_class(after, targets)
    if first is not None and second is not None:
        found = [
            _change(Part(_name(classes, number), first[:, number], second[:, number]), task.judged_as, True)
            for number in range(min(first.shape[1], second.shape[1]))
        ]
    else:
        found = [_change(part, "mean absolute error", False) for part in _by_target(task, before, after, targets)]
    known = [change for change in found if change is not None]
    return tuple(sorted(known, key=lambda change: change.gain)[:MOST])


def _name(classes: Sequence[str], number: int) -> str:
    return classes[number] if number < len(classes) else str(number)


def _by_target(task: Task, before: Array, after: Array, targets: Array) -> list[Part]:
    """Thirds of the targets, and the tenth that the original was furthest from: fixed without a look at the result."""
    first, second = task.off_by_sample(before, targets), task.off_by_sample(after, targets)
    if first is None or second is None or len(first) < 30:
        return []
    middle = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1).mean(axis=1)
    order = np.argsort(middle, kind="stable")
    parts = [
        Part(name, first[rows], second[rows]) for name, rows in zip(_NAMED_PARTS, np.array_split(order, 3), strict=True)
    ]
    worst = np.argsort(first, kind="stable")[-(len(first) // 10) :]
    return [*parts, Part("tenth that the original is furthest from", first[worst], second[worst])]


def _change(part: Part, measure: str, is_share: bool) -> PartChange | None:
    """The mean of a part before and after, with the 95 % interval of its paired difference; None for an empty part."""
    known = np.isfinite(part.before) & np.isfinite(part.after)
    before, after = part.before[known], part.after[known]
    n = len(before)
    if not n:
        return None
    difference = after - before
    if is_share and bool((np.isin(before, (0, 1)) & np.isin(after, (0, 1))).all()):
        low, high = _of_pairs(int((difference > 0).sum()), int((difference < 0).sum()), n)
    else:
        mean = float(difference.mean())
        half = Z95 * float(difference.std(ddof=1)) / sqrt(n) if n > 1 else float("inf")
        low, high = mean - half, mean + half
    return PartChange(
        name=part.name,
        samples=n,
        before=float(before.mean()),
        after=float(after.mean()),
        low=low if np.isfinite(low) else -1.0,
        high=high if np.isfinite(high) else 1.0,
        measure=measure,
        is_share=is_share,
    )


def _of_pairs(gained: int, lost: int, n: int) -> tuple[float, float]:
    """95 % interval of the difference of two shares on the same samples: Agresti and Min's adjusted Wald interval.

    Half a sample is added to each of the four cells (Statistics in Medicine 24, 2005, 729–740), so that a class
    without any change has an interval all the same.
    """
    whole, changed = n + 2, gained + lost + 1
    mean = (gained - lost) / whole
    half = Z95 * sqrt(changed - (gained - lost) ** 2 / whole) / whole
    return mean - half, mean + half
