"""The one training loop: distillation, fine-tuning and quantization-aware training differ by their objective.

SGD with Nesterov momentum 0.9 under a one-cycle schedule, on Accelerate (float32 or bf16; CPU or the GPU that
is there), channels-last for image networks. Same plan, same machine, same number of threads: same result to
the last bit, also when it was interrupted and went on from its checkpoint.
"""

import copy
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by methods' apply alone
from torch import nn  # noqa: TID253

from secateur.data.batch import Batch
from secateur.errors import Cancelled, UserError
from secateur.graph.context import Context
from secateur.graph.trainable import TrainableSimulation
from secateur.training import checkpoint as checkpoints
from secateur.training.curves import LossTerm
from secateur.training.encoded import network_of, normalizable, rescaled
from secateur.training.hardware import Hardware
from secateur.training.normalization import LEAST_BATCH, TemporaryNorms, check_trains_on, set_training
from secateur.training.objectives.base import Attached, Losses, Moment, Objective
from secateur.training.quality import Fed, HeldOut
from secateur.training.record import Noted, Record
from secateur.training.schedule import Course, TrainingPlan
from secateur.training.zeros import KeptZeros

CHECKPOINT_SECONDS: Final = 20.0
CURVE_EVERY: Final = 10
"""Steps between two points of the curve."""
SEED_STRIDE: Final = 1_000_003
"""Keeps the seeds of neighbouring plans' steps apart."""


