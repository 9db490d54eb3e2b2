"""Where everything stands: block by block from the inside out, each a row of columns that may go on in a next row.

Plain values in, plain values out, no Qt: a large graph is laid out on a thread of its own.
"""

from collections.abc import Collection, Mapping
from math import sqrt

from secateur.ui.graph.drawing import Drawing
from secateur.ui.graph.level import BETWEEN_ROWS, GAP, IN, OUT, ROW_GAP, TRACK, Box, Level, Solved
from secateur.ui.graph.ranks import columns_of, forward, ranks_of
from secateur.ui.graph.routes import Router, Row
from secateur.ui.graph.rows import column_widths, gap_widths, split_rows, stack
from secateur.ui.graph.tree import Block, BlockTree

LOOSE = 1.3
"""How much more room a block takes than what is in it: titles, lanes, ends of rows that stay empty."""
HEADER, FOOT = 25.0, 9.0
"""Room for a block's title, and below its inside."""

Sizes = Mapping[int, tuple[float, float]]
"""Leaf → (width, height)."""


def lay_out(
    tree: BlockTree,
    opened: Collection[int],
    sizes: Sizes,
    titles: Mapping[int, float],
    *,
    most_width: float = 1100.0,
    aspect: float = 0.0,
) -> Drawing:
    """Place the leaves that are seen with `opened` blocks open.

    `titles` is the width of each block's title. Rows are at most `most_width` wide (a single column may be wider); with
    `aspect` they are wider where a large picture would otherwise be taller than that width to height asks for.
    """
    drawing = Drawing(edges=tree.seen_edges(opened))
    flows = _flows(tree, opened, drawing.edges)
    leaves = {leaf: sizes[leaf] for leaf in _leaves(tree, opened)}
    builder = _Builder(tree, opened, leaves, titles, flows, drawing)
    builder.row_width, builder.aspect = most_width, aspect
    drawing.width, drawing.height = builder.build()
    drawing.divide()
    return drawing


def _leaves(tree: BlockTree, opened: Collection[int]) -> list[int]:
    """Leaves that are seen."""
    found, waiting = [], [tree.root]
    while waiting:
        block = waiting.pop()
        found += block.nodes
        for child in block.blocks:
            if child.number in opened:
                waiting.append(child)
            else:
                found.append(tree.count + child.number)
    return found


Flow = tuple[int, int, int]


def _flows(tree: BlockTree, opened: Collection[int], edges: list[tuple[int, int]]) -> dict[int, list[Flow]]:
    """Block → what flows in it: (net, from, to), where from and to are leaves, open blocks or the block's edges.

    Children are named as leaves are: a node by its number, a block by `count` + its own.
    """
    found: dict[int, dict[Flow, None]] = {}
    for source, target in edges:
        ups, downs = _chain(tree, source), _chain(tree, target)
        shared = {block for block, _ in downs}
        meeting = next(block for block, _ in ups if block in shared)
        into = dict(downs)
        for block, child in ups:
            if block == meeting:
                found.setdefault(block, {})[source, child, into[block]] = None
                break
            found.setdefault(block, {})[source, child, OUT] = None
        for block, child in downs:
            if block == meeting:
                break
            found.setdefault(block, {})[source, IN, child] = None
    return {block: list(flows) for block, flows in found.items()}


def _chain(tree: BlockTree, leaf: int) -> list[tuple[int, int]]:
    """(block, the child of it that holds the leaf), from the inside out."""
    block = tree.block(leaf).parent if tree.is_block(leaf) else tree.block_of[leaf]
    chain, child = [], leaf
    while block is not None:
        chain.append((block.number, child))
        child, block = tree.count + block.number, block.parent
    return chain


class _Builder:
    """Solves every open block from the inside out, then hands out places from the outside in."""

    def __init__(
        self,
        tree: BlockTree,
        opened: Collection[int],
        leaves: Sizes,
        titles: Mapping[int, float],
        flows: Mapping[int, list[Flow]],
        drawing: Drawing,
    ) -> None:
        self.tree, self.opened, self.leaves, self.titles = tree, opened, leaves, titles
        self.flows, self.drawing = flows, drawing
        self.solved: dict[int, tuple[Solved, list[int], list[Box]]] = {}
        self.row_width, self.aspect = 1100.0, 0.0
        self.areas: dict[int, float] = {}

    def build(self) -> tuple[float, float]:
        self._measure(self.tree.root)
        inside = self._solve(self.tree.root, float("inf"))
        waiting = [(self.tree.root, 0.0, 0.0)]
        while waiting:
            block, x, y = waiting.pop()
            solved, children, boxes = self.solved[block.number]
            for child, box in zip(children, boxes, strict=True):
                place = (x + box.x, y + box.y, box.width, box.height)
                if child in self.leaves:
                    self.drawing.places[child] = place
                else:
                    inner = self.tree.block(child)
                    self.drawing.frames[inner.number] = place
                    waiting.append((inner, place[0], place[1]))
            for line in solved.lines:
                line.points = [(x + px, y + py) for px, py in line.points]
            self.drawing.lines += solved.lines
        return inside.width, inside.height

    def _measure(self, block: Block) -> float:
        """About how many pixels the inside of a block takes, lanes and titles included."""
        area = sum(self._leaf_area(node) for node in block.nodes)
        for child in block.blocks:
            leaf = self.tree.count + child.number
            area += self._leaf_area(leaf) if leaf in self.leaves else self._measure(child)
        self.areas[block.number] = area * LOOSE
        return area * LOOSE

    def _leaf_area(self, leaf: int) -> float:
        width, height = self.leaves[leaf]
        return (width + GAP) * (height + 2 * ROW_GAP)

    def _solve(self, block: Block, room: float) -> Solved:
        most_width = min(max(self.row_width, sqrt(self.areas[block.number] * self.aspect)), room)
        children = [*block.nodes, *(self.tree.count + child.number for child in block.blocks)]
        boxes = [self._box(child, most_width - 2 * GAP) for child in children]
        number = {child: index for index, child in enumerate(children)} | {IN: IN, OUT: OUT}
        flows = [(net, number[a], number[b]) for net, a, b in self.flows.get(block.number, ())]
        is_root = block.parent is None
        header = 0.0 if is_root else HEADER
        title = self.titles.get(block.number, 0.0)
        solved = solve_level(Level(boxes, flows), most_width, header, title, deep_alone=not self.aspect)
        self.solved[block.number] = (solved, children, boxes)
        return solved

    def _box(self, child: int, most_width: float) -> Box:
        if child in self.leaves:
            width, height = self.leaves[child]
            first = self.tree.block(child).first if self.tree.is_block(child) else child
            return Box(width, height, first)
        block = self.tree.block(child)
        inside = self._solve(block, most_width)
        return Box(inside.width, inside.height + FOOT, block.first, False, inside.is_deep, inside.ins, inside.outs)


