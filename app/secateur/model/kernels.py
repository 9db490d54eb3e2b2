"""The numba kernels that count values: one pass over memory, each working on what is in the first-level cache.

They release the interpreter lock and are run on plain threads: compiling them takes a second, where numba's own
parallel loops take ten, and the end of a block is a natural place to stop.

Floats come in three kinds: 0 is float32 (`values`), 1 bfloat16 and 2 float16 (`codes`, uint16), which are widened
to float32 a few thousand at a time. Values that are not finite are counted in `keys`; sums and extremes leave
them out, and scaled they count as zero.
"""

from typing import Any

import numpy as np

from secateur.model.compiling import njit
from secateur.model.kernels_quantiles import PARTS, SAMPLED, pick, quantiles

FLOAT32, BFLOAT16, FLOAT16 = 0, 1, 2

CHUNK = 4096
"""Values that are counted, then summed, searched for extremes and scaled while they are in the first-level cache."""

TABLES = 2
"""Counters are there twice, for values in turn: equal ones stand side by side, and one that was just written can only
be read again some cycles later. Together with two values in each load: 15 ms in place of 21 for 16.8 million float32.
"""

_LOW_KEY, _WORD = np.uint64(0xFFFF), np.uint64(16)

TOTAL, SQUARES, ZEROS, LOW, HIGH = range(5)


def new_sums() -> Any:
    """What the kernels add up: sum, sum of squares, zeros, least and greatest finite value; float64 (5,)."""
    return np.array([0.0, 0.0, 0.0, np.inf, -np.inf])


