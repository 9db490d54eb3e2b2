"""Numbers that are to be met."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array
from secateur.data.metric_values import Damages, not_finite, relative_errors
from secateur.data.task import Task

if TYPE_CHECKING:
    import torch


def errors(answers: Array, targets: Array) -> NDArray[np.float64]:
    """Answers minus targets, (n, numbers of a sample) float64."""
    n = len(answers)
    return np.asarray(answers.reshape(n, -1).astype(np.float64) - targets.reshape(n, -1))


def correlation(kind: str, answers: Array, targets: Array) -> float:
    """Pearson's or Spearman's correlation of all numbers; NaN where one side does not vary or is no number."""
    from scipy import stats

    ours, theirs = (np.asarray(values, dtype=np.float64).ravel() for values in (answers, targets))
    if len(ours) < 2 or not np.isfinite(ours).all() or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return float("nan")
    found = stats.spearmanr(ours, theirs) if kind == "spearman" else stats.pearsonr(ours, theirs)
    return float(found[0])


@dataclass(frozen=True)
class Regression(Task):
    """One or several numbers for each sample. Targets are float32 (n, …), as many as the network answers with."""

    id: ClassVar[str] = "regression"
    title: ClassVar[str] = "Regression"

    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        if self.metric not in ("mse", "mae"):
            return None
        if not_finite(answers.reshape(len(answers), -1, 1)).any():
            return np.full(len(answers), np.nan)
        off = errors(answers, targets)
        return np.asarray((off**2 if self.metric == "mse" else np.abs(off)).mean(axis=1))

    def unusable(self, answers: Array) -> NDArray[np.bool_]:
        return np.asarray(~np.isfinite(answers.reshape(len(answers), -1)).all(axis=1))

    def value(self, answers: Array, targets: Array) -> float:
        if self.metric in ("pearson", "spearman"):
            return correlation(self.metric, answers, targets)
        return super().value(answers, targets)

    def off_by_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        return np.asarray(np.abs(errors(answers, targets)).mean(axis=1))

    def loss(self, scores: NDArray[np.float32], targets: Array) -> tuple[float, float] | None:
        """Squared error."""
        off = errors(scores, targets)
        return float((off**2).sum()), float(off.size)

    def damages(self, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
        return relative_errors(reference, changed)

    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        return ((scores.flatten(1) - targets.float().reshape(len(targets), -1)) ** 2).mean()

    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """Squared error; there is nothing to soften."""
        return ((student - teacher) ** 2).mean()
