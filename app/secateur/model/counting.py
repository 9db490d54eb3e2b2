"""The numba kernels that fill a spectrum: one pass over memory, private counters per thread.

One 64-bit addition for each value does two things: the high bits of its bucket's counter count it, the low
bits add up the 16 bits of mantissa that the bucket does not tell. From both, the sum over all values is exact.

The kernels release the interpreter lock and are run on plain threads: compiling them takes a second, where
numba's own parallel loops take ten, and a block is a natural place to stop.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this file is numba; the engine imports it late
from numpy.typing import NDArray

from secateur.model.spectrum import Spectra, Spectrum

BLOCK = 1 << 15
"""Values that are counted and then searched for extremes while they are still in the nearest caches."""

FLUSH = 1 << 22
"""Values between two emptyings of the packed counters: 2^24 remainders of 16 bits fit below the count."""

SHIFT = 40
ONE = 1 << SHIFT
REST = ONE - 1
_PARALLEL_FROM = 1 << 18


@njit(cache=True, nogil=True)
def _count(bits: Any, signed: Any, counts: Any, rests: Any) -> Any:
    """Add each value to `counts` and its low 16 bits to `rests`, both by bucket (uint64, 65,536).

    `bits` and `signed` are one memory seen as uint32 and int32. Returns the largest signed and unsigned bit
    pattern and the number of zeros: integer maxima vectorise where those of floats do not.
    """
    packed = np.zeros(65536, dtype=np.uint64)
    highest, lowest, zeros = np.int32(-2147483648), np.uint32(0), np.int64(0)
    for start in range(0, bits.size, FLUSH):
        end = min(bits.size, start + FLUSH)
        for begin in range(start, end, BLOCK):
            stop = min(end, begin + BLOCK)
            _pack(bits[begin:stop], packed)
            high, low, zero = _extremes(bits[begin:stop], signed[begin:stop])
            highest, lowest, zeros = max(highest, high), max(lowest, low), zeros + zero
        for key in range(65536):
            counts[key] += packed[key] >> np.uint64(SHIFT)
            rests[key] += packed[key] & np.uint64(REST)
            packed[key] = np.uint64(0)
    return highest, lowest, zeros


@njit(cache=True, nogil=True)
def _pack(bits: Any, packed: Any) -> None:
    whole = bits.size // 4 * 4
    for i in range(0, whole, 4):  # four at a time: an eighth faster than one
        a, b, c, d = bits[i], bits[i + 1], bits[i + 2], bits[i + 3]
        packed[a >> np.uint32(16)] += np.uint64(ONE) + np.uint64(a & np.uint32(0xFFFF))
        packed[b >> np.uint32(16)] += np.uint64(ONE) + np.uint64(b & np.uint32(0xFFFF))
        packed[c >> np.uint32(16)] += np.uint64(ONE) + np.uint64(c & np.uint32(0xFFFF))
        packed[d >> np.uint32(16)] += np.uint64(ONE) + np.uint64(d & np.uint32(0xFFFF))
    for i in range(whole, bits.size):
        packed[bits[i] >> np.uint32(16)] += np.uint64(ONE) + np.uint64(bits[i] & np.uint32(0xFFFF))


@njit(cache=True, nogil=True)
def _extremes(bits: Any, signed: Any) -> Any:
    highest, lowest, zeros = np.int32(-2147483648), np.uint32(0), np.int32(0)
    for i in range(bits.size):
        highest = max(highest, signed[i])
        lowest = max(lowest, bits[i])
        zeros += np.int32((bits[i] & np.uint32(0x7FFFFFFF)) == np.uint32(0))
    return highest, lowest, zeros


@njit(cache=True, nogil=True)
def _count_scaled(rows: Any, peaks: Any, table: Any) -> None:
    """Add each value / its row's peak to `table`, weighted by the peak's square."""
    for row in range(rows.shape[0]):
        peak = peaks[row]
        if peak <= 0.0:
            continue
        weight = np.float64(peak) * np.float64(peak)
        inverse = np.float32(1.0) / peak
        for column in range(rows.shape[1]):
            scaled = min(np.float32(abs(rows[row, column]) * inverse), np.float32(1.0))
            table[np.int64(np.float32(scaled).view(np.uint32)) >> 16] += weight


def counting_threads() -> int:
    return min(os.cpu_count() or 1, 8)


def spectrum_of(values: NDArray[np.float32], threads: int | None = None) -> Spectrum:
    """Spectrum of a float32 array of any shape; NaN and infinities are counted apart, sums skip them.

    The sum is exact; the sum of squares of more than 262,144 values is within 1e-6 of itself.
    """
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    if not flat.size:
        return Spectrum(np.zeros(0, np.uint16), np.zeros(0, np.int64), 0, 0.0, 0.0, 0.0, 0.0)
    is_large = flat.size > _PARALLEL_FROM
    counts, rests, ends, zeros = _count_on_threads(flat, (threads or counting_threads()) if is_large else 1)
    non_finite = int(counts[0x7F80:0x8000].sum() + counts[0xFF80:].sum())
    if non_finite:
        finite = flat[np.isfinite(flat)]
        ends = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if is_large:
        total, squares = _moments(counts, rests)
    else:
        exact = (flat[np.isfinite(flat)] if non_finite else flat).astype(np.float64)
        total, squares = float(exact.sum()), float((exact * exact).sum())
    keys = np.flatnonzero(counts).astype(np.uint16)
    return Spectrum(keys, counts[keys].astype(np.int64), flat.size, total, squares, *ends, zeros, non_finite)


def _count_on_threads(
    flat: NDArray[np.float32], parts: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], tuple[float, float], int]:
    """Counts and remainders by bucket, (minimum, maximum) and the number of zeros."""
    pieces = [piece for piece in np.array_split(flat, parts) if piece.size]
    tables = np.zeros((2, len(pieces), 65536), dtype=np.uint64)

    def count(index: int) -> tuple[float, float, int]:
        bits, signed = pieces[index].view(np.uint32), pieces[index].view(np.int32)
        highest, lowest, zeros = _count(bits, signed, tables[0, index], tables[1, index])
        least = bits.min() if highest < 0 or lowest < 0x80000000 else 0
        # all values of one sign: the other end is the one with the smallest pattern
        high = least if highest < 0 else np.uint32(highest)
        low = least if lowest < 0x80000000 else np.uint32(lowest)
        ends = np.array([low, high], dtype=np.uint32).view(np.float32)
        return float(ends[0]), float(ends[1]), int(zeros)

    if len(pieces) == 1:
        results = [count(0)]
    else:
        with ThreadPoolExecutor(len(pieces)) as pool:
            results = list(pool.map(count, range(len(pieces))))
    counts, rests = tables.sum(axis=1)
    ends = (min(low for low, _, _ in results), max(high for _, high, _ in results))
    return counts, rests, ends, sum(zeros for _, _, zeros in results)


def _moments(counts: NDArray[np.uint64], rests: NDArray[np.uint64]) -> tuple[float, float]:
    """Sum and sum of squares of all finite values.

    A value is ± (base + rest) × unit, with base and unit given by its bucket. Inside a bucket the rests are
    taken as evenly spread around their mean, as far as that mean leaves room (bf16 values have none).
    """
    keys = np.flatnonzero(counts)
    keys = keys[(keys & 0x7FFF) < 0x7F80]
    exponent = (keys >> 7) & 0xFF
    base = ((keys & 0x7F) << 16).astype(np.float64) + np.where(exponent > 0, float(1 << 23), 0.0)
    unit = np.ldexp(1.0, np.maximum(exponent, 1) - 150)
    sign = np.where(keys >= 0x8000, -1.0, 1.0)
    n, rest = counts[keys].astype(np.float64), rests[keys].astype(np.float64)
    mean = rest / n
    spread = np.minimum(2.0**32 / 12, mean * (2.0**16 - mean)) * (n - 1) / n
    total = (sign * (n * base + rest) * unit).sum()
    squares = (n * ((base + mean) ** 2 + spread) * unit * unit).sum()
    return float(total), float(squares)


def spectra_of(weight: NDArray[np.float32], channel_axis: int = 0) -> Spectra:
    """Both spectra and the channel ranges of one layer's weight, output channels on `channel_axis`."""
    rows = np.moveaxis(np.asarray(weight, dtype=np.float32), channel_axis, 0) if weight.ndim else weight
    rows = np.ascontiguousarray(rows).reshape(rows.shape[0] if rows.ndim else 1, -1)
    values = spectrum_of(rows)
    clean = np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0) if values.non_finite else rows
    if not clean.size:
        return Spectra(values, values, np.zeros((len(rows), 4), np.float32))
    table = np.zeros(65536, dtype=np.float64)
    _count_scaled(clean, np.abs(clean).max(axis=1), table)
    keys = np.flatnonzero(table).astype(np.uint16)
    scaled = Spectrum(keys, table[keys], rows.size, 0.0, values.total_squares, 0.0, 1.0)
    ranges = np.quantile(clean, [0.0, 0.05, 0.95, 1.0], axis=1).T.astype(np.float32)
    return Spectra(values, scaled, ranges)
