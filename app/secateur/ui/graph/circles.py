"""Circles in a graph: which things read each other's results in turns. No Qt."""

from collections.abc import Iterable, Mapping, Sequence

Edges = Iterable[tuple[int, int]]


def in_circles(edges: Edges) -> set[int]:
    """Everything that lies on a circle of two or more (Tarjan's strongly connected components, without recursion)."""
    after: dict[int, list[int]] = {}
    for a, b in edges:
        if a != b:
            after.setdefault(a, []).append(b)
    found: set[int] = set()
    walk = _Walk(after)
    for start in after:
        for component in walk.components(start):
            if len(component) > 1:
                found.update(component)
    return found


class _Walk:
    """The state of Tarjan's walk."""

    def __init__(self, after: Mapping[int, Sequence[int]]) -> None:
        self._after = after
        self._index: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._stack: list[int] = []
        self._on_stack: set[int] = set()

    def components(self, start: int) -> list[list[int]]:
        """Components that are complete once everything behind `start` has been seen."""
        if start in self._index:
            return []
        done: list[list[int]] = []
        self._enter(start)
        path = [(start, iter(self._after.get(start, ())))]
        while path:
            item, rest = path[-1]
            follower = next(rest, None)
            if follower is None:
                path.pop()
                if path:
                    self._low[path[-1][0]] = min(self._low[path[-1][0]], self._low[item])
                if self._low[item] == self._index[item]:
                    done.append(self._leave(item))
            elif follower not in self._index:
                self._enter(follower)
                path.append((follower, iter(self._after.get(follower, ()))))
            elif follower in self._on_stack:
                self._low[item] = min(self._low[item], self._index[follower])
        return done

    def _enter(self, item: int) -> None:
        self._index[item] = self._low[item] = len(self._index)
        self._stack.append(item)
        self._on_stack.add(item)

    def _leave(self, item: int) -> list[int]:
        component = []
        while True:
            member = self._stack.pop()
            self._on_stack.discard(member)
            component.append(member)
            if member == item:
                return component
