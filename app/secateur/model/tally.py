"""Counting one tensor block by block: what each block adds, and the spectra in the end.

A tensor whose channels lie one after the other is read once. Where they are interleaved (axis other than 0), or
one channel is longer than a block, it is read twice: values are scaled by their channel's peak, which is known at
the end of the first look. Memory: a block for each thread, tables of one megabyte, a few numbers per channel.
"""

import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from math import fsum, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.model import kernels
from secateur.model.kernels_bfloat import OCTAVES
from secateur.model.kernels_quantiles import SHARE
from secateur.model.spectrum import Spectra, Spectrum
from secateur.model.stored import BLOCK_BYTES, STORED_TYPES
from secateur.model.values import MOST_CHANNELS, Values, layout

Floats = NDArray[np.float32]
Block = tuple[int, int]

_KINDS: Final = {"float32": kernels.FLOAT32, "bfloat16": kernels.BFLOAT16, "float16": kernels.FLOAT16}
_DECODED_BLOCK: Final = 1 << 20


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view that cannot be written, as mapped arrays are, so that the kernels are compiled once; a copy of what does
    not lie where numbers of its type should.
    """
    view = np.require(array, requirements="A").view()
    view.flags.writeable = False
    return view


_NO_VALUES: Final = read_only(np.empty(0, np.float32))
_NO_CODES: Final = read_only(np.empty(0, np.uint16))


class Desk:
    """Tables of one thread that are zeros between blocks, whatever it counts: see `kernels_bfloat`."""

    @cached_property
    def group(self) -> NDArray[np.uint32]:
        return np.zeros((kernels.TABLES, 65536), np.uint32)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        return np.zeros((128, OCTAVES * 128), np.float64)


class Tally:
    """What one thread has counted of a tensor. `codes` are bfloat16 values by their bits, which are also their keys."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.keys = np.zeros((kernels.TABLES, 65536), np.uint32)
        self.counts = np.zeros(65536, np.int64)
        self.codes = np.zeros(65536, np.int64)
        self.scaled = np.zeros((kernels.TABLES, 65536), np.float64)
        self.sums: list[NDArray[np.float64]] = []
        self.ends: Floats | None = None

    def new_sums(self) -> Any:
        """Sums for one block, kept: all blocks are added up exactly in the end, in whatever order they came."""
        self.sums.append(kernels.new_sums())
        return self.sums[-1]

    def fold(self) -> None:
        """Move the 32-bit counters into 64-bit ones before they can overflow."""
        for table in self.keys:
            self.counts += table
        self.keys[:] = 0

    def add_counts(self, values: Floats, counts: NDArray[np.int64]) -> None:
        """Add `counts` of each of these values."""
        known = counts > 0
        values, counts = values[known], counts[known]
        np.add.at(self.counts, values.view(np.uint32) >> 16, counts)
        finite = np.isfinite(values)
        size, weight = values[finite].astype(np.float64), counts[finite]
        sums = self.new_sums()
        sums[0], sums[1], sums[2] = weight @ size, weight @ size**2, weight[size == 0].sum()
        sums[3], sums[4] = size.min(initial=np.inf), size.max(initial=-np.inf)


