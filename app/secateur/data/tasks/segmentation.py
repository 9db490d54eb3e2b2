"""A class for each pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array, Batch
from secateur.data.evidence import Evidence
from secateur.data.metric_values import Damages, divergences, log_softmax, resampled
from secateur.data.task import PARAMETER, Task
from secateur.data.tasks.classification import softened_divergence
from secateur.errors import UserError
from secateur.model.documents import Metric

if TYPE_CHECKING:
    import torch

UNDECIDED = -1
"""The class of a pixel whose scores are not finite."""


@dataclass(frozen=True)
class Segmentation(Task):
    """A class for each pixel, from scores before softmax (n, classes, height, width).

    Targets are int64 (n, height, width); pixels of the class `ignore` are not judged. Answers are the classes of the
    pixels, int16. One channel of scores is a binary mask: its scores stand beside 0 for the background. Mean IoU is
    that of all pixels together, a mean over the classes that occur in targets or answers.
    """

    id: ClassVar[str] = "segmentation"
    title: ClassVar[str] = "Segmentation"

    ignore: int = field(default=255, metadata=PARAMETER)

    def scores(self, outputs: Sequence[Array], batch: Batch) -> NDArray[np.float32]:
        found = np.asarray(outputs[0], dtype=np.float32)
        _check_maps(found.shape, batch.targets.shape)
        return np.concatenate([np.zeros_like(found), found], axis=1) if found.shape[1] == 1 else found

    def answers(self, scores: NDArray[np.float32]) -> Array:
        decided = np.isfinite(scores.max(axis=1))
        return np.where(decided, scores.argmax(axis=1), UNDECIDED).astype(np.int16)

    def told_target(self, target: Array, classes: Sequence[str]) -> str:
        """The classes that occur in the mask."""
        numbers = [int(number) for number in np.unique(target) if number != self.ignore]
        return ", ".join(classes[number] if number < len(classes) else str(number) for number in numbers)

    def unusable(self, answers: Array) -> NDArray[np.bool_]:
        return np.asarray((answers == UNDECIDED).reshape(len(answers), -1).any(axis=1))

    @property
    def loss_unit(self) -> str:
        return "nats"

    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        if self.metric != "pixel_accuracy":
            return None
        n = len(answers)
        judged = (targets != self.ignore).reshape(n, -1)
        right = (answers == targets).reshape(n, -1) & judged
        return np.asarray(right.sum(axis=1) / np.maximum(judged.sum(axis=1), 1), dtype=np.float64)

    def value(self, answers: Array, targets: Array) -> float:
        if self.metric != "mean_iou":
            return super().value(answers, targets)
        return _mean_iou(self._confusions(answers, targets).sum(axis=0))

    def measure(self, answers: Array, targets: Array) -> Metric | None:
        """As of every task; images are resampled by their confusion counts, which is far quicker than by pixels."""
        if self.metric != "mean_iou" or self.own or not len(answers):
            return super().measure(answers, targets)
        counts = self._confusions(answers, targets)
        value = _mean_iou(counts.sum(axis=0))
        if not isfinite(value):
            return None
        low, high = np.nanpercentile(
            [_mean_iou(counts[rows].sum(axis=0)) for rows in resampled(len(counts))], (2.5, 97.5)
        )
        return Metric(name=self.metric, value=value, ci95=(min(value, float(low)), max(value, float(high))))

    def evidence(self, answers: Array, targets: Array) -> Evidence | None:
        """Of a mean IoU: pixels in both and in either, by class. Masks themselves would be too much."""
        if self.metric != "mean_iou" or self.own or not len(answers):
            return super().evidence(answers, targets)
        return Evidence(np.stack(_overlaps(self._confusions(answers, targets).sum(axis=0))).astype(np.float64))

    def told_by(self, evidence: Evidence) -> float | None:
        if self.metric != "mean_iou" or self.own:
            return super().told_by(evidence)
        value = _mean_of_overlaps(evidence.sums[0], evidence.sums[1])
        return value if isfinite(value) else None

    def _confusions(self, answers: Array, targets: Array) -> NDArray[np.int64]:
        """How many pixels of each class were given each class, by sample: int64 (n, classes, classes).

        The last class of the answers stands for those that are undecided.
        """
        known = targets != self.ignore
        classes = int(max(targets[known].max(initial=0), answers.max(initial=0))) + 2
        guessed = np.where(answers == UNDECIDED, classes - 1, answers).astype(np.int64)
        counts = [
            np.bincount(classes * truth[judged] + guess[judged], minlength=classes**2).reshape(classes, classes)
            for truth, guess, judged in zip(targets, guessed, known, strict=True)
        ]
        return np.stack(counts)

    @property
    def judged_as(self) -> str:
        return "pixels found"

    def judged_by_class(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        counts = self._confusions(answers, targets)[:, :-1]
        there = counts.sum(axis=2)
        right = np.diagonal(counts, axis1=1, axis2=2)
        return np.where(there > 0, right / np.maximum(there, 1), np.nan)

    def loss(self, scores: NDArray[np.float32], targets: Array) -> tuple[float, float] | None:
        """Cross-entropy in nats of the judged pixels."""
        likelihood = log_softmax(np.moveaxis(scores, 1, -1))
        judged = targets != self.ignore
        picked = np.take_along_axis(likelihood, np.where(judged, targets, 0)[..., None].astype(np.int64), axis=-1)
        return float(-picked[..., 0][judged].sum()), float(judged.sum())

    def damages(self, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
        """KL divergence summed over the pixels, and how many pixels there are."""
        ours, theirs = np.moveaxis(reference, 1, -1), np.moveaxis(changed, 1, -1)
        return "nats", divergences(ours, theirs), np.full(len(ours), float(np.prod(ours.shape[1:-1])))

    def agreement(self, ours: Array, theirs: Array) -> float | None:
        """Share of pixels with the same class."""
        if ours.shape != theirs.shape or not ours.size:
            return None
        return float(((ours == theirs) & (ours != UNDECIDED)).mean())

    def torch_scores(
        self, outputs: "Sequence[torch.Tensor]", inputs: "Mapping[str, torch.Tensor]", passes: int = 1
    ) -> "torch.Tensor":
        import torch

        found = outputs[0].float()
        return torch.cat([torch.zeros_like(found), found], dim=1) if found.shape[1] == 1 else found

    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        from torch.nn import functional as F  # noqa: N812

        return F.cross_entropy(scores, targets.long(), ignore_index=self.ignore)

    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """T² × KL(teacher ‖ student) of each pixel's softened classes, a mean over pixels."""
        return softened_divergence(teacher, student, temperature)


def _mean_iou(counts: NDArray[np.int64]) -> float:
    """Intersection over union, a mean over the classes that occur; NaN where no pixel is judged."""
    return _mean_of_overlaps(*_overlaps(counts))


def _overlaps(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels in both and in either of answers and targets, by class (classes,)."""
    both = np.diag(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - both
    return both[:-1], union[:-1]  # the last is no class: it holds what is undecided


def _mean_of_overlaps(both: NDArray[Any], union: NDArray[Any]) -> float:
    asked = union > 0
    return float((both[asked] / union[asked]).mean()) if asked.any() else float("nan")


def _check_maps(scores: tuple[int, ...], targets: tuple[int, ...]) -> None:
    if len(scores) == 4 and (len(targets) != 3 or scores[2:] == targets[1:]):
        return
    has = " × ".join(map(str, scores[1:]))
    wanted = " × ".join(map(str, targets[1:]))
    raise UserError(
        f"Segmentation needs scores of classes for each pixel of a mask of {wanted}, and the network answers {has}.",
        "Open a network that answers classes × height × width, and masks of that size.",
    )
