"""Weight scales of a channel or a group, symmetric or affine, from the maximum or by least squared error."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.model.encoding import IntegerEncoding, grouped_axis

_CLIPS = np.linspace(1.0, 0.3, 36)
_GROUP_CLIPS = np.append(1.0, np.linspace(1.16, 0.6, 29))
_FEW_BITS = 4
_FLOAT16_DIGITS = 11
_SMALLEST_FLOAT16 = 2.0**-18
"""Below it float16 is more than 1 % off."""
_CHUNK = 1 << 22
"""Weights that are searched at once: bounds the memory of the search to a few copies of this."""


def encode_weight(
    weight: NDArray[np.float32],
    bits: int,
    axis: int,
    observer: str = "minmax",
    *,
    group_size: int | None = None,
    is_affine: bool = False,
) -> IntegerEncoding:
    """Scales for `weight` (output channels on `axis`) in `bits` (2..8), one a channel, or one a group of its inputs.

    `minmax` maps each channel's largest magnitude to the largest integer (affine: its range, with zero in it, to all of
    them); `mse` draws that in, wherever the channel's squared error is least. A channel of zeros gets the layer's
    largest scale. Groups are on the other one of the first two axes, the last of them as short as it must be; their
    scales are float16 numbers, and those of affine ones of 4 bits so coarse that scale × zero point is one too: every
    format that has groups then stores the same values, to the bit.
    """
    rows = _Rows.of(weight, axis, group_size)
    place = axis if group_size is None else grouped_axis(axis)
    form = IntegerEncoding(
        bits, np.ones(1, np.float32), place, np.zeros(1, np.uint8) if is_affine else None, group_size
    )
    grids = _affine_grids(rows.values, form) if is_affine else _symmetric_grids(rows.values, form)
    best = next(grids) if observer == "minmax" else _least_error(rows.values, grids, form)
    scale = best.scale
    usable = np.abs(scale) > np.finfo(np.float32).tiny
    fallback = np.abs(scale).max(initial=0.0) or np.float32(1.0 / form.highest)
    zero = None if best.zero is None else rows.shaped(best.zero.astype(np.uint8))
    return replace(form, scale=rows.shaped(np.where(usable, scale, fallback).astype(np.float32)), zero_point=zero)


@dataclass(frozen=True)
class _Rows:
    """A weight as rows that have a scale each: float32 (rows, length), padded with zeros, which cost no grid a thing.

    `leading` is the shape of what there is one scale of, with the grouped axis at its end, and `axis` where it belongs.
    """

    values: NDArray[np.float32]
    leading: tuple[int, ...]
    axis: int | None = None

    @classmethod
    def of(cls, weight: NDArray[np.float32], axis: int, group_size: int | None) -> "_Rows":
        if group_size is None:
            rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
            return cls(rows.astype(np.float32, copy=False), (weight.shape[axis],))
        grouped = grouped_axis(axis)
        moved = np.moveaxis(weight, grouped, -1)
        missing = -moved.shape[-1] % group_size
        if missing:
            moved = np.pad(moved, [(0, 0)] * (moved.ndim - 1) + [(0, missing)])
        leading = (*moved.shape[:-1], moved.shape[-1] // group_size)
        return cls(np.ascontiguousarray(moved, np.float32).reshape(-1, group_size), leading, grouped)

    def shaped(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """One number for each row, in the shape that an encoding has them in."""
        shaped = numbers.reshape(self.leading)
        return shaped if self.axis is None else np.ascontiguousarray(np.moveaxis(shaped, -1, self.axis))


@dataclass(frozen=True)
class _Grid:
    """A scale for each row, float32 (rows,), and its zero point (float32) where it is affine."""

    scale: NDArray[np.float32]
    zero: NDArray[np.float32] | None = None


def _symmetric_grids(rows: NDArray[np.float32], form: IntegerEncoding) -> Iterator[_Grid]:
    """One after the other, that of the maximum first. Groups have the integer that channels lack, for the largest
    value of either sign, and may so be drawn out too: until that value is the largest integer on the other side."""
    if form.group_size is None:
        peaks = np.abs(rows).max(axis=1, initial=0.0)
        for clip in _CLIPS:
            yield _Grid((peaks * np.float32(clip) / form.highest).astype(np.float32))
        return
    places = np.abs(rows).argmax(axis=1)
    peaks = rows[np.arange(len(rows)), places]
    for clip in _GROUP_CLIPS:
        yield _Grid(_float16(peaks * np.float32(clip) / form.lowest))


def _affine_grids(rows: NDArray[np.float32], form: IntegerEncoding) -> Iterator[_Grid]:
    """One after the other, that of the whole range first."""
    low, high = rows.min(axis=1, initial=0.0), rows.max(axis=1, initial=0.0)
    for clip in _CLIPS:
        scale = ((high - low) * np.float32(clip) / form.highest).astype(np.float32)
        if form.group_size is not None:
            scale = _float16(_rounded_up(scale, _FLOAT16_DIGITS - form.bits) if form.bits <= _FEW_BITS else scale)
        whole = np.where(scale > 0, scale, np.float32(1.0))
        yield _Grid(scale, np.clip(np.rint(-low * np.float32(clip) / whole), 0, form.highest).astype(np.float32))


def _least_error(rows: NDArray[np.float32], grids: Iterable[_Grid], form: IntegerEncoding) -> _Grid:
    """For each row the grid with the least squared rounding error, the first of equals."""
    best: _Grid | None = None
    least = np.full(len(rows), np.inf, np.float32)
    for grid in grids:
        errors = _squared_errors(rows, grid, form)
        better = errors < least
        least = np.where(better, errors, least)
        if best is None:
            best = grid
            continue
        zero = None if grid.zero is None or best.zero is None else np.where(better, grid.zero, best.zero)
        best = _Grid(np.where(better, grid.scale, best.scale), zero)
    assert best is not None  # noqa: S101 - there is always the grid of the maximum
    return best


def _squared_errors(rows: NDArray[np.float32], grid: _Grid, form: IntegerEncoding) -> NDArray[np.float32]:
    """Of each row, float32 (rows,), a bounded number of weights at a time."""
    errors = np.empty(len(rows), np.float32)
    step = max(1, _CHUNK // max(rows.shape[1], 1))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        scale = np.where(grid.scale[part] == 0, np.finfo(np.float32).tiny, grid.scale[part])[:, None]
        zero = np.float32(0) if grid.zero is None else grid.zero[part, None]
        whole = np.clip(np.rint(rows[part] / scale) + zero, form.lowest, form.highest)
        errors[part] = np.square(rows[part] - (whole - zero) * scale, dtype=np.float32).sum(axis=1)
    return errors


def _float16(scale: NDArray[Any]) -> NDArray[np.float32]:
    """The nearest float16 numbers, as float32; what lies beyond its range or is lost near its zero stays as it is."""
    with np.errstate(over="ignore"):
        half = scale.astype(np.float16).astype(np.float32)
    is_held = np.isfinite(half) & ((np.abs(scale) >= _SMALLEST_FLOAT16) | (scale == 0))
    return np.where(is_held, half, scale).astype(np.float32)


def _rounded_up(scale: NDArray[np.float32], digits: int) -> NDArray[np.float32]:
    """The next numbers of so many binary digits, so that nothing saturates that did not before."""
    mantissa, exponent = np.frexp(scale)
    return np.asarray(np.ldexp(np.ceil(mantissa * (1 << digits)), exponent - digits), np.float32)
