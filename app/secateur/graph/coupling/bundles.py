"""Groups of channels as plain numbers, from which the effect of removing some is predicted without the network."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import nn  # noqa: TID253 - imported by channel removal alone

from secateur.graph.coupling.following import Findings
from secateur.graph.coupling.units import ChannelGroup, ChannelUnit
from secateur.model.description import ChannelBundle

Places = dict[int, Counter[str]]
"""Root → how many places each layer has for its unit."""


def bundles_of(groups: Sequence[ChannelGroup], found: Findings, module: nn.Module) -> tuple[ChannelBundle, ...]:
    """Every way in which channels can leave, and how often there is one of it."""
    outputs, inputs = _places(found, module)
    bundles: Counter[tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]] = Counter()
    for group in groups:
        parts = group.parts
        together: list[tuple[ChannelUnit, ...]] = (
            [(unit,) for unit in parts[0]] if len(parts) == 1 else list(zip(*parts, strict=False))
        )
        for units in together:
            bundles[(_summed(outputs, units), _summed(inputs, units))] += 1
    return tuple(ChannelBundle(count, *kind) for kind, count in bundles.items())


def _summed(places: Places, units: Sequence[ChannelUnit]) -> tuple[tuple[str, int], ...]:
    total: Counter[str] = Counter()
    for unit in units:
        total.update(places.get(unit.mark, Counter()))
    return tuple(sorted(total.items()))


def _places(found: Findings, module: nn.Module) -> tuple[Places, Places]:
    """What each unit is in the outputs and in the inputs of layers."""
    outputs: Places = {}
    inputs: Places = {}
    for (stored, role), own in found.stored.items():
        owner, _, key = stored.rpartition(".")
        if key != "weight":
            continue
        layer = module.get_submodule(owner)
        turned = isinstance(layer, nn.modules.conv._ConvTransposeNd)
        makes = role in (1, "blocks") if turned else role == int(isinstance(layer, nn.Embedding))
        marks = own
        if turned and stored in found.depthwise:
            makes, marks = True, np.repeat(own, layer.weight.shape[1])  # type: ignore[index]
        for root, count in Counter(found.marks.roots(marks).tolist()).items():
            if root >= 0:
                (outputs if makes else inputs).setdefault(root, Counter())[owner] += count
    return outputs, inputs