@njit(cache=True, nogil=True)
def count_rows(values: Any, codes: Any, kind: int, length: int, keys: Any, scaled: Any, ranges: Any, sums: Any) -> None:
    """Count whole rows of `length` values that lie one after the other.

    `keys` uint32 (2, 65,536) gets the values' top 16 bits, `scaled` float64 (2, 65,536) those of each value ÷ its
    row's peak, weighted by the peak's square (what counts is the sum of both tables); `ranges` float32 (rows, 4) each
    row's least value, 5 % and 95 % quantile, and greatest value.
    """
    size = values.size if kind == FLOAT32 else codes.size
    step = length * max(CHUNK // length, 1)
    scratch = np.empty(step if kind != FLOAT32 else 0, np.float32)
    shares = np.empty(min(length, CHUNK), np.float32)
    picked, parts = np.empty(SAMPLED, np.uint16), np.zeros(PARTS, np.int32)
    for begin in range(0, size, step):
        stop = min(size, begin + step)
        chunk = values[begin:stop] if kind == FLOAT32 else widened(codes[begin:stop], kind, scratch)
        count(chunk, keys, sums)
        for start in range(0, stop - begin, length):
            row = chunk[start : start + length]
            low, high, is_whole = ends_of(row)
            sums[LOW], sums[HIGH] = min(sums[LOW], low), max(sums[HIGH], high)
            if not is_whole:
                low, high = min(low, 0.0), max(high, 0.0)
            found = ranges[(begin + start) // length]
            found[0], found[3] = low, high
            found[1], found[2] = quantiles(picked[: pick(row, picked)], low, high, parts)
            _scale(row, np.float32(max(-low, high)), is_whole, shares, scaled)


@njit(cache=True, nogil=True)
def count_flat(values: Any, keys: Any, sums: Any) -> None:
    """Count float32 values into `keys` and `sums` alone."""
    for begin in range(0, values.size, CHUNK):
        chunk = values[begin : min(values.size, begin + CHUNK)]
        count(chunk, keys, sums)
        low, high, _ = ends_of(chunk)
        sums[LOW], sums[HIGH] = min(sums[LOW], low), max(sums[HIGH], high)


@njit(cache=True, nogil=True)
def widened(codes: Any, kind: int, scratch: Any) -> Any:
    """16-bit floats as float32, in the first values of `scratch`."""
    bits = scratch.view(np.uint32)
    if kind == BFLOAT16:
        for i in range(codes.size):
            bits[i] = np.uint32(codes[i]) << np.uint32(16)
        return scratch[: codes.size]
    for i in range(codes.size):  # moved into place, the exponent is 112 too small
        code = np.uint32(codes[i])
        bits[i] = ((code & np.uint32(0x8000)) << np.uint32(16)) | ((code & np.uint32(0x7FFF)) << np.uint32(13))
    for i in range(codes.size):
        scratch[i] *= np.float32(2.0**112)
    for i in range(codes.size):
        if (codes[i] & np.uint16(0x7C00)) == np.uint16(0x7C00):  # infinite and NaN
            bits[i] |= np.uint32(0x7F800000)
    return scratch[: codes.size]


# ---------------------------------------------------------------------- the pieces


@njit(cache=True, nogil=True)
def count(values: Any, keys: Any, sums: Any) -> None:
    """Add the top 16 bits of each value to `keys`, and sum, sum of squares and zeros to `sums`."""
    for begin in range(0, values.size, CHUNK):
        piece = values[begin : min(values.size, begin + CHUNK)]
        bits = piece.view(np.uint32)
        tiny = _tiny(keys)
        _count_keys(bits, keys)
        total, squares = _moments(piece)
        if not np.isfinite(squares):
            total, squares = _finite_moments(piece)
        sums[TOTAL] += total
        sums[SQUARES] += squares
        if _tiny(keys) != tiny:  # zeros and the smallest subnormals share two buckets
            sums[ZEROS] += _zeros(bits)


@njit(cache=True, nogil=True)
def _tiny(keys: Any) -> Any:
    """How many zeros and smallest subnormals were counted."""
    return np.int64(keys[0, 0]) + keys[1, 0] + keys[0, 0x8000] + keys[1, 0x8000]


@njit(cache=True, nogil=True)
def _count_keys(bits: Any, keys: Any) -> None:
    first, second = keys[0], keys[1]
    words = bits[: bits.size // 2 * 2].view(np.uint64)
    for i in range(words.size):
        word = words[i]
        first[(word >> _WORD) & _LOW_KEY] += np.uint32(1)
        second[word >> np.uint64(48)] += np.uint32(1)
    if bits.size % 2:
        first[bits[bits.size - 1] >> np.uint32(16)] += np.uint32(1)


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _moments(values: Any) -> Any:
    total, squares = 0.0, 0.0
    for i in range(values.size):
        value = np.float64(values[i])
        total += value
        squares += value * value
    return total, squares


@njit(cache=True, nogil=True)
def _finite_moments(values: Any) -> Any:
    total, squares = 0.0, 0.0
    for i in range(values.size):
        if np.isfinite(values[i]):
            value = np.float64(values[i])
            total += value
            squares += value * value
    return total, squares


@njit(cache=True, nogil=True)
def _zeros(bits: Any) -> Any:
    zeros = np.int64(0)
    for i in range(bits.size):
        zeros += (bits[i] & np.uint32(0x7FFFFFFF)) == 0
    return zeros


@njit(cache=True, nogil=True)
def ends_of(values: Any) -> Any:
    """Least and greatest finite value, and whether all are finite; integer maxima vectorise, those of floats do not."""
    bits, signed = values.view(np.uint32), values.view(np.int32)
    highest, lowest = np.int32(-2147483648), np.uint32(0)
    for i in range(values.size):
        highest = max(highest, signed[i])
        lowest = max(lowest, bits[i])
    if highest >= np.int32(0x7F800000) or lowest >= np.uint32(0xFF800000):
        return _finite_ends(values)
    least = np.uint32(0xFFFFFFFF)
    if highest < 0 or lowest < np.uint32(0x80000000):  # one sign: the other end has the smallest pattern
        for i in range(values.size):
            least = min(least, bits[i])
    high = least if highest < 0 else np.uint32(highest)
    low = least if lowest < np.uint32(0x80000000) else lowest
    return np.float64(np.uint32(low).view(np.float32)), np.float64(np.uint32(high).view(np.float32)), True


@njit(cache=True, nogil=True)
def _finite_ends(values: Any) -> Any:
    low, high = np.inf, -np.inf
    for i in range(values.size):
        if np.isfinite(values[i]):
            low, high = min(low, np.float64(values[i])), max(high, np.float64(values[i]))
    return low, high, False


SMALLEST_PEAK = np.float32(1e-37)
"""Below this the inverse of a peak is infinite; the square weighs nothing."""


@njit(cache=True, nogil=True)
def _scale(row: Any, peak: Any, is_whole: bool, shares: Any, scaled: Any) -> None:
    """Add each value ÷ `peak` to `scaled`, weighted by the peak's square."""
    if peak < SMALLEST_PEAK:
        return
    weight, inverse = np.float64(peak) * np.float64(peak), np.float32(1.0) / peak
    for begin in range(0, row.size, shares.size):
        piece = row[begin : min(row.size, begin + shares.size)]
        if is_whole:
            for i in range(piece.size):
                shares[i] = min(np.float32(abs(piece[i]) * inverse), np.float32(1.0))
        else:
            for i in range(piece.size):
                share = np.float32(abs(piece[i]) * inverse) if np.isfinite(piece[i]) else np.float32(0.0)
                shares[i] = min(share, np.float32(1.0))
        add_weight(shares[: piece.size].view(np.uint32), weight, scaled)


@njit(cache=True, nogil=True)
def add_weight(bits: Any, weight: float, scaled: Any) -> None:
    """Add `weight` at the top 16 bits of each of these float32 patterns (uint32)."""
    first, second = scaled[0], scaled[1]
    words = bits[: bits.size // 2 * 2].view(np.uint64)
    for i in range(words.size):
        word = words[i]
        first[(word >> _WORD) & _LOW_KEY] += weight
        second[word >> np.uint64(48)] += weight
    if bits.size % 2:
        first[bits[bits.size - 1] >> np.uint32(16)] += weight
