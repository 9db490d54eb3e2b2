"""The numba kernels that fill a spectrum: one pass over memory, private counters per thread.

The kernels release the interpreter lock and are run on plain threads: compiling them takes a second, where
numba's own parallel loops take ten, and a block is a natural place to stop.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from math import fsum
from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this file is numba; the engine imports it late
from numpy.typing import NDArray

from secateur.model.spectrum import Spectra, Spectrum

BLOCK = 4096
"""Values that are counted, then summed and searched for extremes while they are in the first-level cache."""

MOST_VALUES = 1 << 32
"""What one 32-bit counter can hold; tables of 64-bit counters are a fifth slower."""

PIECE = 1 << 22
_PARALLEL_FROM = 1 << 18


@njit(cache=True, nogil=True)
def _count(values: Any, bits: Any, signed: Any, table: Any) -> Any:
    """Add `bits >> 16` to `table` (uint32, 65,536).

    The three arrays are one memory seen as float32, uint32 and int32. Returns sum, sum of squares, the largest
    signed and unsigned bit pattern, and the number of zeros.
    """
    total, squares = 0.0, 0.0
    highest, lowest, zeros = np.int32(-2147483648), np.uint32(0), np.int64(0)
    for begin in range(0, bits.size, BLOCK):
        stop = min(bits.size, begin + BLOCK)
        tiny = table[0] + table[0x8000]
        _count_block(bits[begin:stop], table)
        part, part_squares, high, low = _moments(values[begin:stop], bits[begin:stop], signed[begin:stop])
        total, squares = total + part, squares + part_squares
        highest, lowest = max(highest, high), max(lowest, low)
        if table[0] + table[0x8000] != tiny:  # zeros and the smallest subnormals share two buckets
            zeros += _zeros(bits[begin:stop])
    return total, squares, highest, lowest, zeros


@njit(cache=True, nogil=True)
def _count_block(bits: Any, table: Any) -> None:
    whole = bits.size // 4 * 4
    for i in range(0, whole, 4):
        table[bits[i] >> np.uint32(16)] += np.uint32(1)
        table[bits[i + 1] >> np.uint32(16)] += np.uint32(1)
        table[bits[i + 2] >> np.uint32(16)] += np.uint32(1)
        table[bits[i + 3] >> np.uint32(16)] += np.uint32(1)
    for i in range(whole, bits.size):
        table[bits[i] >> np.uint32(16)] += np.uint32(1)


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _moments(values: Any, bits: Any, signed: Any) -> Any:
    """Sum, sum of squares and extreme bit patterns; integer maxima vectorise where those of floats do not."""
    total, squares = 0.0, 0.0
    highest, lowest = np.int32(-2147483648), np.uint32(0)
    for i in range(values.size):
        value = np.float64(values[i])
        total += value
        squares += value * value
        highest = max(highest, signed[i])
        lowest = max(lowest, bits[i])
    return total, squares, highest, lowest


@njit(cache=True, nogil=True)
def _zeros(bits: Any) -> Any:
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
    """Spectrum of a float32 array of any shape (at most 2^32 values); NaN and infinities are counted apart."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    if not flat.size:
        return Spectrum(np.zeros(0, np.uint16), np.zeros(0, np.int64), 0, 0.0, 0.0, 0.0, 0.0)
    if flat.size > MOST_VALUES:
        raise ValueError(f"{flat.size} values are more than one spectrum counts; count parts and merge them")
    workers = (threads or counting_threads()) if flat.size > _PARALLEL_FROM else 1
    tables = np.zeros((workers, 65536), dtype=np.uint32)
    # whoever is free takes the next piece: a core that is disturbed does not hold up the others
    pieces = iter([flat[begin : begin + PIECE] for begin in range(0, flat.size, PIECE)])
    results: list[tuple[float, float, float, float, int]] = []

    def work(table: NDArray[np.uint32]) -> None:
        for piece in pieces:
            results.append(_count_piece(piece, table))

    if workers == 1:
        work(tables[0])
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, tables))
    counts = tables.sum(axis=0, dtype=np.int64)
    keys = np.flatnonzero(counts).astype(np.uint16)
    zeros = sum(result[4] for result in results)
    non_finite = int(counts[0x7F80:0x8000].sum() + counts[0xFF80:].sum())
    if non_finite:
        return Spectrum(keys, counts[keys], flat.size, *_finite_moments(flat), zeros, non_finite)
    # fsum: exact, so the order in which the threads finished does not show
    total, squares = fsum(result[0] for result in results), fsum(result[1] for result in results)
    low, high = min(result[2] for result in results), max(result[3] for result in results)
    return Spectrum(keys, counts[keys], flat.size, total, squares, low, high, zeros)


def _count_piece(piece: NDArray[np.float32], table: NDArray[np.uint32]) -> tuple[float, float, float, float, int]:
    """Count one thread's share into `table`: (sum, sum of squares, minimum, maximum, zeros)."""
    bits, signed = piece.view(np.uint32), piece.view(np.int32)
    total, squares, highest, lowest, zeros = _count(piece, bits, signed, table)
    least = bits.min() if highest < 0 or lowest < 0x80000000 else 0
    # all values of one sign: the other end is the one with the smallest pattern
    high = least if highest < 0 else np.uint32(highest)
    low = least if lowest < 0x80000000 else np.uint32(lowest)
    ends = np.array([low, high], dtype=np.uint32).view(np.float32)
    return float(total), float(squares), float(ends[0]), float(ends[1]), int(zeros)


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
    clips = {4: Spectra(values, scaled, ranges).best_clip(4)}  # searched here, so that the window need not
    return Spectra(values, scaled, ranges, clips)
