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
    """Every mark that was made, as sets that grow together (union-find)."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._parent)

    def new(self, count: int) -> Array:
        """`count` marks that nothing is tied to yet."""
        first = len(self._parent)
        self._parent += range(first, first + count)
        return np.arange(first, first + count, dtype=np.int64)

    def root(self, mark: int) -> int:
        """The mark that stands for the unit of `mark`: its lowest one."""
        parent = self._parent
        while parent[mark] != mark:
            parent[mark] = parent[parent[mark]]
            mark = parent[mark]
        return mark

    def roots(self, marks: Array) -> Array:
        """The unit of each mark; fillings stay what they are."""
        different, places = np.unique(marks, return_inverse=True)
        roots = [self.root(mark) if mark >= 0 else mark for mark in different.tolist()]
        return np.array(roots, np.int64)[places].reshape(marks.shape)

    def tie(self, first: Array, second: Array) -> None:
        """Make one unit of the marks at each place of two arrays of one shape; a filling fixes what it meets not."""
        pairs = np.stack([first.ravel(), second.ravel()])
        pairs = np.unique(pairs[:, (pairs[0] != pairs[1]) & (pairs >= 0).all(axis=0)], axis=1)
        for a, b in pairs.T.tolist():
            low, high = sorted((self.root(a), self.root(b)))
            self._parent[high] = low
            if high in self._reasons:
                self._reasons.setdefault(low, self._reasons.pop(high))

    def fix(self, marks: Array, reason: str) -> None:
        """Say why the units of these marks stay; the first reason counts."""
        for mark in np.unique(marks[marks >= 0]).tolist():
            self._reasons.setdefault(self.root(mark), reason)

    def reason(self, mark: int) -> str:
        """Why the unit of `mark` stays; empty where it may go."""
        return self._reasons.get(self.root(mark), "")
