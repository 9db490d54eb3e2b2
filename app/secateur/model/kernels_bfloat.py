"""The numba kernels for bfloat16, whose 16 bits are its key: rows of one peak are counted once for both spectra.

They share their scale, so what a group of them counts is moved as a whole to where its shares of the peak lie. These
are collected by the mantissa of the peak, in which all is alike, and spread over the weighted spectrum in the end.
"""

from typing import Any

import numpy as np

from secateur.model.compiling import njit
from secateur.model.kernels import SMALLEST_PEAK
from secateur.model.kernels_quantiles import PARTS, SAMPLED, pick_codes, quantiles

OCTAVES = 24
"""Powers of two below a peak that are collected by its mantissa; what is smaller still is placed at once."""

_SPAN = OCTAVES * 128
_ONE = 0x3F80


@njit(cache=True, nogil=True)
def bfloat_ranges(codes: Any, length: int, ranges: Any) -> bool:
    """The ranges of rows of bfloat16, as in `count_rows`; False where a value is not finite."""
    picked, parts = np.empty(SAMPLED, np.uint16), np.zeros(PARTS, np.int32)
    for row in range(codes.size // length):
        part = codes[row * length : (row + 1) * length]
        signed = part.view(np.int16)
        highest, lowest = signed[0], part[0]
        for i in range(part.size):
            highest = max(highest, signed[i])
            lowest = max(lowest, part[i])
        if highest >= np.int16(0x7F80) or lowest >= np.uint16(0xFF80):
            return False
        least = np.uint16(0xFFFF)
        if highest < 0 or lowest < np.uint16(0x8000):
            for i in range(part.size):
                least = min(least, part[i])
        found = ranges[row]
        found[0] = _value(least if lowest < np.uint16(0x8000) else lowest)
        found[3] = _value(least if highest < 0 else np.uint16(highest))
        found[1], found[2] = quantiles(picked[: pick_codes(part, picked)], found[0], found[3], parts)
    return True


@njit(cache=True, nogil=True)
def count_bfloat_groups(
    codes: Any, length: int, order: Any, peaks: Any, group: Any, shares: Any, keys: Any, scaled: Any
) -> None:
    """Count rows in `order`, in which those with the same peak (uint16 (rows,), as codes) stand together.

    `group` uint32 (2, 65,536) and `shares` float64 (128, OCTAVES × 128) are zeros before and after. `keys` is int64
    (65,536), `scaled` float64 (65,536).
    """
    here, other = np.empty(_SPAN, np.uint32), np.empty(_SPAN, np.uint32)
    held = np.int64(0)
    for place in range(order.size):
        row = order[place]
        _count_codes(codes[row * length : (row + 1) * length], group[0], group[1])
        held += length
        if place + 1 == order.size or peaks[order[place + 1]] != peaks[row]:
            _empty_group(group, held, peaks[row], here, other, shares, keys, scaled)
            held = np.int64(0)
    _spread(shares, scaled)


@njit(cache=True, nogil=True)
def _count_codes(codes: Any, first: Any, second: Any) -> None:
    """Count 16-bit codes, four in each load, into two tables in turn: see `kernels.TABLES`."""
    words = codes[: codes.size // 4 * 4].view(np.uint64)
    for i in range(words.size):
        word = words[i]
        first[word & np.uint64(0xFFFF)] += np.uint32(1)
        second[(word >> np.uint64(16)) & np.uint64(0xFFFF)] += np.uint32(1)
        first[(word >> np.uint64(32)) & np.uint64(0xFFFF)] += np.uint32(1)
        second[word >> np.uint64(48)] += np.uint32(1)
    for i in range(words.size * 4, codes.size):
        first[codes[i]] += np.uint32(1)


@njit(cache=True, nogil=True)
def _empty_group(
    group: Any, held: Any, peak_code: Any, here: Any, other: Any, shares: Any, keys: Any, scaled: Any
) -> None:
    """Move the `held` counts of one group to `keys` and, weighted, to the shares of its peak's mantissa.

    Zeros first, then all near the peak at once. What is left, subnormal or very small, is looked for downwards from
    there and placed one by one.
    """
    peak = _value(peak_code)
    weight = np.float64(peak) * np.float64(peak) if peak >= SMALLEST_PEAK else 0.0
    zeros = np.int64(0)
    for sign in (0, 0x8000):
        count = np.int64(group[0, sign]) + group[1, sign]
        group[0, sign], group[1, sign] = np.uint32(0), np.uint32(0)
        keys[sign] += count
        zeros += count
    scaled[0] += weight * np.float64(zeros)
    held -= zeros
    stop = np.int64(peak_code & 0x7F80) + 128
    if held > 0 and stop - _SPAN >= 128:
        held -= _move(group, stop - _SPAN, weight, here, other, keys, shares[peak_code & 0x7F])
        stop -= _SPAN
    inverse = np.float32(1.0) / peak if weight > 0.0 else np.float32(0.0)
    for code in range(stop - 1, 0, -1):
        if held == 0:
            break
        for sign in (0, 0x8000):
            count = np.int64(group[0, code + sign]) + group[1, code + sign]
            if count:
                group[0, code + sign], group[1, code + sign] = np.uint32(0), np.uint32(0)
                keys[code + sign] += count
                held -= count
                share = np.float32(_value(code) * inverse)
                scaled[min(np.int64(share.view(np.uint32)) >> 16, _ONE)] += weight * np.float64(count)


@njit(cache=True, nogil=True)
def _move(group: Any, begin: Any, weight: Any, here: Any, other: Any, keys: Any, into: Any) -> Any:
    """Move the counts of _SPAN codes of both signs to `keys`, times `weight` to `into`; how many there were.

    In small steps with few arrays each: those are the loops that are made with vector instructions.
    """
    negative = begin + 0x8000
    _take(group[0, begin : begin + _SPAN], group[1, begin : begin + _SPAN], here)
    _take(group[0, negative : negative + _SPAN], group[1, negative : negative + _SPAN], other)
    _add(here, keys[begin : begin + _SPAN])
    _add(other, keys[negative : negative + _SPAN])
    moved = np.uint32(0)
    for i in range(_SPAN):
        here[i] += other[i]
        moved += here[i]
    for i in range(_SPAN):
        into[i] += weight * np.float64(np.int64(here[i]))
    return np.int64(moved)


@njit(cache=True, nogil=True)
def _take(first: Any, second: Any, taken: Any) -> None:
    for i in range(_SPAN):
        taken[i] = first[i] + second[i]
    first[:] = np.uint32(0)
    second[:] = np.uint32(0)


@njit(cache=True, nogil=True)
def _add(counts: Any, keys: Any) -> None:
    for i in range(_SPAN):
        keys[i] += np.int64(counts[i])


@njit(cache=True, nogil=True)
def _spread(shares: Any, scaled: Any) -> None:
    """Add what was collected for each mantissa of a peak where its shares lie, and set it back to zero."""
    keys = np.empty(128, np.int64)
    for mantissa in range(128):
        inverse = np.float32(1.0) / _value(np.int64(_ONE + mantissa))
        for i in range(128):
            share = np.float32(_value(np.int64(_ONE + i)) * inverse)
            keys[i] = np.int64(share.view(np.uint32)) >> 16
        collected = shares[mantissa]
        for i in range(_SPAN):
            if collected[i] > 0.0:
                scaled[min(keys[i % 128] - (_SPAN - 128 - i // 128 * 128), _ONE)] += collected[i]
                collected[i] = 0.0


@njit(cache=True, nogil=True)
def _value(code: Any) -> Any:
    return np.uint32(np.uint32(code) << np.uint32(16)).view(np.float32)
