"""Counting large tensors part by part: rows that lie one after the other, and channels that do not."""

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model import kernels
from secateur.model.kernels_bfloat import bfloat_ranges, count_bfloat_groups
from secateur.model.kernels_bytes import count_byte_rows
from secateur.model.kernels_channels import channel_ends, count_channels, sampled_quantiles
from secateur.model.kernels_quantiles import SAMPLED
from secateur.model.stored import BLOCK_BYTES, STORED_TYPES, StoredTensor
from secateur.model.tally import Block, Floats, Tally, TensorCount, count_float_rows, read_only
from secateur.model.values import Values, byte_values, layout, values_of_array, values_of_bytes, values_of_tensor

SMALL: Final = 1 << 16
"""Tensors of up to so many values are counted as a whole, and the quantiles of their channels are exact."""

_LONGEST_ROW: Final = 1 << 20
_SHORTEST_BYTE_ROW: Final = 64
_MOST_SAMPLES: Final = 1 << 24
_RUN: Final = 8
"""Samples of a channel that are read together where they lie so, as in `kernels_quantiles`."""

_LEAST_GROUP: Final = 4096
_BFLOAT_TIMES: Final = 3


def count_of_array(array: NDArray[np.float32], channel_axis: int) -> TensorCount:
    """The counting of an array in memory."""
    return _count_of(lambda: values_of_array(array), array.shape, "float32", channel_axis)


def count_of_tensor(tensor: StoredTensor, channel_axis: int) -> TensorCount:
    """The counting of a tensor in a file; nothing is read yet."""
    dtype = tensor.dtype if tensor.load is None else "float32"
    return _count_of(lambda: values_of_tensor(tensor), tensor.shape, dtype, channel_axis)


def count_of_bytes(raw: NDArray[np.uint8], shape: tuple[int, ...], dtype: str, channel_axis: int) -> TensorCount:
    """The counting of a tensor whose bytes, as a file would hold them, are in memory."""
    return _count_of(lambda: values_of_bytes(raw, shape, dtype), shape, dtype, channel_axis)


def count_of_loaded(load: Callable[[], NDArray[np.float32]], shape: tuple[int, ...], channel_axis: int) -> TensorCount:
    """The counting of an array that is made when its turn comes, and let go afterwards."""
    return _count_of(lambda: values_of_array(load()), shape, "float32", channel_axis)


def _count_of(values: Callable[[], Values], shape: tuple[int, ...], dtype: str, axis: int) -> TensorCount:
    place = layout(shape, axis)
    count = place.outer * place.channels * place.inner
    if count <= SMALL:
        return TensorCount(values, shape, dtype, axis)
    if place.outer > 1 or place.inner > _LONGEST_ROW:
        return ChannelCount(values, shape, dtype, axis)
    kind = STORED_TYPES[dtype]
    if kind.size == 1 and place.inner % kind.values == 0 and place.inner // kind.values >= _SHORTEST_BYTE_ROW:
        return ByteCount(values, shape, dtype, axis)
    return RowCount(values, shape, dtype, axis)


