"""What leaves a network together: units of channels, and groups of units of which each part loses equally many.

group
├─ part   unit unit unit …      a plain layer, or layers that meet in additions: one part, any number may go
└─ part   unit unit unit …      halves of a chunk, groups of a convolution: as many from each part
     └─ unit                    layer → its output channels; a pixel shuffle by 2 binds four of one layer
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from secateur.graph.coupling.marks import Array, Marks

PARTS_DIFFER: Final = "Its channels lie in parts of different kinds, which could not stay equally wide."
ALL_TOGETHER: Final = "All of its channels belong together: none can go alone."


@dataclass(frozen=True)
class ChannelUnit:
    """Output channels that leave together or not at all: layer → channels. `mark` stands for it."""

    mark: int
    channels: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class ChannelGroup:
    """Units that may stand for each other: as many leave from each of `parts`, and one stays in each."""

    parts: tuple[tuple[ChannelUnit, ...], ...]

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Every layer that loses channels with some unit, in the order in which they are met."""
        return tuple(dict.fromkeys(n for part in self.parts for unit in part for n in unit.channels))

    @property
    def most(self) -> int:
        """How many units can leave each part."""
        return min(len(part) for part in self.parts) - 1

    @cached_property
    def losses(self) -> tuple[dict[str, int], ...]:
        """What each layer loses at a time: with each unit, or with one unit of each part."""
        if len(self.parts) == 1:
            return tuple({name: len(own) for name, own in unit.channels.items()} for unit in self.parts[0])
        total: dict[str, int] = {}
        for part in self.parts:
            for name, own in part[0].channels.items():
                total[name] = total.get(name, 0) + len(own)
        return (total,) * min(map(len, self.parts))

    def together(self, layer: str) -> tuple[str, ...]:
        """Layers that lose channels whenever this one does."""
        if len(self.parts) > 1:
            return self.layers
        mine = [unit for unit in self.parts[0] if layer in unit.channels]
        return tuple(n for n in self.layers if all(n in unit.channels for unit in mine))


def groups_of(
    marks: Marks, outputs: Mapping[str, Array], balances: Sequence[tuple[Array, ...]]
) -> tuple[ChannelGroup, ...]:
    """The groups of the units that may leave. Units that cannot be kept in balance are fixed (in `marks`)."""
    cells = _cells(marks, balances)
    units = _units(marks, outputs)
    for root, unit in list(units.items()):
        if any(len(own) == len(outputs[name]) for name, own in unit.channels.items()):
            marks.fix(np.array([root]), ALL_TOGETHER)
            del units[root]
    groups: list[ChannelGroup] = []
    bound: set[int] = set()
    for parts in cells:
        bound.update(root for part in parts for root in part)
        lists = tuple(tuple(units[root] for root in part if root in units) for part in parts)
        if all(len(part) > 1 for part in lists):
            groups.append(ChannelGroup(lists))
        else:
            marks.fix(np.array([root for part in parts for root in part], np.int64), ALL_TOGETHER)
    free = [unit for root, unit in units.items() if root not in bound]
    for part in _linked(free):
        groups.append(ChannelGroup((tuple(part),)))
    order = {name: place for place, name in enumerate(outputs)}
    return tuple(sorted(groups, key=lambda group: min(order[name] for name in group.layers)))


def _units(marks: Marks, outputs: Mapping[str, Array]) -> dict[int, ChannelUnit]:
    """Root → its unit, of those that may leave."""
    found: dict[int, dict[str, list[int]]] = {}
    for name, own in outputs.items():
        roots = marks.roots(own)
        free = np.flatnonzero(marks.is_free(roots))
        for channel, root in zip(free.tolist(), roots[free].tolist(), strict=True):
            found.setdefault(root, {}).setdefault(name, []).append(channel)
    return {root: ChannelUnit(root, {n: tuple(c) for n, c in places.items()}) for root, places in found.items()}


