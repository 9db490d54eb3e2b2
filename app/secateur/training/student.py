"""From an opened model to a trained one: what every training does around the loop, whatever it strives for."""

import copy
from dataclasses import replace

import torch  # noqa: TID253 - imported by methods' apply alone
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.training.hardware import Hardware
from secateur.training.loop import CHECKPOINT_SECONDS, train
from secateur.training.objectives.base import Objective
from secateur.training.quality import HeldOut
from secateur.training.schedule import TrainingPlan


def train_model(
    model: TorchModel,
    objective: Objective,
    plan: TrainingPlan,
    context: Context,
    *,
    teacher: TorchModel | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TorchModel:
    """A copy of `model` trained for `objective`; neither it nor `teacher` is changed. `context.data` must be there.

    The teacher's agreement with the student is shown while it trains, also where the objective does not ask it.
    """
    _refuse_quantized(model)
    example = example_of(context)
    hardware = Hardware(plan.precision, model.module, example)
    teaching = _frozen(teacher, hardware) if teacher is not None else None
    held_out = HeldOut.of(context.data, hardware.scorer(teaching) if teaching is not None else None)
    trained = train(
        model.module,
        objective,
        plan,
        context,
        hardware=hardware,
        held_out=held_out,
        teacher=teaching,
        checkpoint_seconds=checkpoint_seconds,
    )
    return replace(model, module=trained, lowered=None)


def example_of(context: Context) -> torch.Tensor:
    """Two calibration samples as the network is fed."""
    return torch.from_numpy(next(iter(context.data.batches("calibration", batch_size=2, limit=2)))[0])


def _frozen(teacher: TorchModel, hardware: Hardware) -> nn.Module:
    return hardware.place(copy.deepcopy(teacher.module)).eval().requires_grad_(False)


def _refuse_quantized(model: TorchModel) -> None:
    if model.encodings:
        raise UserError(
            f"Distillation trains float weights, and {model.name} is quantized already.",
            "Put the distillation step before the quantization step.",
        )
