"""The numba kernels for channels that do not lie together: two looks, since their peaks are known at the end of one."""

from typing import Any

import numpy as np

from secateur.model.compiling import njit
from secateur.model.kernels import CHUNK, FLOAT32, HIGH, LOW, add_weight, count, ends_of, widened
from secateur.model.kernels_quantiles import PARTS, SAMPLED, pick, quantiles


@njit(cache=True, nogil=True)
def channel_ends(values: Any, codes: Any, kind: int, begin: int, inner: int, ends: Any) -> None:
    """The first look: widen `ends` float32 (2, channels), the least and the greatest values; not finite: zero.

    `inner` values at a time belong to one channel, the channels taking turns; the first value stands at `begin` of
    the tensor.
    """
    size = values.size if kind == FLOAT32 else codes.size
    channels, least, greatest = ends.shape[1], ends[0], ends[1]
    scratch = np.empty(CHUNK if kind != FLOAT32 else 0, np.float32)
    for start in range(0, size, CHUNK):
        stop = min(size, start + CHUNK)
        chunk = values[start:stop] if kind == FLOAT32 else widened(codes[start:stop], kind, scratch)
        place = 0
        while place < chunk.size:
            position = begin + start + place
            channel = position // inner % channels
            if inner == 1:
                run = min(chunk.size - place, channels - channel)
                here = chunk[place : place + run]
                is_whole = _are_finite(here)
                _widen_ends(here, least[channel : channel + run], greatest[channel : channel + run], is_whole)
            else:
                run = min(chunk.size - place, inner - position % inner)
                low, high, is_whole = ends_of(chunk[place : place + run])
                if not is_whole:
                    low, high = min(low, 0.0), max(high, 0.0)
                least[channel] = min(least[channel], np.float32(low))
                greatest[channel] = max(greatest[channel], np.float32(high))
            place += run


@njit(cache=True, nogil=True)
def _are_finite(values: Any) -> Any:
    bits, most = values.view(np.uint32), np.uint32(0)
    for i in range(bits.size):
        most = max(most, bits[i] & np.uint32(0x7FFFFFFF))
    return most < np.uint32(0x7F800000)


@njit(cache=True, nogil=True)
def _widen_ends(values: Any, least: Any, greatest: Any, is_whole: bool) -> None:
    for i in range(values.size):
        value = values[i] if is_whole or np.isfinite(values[i]) else np.float32(0.0)
        least[i] = min(least[i], value)
        greatest[i] = max(greatest[i], value)


@njit(cache=True, nogil=True)
def count_channels(
    values: Any,
    codes: Any,
    kind: int,
    begin: int,
    inner: int,
    inverses: Any,
    weights: Any,
    keys: Any,
    scaled: Any,
    sums: Any,
) -> None:
    """The second look, when the channels' peaks are known: count values, and each × its channel's inverse, weighted.

    Positions are as in `channel_ends`, what is counted as in `count_rows`.
    """
    size = values.size if kind == FLOAT32 else codes.size
    channels = inverses.size
    scratch = np.empty(CHUNK if kind != FLOAT32 else 0, np.float32)
    shares = np.empty(CHUNK, np.float32)
    for start in range(0, size, CHUNK):
        stop = min(size, start + CHUNK)
        chunk = values[start:stop] if kind == FLOAT32 else widened(codes[start:stop], kind, scratch)
        count(chunk, keys, sums)
        low, high, _ = ends_of(chunk)
        sums[LOW], sums[HIGH] = min(sums[LOW], low), max(sums[HIGH], high)
        place = 0
        while place < chunk.size:
            position = begin + start + place
            channel = position // inner % channels
            run = min(chunk.size - place, channels - channel if inner == 1 else inner - position % inner)
            piece = chunk[place : place + run]
            if inner == 1:
                _shares(piece, inverses[channel : channel + run], shares)
                _add_weights(shares[:run].view(np.uint32), weights[channel : channel + run], scaled)
            elif weights[channel] > 0.0:
                for i in range(run):
                    shares[i] = _share(piece[i], inverses[channel])
                add_weight(shares[:run].view(np.uint32), weights[channel], scaled)
            place += run


@njit(cache=True, nogil=True)
def _add_weights(bits: Any, weights: Any, scaled: Any) -> None:
    """`add_weight` for values that have a weight each."""
    first, second = scaled[0], scaled[1]
    for i in range(0, bits.size // 2 * 2, 2):
        first[bits[i] >> np.uint32(16)] += weights[i]
        second[bits[i + 1] >> np.uint32(16)] += weights[i + 1]
    if bits.size % 2:
        first[bits[bits.size - 1] >> np.uint32(16)] += weights[bits.size - 1]


@njit(cache=True, nogil=True)
def _shares(values: Any, inverses: Any, shares: Any) -> None:
    for i in range(values.size):
        shares[i] = _share(values[i], inverses[i])


@njit(cache=True, nogil=True)
def _share(value: Any, inverse: Any) -> Any:
    """|value| × inverse, at most 1; 0 where the value is not finite."""
    size = np.float32(abs(value))
    return min(np.float32(size * inverse), np.float32(1.0)) if size < np.float32(np.inf) else np.float32(0.0)


@njit(cache=True, nogil=True)
def sampled_quantiles(samples: Any, ranges: Any) -> None:
    """Fill in the quantiles of `ranges` float32 (rows, 4), the ends of which are known, from `samples` (rows, n)."""
    picked, parts = np.empty(SAMPLED, np.uint16), np.zeros(PARTS, np.int32)
    for row in range(samples.shape[0]):
        number = pick(samples[row], picked)
        ranges[row, 1], ranges[row, 2] = quantiles(picked[:number], ranges[row, 0], ranges[row, 3], parts)
