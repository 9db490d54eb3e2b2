"""Objectives that look at answers alone: the labels, and the teacher's softened scores."""

import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253

from secateur.training.objectives.base import Attached, Losses, Moment, Term


class LabelLoss:
    """The loss of the data's own task against its targets: of a classification the cross-entropy, in nats."""

    needs_teacher = False

    def __init__(self, weight: float = 1.0) -> None:
        self._weight = weight
        self.identity = f"labels × {weight}"

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        return _AttachedLabels([Term("label", None, self._weight)])


class _AttachedLabels(Attached):
    def forward(self, moment: Moment) -> Losses:
        return (moment.task.torch_loss(moment.answer, moment.targets),)


class Response:
    """How far the student is from the teacher, as the data's task tells it (`Task.torch_distance`).

    Of class scores T² × KL(teacher ‖ student), both softened by a temperature T, in nats: Hinton, Vinyals and Dean
    2015, arXiv:1503.02531.
    """

    needs_teacher = True

    def __init__(self, temperature: float, weight: float = 1.0) -> None:
        self._temperature, self._weight = temperature, weight
        self.identity = f"response T={temperature} × {weight}"

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        return _AttachedResponse(self._temperature, Term("distillation", None, self._weight))


class _AttachedResponse(Attached):
    def __init__(self, temperature: float, term: Term) -> None:
        super().__init__([term])
        self._temperature = temperature

    def forward(self, moment: Moment) -> Losses:
        return (moment.task.torch_distance(moment.answer, moment.teacher_answer, self._temperature),)
