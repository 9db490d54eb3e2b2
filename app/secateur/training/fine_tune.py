"""Fine-tuning on the one training loop: the labels alone, no teacher."""

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.training.objectives.answers import LabelLoss
from secateur.training.schedule import TrainingPlan
from secateur.training.student import train_model


def fine_tune(model: TorchModel, plan: TrainingPlan, context: Context) -> TorchModel:
    """A copy of `model` trained on the labels of `context.data`; UserError where it has none."""
    data = context.data
    if data is None:
        raise UserError("Fine-tuning needs data to train on.", "Open a data set, or name one with --data.")
    if not data.task.has_labels:
        raise UserError(
            f"Fine-tuning learns from labels, and {data.name} has no class labels.",
            "Use distillation, which learns from the original's answers, or open data with labels.",
        )
    return train_model(model, LabelLoss(), plan, context)
