"""How good a network in training is on samples that it does not learn from, and how like its teacher."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by the training loop alone
from numpy.typing import NDArray

from secateur.data.batch import Batch
from secateur.data.preview import Preview, previews
from secateur.data.task import Task
from secateur.errors import UserError
from secateur.training.curves import SoftAnswers

BATCH: Final = 128
HELD_OUT_SAMPLES: Final = 512
"""Of the validation split, at most this many are run at each point of the curve."""
SHOWN_SAMPLES: Final = 8

Fed = tuple[torch.Tensor, ...]
"""What a network is fed at once, a tensor for each port."""
Run = Callable[[Fed], list[torch.Tensor]]
"""Inputs → all outputs, float32 on the CPU."""


@dataclass(frozen=True, eq=False)
class Quality:
    """`metric` is None without labels, `agreement` without a teacher to agree with.

    `scores` are the task's, of the first samples: what is shown of them.
    """

    metric: float | None
    agreement: float | None
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Samples of the validation split, which training leaves out, with the teacher's answers and first scores.

    Both are None where there is no teacher.
    """

    task: Task
    batches: tuple[Batch, ...]
    inputs: tuple[Fed, ...]
    teacher: NDArray[Any] | None
    teacher_scores: NDArray[np.float32] | None
    previews: tuple[Preview, ...]

    @classmethod
    def of(cls, data: Any, teacher: Run | None) -> "HeldOut":
        """The first validation samples, in batches; the teacher answers once and for all."""
        count = held_out_count(data)
        starts = range(0, count, BATCH)  # in the split's order, which the previews have too
        batches = tuple(data.batch("validation", range(start, min(start + BATCH, count))) for start in starts)
        inputs = tuple(fed(batch) for batch in batches)
        shown = min(SHOWN_SAMPLES, len(batches[0]))
        answers, scores = _answers(data.task, batches, inputs, teacher, shown) if teacher else (None, None)
        return cls(data.task, batches, inputs, answers, scores, previews(data, shown, "validation"))

    def measure(self, run: Run) -> Quality:
        """Quality of the network that `run` executes (in evaluation mode)."""
        answers, scores = _answers(self.task, self.batches, self.inputs, run, len(self.previews))
        targets = np.concatenate([batch.targets for batch in self.batches])
        agreed = self.task.agreement(self.teacher, answers) if self.teacher is not None else None
        return Quality(self.task.score(answers, targets), agreed, scores)

    def answers(self, quality: Quality) -> SoftAnswers | None:
        """Teacher's and student's scores on the first few samples, with their previews.

        None where they are no rows of which the largest is the answer: nothing of numbers, pairs and masks is softened.
        """
        if not self.task.chooses or quality.scores.ndim != 2:
            return None
        return SoftAnswers(self.teacher_scores, quality.scores, self.previews)


def fed(batch: Batch) -> Fed:
    """The inputs of a batch as tensors, which share their memory."""
    return tuple(torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays)


def _answers(
    task: Task, batches: tuple[Batch, ...], inputs: tuple[Fed, ...], run: Run, shown: int
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Answers to all samples, and the scores of the first few."""
    answers, first = [], None
    for batch, given in zip(batches, inputs, strict=True):
        scores = task.scores([output.numpy() for output in run(given)], batch)
        first = scores[:shown] if first is None else first
        answers.append(task.answers(scores))
    if first is None:
        raise ValueError("there are no held-out samples")
    return np.concatenate(answers), first


def held_out_count(data: Any) -> int:
    """On how many validation samples a training is followed; UserError where the data is too small to be divided."""
    train, validation = int(data.size("train")), int(data.size("validation"))
    if train < 1 or validation < 1:
        raise UserError(
            f"{data.name} has {train + validation if train else 0} training samples: too few to train on.",
            "Choose a larger data set.",
        )
    return min(HELD_OUT_SAMPLES, validation)
