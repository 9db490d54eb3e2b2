"""Layers that stay as a person planned them while a budget chooses for the others.

Where what is planned is a choice of the table, it is pinned. What is none (37 % of zero weights, say) is counted by
what the layer costs then: the limits of the others are moved by what it saves against the untouched layer, which stands
for it in the programme.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.model.costs import Costs
from secateur.recipe.budget import Budget
from secateur.recipe.choices import FLOAT, without_channels


@dataclass(frozen=True)
class Kept:
    """`pins` as `Wish` has them; `own` are the layers among them whose plan is no choice of the table.

    `saved` is what those save against the untouched layers, by limit: `bytes`, `macs`, `latency_ms`.
    """

    pins: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    saved: Mapping[str, float] = field(default_factory=dict)

    def limits_of_programme(self, limits: Mapping[str, float]) -> dict[str, float]:
        """What a plan may take as the programme counts it, where the untouched layer stands for what is planned."""
        return {name: limit + self.saved.get(name, 0.0) for name, limit in limits.items()}

    def limits_of_plan(self, limits: Mapping[str, float]) -> dict[str, float]:
        """The other way round."""
        return {name: limit - self.saved.get(name, 0.0) for name, limit in limits.items()}


def kept_in(budget: Budget, pins: Mapping[str, str], costs: Mapping[str, Costs]) -> Kept:
    """How the programme keeps layers; `pins` are the choices of those that have one, `costs` what any of them costs.

    A layer with neither a choice that can be made there nor costs is pinned as asked, which `Budget.solve` refuses.
    """
    if not pins and not costs:
        return Kept()
    known = {(choice.layer, choice.option): choice.costs for choice in budget.programme.choices}
    fixed: dict[str, str] = {}
    saved = {"bytes": 0.0, "macs": 0.0, "latency_ms": 0.0}
    own = set()
    for layer in dict.fromkeys((*pins, *costs)):
        untouched = known.get((layer, FLOAT))
        if untouched is None:  # nothing is chosen for it
            continue
        pinned = pins.get(layer)
        if pinned is not None and ((layer, without_channels(pinned)) in known or layer not in costs):
            fixed[layer] = pinned
            continue
        fixed[layer], planned = FLOAT, costs[layer]
        own.add(layer)
        saved["bytes"] += untouched.bytes - planned.bytes
        saved["macs"] += untouched.macs - planned.macs
        if untouched.latency_ms is not None and planned.latency_ms is not None:
            saved["latency_ms"] += untouched.latency_ms - planned.latency_ms
    return Kept(fixed, frozenset(own), saved)