def _linked(units: Sequence[ChannelUnit]) -> list[list[ChannelUnit]]:
    """Units that have a layer in common, directly or through others."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for unit in units:
        first, *others = unit.channels
        for other in others:
            leader[lead(other)] = lead(first)
    found: dict[str, list[ChannelUnit]] = {}
    for unit in units:
        found.setdefault(lead(next(iter(unit.channels))), []).append(unit)
    return list(found.values())


# ---------------------------------------------------------------------- parts that stay equally wide


def _cells(marks: Marks, balances: Sequence[tuple[Array, ...]]) -> list[list[list[int]]]:
    """Parts cut so fine that each is whole in every balance, and collected so that all of a list lose equally many."""
    members: dict[int, list[tuple[int, int]]] = {}
    counts: list[list[dict[int, int]]] = []
    for number, parts in enumerate(_distinct(marks, balances)):
        counts.append([_multiplicity(part) for part in parts])
        for root, part in _single_parts(marks, counts[-1]):
            members.setdefault(root, []).append((number, part))
    cells: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for root, places in sorted(members.items()):
        if not marks.reason(root):
            cells.setdefault(tuple(places), []).append(root)
    return _joined(marks, cells, [len(parts) for parts in counts])


def _distinct(marks: Marks, balances: Sequence[tuple[Array, ...]]) -> list[tuple[Array, ...]]:
    """Each balance once, as roots."""
    found: dict[tuple[bytes, ...], tuple[Array, ...]] = {}
    for parts in balances:
        roots = tuple(np.sort(marks.roots(part)) for part in parts)
        found.setdefault(tuple(sorted(part.tobytes() for part in roots)), roots)
    return list(found.values())


def _multiplicity(part: Array) -> dict[int, int]:
    roots, count = np.unique(part[part >= 0], return_counts=True)
    return dict(zip(roots.tolist(), count.tolist(), strict=True))


def _single_parts(marks: Marks, parts: list[dict[int, int]]) -> list[tuple[int, int]]:
    """(root, part) of those that are in one part; those that are in all alike keep the balance by themselves.

    What is in several parts but not in all, or more often than the others, is fixed.
    """
    often: dict[int, list[int]] = {}
    for place, part in enumerate(parts):
        for root, count in part.items():
            often.setdefault(root, [0] * len(parts))[place] = count
    single = {root: counts for root, counts in often.items() if len(set(counts)) > 1}
    usual = max((max(c) for c in single.values()), key=[max(c) for c in single.values()].count, default=1)
    found = []
    for root, per_part in single.items():
        if sum(count > 0 for count in per_part) == 1 and max(per_part) == usual:
            found.append((root, int(np.argmax(per_part))))
        else:
            marks.fix(np.array([root]), PARTS_DIFFER)
    return found


def _joined(
    marks: Marks, cells: Mapping[tuple[tuple[int, int], ...], list[int]], widths: Sequence[int]
) -> list[list[list[int]]]:
    """Cells that some balance joins, as lists; a balance with unequally many cells a part fixes all of them."""
    keys = list(cells)
    leader = list(range(len(keys)))

    def lead(cell: int) -> int:
        while leader[cell] != cell:
            cell = leader[cell]
        return cell

    broken: set[int] = set()
    for number, parts in enumerate(widths):
        own = [place for place, key in enumerate(keys) if any(balance == number for balance, _ in key)]
        per_part = [sum((number, part) in keys[place] for place in own) for part in range(parts)]
        for place in own[1:]:
            leader[lead(place)] = lead(own[0])
        if own and len(set(per_part)) > 1:
            broken.add(own[0])
    lists: dict[int, list[list[int]]] = {}
    for place, key in enumerate(keys):
        lists.setdefault(lead(place), []).append(cells[key])
    for place in broken:
        for roots in lists.pop(lead(place), []):
            marks.fix(np.array(roots, np.int64), PARTS_DIFFER)
    return list(lists.values())
