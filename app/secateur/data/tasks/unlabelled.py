"""Data without targets: it serves speed, damage and agreement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array
from secateur.data.task import Task
from secateur.data.tasks.classification import same_decisions, softened_divergence

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Unlabelled(Task):
    """Nothing that answers could be compared with. Rows of several numbers are taken for scores of classes."""

    id: ClassVar[str] = "none"
    title: ClassVar[str] = "No task"

    @property
    def is_scored(self) -> bool:
        return False

    @property
    def has_labels(self) -> bool:
        return False

    def told_target(self, target: Array, classes: Sequence[str]) -> str:
        return ""

    @property
    def chooses(self) -> bool:
        return True

    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        return None

    def agreement(self, ours: Array, theirs: Array) -> float | None:
        return same_decisions(ours, theirs)

    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        raise TypeError("data without labels has no loss")

    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """That of class scores where the answers look like them, else the squared error."""
        if student.ndim == 2 and student.shape[1] > 1:
            return softened_divergence(teacher, student, temperature)
        return ((student - teacher) ** 2).mean()
