"""The whole front: the plans between the smallest and the original, each the best at its size or its milliseconds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.choices import least_bytes

Axis = Literal["bytes", "latency_ms"]

POINTS = 16
"""Plans of a front: two for each halving of the size, over the range that networks have."""


@dataclass(frozen=True)
class FrontPoint:
    """One plan of the front, with what it takes as the solver counts: `latency_ms` None where that is not known."""

    chosen: Mapping[str, str]
    bytes: int
    macs: int
    latency_ms: float | None
    damage: float
    limit: float = field(default=0.0, compare=False)
    """Of the axis, what it was solved within: the same plan is found for it again."""


def front(
    budget: Budget,
    pins: Mapping[str, str] | None = None,
    axis: Axis = "bytes",
    points: int = POINTS,
    each: Callable[[int], None] = lambda done: None,
    *,
    narrows: bool = True,
) -> tuple[FrontPoint, ...]:
    """Plans from the least of `axis` that can be reached to what the original takes, in equal ratios.

    Damage falls from one to the next; a plan that another beats in both is left out. `each` is told how many are done,
    and may stop it by what it raises. `narrows` as in `Wish`. UserError as `Budget.solve`.
    """
    kept, original = dict(pins or {}), budget.programme
    programme, allowed = budget.smallest(kept, narrows=narrows)
    most = original.takes(axis, original.items_of({}))
    if axis == "bytes":
        least = float(least_bytes(programme.model, [c for c, m in zip(programme.choices, allowed, strict=True) if m]))
    else:
        found = programme.least({axis: 1.0}, {}, allowed, gap=1e-4)
        least = most if found is None else programme.takes(axis, found[0])
    made: list[FrontPoint] = []
    for done, share in enumerate(np.geomspace(max(least, 1e-9), max(most, least), points)):
        each(done)
        limit = float(share) * (1 + 1e-9)
        try:
            chosen = budget.solve(Wish({axis: limit}, pins=kept, narrows=narrows))
            made.append(replace(point_of(budget, chosen), limit=limit))
        except NoPlan:  # the very least of each layer, but they cannot be had together
            continue
    return _falling(made, axis)


def point_of(budget: Budget, chosen: Mapping[str, str]) -> FrontPoint:
    """What a choice per layer takes."""
    programme = budget.programme_of(chosen)
    items = programme.items_of(chosen)
    return FrontPoint(
        chosen,
        round(programme.takes("bytes", items)),
        round(sum(programme.choices[place].costs.macs for place in items)),
        programme.takes("latency_ms", items) if programme.is_timed else None,
        sum(programme.choices[place].damage for place in items),
    )


def _falling(points: list[FrontPoint], axis: Axis) -> tuple[FrontPoint, ...]:
    """The points that no other beats, least of `axis` first."""
    kept: list[FrontPoint] = []
    for point in sorted(points, key=lambda point: (getattr(point, axis), point.damage)):
        if not kept or point.damage < kept[-1].damage:
            kept.append(point)
    return tuple(kept)


def bought(
    budget: Budget,
    chosen: Mapping[str, str],
    more_damage: float,
    pins: Mapping[str, str] | None = None,
    *,
    narrows: bool = True,
) -> int:
    """Bytes by which the file gets smaller where a plan may do so much more damage, at no more milliseconds."""
    now = point_of(budget, chosen)
    limits = {"damage": now.damage + more_damage}
    if now.latency_ms is not None:
        limits["latency_ms"] = now.latency_ms * (1 + 1e-9)
    smaller = point_of(budget, budget.solve(Wish(limits, "bytes", dict(pins or {}), narrows)))
    return max(0, now.bytes - smaller.bytes)