def train(
    module: nn.Module,
    objective: Objective,
    plan: TrainingPlan,
    context: Context,
    *,
    hardware: Hardware,
    held_out: HeldOut,
    teacher: nn.Module | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> nn.Module:
    """A trained copy of `module`, in evaluation mode; `module` and its tensors are not changed.

    Of a `TrainableSimulation` the weights are trained as they are rounded, on the same grid of integers.

    `teacher` is on `hardware` already, in evaluation mode; what the objective attaches to it is taken away again.
    Learns from `context.data`'s train split; with batches of one sample, batch norm keeps the statistics it has.
    Cancelled at any step it leaves a checkpoint in `context.folder`, and with `context.resume` it goes on from there.
    UserError where the loss
    is no longer a number or nothing can be trained.
    """
    with reproducible():
        training = _Training(module, objective, plan, context, hardware=hardware, held_out=held_out, teacher=teacher)
        training.checkpoint_seconds = checkpoint_seconds
        with training.attached:
            training.run()
        return training.result()


@contextmanager
def reproducible() -> Iterator[None]:
    """Deterministic kernels inside; the random state outside is left as it was."""
    with (
        torch.random.fork_rng(),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield


class _Training:
    """A training at step `step` of its course; `run` takes it to the end."""

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        plan: TrainingPlan,
        context: Context,
        *,
        hardware: Hardware,
        held_out: HeldOut,
        teacher: nn.Module | None,
    ) -> None:
        self._original, self._teacher, self._context = module, teacher, context
        self._hardware, self._held_out, self.checkpoint_seconds = hardware, held_out, CHECKPOINT_SECONDS
        self._samples = np.arange(context.data.size("train"), dtype=np.int64)
        self._course = Course(plan, len(self._samples))
        if note := check_trains_on(module, self._course.batch_size):
            context.log(note)
        identity = f"{plan} {objective.identity} {_data_identity(context.data)}"
        if isinstance(module, TrainableSimulation):
            identity += f" {checkpoints.encodings_identity(module.encodings)}"
        self._fingerprint = checkpoints.fingerprint(identity, module, *([teacher] if teacher else []))

        self._module = hardware.place(copy.deepcopy(module))
        self._zeros = KeptZeros(self._module)
        self._norms: TemporaryNorms | None = None
        if self._course.batch_size >= LEAST_BATCH:
            only = normalizable(module) if isinstance(module, TrainableSimulation) else None
            self._norms = TemporaryNorms(self._module, [hardware.tensors(held_out.inputs[0])], only=only)
        hardware.seed(plan.seed)  # the objective's own parameters start from it
        example = hardware.tensors(held_out.inputs[0])
        self._module.eval()
        self.attached: Attached = objective.attach(network_of(self._module), teacher, example).to(hardware.device)
        self._optimizer = _optimizer(self._module, self.attached, plan)
        self._student, self._optimizer = hardware.prepare(self._module, self._optimizer)
        self._record = Record(self._course, "images" if held_out.inputs[0][0].ndim == 4 else "samples")
        self._warned = False
        self._saved_at = time.monotonic()
        self.step = self._resumed(context.folder) if context.resume and context.folder else 0

    # ------------------------------------------------------------------ the course

    def run(self) -> None:
        for point in self._record.points:
            self._context.emit(point)
        try:
            self._context.data.prepare("train", self._context.progress)
            if self.step == 0:
                self._evaluate()
            while self.step < self._course.steps:
                self._advance()
        except Cancelled:
            self._save()
            raise
        self._save()

    def result(self) -> nn.Module:
        """The trained network with the original's own memory format and device."""
        trained, norms = copy.deepcopy(self._original), self._norms
        trained.load_state_dict(norms.state_without(self._module) if norms else self._module.state_dict())
        if norms and isinstance(trained, TrainableSimulation):
            trained.encode_weights(rescaled(trained.encodings.weights, norms.factors()))
        return trained.eval()

    def _advance(self) -> None:
        self._take_step()
        self.step += 1
        ended = self.step % self._course.steps_per_epoch == 0
        if self.step % self._course.evaluation_every == 0 or self.step == self._course.steps:
            self._evaluate()
        elif self.step % CURVE_EVERY == 0:
            self._context.emit(self._record.point(self.step))
        if ended or time.monotonic() - self._saved_at >= self.checkpoint_seconds:
            self._save()
        self._context.progress(self.step, self._course.steps, self._record.status(self.step))

    def _take_step(self) -> None:
        """One step of the optimizer. Everything random in it is derived from the plan's seed and the step."""
        started = time.perf_counter()
        plan, samples = self._course.plan, self._samples[self._course.positions(self.step)]
        self._hardware.seed((plan.seed * SEED_STRIDE + self.step) % 2**63)
        batch = self._context.data.training_batch(samples, self._course.chance(self.step), plan.augment)
        for group in self._optimizer.param_groups:
            group["lr"] = self._course.rate(self.step)
        set_training(self._student, len(samples), is_encoded=isinstance(self._module, TrainableSimulation))
        total, losses = self._losses(batch)
        self._optimizer.zero_grad()
        self._hardware.backward(total)
        noted = self._noted(total, losses)
        if not np.isfinite(noted.loss):
            raise self._astray()
        self._optimizer.step()
        self._zeros.restore()
        self._record.note(noted)
        self._record.clock(len(samples), time.perf_counter() - started)

    def _losses(self, batch: Batch) -> tuple[torch.Tensor, Losses]:
        """The total that is minimised and its terms, on one batch."""
        fed = {name: self._hardware.tensor(values) for name, values in batch.inputs.items()}
        targets, answered = self._hardware.tensor(batch.targets), self._student(*fed.values())
        task, inputs = self._context.data.task, tuple(fed.values())
        losses = self.attached(Moment(task, fed, batch.passes, targets, answered, lambda: self._ask_teacher(inputs)))
        weighted = [term.weight * loss for term, loss in zip(self.attached.terms, losses, strict=True)]
        return torch.stack(weighted).sum(), losses

    def _ask_teacher(self, inputs: Fed) -> Any:
        if self._teacher is None:
            raise ValueError("the objective asks for a teacher and does not say that it needs one")
        with torch.no_grad(), self._hardware.autocast():
            return self._teacher(*inputs)

    def _noted(self, total: torch.Tensor, losses: Losses) -> Noted:
        own = self._context.data.task.loss_unit
        terms = tuple(
            LossTerm(term.title, own if term.unit is None else term.unit, float(loss.detach()))
            for term, loss in zip(self.attached.terms, losses, strict=True)
        )
        return Noted(float(total.detach()), terms)

    def _astray(self) -> UserError:
        return UserError(
            f"Training went astray: its loss is no number at step {self.step + 1}.",
            f"Lower the learning rate {self._course.plan.learning_rate:g}; the original is unchanged.",
        )

    # ------------------------------------------------------------------ what is shown

    def _evaluate(self) -> None:
        """Measure on the held-out samples, without touching batch norm's statistics."""
        self._student.eval()
        quality = self._held_out.measure(self._hardware.scorer(self._student))
        if not self._record.has_losses:
            self._record.note(self._first_losses())
        self._context.emit(self._record.point(self.step, quality))
        if (answers := self._held_out.answers(quality)) is not None:
            self._context.emit(answers)

    def _first_losses(self) -> Noted:
        """Losses before the first step, on the first of its batches without learning from it."""
        samples = self._samples[self._course.positions(0)]
        batch = self._context.data.training_batch(samples, self._course.chance(0), False)
        with torch.no_grad():
            return self._noted(*self._losses(batch))

    # ------------------------------------------------------------------ checkpoints

    def _save(self) -> None:
        """Write the checkpoint; where that fails, say so once and train on: only resuming is lost."""
        if self._context.folder is None:
            return
        state = checkpoints.Checkpoint(
            self._fingerprint,
            self.step,
            self._module.state_dict(),
            self.attached.state_dict(),
            self._optimizer.state_dict(),
            tuple(self._record.points),
        )
        try:
            checkpoints.save(state, checkpoints.path_in(self._context.folder, self._fingerprint))
        except UserError as error:
            if not self._warned:
                self._context.log(str(error))
            self._warned = True
        self._saved_at = time.monotonic()

    def _resumed(self, folder: Path) -> int:
        """Take up the checkpoint and return its step; 0, and a line in the log, where none fits."""
        try:
            found = checkpoints.find(folder, self._fingerprint)
        except checkpoints.UnusableCheckpoint as reason:
            self._context.log(f"Training starts anew: {reason}.")
            return 0
        self._module.load_state_dict(dict(found.model))
        self.attached.load_state_dict(dict(found.objective))
        self._optimizer.load_state_dict(dict(found.optimizer))
        self._record.resume(found.curve)
        is_done = found.step >= self._course.steps
        self._context.log(
            f"All {self._course.steps} steps of this training were taken before."
            if is_done
            else f"Training goes on at step {found.step} of {self._course.steps}."
        )
        return found.step


def _data_identity(data: Any) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(data.labels).tobytes())
    for split in ("train", "validation"):
        digest.update(np.ascontiguousarray(data.splits[split]).tobytes())
    return f"{data.name} {data.preprocessing} {digest.hexdigest()}"


def _optimizer(module: nn.Module, attached: Attached, plan: TrainingPlan) -> Any:
    """SGD on the student and on what the objective owns, whose weight decay leaves biases and batch norm alone."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trainable:
        raise UserError("The network has no weights that can be trained.", "Open a model with float weights.")
    trainable += list(attached.parameters())
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]], lr=plan.learning_rate, momentum=0.9, nesterov=True
    )
