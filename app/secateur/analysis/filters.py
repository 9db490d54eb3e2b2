"""The filters of a layer: norms, which are alike, orders in which like stands beside like, blocks of the matrix.

A weight is looked at as float32 (filters, numbers). Everything goes over it in blocks, so that 4,096 filters of 4,096
numbers need little memory beside the weight, and every step calls `check`, which may raise to cancel.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.model.weight_views import Blocks

Rows = NDArray[np.float32]
Places = NDArray[np.int32]
Take = Callable[[Places], Rows]
"""Gives the rows at these places, float32 (places, numbers)."""
Check = Callable[[int, int], None]
"""Takes the work done and all of it; may raise to cancel."""

MOST_CHAINED: Final = 4096
"""Filters up to which the order by similarity is a chain; beyond, their matrix of similarities would be too large."""

MOST_PRODUCTS: Final = 2e12
"""Multiplications up to which every filter is compared with every other: some ten seconds."""

_BLOCK: Final = 256
_CHUNK: Final = 1 << 21
_ITERATIONS: Final = 24


def never(done: int, total: int) -> None:
    """A check that lets everything pass."""


def filters_of(weight: NDArray[np.float32], channel_axis: int) -> Rows:
    """The weight as (filters, numbers), a view where filters lie one after another; a vector has one number each."""
    if weight.ndim < 2:
        return np.ascontiguousarray(weight.reshape(-1, 1), dtype=np.float32)
    rows = np.moveaxis(weight, channel_axis, 0)
    return np.ascontiguousarray(rows.reshape(len(rows), -1), dtype=np.float32)


def norms_of(rows: Rows) -> NDArray[np.float32]:
    """The Euclidean norm of each row."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64)), dtype=np.float32)


def by_norm(norms: NDArray[np.float32]) -> Places:
    """Rows from the largest norm to the smallest; equal ones as they were, what is no number last."""
    return np.argsort(-norms, kind="stable").astype(np.int32)


# ---------------------------------------------------------------------- similarity


class Similarities(NamedTuple):
    """For each filter the cosine with its most similar other one and which that is; and an order by similarity.

    The order is a chain (each filter is followed by the most similar of those that are left, the one of the largest
    norm first) for up to `MOST_CHAINED` filters, else that of their first principal component. A filter of zeros is
    like none: NaN and −1, and it stands last.
    """

    cosine: NDArray[np.float32]
    nearest: Places
    order: Places


def can_be_compared(filters: int, numbers: int) -> bool:
    """Whether comparing every filter with every other takes seconds and not minutes."""
    return float(filters) ** 2 * numbers <= MOST_PRODUCTS


def similarities(rows: Rows, check: Check = never) -> Similarities:
    """Compare all filters with all others, in blocks of the upper triangle."""
    count = len(rows)
    norms = norms_of(rows)
    is_some = np.isfinite(norms) & (norms > 0)
    with np.errstate(invalid="ignore"):
        unit = np.where(is_some[:, None], rows / np.where(is_some, norms, 1)[:, None], 0).astype(np.float32)
    best, which = np.full(count, -np.inf, np.float32), np.full(count, -1, np.int32)
    chained = count <= MOST_CHAINED
    gram = np.empty((count, count) if chained else (0, 0), np.float32)
    starts = range(0, count, _BLOCK)
    total, done = len(starts) * (len(starts) + 1) // 2, 0
    for first in starts:
        for second in range(first, count, _BLOCK):
            check(done, total)
            done += 1
            products = unit[first : first + _BLOCK] @ unit[second : second + _BLOCK].T
            products[:, ~is_some[second : second + _BLOCK]] = -np.inf
            products[~is_some[first : first + _BLOCK]] = -np.inf
            if first == second:
                np.fill_diagonal(products, -np.inf)
            if chained:
                gram[first : first + _BLOCK, second : second + _BLOCK] = products
                gram[second : second + _BLOCK, first : first + _BLOCK] = products.T
            _improve(best, which, products, first, second)
            if first != second:
                _improve(best, which, products.T, second, first)
    which[~np.isfinite(best)] = -1
    best = np.clip(best, -1, 1)
    best[which < 0] = np.nan
    order = _chain(gram, norms, is_some, check) if chained else _principal(unit, is_some, check)
    return Similarities(best, which, order)


