"""One block's inside as a problem of layout, and its solution: boxes in columns and rows, lines in the free lanes.

No Qt, plain numbers in pixels. A *net* is what one leaf puts out: all lines that carry it share lanes. Boxes stand in
columns, so that a line can always go up or down between two columns, and above a row, without crossing a box.
"""

from dataclasses import dataclass, field

IN, OUT = -1, -2
"""The left and the right edge of the block, as ends of a flow."""

GAP, SMALL_GAP, ROW_GAP, BETWEEN_ROWS = 20.0, 12.0, 14.0, 14.0
TRACK, LANE, ARROW = 8.0, 10.0, 12.0
SMALL = 60.0
"""Boxes narrower than this stand closer together."""
DEEP = 80.0
"""How much lower than they come in nets may go out of a block of one row."""
SMALLEST = 30.0
"""Boxes no wider take a line from above."""
MOST_CUT = 6
"""A row may end where at most so many nets would be cut."""


@dataclass(slots=True)
class Box:
    """Something with a size. `ins` and `outs` are the heights, from its top, at which nets come in and go out;
    a leaf takes all of them at its middle. `first` is its place in network order; `is_deep` blocks have several rows.
    """

    width: float
    height: float
    first: int
    is_leaf: bool = True
    is_deep: bool = False
    ins: dict[int, float] = field(default_factory=dict)
    outs: dict[int, float] = field(default_factory=dict)
    x: float = 0.0
    y: float = 0.0

    def into(self, net: int) -> float:
        return self.y + self.ins.get(net, self.height / 2)

    def out(self, net: int) -> float:
        return self.y + self.outs.get(net, self.height / 2)

    def level_out(self, net: int) -> float:
        """Where a straight line to the right is wanted: `out`, but of a block of several rows where its first begins.

        Else one such block after the other would go down like a staircase.
        """
        begin = min(self.ins.values(), default=0.0)
        return self.y + begin if self.ins and self.outs.get(net, begin) - begin > DEEP else self.out(net)


@dataclass(slots=True)
class Line:
    """A piece of the picture of a net, in the block's own coordinates; `arrow` where it ends at a leaf."""

    net: int
    points: list[tuple[float, float]]
    arrow: bool


@dataclass(slots=True)
class Level:
    """The problem: boxes, and flows (net, from, to) between them or the block's edges."""

    boxes: list[Box]
    flows: list[tuple[int, int, int]]


@dataclass(slots=True)
class Solved:
    """Size of the inside, lines in it, and where nets cross its left and right edge."""

    width: float
    height: float
    lines: list[Line]
    ins: dict[int, float]
    outs: dict[int, float]
    is_deep: bool = False
