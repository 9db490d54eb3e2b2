"""One label for each sample: the class with the highest score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array, Batch
from secateur.data.metric_values import cross_entropy, is_right, log_softmax, not_finite
from secateur.data.task import Task

if TYPE_CHECKING:
    import torch

GUESSES = {"top1": 1, "top5": 5}
"""How many of the best answers may be the right one."""


@dataclass(frozen=True)
class Classification(Task):
    """One of several classes for each sample, from a row of scores before softmax.

    Targets are int64 class numbers (n,). A network that answers with one number is a binary one: that number is the
    score of class 1 beside a score of 0 for class 0, so that softmax is its sigmoid. F1 is the mean over the classes;
    AUC is one class against the rest, and so is average precision, as means over the classes.
    """

    id: ClassVar[str] = "classification"
    title: ClassVar[str] = "Classification"

    @property
    def guesses(self) -> int:
        """How many guesses the metric gives the network."""
        return GUESSES.get(self.metric, 1)

    @property
    def counts_hits(self) -> bool:
        """Whether the metric is a share of right answers, of which chance is known."""
        return self.own is None and self.metric in GUESSES

    def scores(self, outputs: Sequence[Array], batch: Batch) -> NDArray[np.float32]:
        found = np.asarray(outputs[0], dtype=np.float32)
        if found.ndim == 1 or found.shape[1:] == (1,):
            column = found.reshape(-1, 1)
            return np.concatenate([np.zeros_like(column), column], axis=1)
        return found

    def told_target(self, target: Array, classes: Sequence[str]) -> str:
        return classes[int(target)]

    @property
    def chooses(self) -> bool:
        return True

    @property
    def loss_unit(self) -> str:
        return "nats"

    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        if self.metric not in GUESSES:
            return None
        return is_right(answers, targets, self.guesses).astype(np.float64)

    def value(self, answers: Array, targets: Array) -> float:
        from sklearn import metrics

        bad, classes = not_finite(answers), np.arange(answers.shape[1])
        if self.metric == "f1":  # over the classes that occur; one that is not finite is none of them
            guessed = np.where(bad, -1, answers.argmax(axis=1))
            asked = np.unique(targets)
            return float(metrics.f1_score(targets, guessed, labels=asked, average="macro", zero_division=0.0))
        if self.metric not in ("auc", "average_precision"):
            return super().value(answers, targets)
        present = [number for number in classes if 0 < (targets == number).sum() < len(targets)]
        if bad.any() or not present:
            return float("nan")
        shares = np.exp(log_softmax(answers))
        score = metrics.roc_auc_score if self.metric == "auc" else metrics.average_precision_score
        of_two = present[-1:] if len(classes) == 2 else present
        return float(np.mean([score(targets == number, shares[:, number]) for number in of_two]))

    def judged_by_class(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        if answers.ndim != 2:
            return None
        labels = targets.astype(np.int64)
        found = np.full((len(labels), max(answers.shape[1], int(labels.max(initial=0)) + 1)), np.nan)
        found[np.arange(len(labels)), labels] = is_right(answers, labels, self.guesses)
        return found

    def loss(self, scores: NDArray[np.float32], targets: Array) -> tuple[float, float] | None:
        if scores.ndim != 2:
            return None
        return cross_entropy(scores, targets), float(len(targets))

    def agreement(self, ours: Array, theirs: Array) -> float | None:
        return same_decisions(ours, theirs)

    def torch_scores(
        self, outputs: "Sequence[torch.Tensor]", inputs: "Mapping[str, torch.Tensor]", passes: int = 1
    ) -> "torch.Tensor":
        import torch

        found = outputs[0].float()
        if found.ndim == 1 or found.shape[1:] == (1,):
            column = found.reshape(-1, 1)
            return torch.cat([torch.zeros_like(column), column], dim=1)
        return found

    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        from torch.nn import functional as F  # noqa: N812

        return F.cross_entropy(scores, targets)

    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """T² × KL(teacher ‖ student) of the softened answers (Hinton et al. 2015, arXiv:1503.02531)."""
        return softened_divergence(teacher, student, temperature)


def same_decisions(ours: Array, theirs: Array) -> float | None:
    """Share of samples with the same largest of their scores (n, classes); None where these are no class scores.

    Where an answer is not finite there is no decision, and nothing to agree with.
    """
    if ours.ndim != 2 or ours.shape[1] < 2 or ours.shape != theirs.shape or not len(ours):
        return None
    same = ours.argmax(axis=1) == theirs.argmax(axis=1)
    return float((same & ~not_finite(ours) & ~not_finite(theirs)).mean())


def softened_divergence(teacher: "torch.Tensor", student: "torch.Tensor", temperature: float) -> "torch.Tensor":
    """T² × the mean over the rows of KL(teacher ‖ student), classes on axis 1, both softened by temperature T.

    T² keeps the gradient's size the same for every T.
    """
    from torch.nn import functional as F  # noqa: N812

    distance = F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher / temperature, dim=1),
        reduction="none",
        log_target=True,
    ).sum(dim=1)
    return distance.mean() * temperature**2