def _improve(best: NDArray[np.float32], which: Places, products: Rows, first: int, second: int) -> None:
    """Take over what of a block (rows from `first`, columns from `second`) is nearer than what was known."""
    nearest = products.argmax(axis=1)
    values = products[np.arange(len(products)), nearest]
    own = slice(first, first + len(products))
    better = values > best[own]
    best[own] = np.where(better, values, best[own])
    which[own] = np.where(better, nearest + second, which[own])


def _chain(gram: Rows, norms: NDArray[np.float32], is_some: NDArray[np.bool_], check: Check) -> Places:
    order: list[int] = []
    left = is_some.copy()
    at = int(np.argmax(np.where(is_some, norms, -np.inf))) if is_some.any() else -1
    while at >= 0:
        if len(order) % _BLOCK == 0:
            check(1, 1)
        order.append(at)
        left[at] = False
        following = np.where(left, gram[at], -np.inf)
        at = int(np.argmax(following)) if left.any() else -1
    return np.concatenate([np.array(order, np.int32), np.flatnonzero(~is_some).astype(np.int32)])


def _principal(unit: Rows, is_some: NDArray[np.bool_], check: Check) -> Places:
    """By the first principal component, found by power iteration from a fixed start."""
    direction = np.asarray(np.random.default_rng(0).standard_normal(unit.shape[1]), np.float32)
    mean = unit.mean(axis=0)
    for done in range(_ITERATIONS):
        check(done, _ITERATIONS)
        along = unit @ direction - mean @ direction
        direction = along @ unit - along.sum() * mean
        direction = np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-30), np.float32)
    places = np.where(is_some, unit @ direction, np.float32(np.inf))
    return np.asarray(np.argsort(places, kind="stable"), np.int32)


# ---------------------------------------------------------------------- blocks of the matrix


def block_edges(begin: int, stop: int, most: int) -> NDArray[np.int64]:
    """Borders of at most `most` blocks between two places, all of one size but the last; int64 (blocks + 1)."""
    size = max(-(-(stop - begin) // max(most, 1)), 1)
    return np.append(np.arange(begin, stop, size, dtype=np.int64), stop)


def greatest(high: Rows, low: Rows) -> Rows:
    """Of the largest and the smallest value the one of the greater magnitude."""
    return np.where(-low > high, low, high)


def blocks_of(
    take: Take, rows: Places, columns: Places | slice, row_edges: NDArray[np.int64], column_edges: NDArray[np.int64],
    check: Check = never, blocks: Blocks = "greatest",
) -> Rows:  # fmt: skip
    """The signed value of greatest magnitude in each block of the sorted matrix, or its mean; float32 (h, w).

    `rows` and `columns` say what stands at each place between the first and the last edge. Where a block has a value
    that is no number, so has the picture.
    """
    starts, ends = row_edges[:-1] - row_edges[0], row_edges[1:] - row_edges[0]
    column_starts = column_edges[:-1] - column_edges[0]
    width = int(column_edges[-1] - column_edges[0])
    picture = np.empty((len(starts), len(column_starts)), np.float32)
    place = 0
    while place < len(starts):
        check(place, len(starts))
        several = place + 1
        while several < len(starts) and (ends[several] - starts[place]) * max(width, 1) <= _CHUNK:
            several += 1
        part = take(rows[starts[place] : ends[several - 1]])
        is_late = not isinstance(columns, slice) and 2 * len(columns) > part.shape[1]  # fewer rows to gather them from
        gathered = columns if is_late and not isinstance(columns, slice) else None
        if gathered is None:
            part = part[:, columns]
        own = starts[place:several] - starts[place]
        reduced = [_reduced(part, own, gathered, column_starts, how) for how in _WAYS[blocks]]
        picture[place:several] = reduced[0] if blocks == "mean" else greatest(*reduced)
        place = several
    if blocks == "mean":
        picture /= np.outer(np.diff(row_edges), np.diff(column_edges))
    return picture


_WAYS: Final[dict[Blocks, tuple[np.ufunc, ...]]] = {"greatest": (np.maximum, np.minimum), "mean": (np.add,)}


def _reduced(part: Rows, rows: Any, gathered: Places | None, columns: Any, how: np.ufunc) -> Rows:
    """Rows and then columns brought together from these starts on; `gathered` columns are picked in between."""
    values = how.reduceat(part, rows, axis=0) if len(rows) < len(part) else part
    if gathered is not None:
        values = values[:, gathered]
    return np.asarray(how.reduceat(values, columns, axis=1) if len(columns) < values.shape[1] else values)
