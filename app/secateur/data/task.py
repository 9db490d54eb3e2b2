"""What the answers of a network mean, in one place: how they are read, judged, compared, and learned from.

Everything that depends on it asks the task: evaluation, sensitivity, training, proof. Three things are told apart:
*outputs* are what the network gives, all of them; *scores* are what is read of them, on which loss and damage are
defined; *answers* are what is kept of every sample, on which metrics and decisions are defined. Of most tasks they are
the same numbers. NumPy alone, but for the torch forms, which import torch themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array, Batch
from secateur.data.evidence import Evidence, mean_of, rows_of
from secateur.data.metric_values import Z95, Z999, Damages, damages, log_softmax, not_finite, resampled, wilson
from secateur.data.metrics import OwnMetric, kind_of, metrics_of_task
from secateur.errors import UserError
from secateur.model.documents import Metric

if TYPE_CHECKING:
    import torch

PARAMETER = {"is_parameter": True}
"""Metadata of a field that a person may set in a data.yaml, under its own name."""
NOT_SCORED = ("", "none", "agreement")
"""Metrics that are no comparison with targets."""


@dataclass(frozen=True)
class Task(ABC):
    """A task with the metric that it is judged by; `own` is a person's own metric, which goes before `metric`.

    A subclass has an `id` and a `title`, and says what is its own of the methods below.
    """

    id: ClassVar[str]
    title: ClassVar[str]

    metric: str = ""
    own: OwnMetric | None = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name in ("id", "title"):
            if name not in vars(cls):
                raise TypeError(f"the task {cls.__name__} has no {name}")

    # ------------------------------------------------------------------ how answers are read

    def reads(self, outputs: Sequence[Array]) -> int:
        """The number of the output that scores are read of, which is the only one. The first, unless said."""
        return 0

    def scores(self, outputs: Sequence[Array], batch: Batch) -> NDArray[np.float32]:
        """What is read of all `outputs` for `batch`: float32, a row for each sample. The first output, unless said."""
        return np.asarray(outputs[0], dtype=np.float32)

    def answers(self, scores: NDArray[np.float32]) -> Array:
        """What is kept of the scores for every sample: a row for each."""
        return scores

    def unusable(self, answers: Array) -> NDArray[np.bool_]:
        """Which of the samples (n,) have no usable answer: NaN or infinite numbers."""
        return not_finite(answers)

    def told_target(self, target: Array, classes: Sequence[str]) -> str:
        """One sample's target in words; a number, unless said."""
        return f"{float(np.ravel(target)[0]):.4g}"

    # ------------------------------------------------------------------ how they are judged

    @property
    def is_scored(self) -> bool:
        """Whether answers are compared with targets at all."""
        return self.metric not in NOT_SCORED

    @property
    def chooses(self) -> bool:
        """Whether scores are a row for each sample, of which the largest is the answer."""
        return False

    @property
    def has_labels(self) -> bool:
        """Whether there is a loss that labels alone can teach."""
        return True

    @property
    def loss_unit(self) -> str:
        """Unit of the loss and of the distance between answers; empty where it is that of the data, squared."""
        return ""

    @abstractmethod
    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        """The metric of each sample (n,), of which the metric is the mean; None where it is no mean over samples."""

    def value(self, answers: Array, targets: Array) -> float:
        """The metric of all samples together, where it is no mean over samples. NaN where it has no value."""
        raise UserError(f"There is no metric {self.metric!r}.", f"Known: {', '.join(metrics_of_task(self.id))}.")

    def measure(self, answers: Array, targets: Array) -> Metric | None:
        """The metric with its 95 % interval; None where nothing is scored or it has no value.

        Shares of right answers have Wilson's interval, other means a normal one, and the rest one from resampling
        (percentiles of `RESAMPLES` bootstrap samples, always the same ones).
        """
        if not self.is_scored or not len(answers):
            return None
        parts = None if self.own else self.per_sample(answers, targets)
        if parts is not None:
            return self._mean(parts)
        value = self._whole(answers, targets)
        if not isfinite(value):
            return None
        drawn = [self._whole(answers[rows], targets[rows]) for rows in resampled(len(answers))]
        known = [one for one in drawn if isfinite(one)] or [value]
        low, high = np.percentile(known, (2.5, 97.5))
        return Metric(name=self.metric, value=value, ci95=(min(value, float(low)), max(value, float(high))))

    def score(self, answers: Array, targets: Array) -> float | None:
        """The metric alone, without the interval that takes its time; None where nothing is scored or it has none."""
        value = self._whole(answers, targets) if self.is_scored and len(answers) else float("nan")
        return value if isfinite(value) else None

    def evidence(self, answers: Array, targets: Array) -> Evidence | None:
        """What is kept of these samples so that `told_by` has the metric; None where that would be too much.

        Where the metric is a mean over samples their sum, else the answers with their targets.
        """
        if not self.is_scored:
            return None
        parts = None if self.own else self.per_sample(answers, targets)
        return rows_of(answers, targets) if parts is None else mean_of(parts)

    def told_by(self, evidence: Evidence) -> float | None:
        """The metric of the samples that this is the evidence of; None where it has no value."""
        if evidence.rows:
            return self.score(*evidence.rows)
        value = float(evidence.sums[0, 0] / evidence.sums[1, 0])
        return value if isfinite(value) else None

    def change(self, before: Array, after: Array, targets: Array) -> tuple[float, float, float]:
        """(mean, low, high) of what the metric changes from one set of answers to another on the same samples.

        The interval is that of the paired differences, 99.9 % wide: both see the same samples, so that what is easy or
        hard about them counts for nothing; and a thousandth keeps chance from calling two equal networks different.
        """
        ours, theirs = (None if self.own else self.per_sample(given, targets) for given in (before, after))
        if ours is not None and theirs is not None:
            difference = theirs - ours
            mean = float(difference.mean())
            spread = float(difference.std(ddof=1)) / sqrt(len(difference)) if len(difference) > 1 else float("inf")
            return mean, mean - Z999 * spread, mean + Z999 * spread
        mean = self._whole(after, targets) - self._whole(before, targets)
        drawn = [
            self._whole(after[rows], targets[rows]) - self._whole(before[rows], targets[rows])
            for rows in resampled(len(after))
        ]
        spread = float(np.nanstd(drawn, ddof=1))
        return mean, mean - Z999 * spread, mean + Z999 * spread

    @property
    def judged_as(self) -> str:
        """What `judged_by_class` tells, in words."""
        return "right answers"

    def judged_by_class(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        """(n, classes): how right each sample is on each class, 0..1, NaN where it has not that class.

        None where there are no classes.
        """
        return None

    def off_by_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        """(n,): how far each answer is from its target, in the target's unit; None where that is no number."""
        return None

    def loss(self, scores: NDArray[np.float32], targets: Array) -> tuple[float, float] | None:
        """(sum, weight) of which the loss is sum ÷ weight, those of batches adding up; None where there is no loss."""
        return None

    # ------------------------------------------------------------------ how two networks are compared

    def damages(self, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
        """(unit, errors, weights) of two networks' scores, by sample: the damage is Σ errors ÷ Σ weights.

        `nats`, KL divergence, 1; or `relative error`, squared error, squares of the reference.
        """
        return damages(reference, changed)

    def unsure(self, reference: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """How far a small change may move each answer (n,), relative to others; None where they are not told apart.

        Of class scores (n, classes) 1 − Σ p²: the variance of one draw from the likelihoods.
        """
        unit, _, _ = self.damages(reference[:1], reference[:1])
        if unit != "nats" or reference.ndim != 2:
            return None
        return np.asarray(1.0 - (np.exp(log_softmax(reference)) ** 2).sum(axis=1))

    def damage(self, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> tuple[str, float, float]:
        """(unit, error, weight): the sums of `damages`, of which the damage is error ÷ weight; batches add up."""
        unit, errors, weights = self.damages(reference, changed)
        return unit, float(errors.sum()), float(weights.sum())

    def agreement(self, ours: Array, theirs: Array) -> float | None:
        """Share 0..1 of equal decisions in two networks' answers; None where nothing is decided."""
        return None

    # ------------------------------------------------------------------ how it is learned

    def torch_scores(
        self, outputs: "Sequence[torch.Tensor]", inputs: "Mapping[str, torch.Tensor]", passes: int = 1
    ) -> "torch.Tensor":
        """`scores` in torch, differentiable, float32. `inputs` are by port, `passes` rows for each sample."""
        return outputs[0].float()

    @abstractmethod
    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """The loss as a mean over the batch."""

    @abstractmethod
    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """How far the student's scores are from the teacher's, as a mean over the batch: what distillation lessens."""

    # ------------------------------------------------------------------ within

    def _mean(self, parts: NDArray[np.float64]) -> Metric | None:
        value, n = float(parts.mean()), len(parts)
        if not isfinite(value):
            return None
        if kind_of(self.metric).is_share and bool(((parts == 0) | (parts == 1)).all()):
            return Metric(name=self.metric, value=value, ci95=wilson(int(parts.sum()), n))
        half = Z95 * float(parts.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
        kind = kind_of(self.metric)
        low = value - half if kind.low is None else max(kind.low, value - half)
        high = value + half if kind.high is None else min(kind.high, value + half)
        return Metric(name=self.metric, value=value, ci95=(low, high))

    def _whole(self, answers: Array, targets: Array) -> float:
        """The metric of these samples, whatever kind it is."""
        if self.own is not None:
            from secateur.data.own_metric import own_value

            return own_value(self.own, answers, targets)
        parts = self.per_sample(answers, targets)
        return self.value(answers, targets) if parts is None else float(parts.mean())


def damage_of(task: Task, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    """The damage of all samples at once; never negative, NaN for NaN."""
    _, error, weight = task.damage(reference, changed)
    damage = error / weight if weight else 0.0
    return damage if isnan(damage) else max(0.0, damage)


def answers_warning(task: Task, answers: Array) -> str:
    """What to know of answers that are no numbers, as a sentence; empty where all are finite."""
    bad, n = int(task.unusable(answers).sum()), len(answers)
    if not bad:
        return ""
    which = f"All {n:,} answers are" if bad == n else f"{bad:,} of {n:,} answers are"
    return f"{which} not finite (NaN or infinity): they count as wrong, and an error has no mean with them."
