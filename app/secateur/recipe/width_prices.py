"""What groups of layers gain by losing channels, at given prices of what is limited.

At these each layer takes what is cheapest for it, so that what a group changes is a sum over the layers that it makes
narrower. With the cost of what there is room for taken off, the sum over all layers is below the cost of every plan of
these widths (Lagrangian duality): widths whose sum is above a plan that is known cannot have a better one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from secateur.recipe.knapsack import Floats
from secateur.recipe.narrowing import AMOUNTS, ChannelGroup, Narrowing, Widths
from secateur.recipe.widths import Lost

SWEEPS: Final = 4
"""Times that all groups are gone over."""
_WHOLE: Final = Lost()


@dataclass
class PricedWidths:
    """`prices` (4,) of `AMOUNTS`; `widths` are where it begins, and `free` the groups that may change.

    Pinned layers have their one choice.
    """

    narrowing: Narrowing
    free: Sequence[ChannelGroup]
    pins: Mapping[str, str]
    widths: Widths
    prices: Floats
    _known: dict[tuple[str, Lost, str], float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._now = dict(self.widths)
        self._lost = lost_at(self.narrowing, self.widths)
        self._group = group_names(self.narrowing)

    @property
    def total(self) -> float:
        """What all layers cost together."""
        return sum(self._value(name, self._lost.get(name, _WHOLE), self._taken(name)) for name in self._group)

    def changes(self, group: ChannelGroup) -> Iterator[tuple[str, float]]:
        """(option, by how much the sum changes with it) for all that a group could have instead, the others as they
        are; options that do more damage than all of the layers cost are left out."""
        now = self._now.get(group.name, "")
        names = [name for name in self._touched(group) if name in self._group]
        before = sum(self._value(name, self._lost.get(name, _WHOLE), self._taken(name)) for name in names)
        for option in ("", *group.damages):
            if option == now or (option and self.prices[0] * group.damages[option] >= before):
                continue
            lost = {name: self._lost.get(name, _WHOLE) for name in names}
            shift(self.narrowing, lost, group, now, -1)
            shift(self.narrowing, lost, group, option, 1)
            own = {name: option if name in group.layers else self._taken(name) for name in names}
            yield option, sum(self._value(name, lost[name], own[name]) for name in names) - before

    def descended(self) -> list[tuple[str, str]]:
        """(group, its option then) where groups change one after the other while any gains; the largest gain first."""
        gains: dict[str, float] = {}
        for _ in range(SWEEPS):
            is_same = True
            for group in self.free:
                option, change = min(self.changes(group), key=lambda each: each[1], default=("", 0.0))
                if change >= -1e-9 * abs(self.prices[0]):
                    continue
                is_same = False
                self._change(group, option)
                gains[group.name] = gains.get(group.name, 0.0) - change
            if is_same:
                break
        moves = [name for name in gains if self._now[name] != self.widths.get(name, "")]
        return [(name, self._now[name]) for name in sorted(moves, key=lambda name: -gains[name])]

    def _change(self, group: ChannelGroup, option: str) -> None:
        shift(self.narrowing, self._lost, group, self._now.get(group.name, ""), -1)
        shift(self.narrowing, self._lost, group, option, 1)
        self._now[group.name] = option

    def _touched(self, group: ChannelGroup) -> list[str]:
        touched = dict.fromkeys(group.layers)
        for option in group.damages:
            touched |= dict.fromkeys(self.narrowing.lost_by(group, option))
        return list(touched)

    def _taken(self, layer: str) -> str:
        return self._now.get(self._group[layer], "")

    def _value(self, layer: str, lost: Lost, taken: str) -> float:
        """The least that any choice of a layer costs."""
        key = (layer, lost, taken)
        if key not in self._known:
            values = self.narrowing.amounts(layer, lost, taken) @ self.prices
            pin = self.pins.get(layer)
            if pin is not None:
                values = values[[choice.option == pin for choice in self.narrowing.choices(layer, lost, taken)]]
            self._known[key] = float(values.min()) if values.size else float("inf")
        return self._known[key]


def by_saving(
    narrowing: Narrowing, free: Sequence[ChannelGroup], fixed: Widths, limits: Mapping[str, float]
) -> list[tuple[ChannelGroup, str, float]]:
    """(group, option, what it saves of the limits where each layer takes least), the least damage for that first.

    What is saved of limits counts that are exceeded by themselves; of all, where only together they are.
    """
    lost, groups = lost_at(narrowing, fixed), group_names(narrowing)

    def least(layer: str, lost: Lost, taken: str) -> Floats:
        amounts = narrowing.amounts(layer, lost, taken)
        return np.asarray(amounts.min(axis=0)) if len(amounts) else np.zeros(len(AMOUNTS))

    everywhere = {name: least(name, lost.get(name, _WHOLE), fixed.get(group, "")) for name, group in groups.items()}
    total = sum(everywhere.values(), np.zeros(len(AMOUNTS)))
    columns = {name: AMOUNTS.index("bytes" if name == "memory_bytes" else name) for name in limits if name != "damage"}
    exceeded = {name: column for name, column in columns.items() if total[column] > limits[name]}
    weights = np.zeros(len(AMOUNTS))
    for name, column in (exceeded or columns).items():
        weights[column] += 1.0 / max(limits[name], 1e-12)
    found = []
    for group in free:
        for option, damage in group.damages.items():
            after = dict(lost)
            shift(narrowing, after, group, option, 1)
            saving = 0.0
            for name in narrowing.lost_by(group, option):
                if name in groups:
                    taken = option if name in group.layers else fixed.get(groups[name], "")
                    saving += float((everywhere[name] - least(name, after[name], taken)) @ weights)
            if saving > 0:
                found.append((damage / saving, group, option, saving))
    found.sort(key=lambda each: each[0])
    return [(group, option, saving) for _, group, option, saving in found]


def group_names(narrowing: Narrowing) -> dict[str, str]:
    """Layer → the group that it is in, empty for none."""
    names = [layer.name for layer in narrowing.model.weighted_layers]
    return {name: group.name if (group := narrowing.group_of(name)) is not None else "" for name in names}


def lost_at(narrowing: Narrowing, widths: Widths) -> dict[str, Lost]:
    """Layer → what it loses with these widths: what its groups take, each by itself."""
    lost: dict[str, Lost] = {}
    for group in narrowing.groups:
        shift(narrowing, lost, group, widths.get(group.name, ""), 1)
    return lost


def shift(narrowing: Narrowing, lost: dict[str, Lost], group: ChannelGroup, option: str, sign: int) -> None:
    """Add what a group loses by an option to what layers lose, or take it back."""
    if not option:
        return
    for name, each in narrowing.lost_by(group, option).items():
        own = lost.get(name, _WHOLE)
        lost[name] = Lost(own.outputs + sign * each.outputs, own.inputs + sign * each.inputs)
