"""Any number of labels for each sample, each answered for itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array
from secateur.data.metric_values import Damages, not_finite
from secateur.data.task import Task

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Multilabel(Task):
    """Each of several labels is there or not: a row of scores before the sigmoid, above 0 for yes.

    Targets are float32 rows (n, labels) of noughts and ones. F1, AUC and average precision are means over the labels
    that some samples have and others have not.
    """

    id: ClassVar[str] = "multilabel"
    title: ClassVar[str] = "Several labels"

    def unusable(self, answers: Array) -> NDArray[np.bool_]:
        return np.asarray(np.isnan(answers.reshape(len(answers), -1)).any(axis=1))

    def told_target(self, target: Array, classes: Sequence[str]) -> str:
        return ", ".join(name for name, is_there in zip(classes, target, strict=False) if is_there > 0.5) or "none"

    @property
    def loss_unit(self) -> str:
        return "nats"

    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        return None

    def value(self, answers: Array, targets: Array) -> float:
        from sklearn import metrics

        known = targets > 0.5
        asked = known.any(axis=0) & ~known.all(axis=0)
        if not asked.any():
            return float("nan")
        if self.metric == "f1":
            guessed = answers > 0  # NaN is not
            return float(metrics.f1_score(known[:, asked], guessed[:, asked], average="macro", zero_division=0.0))
        if self.metric not in ("auc", "average_precision"):
            return super().value(answers, targets)
        if not_finite(answers).any():
            return float("nan")
        score = metrics.roc_auc_score if self.metric == "auc" else metrics.average_precision_score
        return float(score(known[:, asked], answers[:, asked], average="macro"))

    @property
    def judged_as(self) -> str:
        return "labels found"

    def judged_by_class(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        return np.where(targets > 0.5, (answers > 0).astype(np.float64), np.nan)

    def loss(self, scores: NDArray[np.float32], targets: Array) -> tuple[float, float] | None:
        """Binary cross-entropy in nats, a mean over samples and labels."""
        exact = scores.astype(np.float64)
        terms = np.logaddexp(0.0, exact) - exact * targets
        return float(terms.sum()), float(terms.size)

    def damages(self, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
        """KL divergence summed over the labels, each a draw of yes or no."""
        p, q = reference.astype(np.float64), changed.astype(np.float64)
        share = np.exp(-np.logaddexp(0.0, -p))
        terms = share * (np.logaddexp(0.0, -q) - np.logaddexp(0.0, -p))
        terms += (1.0 - share) * (np.logaddexp(0.0, q) - np.logaddexp(0.0, p))
        return "nats", terms.reshape(len(p), -1).sum(axis=1), np.ones(len(p))

    def unsure(self, reference: NDArray[np.float32]) -> NDArray[np.float64]:
        """The variances of the labels' draws, added up."""
        share = np.exp(-np.logaddexp(0.0, -reference.astype(np.float64)))
        return np.asarray((share * (1.0 - share)).reshape(len(share), -1).sum(axis=1))

    def agreement(self, ours: Array, theirs: Array) -> float | None:
        if ours.shape != theirs.shape or not ours.size:
            return None
        same = ((ours > 0) == (theirs > 0)) & np.isfinite(ours) & np.isfinite(theirs)
        return float(same.mean())

    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        from torch.nn import functional as F  # noqa: N812

        return F.binary_cross_entropy_with_logits(scores, targets.float())

    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """T² × KL of each label's softened yes or no, summed over labels, a mean over samples."""
        from torch.nn import functional as F  # noqa: N812

        ours, theirs = student / temperature, teacher / temperature
        share = theirs.sigmoid()
        terms = share * (F.logsigmoid(theirs) - F.logsigmoid(ours))
        terms = terms + (1.0 - share) * (F.logsigmoid(-theirs) - F.logsigmoid(-ours))
        return terms.flatten(1).sum(dim=1).mean() * temperature**2
