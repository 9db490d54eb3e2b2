"""Which groups of layers lose channels: looked for from the prices of what is limited, and proven plan by plan.

The prices around a plan (how much damage a byte less costs there) tell which groups gain by losing channels
(`width_prices.py`); the plan of the new widths is solved exactly, and is taken only where it is better. Prices hold for
small changes: where all that gain together are too many, half of them are tried, then one group or two at a time, as
long as the bound on their plans is below the plan that is known. Where no plan fits, groups lose channels in the order
of damage for what they save, as few as are needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np

from secateur.recipe.best import Found, can_meet, found_in
from secateur.recipe.narrowing import AMOUNTS, ChannelGroup, Narrowing, Widths
from secateur.recipe.programme import Programme
from secateur.recipe.width_prices import PricedWidths, by_saving

TRIED: Final = 48
"""Widths of which the plan is solved, at most."""
PAIRED: Final = 12
"""Changes of single groups that are tried in pairs: those that the prices like best."""
GAINS: Final = 1e-3
"""The share by which a plan has to be better for other widths: less is within what solutions are off."""

Change = tuple[str, str]
"""A group and its option then, empty for none."""


@dataclass
class WidthSearch:
    """One wish: the least of something within limits, with layers that are pinned.

    `first` is the programme of the whole network. `fixed` are the widths of pinned groups, `free` the others. `near` is
    a plan that plans are looked for near.
    """

    narrowing: Narrowing
    first: Programme
    limits: Mapping[str, float]
    least: str
    pins: Mapping[str, str]
    fixed: Widths
    free: Sequence[ChannelGroup]
    near: Mapping[str, str] | None = None
    _tried: set[frozenset[Change]] = field(default_factory=set, init=False)

    def best(self) -> tuple[Programme, Found] | None:
        """The programme of the best widths, and its plan; None where no plan is within the limits."""
        widths, found = dict(self.fixed), self._found(self.fixed)
        if found is None and self.free:
            widths = self._reaching()
            found = self._found(widths)
        if found is None:
            return None
        while self.free:
            better = self._better(widths, found)
            if better is None:
                break
            widths, found = better
        return self._at(widths), found

    def _at(self, widths: Widths) -> Programme:
        return self.narrowing.at(widths) if widths else self.first

    def _found(self, widths: Widths) -> Found | None:
        programme = self._at(widths)
        near = None if self.near is None else programme.items_near(self.near)
        return found_in(programme, self.limits, self.least, programme.pinned(self.pins), near)

    def _better(self, widths: dict[str, str], found: Found) -> tuple[dict[str, str], Found] | None:
        """Other widths whose plan is better, the likeliest tried first."""
        self._tried.add(frozenset(widths.items()))
        tier, value = self._worth(widths, found)
        for changes in self._proposals(widths, found, value):
            proposed = {name: option for name, option in {**widths, **dict(changes)}.items() if option}
            key = frozenset(proposed.items())
            if key in self._tried:
                continue
            if len(self._tried) > TRIED:
                return None
            self._tried.add(key)
            other = self._found(proposed)
            if other is not None and self._worth(proposed, other) < (tier, value - GAINS * abs(value)):
                return proposed, other
        return None

    def _worth(self, widths: Widths, found: Found) -> tuple[int, float]:
        return found.tier, self._at(widths).takes(self.least, found.items)

    def _proposals(self, widths: Widths, found: Found, value: float) -> Iterator[Sequence[Change]]:
        """Changes of groups, the likeliest first."""
        programme, cost = self._at(widths), {self.least: 1.0}
        prices = programme.prices(found.items, cost, found.within, found.allowed)
        weights = dict.fromkeys(AMOUNTS, 0.0) | cost
        for name, price in prices.items():
            weights["bytes" if name == "memory_bytes" else name] += price  # of memory, what a byte of weights costs
        priced = PricedWidths(
            self.narrowing, self.free, self.pins, widths, np.array([weights[name] for name in AMOUNTS])
        )
        # what the plan costs above the bound is what its groups and the others can still gain
        items = found.items
        taken = sum(weights[n] * float(programme.amounts[n][items].sum()) for n in AMOUNTS if n in programme.amounts)
        slack = sum(p * max(0.0, found.within[n] - programme.takes(n, items)) for n, p in prices.items())
        gap = taken - priced.total + slack
        single: list[tuple[float, Change]] = []
        for group in self.free:
            single += [(change, (group.name, option)) for option, change in priced.changes(group)]
        moves = priced.descended()
        while moves:
            yield moves
            moves = moves[: len(moves) // 2]
        single.sort()
        pairs = [
            (one + other, (first, second))
            for (one, first), (other, second) in combinations(single[:PAIRED], 2)
            if first[0] != second[0]
        ]
        proposals = sorted([*((change, (move,)) for change, move in single), *pairs])
        yield from (changes for change, changes in proposals if change < gap)

    # ------------------------------------------------------------------ where no plan fits

    def _reaching(self) -> dict[str, str]:
        """Widths with which the limits can be met, of as few groups as are needed; all of them where none suffices."""
        order = by_saving(self.narrowing, self.free, self.fixed, self.limits)
        low, high = 0, len(order)
        if not self._fits(self._first(order, high)):
            while high > 1 and "damage" in self.limits:  # fewer channels do less damage
                high //= 2
                if self._fits(self._first(order, high)):
                    break
            else:
                return self._first(order, len(order))
        while high - low > 1:
            middle = (low + high) // 2
            if self._fits(self._first(order, middle)):
                high = middle
            else:
                low = middle
        return self._first(order, high)

    def _fits(self, widths: Widths) -> bool:
        programme = self._at(widths)
        return can_meet(programme, self.limits, programme.pinned(self.pins))

    def _first(self, order: Sequence[tuple[ChannelGroup, str, float]], count: int) -> dict[str, str]:
        """The widths after so many steps of an order: of a group, the one that saves most."""
        saved: dict[str, tuple[float, str]] = {}
        for group, option, saving in order[:count]:
            saved[group.name] = max(saved.get(group.name, (saving, option)), (saving, option))
        return {**self.fixed, **{name: option for name, (_, option) in saved.items()}}
