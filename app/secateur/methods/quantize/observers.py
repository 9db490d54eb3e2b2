"""Observers: how the range of a quantized tensor is chosen, from its spectrum alone.

Activations are unsigned, of 8 or 16 bits, with one scale per tensor. Zero always stands exactly on the grid, because
padding and ReLU produce it in masses.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from secateur.model.encoding import ActivationEncoding
from secateur.model.spectrum import Spectrum

_SMALLEST_SCALE = 1e-30
"""Below this the runtime's float32 reciprocal of the scale overflows."""
_BINS = 2048
"""Of the histogram that distributions are compared in."""
_LEAST_SHARE = 1e-9
"""What stands for none, of which the divergence would be infinite."""


def affine_encoding(low: float, high: float, bits: int = 8) -> ActivationEncoding:
    """The grid that covers [low, high] and zero; a range without width gets one from 0 to 1."""
    levels = (1 << bits) - 1
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / levels))
    if scale < _SMALLEST_SCALE:
        return ActivationEncoding(1.0 / levels, 0, bits)
    return ActivationEncoding(scale, int(np.clip(np.rint(-low / scale), 0, levels)), bits)


def within(encoding: ActivationEncoding, bounds: tuple[float, float] | None) -> ActivationEncoding:
    """The encoding with a scale so small that its grid does not go beyond `bounds`, by rounding of the scale either.

    Behind a Clip the runtime takes the grid's ends for the Clip's, and computes in float where they are further out.
    """
    if bounds is None:
        return encoding
    steps = ((bounds[1], encoding.highest - encoding.zero_point), (-bounds[0], encoding.zero_point))
    largest = min((reach / count for reach, count in steps if count), default=np.inf)
    scale = np.float32(min(encoding.scale, largest))
    while any(scale * np.float32(count) > np.float32(reach) for reach, count in steps):
        scale = np.nextafter(scale, np.float32(0.0))
    return replace(encoding, scale=float(scale)) if scale > 0.0 else encoding


def minmax_range(spectrum: Spectrum) -> tuple[float, float]:
    """The extremes that were seen."""
    return spectrum.minimum, spectrum.maximum


def percentile_range(spectrum: Spectrum, percentile: float) -> tuple[float, float]:
    """The range that holds `percentile` (50..100) of the values, the rest cut off equally on the open sides.

    A tensor that is never negative (behind a ReLU) is cut at the top alone, one that is never positive at the bottom.
    """
    outside = 1.0 - percentile / 100.0
    if spectrum.minimum >= 0.0:
        return 0.0, spectrum.percentile(1.0 - outside)
    if spectrum.maximum <= 0.0:
        return spectrum.percentile(outside), 0.0
    return spectrum.percentile(outside / 2), spectrum.percentile(1.0 - outside / 2)


def mse_range(spectrum: Spectrum, bits: int = 8) -> tuple[float, float]:
    """The range with the least expected squared error: rounding inside against saturation outside.

    Both ends are first drawn in together, then each by itself; the error of a range comes in closed form from the
    spectrum (`Spectrum.affine_error`).
    """

    def error(low: float, high: float) -> float:
        encoding = affine_encoding(low, high, bits)
        return spectrum.affine_error(encoding.scale, encoding.zero_point, encoding.highest)

    return _drawn_in(min(spectrum.minimum, 0.0), max(spectrum.maximum, 0.0), error)


def entropy_range(spectrum: Spectrum, bits: int = 8) -> tuple[float, float]:
    """The range whose rounded values are distributed most nearly as the values are (Kullback–Leibler divergence).

    As TensorRT's calibrator (Migacz 2017, 8-bit Inference with TensorRT): what lies beyond the range counts at its
    ends, what rounds to one integer is spread evenly over the bins there that are not empty. Zeros, of which a ReLU
    makes masses, do not count. Ends are found as those of `mse_range`.
    """
    low, high = min(spectrum.minimum, 0.0), max(spectrum.maximum, 0.0)
    levels = 1 << bits
    if not high > low or levels > _BINS:  # more integers than bins: nothing is lost where nothing is cut off
        return low, high
    edges = np.linspace(low, high, _BINS + 1)
    counts = spectrum.histogram(edges)
    at_zero = min(int(np.searchsorted(edges, 0.0, side="right")) - 1, _BINS - 1)
    counts[at_zero] = max(counts[at_zero] - spectrum.zeros, 0.0)  # they stay zeros on every grid

    def divergence(below: float, above: float) -> float:
        first = int(np.clip(round((below - low) / (high - low) * _BINS), 0, _BINS - 1))
        last = int(np.clip(round((above - low) / (high - low) * _BINS), first + 1, _BINS))
        return _divergence(counts, first, last, levels)

    return _drawn_in(low, high, divergence)


def _divergence(counts: NDArray[np.float64], first: int, last: int, levels: int) -> float:
    """Of the values within the bins `first` … `last` (not included) and what they are rounded to, in nats."""
    inside = counts[first:last]
    wanted = inside.copy()
    wanted[0] += counts[:first].sum()
    wanted[-1] += counts[last:].sum()
    integers = np.arange(len(inside)) * levels // max(len(inside), levels)
    is_filled = inside > 0
    shares = np.bincount(integers, inside) / np.maximum(np.bincount(integers, is_filled), 1)
    made = np.where(is_filled, shares[integers], 0.0)
    if not made.sum() > 0.0:
        return np.inf
    p, q = wanted / wanted.sum(), made / made.sum()
    told = p > 0
    return float((p[told] * np.log(p[told] / np.maximum(q[told], _LEAST_SHARE))).sum())


def _drawn_in(low: float, high: float, error: Callable[[float, float], float]) -> tuple[float, float]:
    """The range of least error within this one: both ends drawn in together, then each by itself."""
    both = _best_share(lambda share: error(low * share, high * share))
    if low == 0.0 or high == 0.0:
        return low * both, high * both
    below = _best_share(lambda share: error(low * share, high * both))
    above = _best_share(lambda share: error(low * below, high * share))
    return low * below, high * above


def _best_share(error: Callable[[float], float]) -> float:
    """The share (0.1..1) with the least error: 19 coarse ones, then around the best; the larger wins ties."""
    coarse = [float(share) for share in np.linspace(1.0, 0.1, 19)]
    best = min(coarse, key=error)
    fine = [float(share) for share in np.linspace(min(best + 0.04, 1.0), max(best - 0.04, 0.1), 9)]
    return min([best, *fine], key=error)


def observed_range(spectrum: Spectrum, observer: str, percentile: float = 99.99, bits: int = 8) -> tuple[float, float]:
    """The range (low, high) that the named observer takes: `minmax`, `percentile`, `mse` or `entropy`."""
    if observer == "minmax":
        return minmax_range(spectrum)
    if observer == "percentile":
        return percentile_range(spectrum, percentile)
    if observer == "mse":
        return mse_range(spectrum, bits)
    if observer == "entropy":
        return entropy_range(spectrum, bits)
    raise ValueError(f"unknown observer {observer!r}")


def encode_activation(
    spectrum: Spectrum, observer: str, percentile: float = 99.99, bits: int = 8
) -> ActivationEncoding:
    """The encoding of one tensor over the range of the named observer."""
    return affine_encoding(*observed_range(spectrum, observer, percentile, bits), bits)
