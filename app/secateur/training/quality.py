"""How good a network in training is on samples that it does not learn from, and how like its teacher."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by the training loop alone
from numpy.typing import NDArray

from secateur.data.metric_values import GUESSES, agreement, metric_of
from secateur.data.preview import Preview, previews
from secateur.errors import UserError
from secateur.training.curves import SoftAnswers

HELD_OUT_SAMPLES: Final = 512
HELD_OUT_SHARE: Final = 0.2
"""Of a small train split, at most this much is held out."""
SHOWN_SAMPLES: Final = 8

Run = Callable[[torch.Tensor], torch.Tensor]
"""Inputs → class scores (n, classes), float32 on the CPU."""


@dataclass(frozen=True, eq=False)
class Quality:
    """`metric` is None without labels, `agreement` without a teacher to agree with; `scores` are (n, classes)."""

    metric: float | None
    agreement: float | None
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Samples of the calibration split, which training leaves out, with the teacher's scores on them.

    `labels` is None where the data has no classes, `teacher` where there is none; `metric` is the data set's own.
    """

    inputs: tuple[torch.Tensor, ...]
    labels: NDArray[np.int64] | None
    metric: str
    teacher: NDArray[np.float32] | None
    previews: tuple[Preview, ...]

    @classmethod
    def of(cls, data: Any, teacher: Run | None) -> "HeldOut":
        """The first calibration samples, in batches; the teacher answers once and for all."""
        batches = list(data.batches("calibration", batch_size=128, limit=held_out_count(data)))
        inputs = tuple(torch.from_numpy(np.ascontiguousarray(x)) for x, _ in batches)
        labels = np.concatenate([y for _, y in batches]) if data.task == "classification" else None
        scores = np.concatenate([teacher(batch).numpy() for batch in inputs]) if teacher else None
        shown = min(SHOWN_SAMPLES, sum(len(batch) for batch in inputs))
        return cls(inputs, labels, data.metric, scores, previews(data, shown))

    def measure(self, run: Run) -> Quality:
        """Quality of the network that `run` executes (in evaluation mode)."""
        scores = np.concatenate([run(batch).numpy() for batch in self.inputs])
        scored = self.labels is not None and self.metric in GUESSES
        measured = metric_of(self.metric, scores, self.labels) if scored and self.labels is not None else None
        agreed = agreement(self.teacher, scores) if self.teacher is not None else None
        return Quality(measured.value if measured else None, agreed, scores)

    def answers(self, scores: NDArray[np.float32]) -> SoftAnswers:
        """Teacher's and student's scores on the first few samples, with their previews."""
        count = len(self.previews)
        teacher = self.teacher[:count] if self.teacher is not None else None
        return SoftAnswers(teacher, scores[:count], self.previews)


def held_out_count(data: Any) -> int:
    """How many calibration samples training leaves out; UserError where the data is too small for both."""
    train, calibration = int(data.size("train")), int(data.size("calibration"))
    if train < 2 or calibration < 1:
        raise UserError(f"{data.name} has {train} training samples: too few to train on.", "Choose a larger data set.")
    return min(HELD_OUT_SAMPLES, calibration, max(1, int(train * HELD_OUT_SHARE)))


def training_places(data: Any) -> NDArray[np.int64]:
    """Places in the train split of the samples that are not held out."""
    held_out = data.splits["calibration"][: held_out_count(data)]
    return np.asarray(np.flatnonzero(~np.isin(data.splits["train"], held_out)), dtype=np.int64)
