"""What is done to the layers that a plan encodes once all of them are: rounded by what they give, biases corrected."""

from dataclasses import dataclass
from typing import Final, Literal

Rounding = Literal["gptq", "nearest"]
MOST_BITS: Final = 6
"""Of more bits the nearest integers are as good as any."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """Of the layers of one step: on how many calibration samples it looks, and what it does."""

    samples: int
    corrects_biases: bool
    rounding: Rounding = "nearest"

    @classmethod
    def of(cls, bits: int, samples: int, rounding: Rounding, *, corrects_biases: bool) -> "Refinement | None":
        """Of weights in so many bits; None where there is nothing to do."""
        found = cls(samples, corrects_biases, rounding if bits <= MOST_BITS else "nearest")
        return found if found.corrects_biases or found.rounding != "nearest" else None
