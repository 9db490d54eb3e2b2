"""The points of a running training as arrays, extended in place of being rebuilt with every new point. No Qt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from secateur.engine.events import CurvePoint

Floats = NDArray[np.float64]
_TERM = "term "
"""Before the title of a loss's term, which may be called like a column."""


class CurveData:
    """`extend(points)` takes the whole curve each time and reads only what is new."""

    def __init__(self) -> None:
        self._last: CurvePoint | None = None
        self._columns: dict[str, list[tuple[float, float]]] = {}
        self._terms: dict[str, str] = {}
        self._count = 0

    NAMES = ("loss", "metric", "agreement")

    def extend(self, points: Sequence[CurvePoint]) -> None:
        """Read the points that were not there before; another curve starts anew."""
        known = self._count
        if known > len(points) or (known and points[known - 1] is not self._last):
            known = 0
        if not known:
            self._columns, self._terms = {}, {}
        for point in points[known:]:
            for name in self.NAMES:
                self._add(name, point.course, getattr(point, name))
            for term in point.terms:
                self._terms[term.title] = term.unit
                self._add(_TERM + term.title, point.course, term.value)
        self._count = len(points)
        self._last = points[-1] if points else None

    @property
    def rounds(self) -> int:
        """How many rounds the training is done in; 0 where it is done once."""
        return self._last.rounds if self._last else 0

    @property
    def terms(self) -> dict[str, str]:
        """The titles of the loss's terms, with the unit of each (empty for a bare number)."""
        return dict(self._terms)

    def term(self, title: str) -> tuple[Floats, Floats]:
        """(epochs, values) of a term of the loss, as `column`."""
        return self.column(_TERM + title)

    def _add(self, name: str, epoch: float, value: float | None) -> None:
        if value is not None:
            self._columns.setdefault(name, []).append((epoch, value))

    def column(self, name: str) -> tuple[Floats, Floats]:
        """(epochs of all rounds, values), (n,) each; empty where the training has no such value."""
        table = np.array(self._columns.get(name, []), dtype=np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]
