"""Where an arrow key leads: along the edges to the right and left, to the neighbour above and below. No Qt."""

from collections.abc import Mapping
from functools import cached_property

from secateur.ui.graph.drawing import Drawing, Rect


class Paths:
    """Readers and sources of every leaf of a drawing, looked up when a key is first pressed."""

    def __init__(self, drawing: Drawing) -> None:
        self._places: Mapping[int, Rect] = drawing.places
        self._edges = drawing.edges

    @cached_property
    def _after(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for a, b in self._edges:
            found.setdefault(a, []).append(b)
        return found

    @cached_property
    def _before(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for a, b in self._edges:
            found.setdefault(b, []).append(a)
        return found

    def first(self) -> int | None:
        """Where the network begins."""
        starts = [leaf for leaf in self._places if leaf not in self._before]
        return min(starts or self._places, default=None)

    def step(self, leaf: int, direction: str) -> int | None:
        """The leaf that `left`, `right`, `up` or `down` leads to; None where there is none."""
        if direction in ("left", "right"):
            ends = (self._after if direction == "right" else self._before).get(leaf, [])
            return min(ends, key=lambda end: self._far(leaf, end), default=None)
        x, y = self._middle(leaf)
        sign = -1 if direction == "up" else 1
        beyond = [(other, self._middle(other)) for other in self._places if other != leaf]
        beyond = [(other, (mx, my)) for other, (mx, my) in beyond if (my - y) * sign > 8]
        nearest = min(beyond, key=lambda entry: abs(entry[1][0] - x) * 2 + abs(entry[1][1] - y), default=None)
        return nearest[0] if nearest else None

    def _far(self, leaf: int, other: int) -> tuple[float, float]:
        (x, y), (to_x, to_y) = self._middle(leaf), self._middle(other)
        return abs(to_y - y), abs(to_x - x)

    def _middle(self, leaf: int) -> tuple[float, float]:
        x, y, width, height = self._places[leaf]
        return x + width / 2, y + height / 2
