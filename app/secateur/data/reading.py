"""What a task reads of the outputs of two networks for the same samples: what a person decides by when they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array, Batch
from secateur.data.task import Task
from secateur.errors import UserError


@dataclass(frozen=True, eq=False)
class Reading:
    """The task of some samples; outputs that are compared may be those of its first samples alone.

    Outputs of another form than the task reads are compared for themselves: then nothing is told here.
    """

    task: Task
    batch: Batch

    def agreement(self, ours: Sequence[Array], theirs: Sequence[Array]) -> float | None:
        """The share of equal decisions, 0..1; None where nothing is decided."""
        read = self._scores(ours), self._scores(theirs)
        if read[0] is None or read[1] is None:
            return None
        return self.task.agreement(self.task.answers(read[0]), self.task.answers(read[1]))

    def answers(self, outputs: Sequence[Array]) -> Array | None:
        """What the network answers, a row for each sample: scores where the answers are decisions and no numbers.

        Positions that fill up short texts are not in it.
        """
        scores = self._scores(outputs)
        answers = None if scores is None else self.task.answers(scores)
        return answers if answers is not None and np.issubdtype(answers.dtype, np.floating) else scores

    def place(self, outputs: Sequence[Array]) -> int | None:
        """The number of the output that the task judges by: it reads no other. None where it judges nothing."""
        try:
            return self.task.reads(outputs) if self.task.is_scored else None
        except UserError:
            return None

    def _scores(self, outputs: Sequence[Array]) -> NDArray[np.float32] | None:
        count = len(outputs[0]) // self.batch.passes
        part = self.batch if count == len(self.batch) else self.batch.head(count)
        try:
            return self.task.scores(outputs, part)
        except UserError:
            return None