def solve_level(
    level: Level, most_width: float, header: float = 0.0, least_width: float = 0.0, *, deep_alone: bool = False
) -> Solved:
    """Give every box of a level its place and every flow its line; the boxes are changed.

    The inside is at least `least_width` wide: flows that go out end at its right edge.
    With `deep_alone`, blocks of several rows stand in a row by themselves, as the lines of a text do.
    """
    boxes, count = level.boxes, len(level.boxes)
    if not boxes:
        return Solved(least_width, header, [], {}, {})
    first = [box.first for box in boxes]
    between = list(dict.fromkeys((a, b) for _, a, b in level.flows if a >= 0 and b >= 0))
    order, ahead = forward(count, between, first)
    fed = {b for _, a, b in level.flows if a == IN}
    rank = ranks_of(count, order, ahead, [i in fed for i in range(count)])
    columns = columns_of(count, rank, ahead, first)
    widths = column_widths(columns, boxes)
    plain = gap_widths(widths, [0] * (len(widths) + 1), [0] * (len(widths) + 1))
    alone = [c for c, column in enumerate(columns) if deep_alone and any(boxes[i].is_deep for i in column)]
    rows = [Row(a, b) for a, b in split_rows(widths, plain, _cuts(level, rank, len(widths)), most_width, alone)]
    _stack_rows(level, rank, columns, rows)
    router = Router(level, rows, rank, columns)
    router.find_lanes()
    height = header + (TRACK * router.feet(-1) if router.feet(-1) else 0.0)
    for number, row in enumerate(rows):
        router.move_row(number, height - row.top)
        feet = router.feet(number)
        height = row.bottom + (BETWEEN_ROWS + TRACK * feet if number + 1 < len(rows) or feet else 0.0)
    router.find_turns()
    width = _place_columns(router, widths, least_width)
    ends = router.ends
    return Solved(
        width,
        max(height, *(y + TRACK for y in ends.values())) if ends else height,
        router.lines(),
        {net: y for (end, net), y in ends.items() if end == IN},
        {net: y for (end, net), y in ends.items() if end == OUT},
        len(rows) > 1 or any(box.is_deep for box in boxes),
    )


def _cuts(level: Level, rank: list[int], columns: int) -> list[int]:
    """Nets that a row ending before each column would cut."""
    reach: dict[int, tuple[int, int]] = {}
    for net, a, b in level.flows:
        begin = -1 if a == IN else rank[a]
        end = columns if b == OUT else rank[b]
        low, high = reach.get(net, (begin, end))
        reach[net] = (min(low, begin), max(high, end))
    cut = [0] * (columns + 1)
    for low, high in reach.values():  # counted as differences, summed up below
        cut[max(low + 1, 0)] += 1
        if high + 1 <= columns:
            cut[high + 1] -= 1
    for column in range(1, columns + 1):
        cut[column] += cut[column - 1]
    return cut


def _stack_rows(level: Level, rank: list[int], columns: list[list[int]], rows: list[Row]) -> None:
    row_of = [number for number, row in enumerate(rows) for _ in range(row.first, row.behind)]
    before: dict[int, list[tuple[int, int]]] = {}
    after: dict[int, list[tuple[int, int]]] = {}
    for net, a, b in level.flows:
        if a >= 0 and b >= 0 and rank[b] == rank[a] + 1 and row_of[rank[a]] == row_of[rank[b]]:
            before.setdefault(b, []).append((net, a))
            after.setdefault(a, []).append((net, b))
    for row in rows:
        stack(columns[row.first : row.behind], level.boxes, before, after)


def _place_columns(router: Router, widths: list[float], least_width: float) -> float:
    """Set every box's x and the edges of every gap; the width of the widest row, or `least_width` if that is more."""
    edge = TRACK * len(router.edge)
    widest = least_width
    for number, row in enumerate(router.rows):
        inside = widths[row.first : row.behind]
        keys = [(number, column) for column in range(row.first, row.behind + 1)]
        gaps = gap_widths(
            inside, [len(router.outs.get(key, ())) for key in keys], [len(router.ins.get(key, ())) for key in keys]
        )
        x = edge
        for key, gap in zip(keys, gaps, strict=True):
            router.gap_left[key] = x
            x += gap
            router.gap_right[key] = x
            if key[1] < row.behind:
                width = widths[key[1]]
                for i in router.columns[key[1]]:
                    box = router.level.boxes[i]
                    box.x = x + (width - box.width) / 2
                x += width
        widest = max(widest, x)
    last = len(router.rows) - 1
    router.gap_right[last, router.rows[last].behind] = widest  # the right edge of the block
    return widest
