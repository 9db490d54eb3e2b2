"""The numba kernels for the range in which most of a channel lies: two quantiles, from a sample.

Exact ones would take several times as long as all the rest. A few hundred values spread over the channel, counted
in steps of 14 to 25 %, give them within about a tenth of the channel's standard deviation.
"""

from typing import Any

import numpy as np

from secateur.model.compiling import njit

SHARE = 0.05
"""The lower quantile; the upper one is 1 less that."""

SAMPLED = 256
"""Values of one channel that are looked at, in runs of eight: whole cache lines."""

_RUN = 8
_SPACES = SAMPLED // _RUN - 1

PARTS = 1 << 11
"""Counters: by sign, exponent and 2 bits of mantissa. With 4 bits the way through them took twice as long, and what
it found was no nearer."""

_KEY_SHIFT, _BITS_SHIFT = np.uint16(5), np.uint32(21)

_HALF = PARTS // 2


@njit(cache=True, nogil=True)
def pick(row: Any, picked: Any) -> Any:
    """The top 16 bits of up to SAMPLED values of a float32 row, in `picked`; how many. Not finite: zero."""
    bits = row.view(np.uint32)
    if bits.size <= SAMPLED:
        for i in range(bits.size):
            picked[i] = np.uint16(bits[i] >> np.uint32(16))
    else:
        for run in range(SAMPLED // _RUN):
            start = run * (bits.size - _RUN) // _SPACES
            for i in range(_RUN):
                picked[run * _RUN + i] = np.uint16(bits[start + i] >> np.uint32(16))
    return _finite(picked, min(bits.size, SAMPLED))


@njit(cache=True, nogil=True)
def pick_codes(row: Any, picked: Any) -> Any:
    """`pick` for a row of bfloat16 codes."""
    if row.size <= SAMPLED:
        for i in range(row.size):
            picked[i] = row[i]
    else:
        for run in range(SAMPLED // _RUN):
            start = run * (row.size - _RUN) // _SPACES
            for i in range(_RUN):
                picked[run * _RUN + i] = row[start + i]
    return _finite(picked, min(row.size, SAMPLED))


@njit(cache=True, nogil=True)
def _finite(picked: Any, number: Any) -> Any:
    for i in range(number):
        if (picked[i] & np.uint16(0x7FFF)) >= np.uint16(0x7F80):
            picked[i] = np.uint16(0)
    return number


@njit(cache=True, nogil=True)
def quantiles(picked: Any, low: Any, high: Any, parts: Any) -> Any:
    """Both quantiles of what was picked of a channel whose values lie in `low` … `high`.

    `parts` int32 (PARTS,) are zeros before and after. Values inside a part count as evenly spread.
    """
    for i in range(picked.size):
        parts[picked[i] >> _KEY_SHIFT] += 1
    wanted = SHARE * picked.size
    lower = _walk(parts, wanted, low, False)
    upper = _walk(parts, wanted, high, True)
    for i in range(picked.size):
        parts[picked[i] >> _KEY_SHIFT] = 0
    return min(max(lower, low), high), max(min(upper, high), low)


@njit(cache=True, nogil=True)
def _walk(parts: Any, wanted: Any, start: Any, down: bool) -> Any:
    """The value up to which `wanted` values lie on the way up from `start`, or down."""
    part = np.int64(np.float32(start).view(np.uint32) >> _BITS_SHIFT)
    before = 0.0
    while before + parts[part] < wanted:
        before += parts[part]
        if (part > _HALF) if not down else (part != 0 and part < _HALF):
            part -= 1
        elif part == (_HALF if not down else 0):
            part = _HALF - part
        else:
            part += 1
    inside = (wanted - before) / max(parts[part], 1)
    size = part % _HALF
    inner = np.float64(np.uint32(size << 21).view(np.float32))
    outer = np.float64(np.uint32((size + 1) << 21).view(np.float32))
    negative = part >= _HALF
    if negative != down:  # towards zero
        inner, outer = outer, inner
    value = inner + (outer - inner) * inside
    return -value if negative else value
