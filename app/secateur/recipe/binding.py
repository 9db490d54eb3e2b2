"""Which limits bind: those with which a layer could have a choice that does less damage, were it not for them."""

from collections.abc import Mapping

import numpy as np

from secateur.recipe.budget import Budget

WITHIN = 1 + 1e-9
COUNTED = frozenset({"bytes", "macs", "latency_ms"})
"""The limits of which it is told: of these it is known at once what a plan takes with one choice changed."""


def binding(
    budget: Budget, chosen: Mapping[str, str], limits: Mapping[str, float], pins: Mapping[str, str]
) -> frozenset[str]:
    """The limits that bind a plan.

    A limit binds where, raised alone, it would let one of the layers that are not pinned do less damage, the others as
    they are; where none does so alone but several together would, those bind. None of them where every layer has the
    best choice that it can have, or where the plan is as it is for the sake of speed.
    """
    programme = budget.programme_of(chosen)
    items = programme.items_of(chosen)
    damage = programme.amounts["damage"]
    free = np.array([choice.layer not in pins for choice in programme.choices])
    better = free & (damage < damage[items][programme.groups])
    names = [name for name, limit in limits.items() if name in COUNTED and np.isfinite(limit)]
    if not names or not better.any():
        return frozenset()
    over = np.stack([programme.swapped(name, items)[better] > limits[name] * WITHIN for name in names])
    alone = over & (over.sum(axis=0) == 1)
    return frozenset(name for name, blocks in zip(names, alone if alone.any() else over, strict=True) if blocks.any())
