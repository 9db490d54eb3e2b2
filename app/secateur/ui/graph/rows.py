"""Columns into rows: where a row ends, how high everything stands in it. No Qt, plain numbers."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from statistics import median

from secateur.ui.graph.level import GAP, MOST_CUT, ROW_GAP, SMALL, SMALL_GAP, TRACK, Box

Neighbours = Mapping[int, Sequence[tuple[int, int]]]
"""Box → (net, other box) of what it reads, or of what reads it, one column away."""


def column_widths(columns: Sequence[Sequence[int]], boxes: Sequence[Box]) -> list[float]:
    return [max((boxes[i].width for i in column), default=0.0) for column in columns]


def gap_widths(widths: Sequence[float], left: Sequence[int], right: Sequence[int]) -> list[float]:
    """Room before each column and after the last: for the arrows, and for the lines that go up or down there.

    `left[g]` lines turn after the column before gap g, `right[g]` before the column behind it.
    """
    gaps = []
    for g in range(len(widths) + 1):
        near = [widths[column] for column in (g - 1, g) if 0 <= column < len(widths)]
        plain = SMALL_GAP if min(near, default=0.0) < SMALL else GAP
        turning = left[g] + right[g]
        gaps.append(max(plain, 14.0 + TRACK * turning + (6.0 if right[g] else 0.0)) if turning else plain)
    return gaps


def split_rows(
    widths: Sequence[float],
    gaps: Sequence[float],
    cut: Sequence[int],
    most_width: float,
    alone: Collection[int] = (),
) -> list[tuple[int, int]]:
    """Columns [first, behind) of each row, so that rows are no wider than `most_width` where nets allow it.

    `cut[c]` nets would be cut by a row that ends before column c. Rows end where few are. Columns that are `alone` have
    a row to themselves.
    """
    edges = {end for column in alone for end in (column, column + 1) if 0 < end < len(widths) and cut[end] <= MOST_CUT}
    if not edges:
        return _split(widths, gaps, cut, most_width)
    rows: list[tuple[int, int]] = []
    for begin, end in pairwise([0, *sorted(edges), len(widths)]):
        part = _split(widths[begin:end], gaps[begin : end + 1], cut[begin : end + 1], most_width)
        rows += [(begin + first, begin + behind) for first, behind in part]
    return rows


def _split(
    widths: Sequence[float], gaps: Sequence[float], cut: Sequence[int], most_width: float
) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    start, count = 0, len(widths)
    while start < count:
        width, end, best = 0.0, start, -1
        while end < count:
            width += gaps[end] + widths[end]
            if end > start and width > most_width and best >= 0:
                break
            end += 1
            if end < count and cut[end] <= MOST_CUT and _is_better(cut, best, end, width, most_width):
                best = end
        behind = count if end == count and (width <= most_width or best < 0) else best
        rows.append((start, behind))
        start = behind
    return rows


def _is_better(cut: Sequence[int], best: int, end: int, width: float, most_width: float) -> bool:
    """Whether a row had better end before column `end` than before `best`: full rows first, then few cuts."""
    if best < 0 or width < 0.7 * most_width:
        return True
    return width <= most_width and cut[end] <= cut[best]


def stack(
    columns: Sequence[Sequence[int]], boxes: Sequence[Box], before: Neighbours, after: Neighbours, sweeps: int = 3
) -> None:
    """Set `y` of every box so that lines between neighbouring columns are straight wherever they can be."""
    for column in columns:
        _settle(column, boxes, {})
    for sweep in range(sweeps):
        forwards = sweep % 2 == 0
        for column in columns if forwards else reversed(columns):
            wanted = {}
            for i in column:
                box = boxes[i]
                if forwards:
                    ends = [boxes[j].level_out(net) - (box.into(net) - box.y) for net, j in before.get(i, ())]
                else:
                    ends = [boxes[j].into(net) - (box.level_out(net) - box.y) for net, j in after.get(i, ())]
                if ends:
                    wanted[i] = median(ends)
            _settle(column, boxes, wanted)


def _settle(column: Sequence[int], boxes: Sequence[Box], wanted: Mapping[int, float]) -> None:
    """Boxes of a column as near to where they are wanted as their order and distance allow (least squares)."""
    heaps: list[list[float]] = []  # [sum of wanted tops less what stands above, boxes]
    above, offsets = 0.0, []
    for i in column:
        offsets.append(above)
        heaps.append([wanted.get(i, boxes[i].y) - above, 1.0])
        above += boxes[i].height + ROW_GAP
        while len(heaps) > 1 and heaps[-2][0] / heaps[-2][1] > heaps[-1][0] / heaps[-1][1]:
            total, members = heaps.pop()
            heaps[-1][0] += total
            heaps[-1][1] += members
    place = 0
    for total, members in heaps:
        for _ in range(int(members)):
            boxes[column[place]].y = total / members + offsets[place]
            place += 1
