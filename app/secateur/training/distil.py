"""Distillation on the one training loop: the student learns the teacher's softened answers."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - imported by the method's apply alone

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.lowering import lower
from secateur.graph.network import TorchModel, first_output, torch_only
from secateur.graph.simulation import executable
from secateur.training.loop import CHECKPOINT_SECONDS
from secateur.training.objectives.answers import LabelLoss, Response
from secateur.training.objectives.base import Objective, Together
from secateur.training.objectives.features import Features, LayerPair
from secateur.training.quality import Fed
from secateur.training.schedule import TrainingPlan
from secateur.training.student import example_of, train_model

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset


def distil(
    model: TorchModel,
    plan: TrainingPlan,
    context: Context,
    *,
    temperature: float,
    alpha: float,
    features: Sequence[tuple[str, str, float]] = (),
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TorchModel:
    """A copy of `model` trained to answer like `context.original`; neither is changed.

    `alpha` is the share of the labels in the loss, `temperature` softens both answers: with alpha 0 the labels are
    not looked at, with alpha 1 the teacher's answers are not. `features` are (teacher's layer, student's layer,
    weight): with encodings the teacher is lowered as the student is, so that their layers have the same names and
    both have their batch norm in them.
    """
    data = context.data
    if data is None:
        raise UserError("Distillation needs data to train on.", "Open a data set, or name one with --data.")
    if context.original is None:
        raise UserError("Distillation needs the original as its teacher.", "Open the original model.")
    alpha = _usable_alpha(alpha, data, context)
    original = torch_only(context.original, "Distillation")
    if data.task.chooses:
        _check_scores(original, example_of(context))
    parts: list[Objective] = []
    if alpha < 1.0:
        parts.append(Response(temperature, 1.0 - alpha))
    if alpha > 0.0:
        parts.append(LabelLoss(alpha))
    if features:
        parts.append(Features([LayerPair(*pair) for pair in features]))
        original = lower(original, context) if model.encodings else original
    objective = Together(*parts)
    return train_model(model, objective, plan, context, teacher=original, checkpoint_seconds=checkpoint_seconds)


def _usable_alpha(alpha: float, data: "Dataset", context: Context) -> float:
    """The labels' share of the loss: none where the data has no classes, which is said; UserError for labels alone."""
    if data.task.has_labels or alpha == 0.0:
        return alpha
    if alpha == 1.0:
        raise UserError(
            f"With a label weight of 1 only labels are learned, and {data.name} has no class labels.",
            "Lower the label weight (alpha), or open data with labels.",
        )
    context.log(f"{data.name} has no class labels: the teacher's answers alone are learned.")
    return 0.0


def _check_scores(original: TorchModel, example: Fed) -> None:
    """UserError unless the teacher gives one row of class scores for each sample."""
    module = copy.deepcopy(executable(original)).eval()
    with torch.inference_mode():
        scores = first_output(module(*example))
    if scores.ndim != 2 or scores.shape[1] < 2:
        shape = " × ".join(str(size) for size in scores.shape[1:]) or "one number"
        raise UserError(
            f"Distillation compares class scores, and {original.name} answers with {shape} for each sample.",
            "Choose a model with two classes or more.",
        )
