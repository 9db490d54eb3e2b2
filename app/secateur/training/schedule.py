"""What is trained when: how many steps, on which samples, at which learning rate.

Everything here is a pure function of the plan and the step, so that a training that goes on from a checkpoint
needs nothing but the number of its step to see the same samples in the same order as an unbroken one.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, isfinite, pi
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError

Precision = Literal["fp32", "bf16"]

WARM_UP: Final = 0.2
"""Share of the steps in which the learning rate rises."""
START_DIVISOR: Final = 10.0
END_DIVISOR: Final = 1000.0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The parameters of one training. `learning_rate` is the peak of the one-cycle schedule."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 5e-4
    precision: Precision = "fp32"
    seed: int = 0
    augment: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UserError(f"Training for {self.epochs} epochs trains nothing.", "Choose at least 1 epoch.")
        if self.batch_size < 1:
            raise UserError(f"A batch of {self.batch_size} samples is empty.", "Choose a batch size of at least 1.")
        if not (isfinite(self.learning_rate) and self.learning_rate > 0.0):
            raise UserError(
                f"The learning rate {self.learning_rate} is not a positive number.",
                "Try 0.01, or 0.001 for care.",
            )
        if not (isfinite(self.weight_decay) and self.weight_decay >= 0.0):
            raise UserError(f"The weight decay {self.weight_decay} is negative.", "Choose 0 or a little more.")
        if self.precision not in ("fp32", "bf16"):
            raise UserError(f"The precision {self.precision} is unknown.", "Choose fp32 or bf16.")


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Learning rate of step 0 … steps − 1: a cosine up to `peak` over the first fifth, then a cosine down.

    Source: Smith and Topin 2017, arXiv:1708.07120, with cosines in place of straight lines.
    """
    rising = max(1.0, WARM_UP * steps)
    if step < rising:
        return _cosine(peak / START_DIVISOR, peak, step / rising)
    return _cosine(peak, peak / END_DIVISOR, (step - rising) / max(1.0, steps - 1 - rising))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1.0 + cos(pi * min(share, 1.0))) / 2.0


@dataclass(frozen=True, slots=True)
class Course:
    """A plan laid over `samples` training samples: steps 0 … steps − 1, each with its samples."""

    plan: TrainingPlan
    samples: int

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UserError("The data set has no training samples.", "Choose data with a train split.")

    @property
    def batch_size(self) -> int:
        return min(self.plan.batch_size, self.samples)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches, and the rest unless it is a single sample: batch norm cannot learn from one."""
        whole, rest = divmod(self.samples, self.batch_size)
        return whole + (1 if rest > 1 else 0)

    @property
    def steps(self) -> int:
        return self.plan.epochs * self.steps_per_epoch

    def epoch(self, step: int) -> float:
        """Epochs that are done after `step` steps, fractional."""
        return step / self.steps_per_epoch

    def positions(self, step: int) -> NDArray[np.int64]:
        """Which of the samples (0 … samples − 1) this step learns from."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = _order(self.plan.seed, epoch, self.samples)
        return order[within * self.batch_size : (within + 1) * self.batch_size]

    def chance(self, step: int) -> np.random.Generator:
        """The random generator for this step's augmentation."""
        epoch, within = divmod(step, self.steps_per_epoch)
        return np.random.default_rng((self.plan.seed, epoch, within))

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, self.plan.learning_rate)

    @property
    def evaluation_every(self) -> int:
        """Steps between two evaluations: four times an epoch in a short training, once in a long one."""
        return max(1, self.steps_per_epoch // (4 if self.plan.epochs <= 10 else 1))


@lru_cache(maxsize=1)
def _order(seed: int, epoch: int, samples: int) -> NDArray[np.int64]:
    order = np.random.default_rng((seed, epoch)).permutation(samples)
    order.setflags(write=False)
    return order
