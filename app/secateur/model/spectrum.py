"""The spectrum: one small array per tensor that answers every what-if about its values.

One pass counts a tensor's values by the top 16 bits of their float32 form (sign, exponent and 7 bits of
mantissa: 65,536 buckets) and takes sum and sum of squares. Inside a bucket the values are taken as evenly
spread, which makes the error of a uniform grid an integral with a closed form. From this alone come the
histogram at any zoom, percentiles, sparsity curves and the SQNR of every bit width, without a second look
at the weights. fp16 and bf16 tensors have at most 65,536 values, of which bf16 is exact.

Everything here is numpy; `secateur.model.counting` holds the numba kernels that fill a spectrum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_KEYS = np.arange(65536, dtype=np.uint32)


def _bucket_edges() -> tuple[Floats, Floats]:
    """Lower and upper magnitude of the 32,768 non-negative buckets; the infinite and NaN ones are (inf, inf)."""
    with np.errstate(invalid="ignore"):
        low = (np.arange(32768, dtype=np.uint32) << 16).view(np.float32).astype(np.float64)
    high = np.append(low[1:], np.inf)
    low[~np.isfinite(low)] = np.inf
    high[~np.isfinite(high)] = np.inf
    return low, high


_LOW, _HIGH = _bucket_edges()


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Counts of a tensor's values by the top 16 bits of their float32 form.

    `keys` uint16 (n,) the buckets that are not empty, ascending as unsigned integers; `counts` int64 or
    float64 (n,) their counts or weights; `total` and `total_squares` sums over all finite values in float64;
    `minimum` and `maximum` exact; `zeros` and `non_finite` counts. A weighted spectrum (values divided by
    their channel's maximum, weighted by its square) has float counts and magnitudes in 0..1.
    """

    keys: NDArray[np.uint16]
    counts: NDArray[np.int64] | Floats
    size: int
    total: float
    total_squares: float
    minimum: float
    maximum: float
    zeros: int = 0
    non_finite: int = 0

    # ------------------------------------------------------------------ moments and shares

    @property
    def mean(self) -> float:
        finite = self.size - self.non_finite
        return self.total / finite if finite else 0.0

    @property
    def std(self) -> float:
        finite = self.size - self.non_finite
        return float(np.sqrt(max(self.total_squares / finite - self.mean**2, 0.0))) if finite else 0.0

    @property
    def sparsity(self) -> float:
        """Share of exact zeros, 0..1."""
        return self.zeros / self.size if self.size else 0.0

    @cached_property
    def kurtosis(self) -> float:
        """Fourth standardised moment (3 for a normal distribution), from bucket middles."""
        if self.std == 0.0:
            return 0.0
        low, high, counts = self.intervals
        middle = (low + high) / 2 - self.mean
        return float((counts * middle**4).sum() / counts.sum() / self.std**4)

    @cached_property
    def intervals(self) -> tuple[Floats, Floats, Floats]:
        """(low, high, count) of the finite buckets as signed intervals, ascending by value; float64 each."""
        keys = self.keys.astype(np.int64)
        magnitude, negative = keys & 0x7FFF, keys >= 0x8000
        low = np.where(negative, -_HIGH[magnitude], _LOW[magnitude])
        high = np.where(negative, -_LOW[magnitude], _HIGH[magnitude])
        finite = np.isfinite(low) & np.isfinite(high)
        low, high, counts = low[finite], high[finite], self.counts[finite].astype(np.float64)
        low, high = np.clip(low, self.minimum, None), np.clip(high, None, self.maximum)
        high = np.maximum(low, high)
        exact_zero = (low <= 0) & (high >= 0) & (np.minimum(-low, high) <= 0) & (np.maximum(-low, high) < 1e-39)
        low, high = np.where(exact_zero, 0.0, low), np.where(exact_zero, 0.0, high)
        order = np.argsort(low, kind="stable")
        return low[order], high[order], counts[order]

    @cached_property
    def magnitudes(self) -> tuple[Floats, Floats, Floats]:
        """(low, high, count) of |value|, both signs merged, ascending; float64 each."""
        low, high, counts = self.intervals
        lower = np.where(low >= 0, low, -high)
        upper = np.where(low >= 0, high, -low)
        order = np.argsort(lower, kind="stable")
        return lower[order], upper[order], counts[order]

    # ------------------------------------------------------------------ histogram and percentiles

    def histogram(self, edges: Floats) -> Floats:
        """Expected counts between consecutive `edges` (n + 1 ascending values → n counts, float64).

        Values inside a bucket count as evenly spread, so the sum over a range that holds all values is exact.
        """
        edges = np.asarray(edges, dtype=np.float64)
        low, high, counts = self.intervals
        if not len(low):
            return np.zeros(len(edges) - 1)
        point = low == high
        # cumulative count below each edge: buckets never overlap, so their ends ascend in pairs
        ends = np.stack([low[~point], high[~point]], axis=1).reshape(-1)
        below = np.concatenate([[0.0], np.cumsum(counts[~point])]).repeat(2)[1:-1]
        ramp = np.interp(edges, ends, below) if len(ends) else np.zeros(len(edges))
        at, heights = low[point], np.cumsum(counts[point])
        jump_index = np.searchsorted(at, edges, side="left")
        jump_index[-1] = np.searchsorted(at, edges[-1], side="right")
        jumps = np.concatenate([[0.0], heights])[jump_index]
        return np.asarray(np.maximum(np.diff(ramp + jumps), 0.0))

    def percentile(self, share: float) -> float:
        """The value below which `share` (0..1) of the values lie."""
        return _quantile(*self.intervals, share=share)

    def magnitude_percentile(self, share: float) -> float:
        """The threshold t with a `share` (0..1) of values in |w| < t: what magnitude pruning cuts at."""
        return _quantile(*self.magnitudes, share=share)

    def share_below(self, threshold: float) -> float:
        """Share of the values with |w| < threshold, 0..1: the sparsity a threshold gives."""
        low, high, counts = self.magnitudes
        width = np.where(high > low, high - low, 1.0)
        inside = np.where(high > low, np.clip((threshold - low) / width, 0.0, 1.0), low < threshold)
        whole = counts.sum()
        return float((counts * inside).sum() / whole) if whole else 0.0

    # ------------------------------------------------------------------ errors

    def rounding_error(self, step: float, limit: int) -> float:
        """Sum of squared errors of rounding every value to step × {−limit … limit}, saturating outside."""
        return float(self.rounding_errors(np.array([step]), limit)[0])

    def rounding_errors(self, steps: Floats, limit: int) -> Floats:
        """`rounding_error` for several steps at once, float64 (n,)."""
        real = np.where(steps > 0.0, steps, 1.0)
        points, counts, edges, slopes, below = self._density
        # what lies below half a step becomes zero, whichever step it is: most buckets, and no need to look again
        first = int(np.searchsorted(edges, 0.5 * real.min(initial=np.inf))) if limit else 0
        errors = below[first] + _cube(real) * (_error_integral(edges[first:] / real[:, None], limit) @ slopes[first:])
        at = points / real[:, None]
        errors += ((at - np.minimum(np.rint(at), limit)) ** 2 @ counts) * real * real
        return np.where(steps > 0.0, np.maximum(errors, 0.0), self.total_squares)

    @cached_property
    def _density(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """The density of magnitudes as steps, for integrals over all buckets at once; float64 each.

        (points, their counts, edges ascending, by how much the density falls at each, integrals of x² below each).
        """
        low, high, counts = self.magnitudes
        point = high - low <= 1e-9 * high
        density = counts[~point] / (high - low)[~point]
        ends, falls = np.concatenate([low[~point], high[~point]]), np.concatenate([-density, density])
        order = np.argsort(ends, kind="stable")
        ends, falls = ends[order], falls[order]
        starts = np.flatnonzero(np.diff(ends, prepend=-1.0))
        edges = ends[starts]
        slopes = np.add.reduceat(falls, starts) if len(starts) else falls
        return high[point], counts[point], edges, slopes, np.append(0.0, np.cumsum(slopes * _cube(edges)) / 3)

    @cached_property
    def sides(self) -> tuple[tuple[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]:
        """(low, high, count) of the magnitudes of the negative and of the other values; float64 each."""
        low, high, counts = self.intervals
        negative = (high <= 0.0) & (low < 0.0)
        below = -high[negative], -low[negative], counts[negative]
        return below, (np.maximum(low[~negative], 0.0), high[~negative], counts[~negative])

    def affine_error(self, scale: float, zero_point: int, levels: int = 255) -> float:
        """Sum of squared errors of rounding to scale × (q − zero_point), q in 0 … levels, saturating outside."""
        (low, high, counts), above = self.sides
        error = float((counts * _mean_squared_error(low, high, scale, zero_point)).sum())
        low, high, counts = above
        return error + float((counts * _mean_squared_error(low, high, scale, levels - zero_point)).sum())

    def pruning_error(self, threshold: float) -> float:
        """Sum of squares of the values with |w| < threshold: what setting them to zero costs."""
        low, high, counts = self.magnitudes
        cut = np.clip(threshold, low, high)
        width = np.where(high > low, high - low, 1.0)
        partial = np.where(high > low, (_cube(cut) - _cube(low)) / (3 * width), np.where(low < threshold, low**2, 0.0))
        return float((counts * partial).sum())

    def sqnr_db(self, bits: int) -> float | None:
        """Signal over quantization noise of symmetric rounding to the maximum, in decibels; None if all zero."""
        limit = 2 ** (bits - 1) - 1
        peak = max(-self.minimum, self.maximum)
        return decibels(self.total_squares, self.rounding_error(peak / limit, limit)) if limit else None


@dataclass(frozen=True, eq=False)
class Spectra:
    """All that the what-if needs of one layer's weight.

    `values` is the spectrum of the weights; `scaled` the spectrum of the weights divided by their output
    channel's largest magnitude, weighted by its square. `channel_ranges` is float32 (channels, 4): minimum,
    5 % quantile, 95 % quantile and maximum of every output channel (none in an estimate).
    """

    values: Spectrum
    scaled: Spectrum
    channel_ranges: NDArray[np.float32]
    clips: Mapping[int, float] = field(default_factory=dict)
    """Best clips that were searched when the weights were counted, by bits."""
    exact: bool = True
    """False for an estimate from a sample: shown at once, until the weights have been counted."""

    def channel_error(self, bits: int, clip: float = 1.0) -> float:
        """Sum of squared errors of symmetric per-channel rounding, ranges cut to `clip` × the channel maximum."""
        limit = 2 ** (bits - 1) - 1
        return self.scaled.rounding_error(clip / limit, limit)

    def sqnr_db(self, bits: int, clip: float = 1.0) -> float | None:
        """SQNR of symmetric per-channel rounding to `bits` (2..16), in decibels; None if all zero."""
        return decibels(self.values.total_squares, self.channel_error(bits, clip))

    def best_clip(self, bits: int) -> float:
        """The common share of the channel maximum (0.3..1) with the least squared error: the MSE observer."""
        known = self.clips.get(bits)
        return _best_clip(self, bits) if known is None else known

    def pruned_sqnr_db(self, ratio: float) -> float | None:
        """Signal over removed signal when the `ratio` (0..1) smallest weights become zero, in decibels."""
        threshold = self.values.magnitude_percentile(ratio)
        return decibels(self.values.total_squares, self.values.pruning_error(threshold))


def merge(a: Spectrum, b: Spectrum) -> Spectrum:
    """The spectrum of two sets of values together, as if they had been counted in one pass."""
    if not a.size or not b.size:
        return a if a.size else b
    keys = np.union1d(a.keys, b.keys)
    counts = np.zeros(len(keys), np.result_type(a.counts, b.counts))
    for part in (a, b):
        counts[np.searchsorted(keys, part.keys)] += part.counts
    finite = [part for part in (a, b) if part.non_finite < part.size] or [a]
    return Spectrum(
        keys,
        counts,
        a.size + b.size,
        a.total + b.total,
        a.total_squares + b.total_squares,
        min(part.minimum for part in finite),
        max(part.maximum for part in finite),
        a.zeros + b.zeros,
        a.non_finite + b.non_finite,
    )


@lru_cache(maxsize=8192)
def _best_clip(spectra: Spectra, bits: int) -> float:
    """Searched in steps of 5 % and then of 1 % around the best; kept, since a drag asks for it at every pixel."""

    limit = 2 ** (bits - 1) - 1

    def best(candidates: Floats) -> float:
        return float(candidates[int(np.argmin(spectra.scaled.rounding_errors(candidates / limit, limit)))])

    coarse = best(np.linspace(0.3, 1.0, 15))
    return best(np.clip(coarse + np.arange(-4, 5) / 100, 0.3, 1.0))


def decibels(signal: float, noise: float) -> float | None:
    """10·log10(signal / noise); None where there is no signal, infinity where there is no noise."""
    if signal <= 0.0:
        return None
    return float("inf") if noise <= 0.0 else float(10.0 * np.log10(signal / noise))


def _quantile(low: Floats, high: Floats, counts: Floats, *, share: float) -> float:
    if not len(low):
        return 0.0
    ends = np.cumsum(counts)
    target = min(max(share, 0.0), 1.0) * ends[-1]
    index = min(int(np.searchsorted(ends, target)), len(low) - 1)
    before = ends[index] - counts[index]
    inside = (target - before) / counts[index] if counts[index] else 0.0
    return float(low[index] + (high[index] - low[index]) * min(max(inside, 0.0), 1.0))


def _mean_squared_error(low: Floats, high: Floats, step: float | Floats, limit: int) -> Floats:
    """Mean of (x − Q(x))² for x evenly spread in each [low, high] (magnitudes), Q rounding to step × 0…limit."""
    a, b = low / step, high / step
    wide = b - a > 1e-9
    width = np.where(wide, b - a, 1.0)
    integral = _error_integral(b, limit) - _error_integral(a, limit)
    exact = (a - np.minimum(np.rint(a), limit)) ** 2
    return np.where(wide, integral / width, exact) * step * step


def _error_integral(u: Floats, limit: int) -> Floats:
    """∫₀ᵘ (x − Q(x))² dx for unit steps: whole periods hold 1/12 each, beyond the grid it grows as a cube."""
    inner = np.minimum(u, limit)
    nearest = np.floor(inner + 0.5)
    periodic = nearest / 12 + _cube(inner - nearest) / 3
    return periodic + _cube(np.maximum(u - limit, 0.0)) / 3


def _cube(values: Floats) -> Floats:
    """values³; numpy's power takes ten times as long."""
    return values * values * values