class TensorCount:
    """The counting of one tensor; this one takes it as a whole, for small ones.

    `phases` are its looks, each the blocks (begin, stop) of one; the blocks of a look may be counted by several
    threads at once, each into a tally of its own. `between` is called once after each look.
    """

    def __init__(self, values: Callable[[], Values], shape: tuple[int, ...], dtype: str, channel_axis: int) -> None:
        self._open, self._opening = values, threading.Lock()
        self._opened: Values | None = None
        self.dtype, self.shape, self.count = dtype, shape, prod(shape)
        self.layout = layout(shape, channel_axis)
        self.every = -(-max(self.layout.channels, 1) // MOST_CHANNELS)
        self.ranges = np.zeros((-(-self.layout.channels // self.every), 4), np.float32)

    @property
    def values(self) -> Values:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    @property
    def phases(self) -> tuple[tuple[Block, ...], ...]:
        """One look at the whole; none at nothing."""
        return (((0, self.count),),) if self.count else ()

    def work(self, phase: int, begin: int, stop: int, tally: Tally) -> None:
        """Count one block of one look."""
        whole = self.values.floats(0, self.count).reshape(self.layout)
        rows = np.ascontiguousarray(np.moveaxis(whole, 1, 0)).reshape(self.layout.channels, -1)
        if rows.shape[1] == 1:
            _count_singles(read_only(rows.reshape(-1)), self.ranges, tally)
            return
        count_float_rows(read_only(rows.reshape(-1)), _NO_CODES, kernels.FLOAT32, rows.shape[1], self.ranges, tally)
        clean = rows if np.isfinite(rows).all() else np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0)
        self.ranges[:, 1:3] = np.quantile(clean, [SHARE, 1 - SHARE], axis=1).T

    def between(self, phase: int, tallies: Iterable[Tally]) -> None:
        """After one look at all blocks, before the next."""

    def result(self, tallies: Iterable[Tally]) -> Spectra:
        """Both spectra and the ranges of the channels, from all that was counted."""
        counts, table, sums = np.zeros(65536, np.int64), np.zeros(65536, np.float64), []
        for tally in tallies:
            if self.dtype == "bfloat16" and tally.codes.any():
                tally.add_counts(_BFLOATS, tally.codes)
            counts += tally.counts
            table += tally.scaled.sum(axis=0)
            sums += tally.sums
        self._opened = None
        values = spectrum_from(counts, sums)
        keys = np.flatnonzero(table != 0.0).astype(np.uint16)
        scaled = Spectrum(keys, table[keys], self.count, 0.0, values.total_squares, 0.0, 1.0)
        if not self.count:
            return Spectra(values, values, self.ranges)
        clips = {4: Spectra(values, scaled, self.ranges).best_clip(4)}  # searched here, so that the window need not
        return Spectra(values, scaled, self.ranges, clips)

    @property
    def block(self) -> int:
        """Values in one block: a multiple of what one stored group holds."""
        kind = STORED_TYPES[self.dtype]
        if self.dtype in _KINDS:
            return BLOCK_BYTES // kind.size
        return max(_DECODED_BLOCK // kind.values, 1) * kind.values

    def arrays(self, begin: int, stop: int) -> tuple[Floats, NDArray[np.uint16], int]:
        """(float32 values, 16-bit codes, kind) as the kernels take them, read-only; one of the two is empty."""
        kind = _KINDS.get(self.dtype, kernels.FLOAT32)
        if kind != kernels.FLOAT32:
            return _NO_VALUES, read_only(self.values.raw(begin, stop).view(np.uint16)), kind
        return read_only(self.values.floats(begin, stop)), _NO_CODES, kind


_ONE: Final = 0x3F80
_BFLOATS: Final = (np.arange(65536, dtype=np.uint32) << 16).view(np.float32)


def count_float_rows(
    values: Floats, codes: NDArray[np.uint16], kind: int, length: int, ranges: Floats, tally: Tally
) -> None:
    """Count whole rows of floats of one kind into a tally; their ranges come back in `ranges`."""
    kernels.count_rows(values, codes, kind, length, tally.keys, tally.scaled, ranges, tally.new_sums())
    tally.fold()


def _count_singles(values: Floats, ranges: Floats, tally: Tally) -> None:
    """Count channels of one value each, as norms and biases have them: each is its own peak, and its share is 1."""
    kernels.count_flat(values, tally.keys, tally.new_sums())
    tally.fold()
    clean = np.where(np.isfinite(values), values, np.float32(0.0))
    ranges[:] = clean[:, None]
    weighty = clean[np.abs(clean) >= kernels.SMALLEST_PEAK].astype(np.float64)
    tally.scaled[0, _ONE] += weighty @ weighty


def spectrum_from(counts: NDArray[np.int64], sums: list[NDArray[np.float64]]) -> Spectrum:
    """The spectrum of what was counted by keys, with the sums of all blocks added up exactly."""
    keys = np.flatnonzero(counts != 0).astype(np.uint16)  # the places of booleans are found ten times as fast
    size = int(counts.sum())
    non_finite = int(counts[0x7F80:0x8000].sum() + counts[0xFF80:].sum())
    if non_finite == size:
        return Spectrum(keys, counts[keys], size, 0.0, 0.0, 0.0, 0.0, 0, non_finite)
    total, squares = fsum(part[0] for part in sums), fsum(part[1] for part in sums)
    low, high = min(part[3] for part in sums), max(part[4] for part in sums)
    zeros = int(sum(part[2] for part in sums))
    return Spectrum(keys, counts[keys], size, total, squares, float(low), float(high), zeros, non_finite)
