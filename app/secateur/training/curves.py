"""What a running training shows. No torch: the window reads this."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secateur.data.preview import Preview


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One part of a loss, as its objective names it: its `value`, unweighted, in `unit` (empty for a bare number)."""

    title: str
    unit: str
    value: float


@dataclass(frozen=True)
class CurvePoint:
    """One point of a training curve; `epoch` is fractional. Shares in 0..1 or None.

    `loss` is the total that is minimised and `terms` the parts it is the weighted sum of, each the mean since the
    point before (at step 0: of the first batch, before learning from it); `metric` and `agreement` (with the
    teacher, where there is one) on held-out samples, only at evaluation points. A training that is repeated says in
    which of the `rounds` it is, from 1; 0 for any other. `training` tells the trainings of one plan apart.
    """

    step: int
    steps: int
    epoch: float
    epochs: int
    loss: float
    terms: tuple[LossTerm, ...] = ()
    metric: float | None = None
    agreement: float | None = None
    samples_per_second: float = 0.0
    round: int = 0
    rounds: int = 0
    training: str = ""

    @property
    def course(self) -> float:
        """Epochs since the first round began."""
        return self.epoch + self.epochs * max(self.round - 1, 0)

    @property
    def course_end(self) -> float:
        """Epochs of all rounds together."""
        return float(self.epochs * max(self.rounds, 1))

    def follows(self, earlier: "CurvePoint") -> bool:
        """Whether it can belong to the same curve as an earlier point: the same training, or its next round."""
        is_later = (earlier.round, earlier.step) <= (self.round, self.step)
        return is_later and (earlier.rounds, earlier.training) == (self.rounds, self.training)

    def term(self, title: str) -> float | None:
        """The value of the term of this title; None where the training has none."""
        return next((term.value for term in self.terms if term.title == title), None)


@dataclass(frozen=True, eq=False)
class SoftAnswers:
    """Teacher and student logits (n, classes) on a few held-out samples, with their previews.

    `teacher` is None where a training has none.
    """

    teacher: NDArray[np.float32] | None
    student: NDArray[np.float32]
    previews: "tuple[Preview, ...]"
