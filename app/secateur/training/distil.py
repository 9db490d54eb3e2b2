"""Response distillation on the one training loop: the student learns the teacher's softened answers."""

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - imported by the method's apply alone
from torch import nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.network import TorchModel, first_output, torch_only
from secateur.training.checkpoint import fingerprint
from secateur.training.hardware import Hardware
from secateur.training.loop import CHECKPOINT_SECONDS, Losses, train
from secateur.training.quality import HeldOut
from secateur.training.schedule import TrainingPlan

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset


class DistillationObjective:
    """alpha × cross-entropy + (1 − alpha) × T² × KL(teacher ‖ student), both softened by temperature T.

    Hinton, Vinyals and Dean 2015, arXiv:1503.02531. With alpha 0 the labels are not looked at, with alpha 1 the
    teacher is not asked.
    """

    def __init__(self, teacher: nn.Module, hardware: Hardware, *, temperature: float, alpha: float) -> None:
        self._teacher, self._hardware = teacher, hardware
        self._temperature, self._alpha = temperature, alpha
        self.identity = f"distillation T={temperature} alpha={alpha} {fingerprint('teacher', teacher)}"

    def loss(self, output: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> Losses:
        """`output` (n, classes) scores of the student, `labels` int64 (n,); losses in nats."""
        student = output.float()
        if self._alpha == 1.0:
            label = F.cross_entropy(student, labels)
            return {"loss": label, "label_loss": label}
        distillation = self._distance(student, inputs)
        if self._alpha == 0.0:
            return {"loss": distillation, "distillation_loss": distillation}
        label = F.cross_entropy(student, labels)
        total = self._alpha * label + (1.0 - self._alpha) * distillation
        return {"loss": total, "label_loss": label, "distillation_loss": distillation}

    def _distance(self, student: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """T² × KL(teacher ‖ student) of the softened answers."""
        with torch.no_grad(), self._hardware.autocast():
            target = first_output(self._teacher(inputs)).float()
        temperature = self._temperature
        distance = F.kl_div(
            F.log_softmax(student / temperature, dim=1),
            F.log_softmax(target / temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return distance * temperature**2


def distil(
    model: TorchModel,
    plan: TrainingPlan,
    context: Context,
    *,
    temperature: float,
    alpha: float,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TorchModel:
    """A copy of `model` trained to answer like `context.original`; neither is changed.

    `alpha` is the share of the labels in the loss, `temperature` softens both answers.
    """
    _refuse_quantized(model)
    data = context.data
    if data is None:
        raise UserError("Distillation needs data to train on.", "Open a data set, or name one with --data.")
    if context.original is None:
        raise UserError("Distillation needs the original as its teacher.", "Open the original model.")
    alpha = _usable_alpha(alpha, data, context)
    original = torch_only(context.original, "Distillation")
    example = torch.from_numpy(next(iter(data.batches("calibration", batch_size=2, limit=2)))[0])
    _check_scores(original, example)
    hardware = Hardware(plan.precision, model.module, example)
    teacher = hardware.place(copy.deepcopy(original.module)).eval().requires_grad_(False)
    objective = DistillationObjective(teacher, hardware, temperature=temperature, alpha=alpha)
    held_out = HeldOut.of(data, hardware.scorer(teacher))
    trained = train(
        model.module,
        objective,
        plan,
        context,
        hardware=hardware,
        held_out=held_out,
        checkpoint_seconds=checkpoint_seconds,
    )
    return replace(model, module=trained, lowered=None)


def _usable_alpha(alpha: float, data: "Dataset", context: Context) -> float:
    """The labels' share of the loss: none where the data has no classes, which is said; UserError for labels alone."""
    if data.task == "classification" or alpha == 0.0:
        return alpha
    if alpha == 1.0:
        raise UserError(
            f"With a label weight of 1 only labels are learned, and {data.name} has no class labels.",
            "Lower the label weight (alpha), or open data with labels.",
        )
    context.log(f"{data.name} has no class labels: the teacher's answers alone are learned.")
    return 0.0


def _refuse_quantized(model: TorchModel) -> None:
    if model.encodings:
        raise UserError(
            f"Distillation trains float weights, and {model.name} is quantized already.",
            "Put the distillation step before the quantization step.",
        )


def _check_scores(original: TorchModel, example: torch.Tensor) -> None:
    """UserError unless the teacher gives one row of class scores for each sample."""
    module = copy.deepcopy(original.module).eval()
    with torch.inference_mode():
        scores = first_output(module(example))
    if scores.ndim != 2 or scores.shape[1] < 2:
        shape = " × ".join(str(size) for size in scores.shape[1:]) or "one number"
        raise UserError(
            f"Distillation compares class scores, and {original.name} answers with {shape} for each sample.",
            "Choose a model with two classes or more.",
        )
