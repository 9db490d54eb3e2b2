"""The points of a running training as arrays, extended in place of being rebuilt with every new point. No Qt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from secateur.engine.events import CurvePoint

Floats = NDArray[np.float64]


class CurveData:
    """`extend(points)` takes the whole curve each time and reads only what is new."""

    def __init__(self) -> None:
        self._last: CurvePoint | None = None
        self._columns: dict[str, list[tuple[float, float]]] = {}
        self._count = 0

    NAMES = ("loss", "label_loss", "distillation_loss", "metric", "agreement")

    def extend(self, points: Sequence[CurvePoint]) -> None:
        """Read the points that were not there before; another curve starts anew."""
        known = self._count
        if known > len(points) or (known and points[known - 1] is not self._last):
            known = 0
        if not known:
            self._columns = {name: [] for name in self.NAMES}
        for point in points[known:]:
            for name in self.NAMES:
                value = getattr(point, name)
                if value is not None:
                    self._columns[name].append((point.epoch, value))
        self._count = len(points)
        self._last = points[-1] if points else None

    def column(self, name: str) -> tuple[Floats, Floats]:
        """(epochs, values), (n,) each; empty where the training has no such value."""
        table = np.array(self._columns.get(name, []), dtype=np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]
