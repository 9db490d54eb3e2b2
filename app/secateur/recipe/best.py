"""The plan of a programme that takes least of something within limits, and gives up little speed for it.

What of that is wished for is said in `secateur.recipe.budget`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from secateur.recipe.knapsack import Flags
from secateur.recipe.programme import Items, Programme

NEARLY_LEAST: Final = 1.1
"""Damage, as a multiple of the least possible, up to which a plan is preferred that gives up less speed."""
NEGLIGIBLE: Final = 1e-3
"""Damage (nats, or relative squared error of the answers) that no metric shows: speed is not given up for less."""
PREFERENCE_GAP: Final = 0.01
"""How far from the least the speed given up may be."""
SAME: Final = 1.001
"""What is as good as the least: of such plans the one that does least damage is taken."""
STEPS_TO_NEAREST: Final = 12
"""Halvings of the distance to the limits that can be met."""


@dataclass(frozen=True)
class Found:
    """The plan of least damage, or of least of what is wished for, `within` limits and of choices that are `allowed`.

    `gives_up`: speed of which a plan of nearly the damage may give up less; empty where there is none to give up.
    `tier` 0 where it costs no speed, 1 where the limits cannot be met so.
    """

    items: Items
    within: Mapping[str, float]
    allowed: Flags
    gives_up: str
    tier: int
    is_near: bool = False
    """It was looked for near another plan, and so is what gives up less."""


def found_in(
    programme: Programme, limits: Mapping[str, float], least: str, allowed: Flags, near: Items | None = None
) -> Found | None:
    """Without options that cost speed where that is possible, else with them; None where nothing meets the limits.

    `near` is a plan that it is looked for near.
    """
    if not programme.is_timed:
        for tier, (choices, gives_up) in enumerate(
            ((allowed & (programme.amounts["slow"] == 0), ""), (allowed, "slow")),
        ):
            items = least_of(programme, least, limits, choices, near=near)
            if items is not None:
                return Found(items, limits, choices, gives_up, tier, near is not None)
        return None
    original = programme.original_ms or float("inf")
    for tier, limit in enumerate((min(original, limits.get("latency_ms", original)), limits.get("latency_ms"))):
        within = {**limits, "latency_ms": limit} if limit is not None else dict(limits)
        items = least_of(programme, least, within, allowed, near=near)
        if items is not None:
            return Found(items, within, allowed, "latency_ms", tier, near is not None)
    return None


def preferred(programme: Programme, found: Found, least: str) -> Items:
    """The plan that gives up least speed among those of nearly the damage of what was found."""
    best, speed, limits = found.items, found.gives_up, found.within
    if not speed:
        return best
    damage = programme.takes("damage", best)
    nearly = min(max(NEARLY_LEAST * damage, NEGLIGIBLE), limits.get("damage", float("inf")))
    within = {**limits, "damage": nearly + 1e-4 * programme.unit}
    if least != "damage":
        within[least] = programme.takes(least, best)
    scale = max(float(abs(programme.amounts[speed]).max()), 1e-9)
    # the smallest part of the cost decides between plans that give up the same
    cost = {speed: 1.0 / scale, "damage": 1e-6 / max(damage, 1e-12)}
    other = programme.least(
        cost, within, found.allowed, gap=PREFERENCE_GAP, known=best, near=best if found.is_near else None
    )
    if other is None or programme.takes(speed, other[0]) >= programme.takes(speed, best):
        return best
    return other[0]


def least_of(
    programme: Programme,
    least: str,
    limits: Mapping[str, float],
    allowed: Flags,
    known: Items | None = None,
    near: Items | None = None,
) -> Items | None:
    """The plan that takes least of something; among equal ones the smaller, or the one that does less damage.

    `known` is a plan within the limits, where there is one; `near` one that it is looked for near.
    """
    largest = max(float(programme.amounts["bytes"].max()), 1.0)
    if least == "damage":
        cost = {"damage": 1.0, "bytes": 1e-4 * programme.unit / largest}
        found = programme.least(cost, limits, allowed, known=known, near=near)
        return None if found is None else found[0]
    found = programme.least({least: 1.0}, limits, allowed, near=near)
    if found is None:
        return None
    most = programme.takes(least, found[0])
    nearly = {**limits, least: most * SAME if most > 0 else most}
    return least_of(programme, "damage", nearly, allowed, found[0], near)


# ---------------------------------------------------------------------- where the limits cannot be met


def can_meet(programme: Programme, limits: Mapping[str, float], allowed: Flags) -> bool:
    """Whether any plan is within the limits."""
    return programme.least({"damage": 1.0}, limits, allowed, gap=1.0) is not None


def least_factor(programme: Programme, limits: Mapping[str, float], allowed: Flags) -> tuple[float, dict[str, float]]:
    """The least factor by which all limits have to be multiplied to be met, and the limits then; none where none is."""
    low, high = 0.0, 1.0
    for _ in range(STEPS_TO_NEAREST):
        if can_meet(programme, _times(limits, high), allowed):
            break
        low, high = high, 2 * high
    else:
        return high, {}
    for _ in range(STEPS_TO_NEAREST):
        middle = (low + high) / 2
        if can_meet(programme, _times(limits, middle), allowed):
            high = middle
        else:
            low = middle
    return high, _times(limits, high)


def fewest(programme: Programme, name: str, allowed: Flags, original: float) -> float | None:
    """The least that any plan takes of something, of which the untouched network takes `original`."""
    if name == "memory_bytes":
        return least_factor(programme, {name: original}, allowed)[1].get(name)
    found = programme.least({name: 1.0}, {}, allowed, gap=1e-4)
    return None if found is None else programme.takes(name, found[0])


def _times(limits: Mapping[str, float], factor: float) -> dict[str, float]:
    return {name: limit * factor for name, limit in limits.items()}
