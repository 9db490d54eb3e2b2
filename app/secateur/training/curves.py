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
    teacher, where there is one) on held-out samples, only at evaluation points.
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
