"""What is minimised, against the formulas written out by hand and against gradients taken numerically."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from secateur.data.tasks import task_of
from secateur.data.tasks.classification import softened_divergence
from secateur.training.objectives.answers import LabelLoss, Response
from secateur.training.objectives.base import Attached, Moment, Term, Together

TEACHER = np.array([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]])
STUDENT = np.array([[1.0, 1.0, 0.0], [0.5, -0.5, 2.0]])
LABELS = np.array([0, 2])


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p ‖ q), the mean over the rows."""
    return float((p * np.log(p / q)).sum(axis=1).mean())


def moment(student: np.ndarray = STUDENT, teacher: np.ndarray = TEACHER, asked: list[int] | None = None) -> Moment:
    def ask() -> torch.Tensor:
        if asked is not None:
            asked.append(1)
        return torch.from_numpy(teacher)

    return Moment(
        task_of("classification"), {"x": torch.zeros(2, 1)}, 1, torch.from_numpy(LABELS), torch.from_numpy(student), ask
    )


def losses(objective: Any, at: Moment) -> list[float]:
    with objective.attach(nn.Identity(), nn.Identity(), ()) as attached:
        return [float(loss) for loss in attached(at)]


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0, 20.0])
def test_the_response_loss_is_t_squared_times_the_divergence_of_the_softened_answers(temperature: float) -> None:
    expected = temperature**2 * divergence(softmax(TEACHER / temperature), softmax(STUDENT / temperature))
    assert losses(Response(temperature), moment()) == [pytest.approx(expected, rel=1e-5)]


def test_the_divergence_is_of_the_teacher_from_the_student_and_not_the_other_way() -> None:
    forward, backward = divergence(softmax(TEACHER), softmax(STUDENT)), divergence(softmax(STUDENT), softmax(TEACHER))
    assert abs(forward - backward) > 0.01
    assert losses(Response(1.0), moment()) == [pytest.approx(forward, rel=1e-5)]


def test_the_gradient_of_the_response_loss_is_t_times_the_difference_of_probabilities() -> None:
    """d/dz T² KL = T × (softmax(student / T) − softmax(teacher / T)) / samples: what T² is there for."""
    temperature = 4.0
    student = torch.from_numpy(STUDENT).requires_grad_()
    softened_divergence(torch.from_numpy(TEACHER), student, temperature).backward()
    expected = temperature * (softmax(STUDENT / temperature) - softmax(TEACHER / temperature)) / len(STUDENT)
    assert student.grad is not None
    np.testing.assert_allclose(student.grad.numpy(), expected, atol=1e-12)


def test_the_gradient_of_the_response_loss_agrees_with_differences() -> None:
    student = torch.from_numpy(STUDENT).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: softened_divergence(torch.from_numpy(TEACHER), s, 3.0), (student,))


def test_the_label_loss_is_the_mean_surprise_at_the_labels() -> None:
    expected = -np.log(softmax(STUDENT)[np.arange(2), LABELS]).mean()
    assert losses(LabelLoss(), moment()) == [pytest.approx(float(expected), rel=1e-5)]


def test_terms_of_several_objectives_stand_side_by_side_with_their_factors() -> None:
    both = Together(Response(2.0, 0.7), LabelLoss(0.3))
    with both.attach(nn.Identity(), nn.Identity(), ()) as attached:
        assert attached.terms == (Term("distillation", None, 0.7), Term("label", None, 0.3))
        found = [float(loss) for loss in attached(moment())]
    assert found == losses(Response(2.0), moment()) + losses(LabelLoss(), moment())
    assert both.needs_teacher
    assert not LabelLoss().needs_teacher


def test_the_teacher_is_run_once_for_all_that_ask_and_not_at_all_where_nobody_does() -> None:
    asked: list[int] = []
    losses(Together(Response(2.0), Response(4.0)), moment(asked=asked))
    assert len(asked) == 1
    losses(LabelLoss(), moment(asked=asked))
    assert len(asked) == 1


def test_an_objective_that_does_not_fit_leaves_none_of_the_others_attached() -> None:
    closed = []

    class Held(Attached):
        def close(self) -> None:
            closed.append(True)

    class Fits:
        identity, needs_teacher = "fits", False

        def attach(self, *_: Any) -> Attached:
            return Held([Term("a")])

    class Refuses(Fits):
        def attach(self, *_: Any) -> Attached:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Together(Fits(), Refuses()).attach(nn.Identity(), None, ())
    assert closed == [True]
