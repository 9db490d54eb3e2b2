"""Lines between the boxes of one block: straight where they can be, else through the free lanes and gaps.

Lines to the next column turn in the gap between. Longer ones go above the row, or below it where they begin low; lines
to another row go below their own row, along its foot, and come in from the left. No Qt, plain numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from secateur.ui.graph.level import ARROW, BETWEEN_ROWS, IN, LANE, OUT, SMALLEST, TRACK, Level, Line

Point = tuple[float, float]


@dataclass(slots=True)
class Row:
    """Columns [first, behind), and the heights between which the row and its lanes lie."""

    first: int
    behind: int
    top: float = 0.0
    bottom: float = 0.0


class Router:
    """Finds the ways of a level's lines, in the order of its methods: each needs what the ones before have set."""

    def __init__(self, level: Level, rows: list[Row], rank: Sequence[int], columns: Sequence[Sequence[int]]) -> None:
        self.level, self.rows, self.rank, self.columns = level, rows, rank, columns
        row_of_column = [r for r, row in enumerate(rows) for _ in range(row.first, row.behind)]
        self.row_of = [row_of_column[column] for column in rank]
        self.flows = [(net, a, b, self.place(a), self.place(b)) for net, a, b in level.flows]
        self.steep: dict[tuple[int, int], int] = {}
        """(box, 0 for above or −1 for below) → the one net that comes into it from there."""
        self.below: set[tuple[int, int]] = set()
        """(row, net) whose lane lies below the row."""
        self.lane: dict[tuple[int, int], float] = {}
        """(row, net) → height of its lane."""
        self.foot: dict[tuple[int, int], int] = {}
        """(row, net) → which of the lines along the row's foot carries it."""
        self.edge: dict[tuple[int, int], int] = {}
        """(row, net) → which line along the left edge leads it to that row, past others."""
        self.ends: dict[tuple[int, int], float] = {}
        """(IN or OUT, net) → height at the block's edge."""
        self.outs: dict[tuple[int, int], dict[int, int]] = {}
        """(row, gap) → net → track in which it turns after its source. Gap c lies before column c."""
        self.ins: dict[tuple[int, int], dict[tuple[int, int], int]] = {}
        """(row, gap) → (net, target) → track in which it comes down or up to its target."""
        self.gap_left: dict[tuple[int, int], float] = {}
        self.gap_right: dict[tuple[int, int], float] = {}

    def place(self, end: int) -> tuple[int, int]:
        """(row, column) of an end of a flow."""
        if end == IN:
            return 0, -1
        if end == OUT:
            return len(self.rows) - 1, self.rows[-1].behind
        return self.row_of[end], self.rank[end]

    # ------------------------------------------------------------------ 1. lanes, from the boxes' heights in their rows

    def find_lanes(self) -> None:
        """Lanes above and below the rows, short ones nearest; lines along feet and left edge; how high each row is."""
        spans: dict[tuple[int, int], tuple[int, int]] = {}
        for net, source, target, (row, a), (other, b) in self.flows:
            if row != other:
                self.foot.setdefault((row, net), sum(1 for r, _ in self.foot if r == row))
                if other != row + 1:
                    self.edge.setdefault((other, net), len(self.edge))
            elif b != a + 1:
                if self._is_lowest(source):
                    self.below.add((row, net))
                steep = self._comes_steeply(net, row, target, a, b)
                low, high = (a + 1, b if steep else b - 1) if b > a else (b, a)
                before = spans.get((row, net), (low, high))
                spans[row, net] = (min(before[0], low), max(before[1], high))
        boxes = self.level.boxes
        sky = [min((boxes[i].y for i in column), default=0.0) for column in self.columns]
        ground = [max((boxes[i].y + boxes[i].height for i in column), default=0.0) for column in self.columns]
        for key, (low, high) in sorted(spans.items(), key=lambda span: (span[1][1] - span[1][0], span[0])):
            self._take_lane(key, low, high, sky, ground)
        for part in self.rows:
            part.top = min(sky[part.first : part.behind], default=0.0)
            part.bottom = max(ground[part.first : part.behind], default=0.0)

    def _take_lane(self, key: tuple[int, int], low: int, high: int, sky: list[float], ground: list[float]) -> None:
        """The nearest free height above (or below) the columns from `low` to `high`."""
        last = len(self.columns) - 1
        covered = range(min(max(low, 0), last), min(max(high, low, 0), last) + 1)
        if key in self.below:
            self.lane[key] = max(ground[column] for column in covered) + LANE
        else:
            self.lane[key] = min(sky[column] for column in covered) - LANE
        for column in covered:
            (ground if key in self.below else sky)[column] = self.lane[key]

    def _is_lowest(self, source: int) -> bool:
        """Whether a box stands below others of its column: its long lines then go below as well."""
        column = self.columns[self.rank[source]] if source >= 0 else ()
        return len(column) > 1 and column[-1] == source

    def _comes_steeply(self, net: int, row: int, target: int, a: int, b: int) -> bool:
        """Whether a line comes from its lane straight into a small box at that side of its column: an addition."""
        if target < 0 or b <= a:
            return False
        box = self.level.boxes[target]
        side = -1 if (row, net) in self.below else 0
        if not box.is_leaf or box.width > SMALLEST or self.columns[b][side] != target:
            return False
        return self.steep.setdefault((target, side), net) == net

    def _is_steep(self, net: int, row: int, target: int) -> bool:
        return self.steep.get((target, -1 if (row, net) in self.below else 0)) == net

    def feet(self, row: int) -> int:
        """How many lines run along the foot of a row; row −1 lies above the first."""
        return sum(1 for r, _ in self.foot if r == row) + sum(1 for r, _ in self.edge if r == row + 1)

    def move_row(self, number: int, by: float) -> None:
        """Put a row with its boxes and lanes elsewhere."""
        row = self.rows[number]
        row.top, row.bottom = row.top + by, row.bottom + by
        for column in self.columns[row.first : row.behind]:
            for i in column:
                self.level.boxes[i].y += by
        for key in self.lane:
            if key[0] == number:
                self.lane[key] += by

    # ------------------------------------------------------------------ 2. ends and turns, from the final heights

    def find_turns(self) -> None:
        """Where nets cross the block's edges, and a track for every line that must turn in a gap."""
        self._find_ends(IN)
        self._find_ends(OUT)
        for net, source, target, (row, a), (other, b) in self.flows:
            is_short = row == other and b == a + 1
            if is_short and abs(self._start_height(net, source) - self._finish_height(net, target)) < 0.5:
                continue
            outs = self.outs.setdefault((row, a + 1), {})
            outs.setdefault(net, len(outs))
            if not is_short and not (row == other and self._is_steep(net, row, target)):
                ins = self.ins.setdefault((other, b), {})
                ins.setdefault((net, target), len(ins))

    def _find_ends(self, end: int) -> None:
        """Straight on to the box beside the edge where there is one, else at the lane's height."""
        near: dict[int, list[float]] = {}
        far: dict[int, float] = {}
        for net, source, target, (row, a), (other, b) in self.flows:
            if end not in (source, target):
                continue
            if row == other and b == a + 1:
                height = self._finish_height(net, target) if end == IN else self._start_height(net, source)
                near.setdefault(net, []).append(height)
            else:
                at = row if end == IN else other
                far[net] = self.lane.get((at, net), self.rows[at].bottom)
        wanted = far | {net: median_low(heights) for net, heights in near.items()}
        taken = -1e9
        for net, height in sorted(wanted.items(), key=lambda entry: entry[1]):
            taken = max(height, taken + TRACK)
            self.ends[end, net] = taken

    def _start_height(self, net: int, source: int) -> float:
        if source == IN:
            return self.ends.get((IN, net), 0.0)
        return self.level.boxes[source].out(net)

    def _finish_height(self, net: int, target: int) -> float:
        if target == OUT:
            return self.ends.get((OUT, net), 0.0)
        return self.level.boxes[target].into(net)

    # ------------------------------------------------------------------ 3. lines, when everything has its place

    def lines(self) -> list[Line]:
        drawn = []
        for net, source, target, (row, a), (other, b) in self.flows:
            start = self._start(net, source)
            finish = self._finish(net, target)
            points = [start, *self._way(net, target, (row, a), (other, b), start, finish), finish]
            if row == other and b != a + 1 and self._is_steep(net, row, target):
                points.pop()
            drawn.append(Line(net, without_repeats(points), target >= 0 and self.level.boxes[target].is_leaf))
        return drawn

    def _way(
        self, net: int, target: int, begin: tuple[int, int], end: tuple[int, int], start: Point, finish: Point
    ) -> list[Point]:
        """The turns between start and finish."""
        (row, a), (other, b) = begin, end
        if row == other and b == a + 1:
            if abs(start[1] - finish[1]) < 0.5:
                return []
            x = self._out_track(row, a + 1, net)
            return [(x, start[1]), (x, finish[1])]
        x = self._out_track(row, a + 1, net)
        if row != other:
            return self._way_to_row(net, row, other, (x, start[1]), (self._in_track(other, b, net, target), finish[1]))
        lane = self.lane[row, net]
        if self._is_steep(net, row, target):
            box = self.level.boxes[target]
            middle, side = box.x + box.width / 2, box.y + box.height if (row, net) in self.below else box.y
            return [(x, start[1]), (x, lane), (middle, lane), (middle, side)]
        arrive = self._in_track(other, b, net, target)
        return [(x, start[1]), (x, lane), (arrive, lane), (arrive, finish[1])]

    def _way_to_row(self, net: int, row: int, other: int, turn: Point, arrive: Point) -> list[Point]:
        """Down to the row's foot, along it to the left, and in from above; past other rows along the left edge."""
        foot = self._foot(row, self.foot[row, net])
        if other == row + 1:
            return [turn, (turn[0], foot), (arrive[0], foot), arrive]
        edge = TRACK * (self.edge[other, net] + 0.5)
        order = [key for key in self.edge if key[0] == other].index((other, net))
        above = self._foot(other - 1, sum(1 for r, _ in self.foot if r == other - 1) + order)
        return [turn, (turn[0], foot), (edge, foot), (edge, above), (arrive[0], above), arrive]

    def _foot(self, row: int, number: int) -> float:
        along = BETWEEN_ROWS / 2 + TRACK * (number + 0.5)
        return self.rows[0].top - along if row < 0 else self.rows[row].bottom + along

    def _start(self, net: int, source: int) -> Point:
        if source == IN:
            return 0.0, self.ends[IN, net]
        box = self.level.boxes[source]
        return box.x + box.width, box.out(net)

    def _finish(self, net: int, target: int) -> Point:
        if target == OUT:
            last = len(self.rows) - 1
            return self.gap_right[last, self.rows[last].behind], self.ends[OUT, net]
        box = self.level.boxes[target]
        return box.x, box.into(net)

    def _out_track(self, row: int, gap: int, net: int) -> float:
        return self.gap_left[row, gap] + 7.0 + TRACK * self.outs[row, gap][net]

    def _in_track(self, row: int, gap: int, net: int, target: int) -> float:
        return self.gap_right[row, gap] - ARROW - TRACK * self.ins[row, gap][net, target]


def without_repeats(points: list[Point]) -> list[Point]:
    """The same way without points that stand still or lie on a straight line between their neighbours."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(kept[-1][0] - point[0]) < 0.01 and abs(kept[-1][1] - point[1]) < 0.01:
            continue
        while len(kept) > 1 and _goes_on(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return kept


def _goes_on(a: Point, b: Point, c: Point) -> bool:
    same_x = abs(a[0] - b[0]) < 0.01 and abs(b[0] - c[0]) < 0.01
    same_y = abs(a[1] - b[1]) < 0.01 and abs(b[1] - c[1]) < 0.01
    return (same_x and (b[1] - a[1]) * (c[1] - b[1]) >= 0) or (same_y and (b[0] - a[0]) * (c[0] - b[0]) >= 0)
