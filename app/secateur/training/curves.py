"""What a running training shows. No torch: the window reads this."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secateur.data.preview import Preview


@dataclass(frozen=True)
class CurvePoint:
    """One point of a training curve; `epoch` is fractional. Losses in nats; shares in 0..1 or None.

    `loss` total, `label_loss` cross-entropy against labels, `distillation_loss` against the teacher, each the
    mean since the point before (at step 0: of the first batch, before learning from it); `metric` and
    `agreement` (with the teacher) on held-out samples, only at evaluation points.
    """

    step: int
    steps: int
    epoch: float
    epochs: int
    loss: float
    label_loss: float | None = None
    distillation_loss: float | None = None
    metric: float | None = None
    agreement: float | None = None
    samples_per_second: float = 0.0


@dataclass(frozen=True, eq=False)
class SoftAnswers:
    """Teacher and student logits (n, classes) on a few held-out samples, with their previews."""

    teacher: NDArray[np.float32]
    student: NDArray[np.float32]
    previews: "tuple[Preview, ...]"
