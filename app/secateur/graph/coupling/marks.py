"""Marks: numbers that stand for channels while they are followed through a network, and which of them go together.

A mark is made for each channel that a weight makes. Marks that meet (in an addition, say) are tied: they are one
unit, and leave together or not at all. A mark can be fixed with a reason, which then holds for its whole unit.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]

FIXED: Final = -1
"""In the place of a mark: nothing here can be removed, and the size of its axis is as it is."""
ANY: Final = -2
"""In the place of a mark: a filling that takes whatever size is asked for."""


class Marks:
    """Every mark that was made, as sets that grow together (union-find on arrays: tensors have millions of places)."""

    def __init__(self) -> None:
        self._parents = np.arange(64, dtype=np.int64)
        self._count = 0
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return self._count

    def new(self, count: int) -> Array:
        """`count` marks that nothing is tied to yet."""
        first, self._count = self._count, self._count + count
        if self._count > len(self._parents):
            grown = np.arange(max(self._count, 2 * len(self._parents)), dtype=np.int64)
            grown[:first] = self._parents[:first]
            self._parents = grown
        return np.arange(first, self._count, dtype=np.int64)

    def root(self, mark: int) -> int:
        """The mark that stands for the unit of `mark`: its lowest one."""
        while (parent := int(self._parents[mark])) != mark:
            mark = parent
        return mark

    def roots(self, marks: Array) -> Array:
        """The unit of each mark; fillings stay what they are."""
        found = marks.copy()
        is_mark = marks >= 0
        own = marks[is_mark]
        if len(own):
            found[is_mark] = self._settled(own)
        return found

    def _settled(self, marks: Array) -> Array:
        """The roots of marks none of which is a filling; what was walked is shortened for the next time."""
        roots = self._parents[marks]
        while True:
            further = self._parents[roots]
            if np.array_equal(further, roots):
                break
            roots = further
        self._parents[marks] = roots
        return roots

    def tie(self, first: Array, second: Array) -> None:
        """Make one unit of the marks at each place of two arrays of one shape; fillings tie nothing."""
        is_pair = (first != second) & (first >= 0) & (second >= 0)
        pairs = np.stack([first[is_pair], second[is_pair]])
        while pairs.shape[1]:
            pairs = self._settled(pairs)
            pairs = pairs[:, pairs[0] != pairs[1]]
            low, high = pairs.min(axis=0), pairs.max(axis=0)
            np.minimum.at(self._parents, high, low)  # what else was tied to `high` comes in the next round
            if self._reasons:
                self._pass_on(np.unique(high))

    def _pass_on(self, former: Array) -> None:
        """Give the reasons of marks that no longer stand for a unit to those that do; theirs go first."""
        for mark in former.tolist():
            if mark in self._reasons:
                self._reasons.setdefault(self.root(mark), self._reasons.pop(mark))

    def fix(self, marks: Array, reason: str) -> None:
        """Say why the units of these marks stay; the first reason counts."""
        for root in np.unique(self._settled(marks[marks >= 0])).tolist():
            self._reasons.setdefault(root, reason)

    def is_free(self, roots: Array) -> "NDArray[np.bool_]":
        """Whether each of these stands for a unit that may go; fillings do not."""
        return (roots >= 0) & ~np.isin(roots, np.fromiter(self._reasons, np.int64, len(self._reasons)))

    def reason(self, mark: int) -> str:
        """Why the unit of `mark` stays; empty where it may go."""
        return self._reasons.get(self.root(mark), "") if self._reasons else ""
