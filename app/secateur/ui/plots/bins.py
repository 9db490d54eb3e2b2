"""Bins at the pixels of a plot: a histogram of a spectrum for exactly the range and width that is shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secateur.model.spectrum import Spectrum

Floats = NDArray[np.float64]
PITCH = 4
"""Pixels from one bar to the next: three of bar and one of gap."""


@dataclass(frozen=True, eq=False)
class Bins:
    """`edges` (n + 1) ascending values and `counts` (n), expected numbers of values between them."""

    edges: Floats
    counts: Floats

    @property
    def middles(self) -> Floats:
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def highest(self) -> float:
        return float(self.counts.max(initial=0.0))


def bin_spectrum(spectrum: Spectrum, low: float, high: float, pixels: float) -> Bins:
    """Bins of `PITCH` pixels over `low`…`high` drawn `pixels` wide, one of them centred on zero."""
    count = max(int(pixels // PITCH), 1)
    width = (high - low) / count
    first, last = np.floor(low / width - 0.5), np.ceil(high / width - 0.5)
    edges = (np.arange(first, last + 1) + 0.5) * width
    return Bins(edges, spectrum.histogram(edges))


class BinCache:
    """The last bins, kept while spectrum, range and width stay: a drag repaints without counting again."""

    def __init__(self) -> None:
        self._key: tuple[int, float, float, int] | None = None
        self._spectrum: Spectrum | None = None
        self._bins = Bins(np.zeros(2), np.zeros(1))

    def bins(self, spectrum: Spectrum, low: float, high: float, pixels: float) -> Bins:
        key = (id(spectrum), low, high, int(pixels))
        if key != self._key or spectrum is not self._spectrum:
            self._bins, self._key, self._spectrum = bin_spectrum(spectrum, low, high, pixels), key, spectrum
        return self._bins


def whole_range(spectrum: Spectrum, *, symmetric: bool) -> tuple[float, float]:
    """The range that shows all values with a margin of 3 %; around zero where `symmetric`."""
    low, high = float(spectrum.minimum), float(spectrum.maximum)
    if symmetric:
        high = max(abs(low), abs(high))
        low = -high
    margin = 0.03 * (high - low) or max(abs(high), 1.0) * 0.5
    return low - margin, high + margin
