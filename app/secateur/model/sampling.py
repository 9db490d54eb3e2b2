"""Spectra estimated from a few thousand values of a tensor: what is shown while the exact ones are being counted.

Pieces of half a thousand values are read, spread evenly over the tensor: a few pages of the file. numpy alone, so
that nothing has to be compiled or imported before the first histogram.
"""

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.spectrum import Spectra, Spectrum
from secateur.model.stored import STORED_TYPES, StoredTensor
from secateur.model.values import layout

Floats = NDArray[np.float32]

PIECE: Final = 512
"""Values in one piece."""

PIECES: Final = 16
_ALL_PIECES: Final = 8192
_SMALLEST_PEAK: Final = 1e-37


def pieces_each(tensors: int) -> int:
    """How many pieces of each of so many tensors are read: all together within some tens of megabytes."""
    return max(min(PIECES, _ALL_PIECES // max(tensors, 1)), 1)


def sampled_spectra(tensor: StoredTensor, channel_axis: int, pieces: int = PIECES) -> Spectra:
    """An estimate: counts scaled up to the tensor's size; extremes are those of the sample.

    A channel's peak is taken for the largest value of its piece; where channels take turns, for that of the whole
    sample. `exact` is false, and there are no channel ranges.
    """
    parts = _read_pieces(tensor, pieces)
    sample = np.concatenate([*parts, np.empty(0, np.float32)])
    if not sample.size:
        empty = Spectrum(np.zeros(0, np.uint16), np.zeros(0), 0, 0.0, 0.0, 0.0, 0.0)
        return Spectra(empty, empty, np.zeros((0, 4), np.float32), exact=False)
    times = tensor.count / sample.size
    values = _spectrum(sample, times, tensor.count)
    rows = parts if layout(tensor.shape, channel_axis).outer == 1 else [sample]
    scaled = _scaled(rows, times, tensor.count, values.total_squares)
    return Spectra(values, scaled, np.zeros((0, 4), np.float32), exact=False)


def _read_pieces(tensor: StoredTensor, pieces: int) -> list[Floats]:
    """Runs of values spread evenly over a tensor in a file, as float32."""
    kind = STORED_TYPES[tensor.dtype]
    groups, each = -(-tensor.count // kind.values), -(-PIECE // kind.values)
    starts = [0] if groups <= each else np.linspace(0, groups - each, pieces).astype(np.int64).tolist()
    found = []
    with tensor.path.open("rb", buffering=0) as stream:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # no reading ahead: pages far apart
        for start in dict.fromkeys(starts):
            stream.seek(tensor.offset + start * kind.size)
            raw = stream.read(min(each, groups - start) * kind.size)
            raw = raw[: len(raw) // kind.size * kind.size]
            found.append(kind.decode(np.frombuffer(raw, np.uint8))[: tensor.count - start * kind.values])
    return found


def _spectrum(sample: Floats, times: float, count: int) -> Spectrum:
    counts = np.bincount(np.ascontiguousarray(sample).view(np.uint32) >> 16, minlength=65536)
    keys = np.flatnonzero(counts != 0).astype(np.uint16)
    found = counts[keys].astype(np.float64) * times
    finite = sample[np.isfinite(sample)].astype(np.float64)
    non_finite = round((sample.size - finite.size) * times)
    if not finite.size:
        return Spectrum(keys, found, count, 0.0, 0.0, 0.0, 0.0, 0, count)
    return Spectrum(
        keys,
        found,
        count,
        float(finite.sum()) * times,
        float((finite * finite).sum()) * times,
        float(finite.min()),
        float(finite.max()),
        round(np.count_nonzero(finite == 0.0) * times),
        non_finite,
    )


def _scaled(rows: list[Floats], times: float, count: int, total_squares: float) -> Spectrum:
    """The spectrum of values ÷ their row's peak, weighted by its square."""
    shares, weights = [np.empty(0, np.float32)], [np.empty(0)]
    for row in rows:
        sizes = np.abs(np.where(np.isfinite(row), row, np.float32(0.0)))
        peak = sizes.max(initial=0.0)
        if peak >= _SMALLEST_PEAK:
            shares.append(np.minimum(sizes / peak, np.float32(1.0)))
            weights.append(np.full(row.size, float(peak) ** 2 * times))
    table = np.bincount(np.concatenate(shares).view(np.uint32) >> 16, np.concatenate(weights), minlength=65536)
    keys = np.flatnonzero(table != 0.0).astype(np.uint16)
    return Spectrum(keys, table[keys], count, 0.0, total_squares, 0.0, 1.0)
