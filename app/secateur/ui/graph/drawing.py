"""A finished layout: where leaves, blocks and lines are, sorted into parts that can be painted by themselves. No Qt."""

from dataclasses import dataclass, field

from secateur.ui.graph.level import Line

TILE = (1000.0, 500.0)
"""Width and height of a part of the picture."""

Rect = tuple[float, float, float, float]


@dataclass(slots=True)
class Drawing:
    """The whole picture in pixels: leaves and opened blocks as (x, y, width, height), lines with their net."""

    places: dict[int, Rect] = field(default_factory=dict)
    frames: dict[int, Rect] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of leaves, for moving along the edges."""
    width: float = 0.0
    height: float = 0.0
    tiles: list[tuple[list[int], Rect]] = field(default_factory=list)
    """Leaves of one part of the picture, and what they cover together."""
    ways: list[tuple[list[Line], Rect]] = field(default_factory=list)
    """Lines that begin in one part of the picture, and what they cover together."""

    def divide(self) -> None:
        """Sort leaves and lines into the parts of the picture; done where the layout is, which may be a thread."""
        self.tiles, self.ways = _tiles(self), _ways(self)


def tile_of(x: float, y: float) -> tuple[int, int]:
    """Which part of the picture a point lies in."""
    return int(x // TILE[0]), int(y // TILE[1])


def _tiles(drawing: Drawing) -> list[tuple[list[int], Rect]]:
    found: dict[tuple[int, int], list[int]] = {}
    for leaf, (x, y, width, height) in drawing.places.items():
        found.setdefault(tile_of(x + width / 2, y + height / 2), []).append(leaf)
    return [(leaves, _around([drawing.places[leaf] for leaf in leaves])) for leaves in found.values()]


def _ways(drawing: Drawing) -> list[tuple[list[Line], Rect]]:
    found: dict[tuple[int, int], list[Line]] = {}
    for line in drawing.lines:
        found.setdefault(tile_of(*line.points[0]), []).append(line)
    return [(lines, _around([(x, y, 0.0, 0.0) for line in lines for x, y in line.points])) for lines in found.values()]


def _around(rects: list[Rect]) -> Rect:
    """The smallest rectangle around all of them."""
    left, top = min(rect[0] for rect in rects), min(rect[1] for rect in rects)
    right, bottom = max(x + width for x, _, width, _ in rects), max(y + height for _, y, _, height in rects)
    return left, top, right - left, bottom - top
