"""How far a layer's values are from another's, in words where it is no number: unchanged, or why it is not known."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur import figures

UNCHANGED: Final = "unchanged"
NO_NUMBERS: Final = "Some of the values are not finite numbers."

_ROUNDING: Final = 1e-12
"""A share of the signal's power below which two results differ by the order alone in which float32 was added."""

_NAMED: Final = 3


@dataclass(frozen=True)
class Deviation:
    """How far a layer's values are from the original's: `sqnr_db` where they differ, else a `note` that says why not.

    The note begins with `unchanged`, or is the reason for which nothing could be compared; beside a number it says
    of which part of the layer that is.
    """

    sqnr_db: float | None = None
    note: str = ""

    @property
    def is_unchanged(self) -> bool:
        return self.sqnr_db is None and self.note.startswith(UNCHANGED)

    @property
    def is_missing(self) -> bool:
        return self.sqnr_db is None and not self.is_unchanged

    @property
    def words(self) -> str:
        """`35.6 dB`, `unchanged`, or a dash."""
        return UNCHANGED if self.is_unchanged else figures.decibels(self.sqnr_db)


def deviation_of(signal: float, noise: float, note: str = "") -> Deviation:
    """From sums of squares; `note` says of which part of the layer they are."""
    if not (isfinite(signal) and isfinite(noise)):
        return Deviation(note=NO_NUMBERS)
    if noise == 0.0 or noise < signal * _ROUNDING:
        return Deviation(note=f"{UNCHANGED}, {_as_part(note)}" if note else UNCHANGED)
    if signal == 0.0:
        return Deviation(note="The original's are all zero.")
    return Deviation(10.0 * log10(signal / noise), note)


def deviation_between(original: NDArray[Any], other: NDArray[Any], note: str = "") -> Deviation:
    """From the values of both, of one shape; squares are added in double precision."""
    exact = original.astype(np.float64)
    return deviation_of(float(np.square(exact).sum()), float(np.square(exact - other).sum()), note)


def sentence_of(what: str, deviation: Deviation) -> str:
    """`Weights: 20.1 dB SQNR, over the 18 of 24 channels that are left.`, or why there is no number."""
    if deviation.is_unchanged:
        return f"{what}: {deviation.note}."
    if deviation.sqnr_db is None:
        return f"{what}: not compared. {deviation.note}".strip()
    part = f", {_as_part(deviation.note)}" if deviation.note else ""
    return f"{what}: {deviation.words} SQNR{part}."


def reasons_missing(deviations: Sequence[tuple[str, Deviation]]) -> tuple[str, ...]:
    """Why there is no number for some of these (name, deviation), a sentence for each reason with the names."""
    names: dict[str, list[str]] = {}
    for name, deviation in deviations:
        if deviation.is_missing:
            names.setdefault(deviation.note or "It was not compared.", []).append(name)
    return tuple(f"No number for {_listed(own)}: {reason[:1].lower()}{reason[1:]}" for reason, own in names.items())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _as_part(note: str) -> str:
    """A sentence within another one."""
    return f"{note[:1].lower()}{note[1:]}".rstrip(".")
