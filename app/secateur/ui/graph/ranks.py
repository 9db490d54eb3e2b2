"""Which column everything stands in, and in which order from top to bottom. No Qt, plain numbers."""

import heapq
from collections.abc import Sequence

Pairs = Sequence[tuple[int, int]]

MOST_EDGES = 2000
"""Edges of one stretch whose crossings are minimised; more would take over a tenth of a second in one call."""


def forward(count: int, edges: Pairs, first: Sequence[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """(order, edges that go forward in it). `first` decides between equals and where a circle is opened.

    Blocks can read each other's results in turns, so that a circle of them can be seen although the network has none.
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for a, b in edges:
        after[a].append(b)
        waits[b] += 1
    ready = [(first[i], i) for i in range(count) if not waits[i]]
    heapq.heapify(ready)
    held = [(first[i], i) for i in range(count)]
    heapq.heapify(held)
    order: list[int] = []
    place = [-1] * count
    while len(order) < count:
        if not ready:  # a circle: begin it where the network does
            while place[held[0][1]] >= 0:
                heapq.heappop(held)
            ready.append(held[0])
        _, item = heapq.heappop(ready)
        if place[item] >= 0:
            continue
        place[item] = len(order)
        order.append(item)
        for follower in after[item]:
            waits[follower] -= 1
            if waits[follower] == 0 and place[follower] < 0:
                heapq.heappush(ready, (first[follower], follower))
    return order, [(a, b) for a, b in edges if place[a] < place[b]]


def ranks_of(count: int, order: Sequence[int], edges: Pairs, anchored: Sequence[bool]) -> list[int]:
    """Column of every item: one after the last of what it reads.

    What reads nothing and is not `anchored` to the left edge stands just before its first reader.
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    rank = [0] * count
    for item in order:
        rank[item] = max((rank[source] + 1 for source in before[item]), default=0)
    for item in reversed(order):
        if not before[item] and after[item] and not anchored[item]:
            rank[item] = max(min(rank[reader] for reader in after[item]) - 1, 0)
    return rank


def columns_of(count: int, rank: Sequence[int], edges: Pairs, first: Sequence[int]) -> list[list[int]]:
    """Items by column, top to bottom, with few crossings of edges."""
    columns: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for item in sorted(range(count), key=lambda item: first[item]):
        columns[rank[item]].append(item)
    if not edges or all(len(column) < 2 for column in columns):
        return columns
    for part in _parallel_parts(columns, rank, edges):
        if len(part) > MOST_EDGES:
            continue  # too many to be untangled: they stay in network order
        height = _heights(part)
        for column in {rank[item] for pair in part for item in pair}:
            if all(item in height for item in columns[column]):
                columns[column].sort(key=lambda item: height[item])
    return columns


def _parallel_parts(columns: Sequence[Sequence[int]], rank: Sequence[int], edges: Pairs) -> list[list[tuple[int, int]]]:
    """Edges of each stretch in which several things stand above one another, with the single ones at its ends.

    Between two stretches there is nothing to order. Sugiyama's method keeps the interpreter to itself while it works,
    so that one call for everything would stop the window of a large flat network for half a second.
    """
    stretch = [-1] * len(columns)
    number = -1
    for place, column in enumerate(columns):
        if len(column) > 1:
            number += place == 0 or len(columns[place - 1]) < 2
            stretch[place] = number
    parts: list[list[tuple[int, int]]] = [[] for _ in range(number + 1)]
    for a, b in edges:
        begin, end = stretch[rank[a]], stretch[rank[b]]
        found = max(begin, end)
        if (
            found >= 0
            and (begin in (found, -1))
            and (end in (found, -1))
            and _is_near(stretch, rank[a], rank[b], found)
        ):
            parts[found].append((a, b))
    return [part for part in parts if part]


def _is_near(stretch: Sequence[int], begin: int, end: int, number: int) -> bool:
    """Whether an edge stays within a stretch and the columns right beside it."""
    inner_begin = begin if stretch[begin] == number else begin + 1
    inner_end = end if stretch[end] == number else end - 1
    return stretch[inner_begin] == number and stretch[inner_end] == number


def _heights(edges: Pairs) -> dict[int, tuple[int, float]]:
    """Item → (part of the graph, place across the direction of flow), by Sugiyama's method."""
    from fast_sugiyama import from_edges

    layouts = from_edges(list(edges), dummy_vertices=True, ranking_type="up", vertex_spacing=1)
    parts = sorted(layouts, key=lambda layout: min(int(item) for item, _ in layout[0]))
    return {int(item): (part, x) for part, (places, *_) in enumerate(parts) for item, (x, _) in places}
