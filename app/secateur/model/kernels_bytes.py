"""The numba kernels for what is counted by its bytes: 8-bit types and packed 4-bit integers."""

from typing import Any

import numpy as np

from secateur.model.compiling import njit
from secateur.model.kernels import SMALLEST_PEAK
from secateur.model.kernels_quantiles import SHARE


@njit(cache=True, nogil=True)
def count_byte_rows(raw: Any, length: int, values: Any, order: Any, counts: Any, scaled: Any, ranges: Any) -> None:
    """Count rows of `length` bytes (uint8) by what they stand for: float32 `values`, 256 of a byte, or 16 of each half.

    `order` are the places of the finite values, ascending; `counts` int64 gets how often there was each value.
    `scaled` and `ranges` are as in `count_rows`, the quantiles exact.
    """
    tables = np.zeros((4, 256), np.uint32)  # equal bytes follow each other: four tables keep them apart
    row, held = np.zeros(values.size, np.int64), np.zeros(values.size, np.int64)
    held_peak = np.float32(-1.0)
    for number in range(raw.size // length):
        _count_bytes(raw[number * length : (number + 1) * length], tables, row)
        peak = _range_of(row, values, order, ranges[number])
        if peak != held_peak:  # rows of one peak share their scale
            _empty_held(held, values, held_peak, counts, scaled)
            held_peak = peak
        for place in range(values.size):
            held[place] += row[place]
    _empty_held(held, values, held_peak, counts, scaled)


@njit(cache=True, nogil=True)
def _count_bytes(part: Any, tables: Any, row: Any) -> None:
    """Set `row` to how often each value occurs; `tables` are zeros before and after."""
    whole = part.size // 4 * 4
    for i in range(0, whole, 4):
        tables[0, part[i]] += np.uint32(1)
        tables[1, part[i + 1]] += np.uint32(1)
        tables[2, part[i + 2]] += np.uint32(1)
        tables[3, part[i + 3]] += np.uint32(1)
    for i in range(whole, part.size):
        tables[0, part[i]] += np.uint32(1)
    row[:] = 0
    if row.size == 256:
        for byte in range(256):
            row[byte] = np.int64(tables[0, byte]) + tables[1, byte] + tables[2, byte] + tables[3, byte]
    else:
        for byte in range(256):
            count = np.int64(tables[0, byte]) + tables[1, byte] + tables[2, byte] + tables[3, byte]
            row[byte & 15] += count
            row[byte >> 4] += count
    tables[:] = np.uint32(0)


@njit(cache=True, nogil=True)
def _range_of(row: Any, values: Any, order: Any, found: Any) -> Any:
    """Fill in a row's range from its counts, and give its peak; what is not finite counts as zero."""
    first, last = 0, order.size - 1
    while first <= last and row[order[first]] == 0:
        first += 1
    while last >= first and row[order[last]] == 0:
        last -= 1
    finite = np.int64(0)
    for place in range(first, last + 1):
        finite += row[order[place]]
    total = row.sum()
    low, high = np.float32(np.inf), np.float32(-np.inf)
    if finite:
        low, high = values[order[first]], values[order[last]]
    if finite < total:
        low, high = min(low, np.float32(0.0)), max(high, np.float32(0.0))
    found[0], found[3] = low, high
    found[1] = _ranked(row, values, order, total - finite, SHARE * (total - 1))
    found[2] = _ranked(row, values, order, total - finite, (1.0 - SHARE) * (total - 1))
    return max(-low, high)


@njit(cache=True, nogil=True)
def _ranked(row: Any, values: Any, order: Any, zeros: Any, rank: float) -> Any:
    """The value of a rank (0 … n − 1, between two linearly) in ascending order; `zeros` are further ones."""
    whole, seen = np.int64(rank), np.int64(0)
    lower, has_lower = np.float64(0.0), False
    for place in range(order.size):
        value = values[order[place]]
        seen += row[order[place]]
        if value == 0.0:
            seen += zeros
            zeros = np.int64(0)
        if not has_lower and seen > whole:
            lower, has_lower = np.float64(value), True
        if seen > whole + 1:
            return lower + (np.float64(value) - lower) * (rank - whole)
    return lower


@njit(cache=True, nogil=True)
def _empty_held(held: Any, values: Any, peak: Any, counts: Any, scaled: Any) -> None:
    """Add what was held of rows with one peak to both, and set it back to zero."""
    weighs = peak >= SMALLEST_PEAK
    weight = np.float64(peak) * np.float64(peak)
    inverse = np.float32(1.0) / peak if weighs else np.float32(0.0)
    for place in range(held.size):
        count = held[place]
        if count == 0:
            continue
        held[place] = 0
        counts[place] += count
        if weighs:
            share = np.float32(0.0)
            if np.isfinite(values[place]):
                share = min(np.float32(abs(values[place]) * inverse), np.float32(1.0))
            scaled[np.int64(np.float32(share).view(np.uint32)) >> 16] += weight * np.float64(count)
