"""Why a layer is planned as it is: what its next better choice would cost, and what the next smaller would save."""

from collections.abc import Mapping

from secateur import figures
from secateur.recipe.budget import Budget
from secateur.recipe.choices import Choice, words_of


def why(
    budget: Budget,
    chosen: Mapping[str, str],
    limits: Mapping[str, float],
    layer: str,
    pinned: bool = False,
    by_budget: bool = True,
) -> str:
    """One sentence for a layer of a plan, the other layers as they are; KeyError for a layer without choices.

    `limits` are those that the plan was solved for: whether there is room for the better choice is said. That no
    budget made the plan is said too.
    """
    programme = budget.programme_of(chosen)
    own = [choice for choice in programme.choices if choice.layer == layer]
    if not own:
        raise KeyError(layer)
    now = next(choice for choice in own if choice.option == chosen[layer])
    told = [f"{layer} is {'kept' if pinned else 'planned'} as {words_of(now.option)}"]
    if not pinned and not by_budget:
        told[0] += ", which no budget chose"
    better = min((c for c in own if c.damage < now.damage), key=lambda c: _price(c, now), default=None)
    below = [c for c in own if c.costs.bytes < now.costs.bytes]
    smaller = min((c for c in below if c.damage >= now.damage), key=lambda c: _loss(c, now), default=None)
    unit = budget.table.unit
    if better is not None:
        room = _no_room(budget, chosen, limits, better)
        told.append(
            f"{words_of(better.option)} would do {figures.number(now.damage - better.damage)} {unit} less damage"
            f" and {_more(better, now)}{room}"
        )
    else:
        told.append("nothing does less damage")
    if smaller is not None:
        gained = f"save {figures.size(now.costs.bytes - smaller.costs.bytes)}"
        more = figures.number(smaller.damage - now.damage)
        told.append(f"{words_of(smaller.option)} would {gained} and do {more} {unit} more")
    else:
        told.append("what is smaller takes longer" if below else "nothing is smaller")
    return f"{told[0]}: {told[1]}; {told[2]}."


def telling(budget: Budget, chosen: Mapping[str, str], count: int = 3) -> tuple[str, ...]:
    """The layers of a plan that do most damage: those about which a person asks first."""
    choices = budget.programme_of(chosen).choices
    damage = {choice.layer: choice.damage for choice in choices if chosen[choice.layer] == choice.option}
    ranked = sorted((name for name in damage if damage[name] > 0), key=lambda name: -damage[name])
    return tuple(ranked[:count])


def _price(better: Choice, now: Choice) -> float:
    """Bytes for each damage less: the better choice is the one that costs least for what it buys."""
    return (better.costs.bytes - now.costs.bytes) / (now.damage - better.damage)


def _loss(smaller: Choice, now: Choice) -> float:
    """Damage for each byte less."""
    return (smaller.damage - now.damage) / (now.costs.bytes - smaller.costs.bytes)


def _more(other: Choice, now: Choice) -> str:
    change = other.costs.bytes - now.costs.bytes
    size = f"take {figures.size(change)} more" if change > 0 else f"take {figures.size(-change)} less"
    size = size if change else "take as many bytes"
    before, after = now.costs.latency_ms, other.costs.latency_ms
    if before is None or after is None or after <= before:
        return size
    return f"{size} and {figures.milliseconds(after - before)} longer"


def _no_room(budget: Budget, chosen: Mapping[str, str], limits: Mapping[str, float], other: Choice) -> str:
    """Which limits the plan would exceed with another choice for one layer."""
    programme = budget.programme_of(chosen)
    items = programme.items_of({**chosen, other.layer: other.option})
    words = {"bytes": "size", "latency_ms": "latency", "macs": "MACs", "memory_bytes": "memory", "damage": "drop"}
    over = [words[name] for name, limit in limits.items() if programme.takes(name, items) > limit * (1 + 1e-9)]
    return f", for which the {' and the '.join(over)} budget has no room" if over else ""
