"""What can be chosen for a model whose layers lose channels: of groups that lose them together, and of what is left.

A layer's costs depend on the channels that it makes and on those that it reads, so that they do not add up over free
choices of both. They do while the widths stand: for given ones this makes the same programme as for the whole network,
of the narrower layers. `width_search.py` looks for the widths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.description import Layer, ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.choices import (
    FLOAT,
    Choice,
    Works,
    cells_of,
    channels_in,
    choices_for,
    named,
    narrowed_works,
    parts,
    without_channels,
)
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.programme import Programme
from secateur.recipe.widths import Lost, channels_lost, groups_of, shrunk
from secateur.targets import target_named
from secateur.targets.timings import Timings

Widths = Mapping[str, str]
"""First layer of a group → the option by which it lost channels; groups that keep all of theirs are not in it."""

KEPT: Final = 64
"""Programmes of different widths that are kept: sliders come back to the same ones."""
AMOUNTS: Final = ("damage", "bytes", "macs", "latency_ms")
_NONE: Final = Lost()


@dataclass(frozen=True)
class ChannelGroup:
    """Layers that lose channels together, and option → what the network is damaged where they do."""

    layers: tuple[str, ...]
    damages: Mapping[str, float]

    @property
    def name(self) -> str:
        return self.layers[0]


@dataclass
class Narrowing:
    """The groups of a model of which the table knows what losing channels does, and its programmes by widths."""

    model: ModelDescription
    table: SensitivityTable
    timings: Timings | None = None
    _programmes: dict[frozenset[tuple[str, str]], Programme] = field(default_factory=dict, init=False)
    _choices: dict[tuple[str, Lost, str], tuple[Choice, ...]] = field(default_factory=dict, init=False)
    _amounts: dict[tuple[str, Lost, str], NDArray[np.float64]] = field(default_factory=dict, init=False)
    _taken: dict[tuple[str, str], Mapping[str, Lost]] = field(default_factory=dict, init=False)

    @cached_property
    def channel_step(self) -> int | None:
        """What divides the widths that are left: what the target likes, by whose steps the cells were measured too."""
        if self.timings is None:
            return next((option.method.multiple for option in OPTIONS if option.method.changes_widths), None)
        return self.timings.channel_step or target_named(self.timings.target).channel_step

    @cached_property
    def groups(self) -> tuple[ChannelGroup, ...]:
        """In network order; none before it is known which channels leave together."""
        if not self.model.bundles:
            return ()
        layers = {layer.name: layer for layer in self.model.weighted_layers if not layer.fixed_channels}
        together, seen, found = groups_of(list(layers.values())), set[str](), []
        for name in layers:
            members = together.get(name, (name,))
            if name in seen:
                continue
            seen.update(members)
            damages = {o: d for o in _NARROWING if (d := self._damage(members, o)) is not None}
            group = ChannelGroup(members, damages)
            known = {o: d for o, d in damages.items() if self.lost_by(group, o)}
            if known:
                found.append(replace(group, damages=known))
        return tuple(found)

    def _damage(self, layers: Sequence[str], option: str) -> float | None:
        """The cell of a group, which stands in the row of each of its layers."""
        rows = [self.table.row(name, option) for name in layers]
        known = [row.damage for row in rows if row is not None and not row.unavailable and row.damage is not None]
        return known[0] if len(known) == len(rows) else None

    @cached_property
    def _group_of(self) -> dict[str, ChannelGroup]:
        return {name: group for group in self.groups for name in group.layers}

    def group_of(self, layer: str) -> ChannelGroup | None:
        """The group of a layer that can lose channels."""
        return self._group_of.get(layer)

    def widths_of(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """The widths that a choice per layer leads to: those that lose channels take their whole group along."""
        found: dict[str, str] = {}
        for name, choice in chosen.items():
            taken, group = channels_in(choice), self._group_of.get(name)
            if taken and group is not None and taken in group.damages:
                found.setdefault(group.name, taken)
        return found

    def completed(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """The same choices in which all layers of a group lose channels, or none."""
        widths = self.widths_of(chosen)
        made = {}
        for layer in self.model.weighted_layers:
            group = self._group_of.get(layer.name)
            taken = widths.get(group.name, "") if group is not None else ""
            own = without_channels(chosen.get(layer.name, FLOAT))
            made[layer.name] = named((taken, *parts(own))) if taken else own
        return made

    def narrowest(self, groups: Sequence[ChannelGroup]) -> dict[str, str]:
        """The widths where each of these groups loses as many channels as any option takes."""
        return {group.name: max(group.damages, key=lambda o: self._outputs(group, o)) for group in groups}

    def _outputs(self, group: ChannelGroup, option: str) -> int:
        return sum(lost.outputs for lost in self.lost_by(group, option).values())

    # ------------------------------------------------------------------ what is left

    def lost_by(self, group: ChannelGroup, option: str) -> Mapping[str, Lost]:
        """Layer → what it loses where this group alone loses channels."""
        key = (group.name, option)
        if key not in self._taken:
            self._taken[key] = self._lost(dict.fromkeys(group.layers, option))
        return self._taken[key]

    def _lost(self, chosen: Mapping[str, str]) -> Mapping[str, Lost]:
        return channels_lost(self.model, recipe_of(chosen, channel_step=self.channel_step))

    @cached_property
    def _cells(self) -> dict[str, list[Choice]]:
        return cells_of(self.table)

    @cached_property
    def _works(self) -> Works | None:
        return None if self.timings is None else Works(self.timings)

    @cached_property
    def _layers(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.model.weighted_layers}

    def choices(self, layer: str, lost: Lost = _NONE, taken: str = "") -> tuple[Choice, ...]:
        """What can be chosen for a layer of these channels; each bears its share of the damage of its group.

        `taken` is the option by which its own group loses channels: it is part of the choices then.
        """
        key = (layer, lost, taken)
        if key in self._choices:
            return self._choices[key]
        whole = self._layers[layer]
        narrow = None if lost == _NONE else shrunk(whole, lost)
        made = choices_for(whole, self._cells.get(layer, ()), self._works, narrow)
        group = self._group_of.get(layer)
        if taken and group is not None:
            share = group.damages[taken] / len(group.layers)
            made = [
                replace(choice, option=named((taken, *parts(choice.option))), damage=choice.damage + share)
                for choice in made
            ]
        self._choices[key] = tuple(made)
        return self._choices[key]

    def amounts(self, layer: str, lost: Lost, taken: str) -> NDArray[np.float64]:
        """What these choices take of `AMOUNTS`, (choices, 4)."""
        key = (layer, lost, taken)
        if key not in self._amounts:
            self._amounts[key] = np.array(
                [
                    (choice.damage, choice.costs.bytes, choice.costs.macs, choice.costs.latency_ms or 0.0)
                    for choice in self.choices(layer, lost, taken)
                ]
            ).reshape(-1, len(AMOUNTS))
        return self._amounts[key]

    def at(self, widths: Widths) -> Programme:
        """The programme of the network with these widths."""
        key = frozenset(widths.items())
        if key not in self._programmes:
            if len(self._programmes) >= KEPT:
                del self._programmes[next(iter(self._programmes))]
            self._programmes[key] = self._made(widths)
        return self._programmes[key]

    def _made(self, widths: Widths) -> Programme:
        taken = {name: option for group in self.groups if (option := widths.get(group.name)) for name in group.layers}
        lost = self._lost(taken)
        layers = tuple(shrunk(one, lost[one.name]) if one.name in lost else one for one in self.model.layers)
        model = replace(self.model, layers=layers)
        choices = [c for name in self._layers for c in self.choices(name, lost.get(name, _NONE), taken.get(name, ""))]
        works = None
        if self.timings is not None:
            left = {layer.name: layer for layer in model.weighted_layers}
            works = {
                name: narrowed_works(left[name], own) if name in lost and name in left else own
                for name, own in self.timings.layers.items()
            }
        return Programme(model, choices, self.timings, works)


_NARROWING: Final = tuple(option.id for option in OPTIONS if option.method.changes_widths)
