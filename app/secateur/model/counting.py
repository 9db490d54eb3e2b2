"""The numba kernels that fill a spectrum: one pass over memory, private counters per thread.

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

BLOCK = 4096
"""Values that are counted and then searched for extremes while they are still in the first-level cache."""

_PARALLEL_FROM = 1 << 18


@njit(cache=True, nogil=True)
def _count(values: Any, bits: Any, signed: Any, table: Any) -> Any:
    """Add `bits >> 16` to `table`; return sum, sum of squares, largest signed and unsigned bit pattern.

    The three arrays are one memory seen as float32, uint32 and int32. Counting waits for memory, so the
    sums of the same four values are free. Integer maxima vectorise where those of floats do not.
    """
    total, squares = 0.0, 0.0
    highest, lowest = np.int32(-2147483648), np.uint32(0)
    for begin in range(0, values.size, BLOCK):
        stop = min(values.size, begin + BLOCK)
        part, part_squares = _count_block(values[begin:stop], bits[begin:stop], table)
        high, low = _extreme_patterns(bits[begin:stop], signed[begin:stop])
        total += part
        squares += part_squares
        highest, lowest = max(highest, high), max(lowest, low)
    return total, squares, highest, lowest


@njit(cache=True, nogil=True)
def _count_block(values: Any, bits: Any, table: Any) -> Any:
    a0, a1, a2, a3 = 0.0, 0.0, 0.0, 0.0
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = values.size // 4 * 4
    for i in range(0, whole, 4):
        table[bits[i] >> np.uint32(16)] += np.uint32(1)
        table[bits[i + 1] >> np.uint32(16)] += np.uint32(1)
        table[bits[i + 2] >> np.uint32(16)] += np.uint32(1)
        table[bits[i + 3] >> np.uint32(16)] += np.uint32(1)
        v0, v1 = np.float64(values[i]), np.float64(values[i + 1])
        v2, v3 = np.float64(values[i + 2]), np.float64(values[i + 3])
        a0, a1, a2, a3 = a0 + v0, a1 + v1, a2 + v2, a3 + v3
        s0, s1, s2, s3 = s0 + v0 * v0, s1 + v1 * v1, s2 + v2 * v2, s3 + v3 * v3
    for i in range(whole, values.size):
        table[bits[i] >> np.uint32(16)] += np.uint32(1)
        v0 = np.float64(values[i])
        a0, s0 = a0 + v0, s0 + v0 * v0
    return a0 + a1 + a2 + a3, s0 + s1 + s2 + s3


@njit(cache=True, nogil=True)
def _extreme_patterns(bits: Any, signed: Any) -> Any:
    highest, lowest = np.int32(-2147483648), np.uint32(0)
    for i in range(bits.size):
        highest = max(highest, signed[i])
        lowest = max(lowest, bits[i])
    return highest, lowest


@njit(cache=True, nogil=True)
def _count_zeros(bits: Any) -> Any:
    zeros = np.int64(0)
    for i in range(bits.size):
        zeros += (bits[i] & np.uint32(0x7FFFFFFF)) == 0
    return zeros


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
    """Spectrum of a float32 array of any shape; NaN and infinities are counted apart, sums skip them."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    if not flat.size:
        return Spectrum(np.zeros(0, np.uint16), np.zeros(0, np.int64), 0, 0.0, 0.0, 0.0, 0.0)
    parts = (threads or counting_threads()) if flat.size > _PARALLEL_FROM else 1
    table, moments = _count_on_threads(flat, parts)
    non_finite = int(table[0x7F80:0x8000].sum() + table[0xFF80:].sum())
    total, squares, low, high = _finite_moments(flat) if non_finite else moments
    keys = np.flatnonzero(table).astype(np.uint16)
    zeros = int(_count_zeros(flat.view(np.uint32))) if table[0] or table[0x8000] else 0
    return Spectrum(keys, table[keys], flat.size, total, squares, low, high, zeros, non_finite)


def _count_on_threads(
    flat: NDArray[np.float32], parts: int
) -> tuple[NDArray[np.int64], tuple[float, float, float, float]]:
    pieces = [piece for piece in np.array_split(flat, parts) if piece.size]
    tables = np.zeros((len(pieces), 65536), dtype=np.uint32)

    def count(index: int) -> tuple[float, float, float, float]:
        piece = pieces[index]
        bits, signed = piece.view(np.uint32), piece.view(np.int32)
        total, squares, highest, lowest = _count(piece, bits, signed, tables[index])
        if highest < 0:  # every value is negative: the highest is the one with the smallest pattern
            highest = np.int32(bits.min().astype(np.int64) - (1 << 32))
        if lowest < 0x80000000:  # no value is negative
            lowest = bits.min()
        ends = np.array([lowest, np.int64(highest) & 0xFFFFFFFF], dtype=np.uint32).view(np.float32)
        return float(total), float(squares), float(ends[0]), float(ends[1])

    if len(pieces) == 1:
        results = [count(0)]
    else:
        with ThreadPoolExecutor(len(pieces)) as pool:
            results = list(pool.map(count, range(len(pieces))))
    sums = np.array(results, dtype=np.float64)
    ends = (float(sums[:, 2].min()), float(sums[:, 3].max()))
    return tables.sum(axis=0, dtype=np.int64), (float(sums[:, 0].sum()), float(sums[:, 1].sum()), *ends)


def _finite_moments(flat: NDArray[np.float32]) -> tuple[float, float, float, float]:
    finite = flat[np.isfinite(flat)].astype(np.float64)
    if not finite.size:
        return 0.0, 0.0, 0.0, 0.0
    return float(finite.sum()), float((finite * finite).sum()), float(finite.min()), float(finite.max())


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
