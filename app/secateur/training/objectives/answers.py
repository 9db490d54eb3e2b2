"""Objectives that look at answers alone: the labels, and the teacher's softened scores."""

import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.training.objectives.base import Attached, Losses, Moment, Term


class LabelLoss:
    """The loss of the data's own task against its labels: the cross-entropy of class scores, in nats."""

    needs_teacher = False

    def __init__(self, weight: float = 1.0) -> None:
        self._weight = weight
        self.identity = f"labels × {weight}"

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        return _AttachedLabels([Term("label", "nats", self._weight)])


class _AttachedLabels(Attached):
    def forward(self, moment: Moment) -> Losses:
        return (F.cross_entropy(moment.answer, moment.targets),)


class Response:
    """T² × KL(teacher ‖ student) of class scores that are softened by a temperature T, in nats.

    Hinton, Vinyals and Dean 2015, arXiv:1503.02531; T² keeps the gradient's size the same for every T.
    """

    needs_teacher = True

    def __init__(self, temperature: float, weight: float = 1.0) -> None:
        self._temperature, self._weight = temperature, weight
        self.identity = f"response T={temperature} × {weight}"

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        return _AttachedResponse(self._temperature, Term("distillation", "nats", self._weight))


class _AttachedResponse(Attached):
    def __init__(self, temperature: float, term: Term) -> None:
        super().__init__([term])
        self._temperature = temperature

    def forward(self, moment: Moment) -> Losses:
        return (softened_divergence(moment.teacher_answer, moment.answer, self._temperature),)


def softened_divergence(teacher: torch.Tensor, student: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² × KL(softmax(teacher / T) ‖ softmax(student / T)), the mean over the samples; scores (n, classes)."""
    distance = F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return distance * temperature**2