class RowCount(TensorCount):
    """Channels that lie one after the other: one look, whole rows at a time."""

    @property
    def block(self) -> int:
        """Values in one block: of bfloat16 more, so that many rows share their peak."""
        return super().block * (_BFLOAT_TIMES if self.dtype == "bfloat16" else 1)

    @property
    def phases(self) -> tuple[tuple[Block, ...], ...]:
        step = max(self.block // self.layout.inner, 1) * self.layout.inner
        return (_blocks(self.count, step),)

    def work(self, phase: int, begin: int, stop: int, tally: Tally) -> None:
        length = self.layout.inner
        values, codes, kind = self.arrays(begin, stop)
        ranges = np.empty(((stop - begin) // length, 4), np.float32)
        if kind != kernels.BFLOAT16 or not _count_bfloats(codes, length, ranges, tally):
            count_float_rows(values, codes, kind, length, ranges, tally)
        self.keep(begin, ranges)

    def keep(self, begin: int, ranges: Floats) -> None:
        """Keep the ranges of the rows from value `begin` on."""
        first = begin // self.layout.inner
        kept = np.arange(-first % self.every, len(ranges), self.every)
        self.ranges[(first + kept) // self.every] = ranges[kept]


class ByteCount(RowCount):
    """Rows of a type of one byte, counted by what the bytes are."""

    @property
    def block(self) -> int:
        return BLOCK_BYTES * STORED_TYPES[self.dtype].values

    def work(self, phase: int, begin: int, stop: int, tally: Tally) -> None:
        values, order = byte_values(self.dtype)
        raw = read_only(self.values.raw(begin, stop))
        length = self.layout.inner // STORED_TYPES[self.dtype].values
        counts, ranges = np.zeros(len(values), np.int64), np.empty((raw.size // length, 4), np.float32)
        count_byte_rows(raw, length, values, order, counts, tally.scaled[0], ranges)
        tally.add_counts(values, counts)
        self.keep(begin, ranges)


class ChannelCount(TensorCount):
    """Channels that take turns, or are longer than a block: a look at their ends, and one at the values."""

    @property
    def phases(self) -> tuple[tuple[Block, ...], ...]:
        blocks = _blocks(self.count, self.block)
        return blocks, blocks

    def work(self, phase: int, begin: int, stop: int, tally: Tally) -> None:
        values, codes, kind = self.arrays(begin, stop)
        inner = self.layout.inner
        if not phase:
            if tally.ends is None:
                tally.ends = np.repeat(np.array([[np.inf], [-np.inf]], np.float32), self.layout.channels, axis=1)
            channel_ends(values, codes, kind, begin, inner, tally.ends)
            return
        keys, scaled, sums = tally.keys, tally.scaled, tally.new_sums()
        count_channels(values, codes, kind, begin, inner, self._inverses, self._weights, keys, scaled, sums)
        tally.fold()

    def between(self, phase: int, tallies: Iterable[Tally]) -> None:
        if phase:
            sampled_quantiles(self._samples(), self._all_ranges)
            self.ranges[:] = self._all_ranges[:: self.every]
            return
        ends = [tally.ends for tally in tallies if tally.ends is not None]
        low, high = np.min([e[0] for e in ends], axis=0), np.max([e[1] for e in ends], axis=0)
        self._all_ranges: Floats = np.stack([low, low, high, high], axis=1)
        peaks = np.maximum(-low, high)
        weighs = peaks >= kernels.SMALLEST_PEAK
        self._inverses = np.divide(np.float32(1.0), peaks, out=np.zeros_like(peaks), where=weighs)
        self._weights = np.where(weighs, peaks.astype(np.float64) ** 2, 0.0)

    def _samples(self) -> Floats:
        """Values of every channel, evenly spread: (channels, n)."""
        outer, channels, inner = self.layout
        wanted = max(min(SAMPLED, _MOST_SAMPLES // channels), 1)
        if outer == 1:
            short = min(inner, 32)
            places = [round(place * (inner - short)) for place in np.linspace(0, 1, -(-wanted // short))]
            rows = [
                np.concatenate([self.values.floats(c * inner + p, c * inner + p + short) for p in places])
                for c in range(channels)
            ]
            return np.ascontiguousarray(rows, np.float32)
        size, step = channels * inner, max(inner // wanted, 1)
        run = outer if outer * inner <= wanted else max(_RUN // inner, 1)
        number = -(-wanted // (inner * run)) if run < outer else 1
        turns = [round(turn) for turn in np.linspace(0, outer - run, number)]
        taken = np.concatenate([self.values.floats(turn * size, (turn + run) * size) for turn in turns])
        turned = np.moveaxis(taken.reshape(-1, channels, inner)[..., ::step][..., :wanted], 0, 1)
        return np.ascontiguousarray(turned, np.float32).reshape(channels, -1)


# ---------------------------------------------------------------------- pieces


def _blocks(count: int, step: int) -> tuple[Block, ...]:
    return tuple((begin, min(begin + step, count)) for begin in range(0, count, step))


def _count_bfloats(codes: NDArray[np.uint16], length: int, ranges: Floats, tally: Tally) -> bool:
    """Count rows of bfloat16 by their bits, rows of one peak together; False, and nothing counted, where that does not
    pay or values are not finite.
    """
    if not bfloat_ranges(codes, length, ranges):
        return False
    peaks = np.maximum(np.maximum(-ranges[:, 0], ranges[:, 3]), np.float32(0.0))
    peak_codes = (peaks.view(np.uint32) >> 16).astype(np.uint16)
    order = np.argsort(peak_codes, kind="stable")
    groups = 1 + np.count_nonzero(np.diff(peak_codes[order]))
    if codes.size < groups * _LEAST_GROUP:
        return False
    group, shares = tally.desk.group, tally.desk.shares
    count_bfloat_groups(codes, length, order, peak_codes, group, shares, tally.codes, tally.scaled[0])
    return True
