"""From an opened model to a trained one: what every training does around the loop, whatever it strives for."""

import copy
from dataclasses import replace

from torch import nn  # noqa: TID253

from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.graph.simulation import executable
from secateur.graph.trainable import TrainableSimulation, graph_with, trainable_simulation, trained_model
from secateur.training.hardware import Hardware
from secateur.training.loop import CHECKPOINT_SECONDS, train
from secateur.training.objectives.base import Objective
from secateur.training.quality import Fed, HeldOut, fed
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

    A model with encodings is trained through its simulation (quantization-aware training) and keeps them, but for the
    factors of a batch norm that its scales take in. The teacher's agreement with the student is shown while it trains,
    also where the objective does not ask it.
    """
    module = trainable_simulation(model) if model.encodings else model.module
    example = example_of(context)
    hardware = Hardware(plan.precision, module, example)
    teaching = _frozen(teacher, hardware) if teacher is not None else None
    held_out = HeldOut.of(context.data, hardware.scorer(teaching) if teaching is not None else None)
    if model.encodings:
        context.log(
            "Quantization-aware training: every pass rounds weights and activations as the file will have them."
        )
    trained = train(
        module,
        objective,
        plan,
        context,
        hardware=hardware,
        held_out=held_out,
        teacher=teaching,
        checkpoint_seconds=checkpoint_seconds,
    )
    if isinstance(trained, TrainableSimulation):
        return trained_model(model, trained)
    return replace(model, module=trained, lowered=graph_with(model, trained))


def example_of(context: Context) -> Fed:
    """Two calibration samples as the network is fed."""
    return fed(next(iter(context.data.batches("calibration", batch_size=2, limit=2))))


def _frozen(teacher: TorchModel, hardware: Hardware) -> nn.Module:
    return hardware.place(copy.deepcopy(executable(teacher))).eval().requires_grad_(False)
