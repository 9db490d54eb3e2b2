"""What is done to the layers that a plan encodes once all of them are: rounded by what they give, biases corrected."""

from dataclasses import dataclass
from typing import Literal

Rounding = Literal["nearest", "gptq"]


@dataclass(frozen=True, slots=True)
class Refinement:
    """Of the layers of one step: on how many calibration samples it looks, and what it does."""

    samples: int
    corrects_biases: bool
    rounding: Rounding = "nearest"

    @property
    def does_anything(self) -> bool:
        return self.corrects_biases or self.rounding != "nearest"
