"""The numba kernels for what is counted by the bits that are stored: bfloat16, 8-bit types, packed 4-bit integers."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this file is numba; the engine imports it late

from secateur.model.kernels import SMALLEST_PEAK
from secateur.model.kernels_quantiles import PARTS, SAMPLED, SHARE, pick_codes, quantiles


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
        found[0] = _bfloat(least if lowest < np.uint16(0x8000) else lowest)
        found[3] = _bfloat(least if highest < 0 else np.uint16(highest))
        found[1], found[2] = quantiles(picked[: pick_codes(part, picked)], found[0], found[3], parts)
    return True


@njit(cache=True, nogil=True)
def _bfloat(code: Any) -> Any:
    return np.uint32(np.uint32(code) << np.uint32(16)).view(np.float32)


@njit(cache=True, nogil=True)
def count_bfloat_groups(codes: Any, length: int, order: Any, peaks: Any, keys: Any, scaled: Any) -> None:
    """Count rows in `order`, in which those with the same peak (uint16 (rows,), as codes) stand together.

    Rows of one peak share their scale, so counting their codes once gives both spectra. `keys` is int64 (65,536),
    `scaled` float64 (65,536).
    """
    group, mapped, both = np.zeros((2, 65536), np.uint32), np.empty(128, np.int64), np.empty(128, np.float64)
    held = np.int64(0)
    for place in range(order.size):
        row = order[place]
        part = codes[row * length : (row + 1) * length]
        _count_codes(part, group[0], group[1])
        held += part.size
        if place + 1 == order.size or peaks[order[place + 1]] != peaks[row]:
            _empty_group(group, held, peaks[row], mapped, both, keys, scaled)
            held = np.int64(0)


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
def _empty_group(group: Any, held: Any, peak_code: Any, mapped: Any, both: Any, keys: Any, scaled: Any) -> None:
    """Add the `held` counts of one group to both spectra and set them back to zero.

    Where a mantissa comes to lie after the division by the peak is the same in every exponent: `mapped` int64 (128,),
    beside room for the weights of both signs in `both` float64 (128,). Zeros first, then from the peak downwards until
    nothing is left: most exponents are empty.
    """
    peak = _bfloat(peak_code)
    weighs = peak >= SMALLEST_PEAK
    weight = np.float64(peak) * np.float64(peak)
    inverse = np.float32(1.0) / peak if weighs else np.float32(0.0)
    first = np.int64(peak_code & 0x7F80)
    for mantissa in range(128):
        mapped[mantissa] = np.int64(np.float32(_bfloat(first | mantissa) * inverse).view(np.uint32)) >> 16
    for place in range(-1, first // 128):
        begin = np.int64(0) if place < 0 else first - 128 * place
        held -= _empty_exponent(group, begin, weight, both, keys)
        if weighs:
            if begin > 0 and first - begin < (mapped[0] & 0x7F80):  # no subnormal numbers, which have another grid
                for i in range(128):
                    scaled[min(mapped[i] - first + begin, 0x3F80)] += both[i]
            else:
                for i in range(128):
                    scaled[min(_share_key(begin + i, inverse), 0x3F80)] += both[i]
        if held == 0:
            break


@njit(cache=True, nogil=True)
def _empty_exponent(group: Any, begin: Any, weight: Any, both: Any, keys: Any) -> Any:
    """Move the counts of 128 mantissas of both signs to `keys`, times `weight` to `both`; how many there were."""
    for i in range(128):
        both[i] = 0.0
    emptied = np.int64(0)
    for start in (begin, begin + 0x8000):
        first, second = group[0, start : start + 128], group[1, start : start + 128]
        known = keys[start : start + 128]
        for i in range(128):
            count = np.int64(first[i] + second[i])
            known[i] += count
            both[i] += weight * np.float64(count)
            emptied += count
        first[:] = np.uint32(0)
        second[:] = np.uint32(0)
    return emptied


@njit(cache=True, nogil=True)
def _share_key(code: Any, inverse: Any) -> Any:
    return np.int64(np.float32(_bfloat(code) * inverse).view(np.uint32)) >> 16


# ---------------------------------------------------------------------- bytes: 8-bit types and packed 4-bit ones


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
