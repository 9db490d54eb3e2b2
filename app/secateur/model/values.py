"""A tensor's values wherever they lie, in memory or in a file, and how its channels lie among them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.model.stored import STORED_TYPES, StoredTensor, mapped

Floats = NDArray[np.float32]

LONG_VECTOR: Final = 1 << 16
"""A vector of more values is one channel; in a shorter one each value is a channel of its own."""

MOST_CHANNELS: Final = 1 << 18
"""Ranges are kept of so many channels, evenly spread: what crosses to the window stays small."""


@dataclass(frozen=True, eq=False)
class Values:
    """Values by their place in the order of memory.

    `raw(begin, stop)` gives the bytes of some of them, uint8, read only. Where a stored group holds several
    values it gives all groups that these values touch.
    """

    shape: tuple[int, ...]
    dtype: str
    raw: Callable[[int, int], NDArray[np.uint8]]

    def floats(self, begin: int, stop: int) -> Floats:
        """Values `begin` to `stop` as float32; a view where they are stored so."""
        kind = STORED_TYPES[self.dtype]
        first = begin % kind.values
        return kind.decode(self.raw(begin, stop))[first : first + stop - begin]


def values_of_array(array: NDArray[np.float32]) -> Values:
    """An array in memory; copied only where its values do not lie in order."""
    flat = np.ascontiguousarray(array, dtype=np.float32).reshape(-1)
    return Values(array.shape, "float32", lambda begin, stop: flat[begin:stop].view(np.uint8))


def values_of_bytes(stored: NDArray[np.uint8], shape: tuple[int, ...], dtype: str) -> Values:
    """A tensor whose stored bytes (n,) are in memory."""
    kind = STORED_TYPES[dtype]

    def raw(begin: int, stop: int) -> NDArray[np.uint8]:
        return stored[begin // kind.values * kind.size : -(-stop // kind.values) * kind.size]

    return Values(shape, dtype, raw)


def values_of_tensor(tensor: StoredTensor) -> Values:
    """A tensor in a file: mapped piece by piece, or loaded as a whole where it cannot be mapped."""
    if tensor.load is not None:
        return values_of_array(tensor.load().reshape(tensor.shape))
    kind = STORED_TYPES[tensor.dtype]

    def raw(begin: int, stop: int) -> NDArray[np.uint8]:
        first, last = begin // kind.values * kind.size, -(-stop // kind.values) * kind.size
        return mapped(tensor, first, last - first)

    return Values(tensor.shape, tensor.dtype, raw)


@cache
def byte_values(dtype: str) -> tuple[Floats, NDArray[np.int64]]:
    """(values, places of the finite ones in ascending order) of a type of one byte: 256, or 16 of each half of it."""
    values = STORED_TYPES[dtype].decode(np.arange(256, dtype=np.uint8)).reshape(256, -1)
    values = np.ascontiguousarray(values[:, 0] if values.shape[1] == 1 else values[:16, 0])
    finite = np.flatnonzero(np.isfinite(values))
    return values, finite[np.argsort(values[finite], kind="stable")]


class Layout(NamedTuple):
    """`inner` values at a time belong to one of `channels` channels, and that `outer` times over."""

    outer: int
    channels: int
    inner: int


def layout(shape: tuple[int, ...], channel_axis: int) -> Layout:
    """How the channels on an axis lie. More than a quarter of a million interleaved ones are taken along axis 0."""
    if len(shape) < 2:
        count = prod(shape)
        return Layout(1, 1, count) if count > LONG_VECTOR or not shape else Layout(1, count, 1)
    axis = channel_axis % len(shape)
    if shape[axis] > MOST_CHANNELS:
        axis = 0
    return Layout(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
