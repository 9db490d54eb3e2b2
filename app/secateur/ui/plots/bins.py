"""Bins at the pixels of a plot: a histogram of a spectrum for exactly the range and width that is shown."""

from dataclasses import dataclass
from math import log10

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from secateur.figures import number, thousands
from secateur.model.spectrum import Spectrum
from secateur.ui.theme.style import tinted

Floats = NDArray[np.float64]
PITCH = 4
"""Pixels from one bar to the next: three of bar and one of gap."""
FLOOR = 0.6
"""Where a log axis of counts begins, so that a single value still has a bar."""
SEEN = 0.02
"""A bin that holds this much of a value or more is drawn."""


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

    def count_range(self, *, log: bool) -> tuple[float, float]:
        """The foot and the top of an axis of counts; log10 of them where `log`."""
        if log:
            return log10(FLOOR), log10(max(self.highest * 1.2, 12.0))
        return 0.0, max(self.highest, 1.0) * 1.05


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
        self._key: tuple[float, float, int] | None = None
        self._spectrum: Spectrum | None = None
        self._bins = Bins(np.zeros(2), np.zeros(1))

    def bins(self, spectrum: Spectrum, low: float, high: float, pixels: float) -> Bins:
        key = (low, high, int(pixels))
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


def spectrum_words(spectrum: Spectrum) -> str:
    """`4,608 values from −0.31 to 0.28, 12 zeros`: the spectrum for who cannot see it."""
    words = f"{thousands(spectrum.size)} values from {number(spectrum.minimum)} to {number(spectrum.maximum)}"
    return f"{words}, {thousands(spectrum.zeros)} zeros" if spectrum.zeros else words


class Bars(pg.BarGraphItem):
    """Bins as bars in a palette role, one pixel apart and at least two high."""

    def __init__(self, role: str) -> None:
        super().__init__(x0=[], x1=[], y0=[], y1=[], pen=pg.mkPen(None), brush=tinted(role, 0.85))
        self._role = role

    def show_bins(self, bins: Bins, chosen: NDArray[np.bool_], floor: float, *, log: bool) -> None:
        """Draw those of `bins` that are `chosen`, from `floor` up; heights are log10 of the counts where `log`."""
        drawn = chosen & (bins.counts > SEEN)
        pixel = self.getViewBox().viewPixelSize()
        heights = np.log10(bins.counts[drawn]) if log else bins.counts[drawn]
        self.setOpts(
            x0=bins.edges[:-1][drawn],
            x1=bins.edges[1:][drawn] - pixel[0],
            y0=np.full(int(drawn.sum()), floor),
            y1=np.maximum(heights, floor + 2 * pixel[1]),
            brush=tinted(self._role, 0.85),
        )
