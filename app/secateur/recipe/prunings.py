"""Which channels autopilot takes: the same share of all layers, or more where little is lost for much time.

Between two even shares stand those in which some groups of layers lose as many channels as in the larger one and the
others as in the smaller one: those first whose cell in the table says least damage for the milliseconds that it saves.
In a network of few channels there is nothing even in between: widths are multiples of what the target likes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Final

from secateur.methods import first_of
from secateur.methods.base import Method
from secateur.model.description import Layer, ModelDescription
from secateur.recipe.narrowing import AMOUNTS, ChannelGroup, Narrowing
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Step
from secateur.recipe.widths import Lost

EVEN: Final = (0.0, 0.25, 0.5, 0.75)
RATIOS: Final = (0.5, 0.75, 0.25, 0.625, 0.375, 0.125, 0.6875, 0.5625, 0.4375, 0.3125)
"""Shares of the output channels that leave, each half way between two of those before it. What is not in `EVEN` is so
far between the two there that it stands between, in milliseconds."""
LEAST_DAMAGE: Final = 1e-6


@dataclass(frozen=True)
class Pruning:
    """A way of taking channels. `ratio` is one of `RATIOS`, `widths` the options nearest to what it takes, by group."""

    ratio: float
    steps: tuple[Step, ...]
    widths: Mapping[str, str]


@dataclass(frozen=True)
class Prunings:
    """What can be taken of a model whose widths are to be divided by `channel_step`."""

    model: ModelDescription
    narrowing: Narrowing
    channel_step: int

    def all(self) -> tuple[Pruning, ...]:
        """Those that leave other widths than those before them; none where no layer can lose channels."""
        found: dict[tuple[int, ...], Pruning] = {}
        layers = self.model.weighted_layers
        nothing = tuple(layer.out_channels for layer in layers)
        for ratio in RATIOS:
            pruning = self.at(ratio)
            widths = tuple(_width_after(pruning, layer.name, layer.out_channels) for layer in layers)
            if widths != nothing:
                found.setdefault(widths, pruning)
        return tuple(found.values())

    def at(self, ratio: float) -> Pruning:
        """At one of `RATIOS`; an even one where it is not known which layers lose channels together."""
        groups = self.narrowing.groups
        if ratio in EVEN or not groups:
            return Pruning(ratio, (Step(self._taking(ratio)),), self._options(groups, ratio))
        low = max(even for even in EVEN if even < ratio)
        high = min(even for even in EVEN if even > ratio)
        more = self._first(low, high, (ratio - low) / (high - low))
        names = tuple(name for group in more for name in group.layers)
        less = (Step(self._taking(low), exclude=names),) if low else ()
        options = {**self._options(groups, low), **self._options(more, high)}
        return Pruning(ratio, (*less, Step(self._taking(high), names)), options)

    def _taking(self, ratio: float) -> Method:
        return first_of("channel_pruning").suited(self.channel_step).model_copy(update={"ratio": ratio})

    def _first(self, low: float, high: float, share: float) -> list[ChannelGroup]:
        """The groups that lose the larger share: those of least damage for a millisecond, at least one.

        So many that this share of the milliseconds between is saved.
        """
        priced = [(self._cost(groups[0], low, high), groups) for groups in self._together]
        whole, saved, found = sum(cost.saved for cost, _ in priced), 0.0, list[ChannelGroup]()
        for cost, groups in sorted(priced, key=lambda pair: pair[0].price):
            saved += cost.saved
            if found and saved > share * whole:
                break
            found += groups
        return found

    @cached_property
    def _together(self) -> list[list[ChannelGroup]]:
        """Groups that take the same out of the same layers: some of their channels leave together, others do not."""
        found: dict[frozenset[str], list[ChannelGroup]] = {}
        for group in self.narrowing.groups:
            lost = self.narrowing.lost_by(group, self._known(group)[0])
            found.setdefault(frozenset(lost), []).append(group)
        return list(found.values())

    def _cost(self, group: ChannelGroup, low: float, high: float) -> "_Cost":
        """Of losing more; a share beyond those that were measured is told by the two largest that were."""
        if all(self._width(name, low) == self._width(name, high) for name in group.layers):
            return _Cost(0.0, 0.0)
        before, after = (self._option(group, ratio) for ratio in (low, high))
        if before == after:
            before = next((name for name in self._known(group) if name != after), "")
        damages = [group.damages.get(name, 0.0) for name in (before, after)]
        times = [self._least(group, name, after) for name in (before, after)]
        return _Cost(damages[1] - damages[0], times[0] - times[1])

    def _width(self, layer: str, ratio: float) -> int:
        width = self._layers[layer].out_channels
        return self._taking(ratio).width_after(width, width)

    @cached_property
    def _layers(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.model.weighted_layers}

    def _least(self, group: ChannelGroup, option: str, widest: str) -> float:
        """The least that the layers take which lose something by `widest`, where the group loses it by `option`."""
        of = AMOUNTS.index("macs" if self.narrowing.timings is None else "latency_ms")
        touched = self.narrowing.lost_by(group, widest) if widest else {}
        lost = self.narrowing.lost_by(group, option) if option else {}
        total = 0.0
        for name in touched:
            if name not in self._layers:  # a batch norm, which takes nothing that counts
                continue
            own = option if name in group.layers else ""
            amounts = self.narrowing.amounts(name, lost.get(name, Lost()), own)
            total += float(amounts[:, of].min()) if len(amounts) else 0.0
        return total

    @cached_property
    def _ratios(self) -> dict[str, float]:
        """Option → the even share that it takes, the largest first."""
        taking = {ratio: self._taking(ratio) for ratio in EVEN if ratio}
        suited = {option.id: option.suited(self.channel_step).method for option in OPTIONS}
        found = {name: ratio for name, method in suited.items() for ratio in EVEN if taking.get(ratio) == method}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _known(self, group: ChannelGroup) -> list[str]:
        return [name for name in self._ratios if name in group.damages]

    def _option(self, group: ChannelGroup, ratio: float) -> str:
        """The option that takes this share of a group, or as near below it as one does; empty for none."""
        return next((name for name in self._known(group) if self._ratios[name] <= ratio), "")

    def _options(self, groups: Sequence[ChannelGroup], ratio: float) -> dict[str, str]:
        return {group.name: name for group in groups if (name := self._option(group, ratio))}


@dataclass(frozen=True)
class _Cost:
    """What losing more channels costs a group, and what is `saved`: milliseconds, MACs where none are known."""

    damage: float
    saved: float

    @property
    def price(self) -> float:
        return max(self.damage, LEAST_DAMAGE) / self.saved if self.saved > 0 else inf


def _width_after(pruning: Pruning, layer: str, width: int) -> int:
    left = width
    for step in pruning.steps:
        if step.selects(layer):
            left = step.method.width_after(left, width)
    return left
