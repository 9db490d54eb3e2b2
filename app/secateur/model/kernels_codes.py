"""The numba kernels for what is counted by the bits that are stored: bfloat16, 8-bit types, packed 4-bit integers."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this file is numba; the engine imports it late

from secateur.model.kernels import SMALLEST_PEAK
from secateur.model.kernels_quantiles import PARTS, SAMPLED, pick_bytes, pick_codes, quantiles


@njit(cache=True, nogil=True)
def bfloat_ranges(codes: Any, length: int, ranges: Any) -> bool:
    """The ranges of rows of bfloat16, as in `count_rows`; False where a value is not finite."""
    picked, parts = np.empty(SAMPLED, np.uint16), np.zeros(PARTS, np.int32)
    for row in range(codes.size // length):
        part = codes[row * length : (row + 1) * length]
        signed = part.view(np.int16)
        highest, lowest = np.int16(-32768), np.uint16(0)
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

    Rows of one peak share their scale, so counting their codes once gives both spectra. `keys` is int64 (65,536).
    """
    group = np.zeros(65536, np.uint32)
    for place in range(order.size):
        row = order[place]
        part = codes[row * length : (row + 1) * length]
        whole = part.size // 4 * 4
        for i in range(0, whole, 4):
            group[part[i]] += np.uint32(1)
            group[part[i + 1]] += np.uint32(1)
            group[part[i + 2]] += np.uint32(1)
            group[part[i + 3]] += np.uint32(1)
        for i in range(whole, part.size):
            group[part[i]] += np.uint32(1)
        if place + 1 == order.size or peaks[order[place + 1]] != peaks[row]:
            _empty_group(group, peaks[row], keys, scaled)


@njit(cache=True, nogil=True)
def _empty_group(group: Any, peak_code: int, keys: Any, scaled: Any) -> None:
    """Add the counts of one group to both spectra and set them back to zero."""
    peak = _bfloat(peak_code)
    weighs = peak >= SMALLEST_PEAK
    weight = np.float64(peak) * np.float64(peak)
    inverse = np.float32(1.0) / peak if weighs else np.float32(0.0)
    for sign in (0, 0x8000):
        for begin in range(sign, sign + (peak_code | 0x7F) + 1, 128):
            any_counted = np.uint32(0)
            for code in range(begin, begin + 128):
                any_counted |= group[code]
            if not any_counted:
                continue
            for code in range(begin, begin + 128):
                count = group[code]
                if not count:
                    continue
                group[code] = np.uint32(0)
                keys[code] += np.int64(count)
                if weighs:
                    share = min(np.float32(_bfloat(code & 0x7FFF) * inverse), np.float32(1.0))
                    scaled[np.int64(np.float32(share).view(np.uint32)) >> 16] += weight * np.float64(count)


# ---------------------------------------------------------------------- bytes: 8-bit types and packed 4-bit ones


@njit(cache=True, nogil=True)
def count_byte_rows(raw: Any, length: int, values: Any, counts: Any, scaled: Any, ranges: Any) -> None:
    """Count rows of `length` bytes (uint8) by what each byte stands for: `values` float32 (256, values a byte).

    `counts` int64 (256,) gets the bytes, `scaled` and `ranges` are as in `count_rows`.
    """
    picked, parts = np.empty(SAMPLED, np.uint16), np.zeros(PARTS, np.int32)
    tables = np.zeros((4, 256), np.uint32)  # equal bytes follow each other: four tables keep them apart
    for row in range(raw.size // length):
        part = raw[row * length : (row + 1) * length]
        whole = part.size // 4 * 4
        for i in range(0, whole, 4):
            tables[0, part[i]] += np.uint32(1)
            tables[1, part[i + 1]] += np.uint32(1)
            tables[2, part[i + 2]] += np.uint32(1)
            tables[3, part[i + 3]] += np.uint32(1)
        for i in range(whole, part.size):
            tables[0, part[i]] += np.uint32(1)
        low, high, is_whole = np.inf, -np.inf, True
        for byte in range(256):
            count = np.int64(tables[0, byte]) + tables[1, byte] + tables[2, byte] + tables[3, byte]
            if not count:
                continue
            counts[byte] += count
            for place in range(values.shape[1]):
                value = values[byte, place]
                if np.isfinite(value):
                    low, high = min(low, np.float64(value)), max(high, np.float64(value))
                else:
                    is_whole = False
        if not is_whole:
            low, high = min(low, 0.0), max(high, 0.0)
        found = ranges[row]
        found[0], found[3] = low, high
        found[1], found[2] = quantiles(picked[: pick_bytes(part, values, picked)], low, high, parts)
        _scale_bytes(tables, values, np.float32(max(-low, high)), scaled)
        tables[:] = np.uint32(0)


@njit(cache=True, nogil=True)
def _scale_bytes(tables: Any, values: Any, peak: Any, scaled: Any) -> None:
    if peak < SMALLEST_PEAK:
        return
    weight, inverse = np.float64(peak) * np.float64(peak), np.float32(1.0) / peak
    for byte in range(256):
        count = np.int64(tables[0, byte]) + tables[1, byte] + tables[2, byte] + tables[3, byte]
        if not count:
            continue
        for place in range(values.shape[1]):
            value = values[byte, place]
            share = np.float32(abs(value) * inverse) if np.isfinite(value) else np.float32(0.0)
            share = min(share, np.float32(1.0))
            scaled[np.int64(np.float32(share).view(np.uint32)) >> 16] += weight * np.float64(count)
