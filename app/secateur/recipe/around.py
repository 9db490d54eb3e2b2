"""The budget solved again around a plan that was measured as a whole.

Damages of single layers add up to that of a plan only roughly. Around one plan they do: what the network loses more or
less with one layer changed, the others as planned, is the slope there. So of each layer the choices near the planned
one are measured so, and the programme is solved with these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from secateur.model.description import ModelDescription
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.choices import FLOAT, TOGETHER, Choice
from secateur.recipe.options import OPTIONS
from secateur.recipe.quality import methods_of
from secateur.recipe.recipe import Recipe

REACH: Final = 2
"""Neighbours on either side that are near: bits come in steps of one, and a step of two is as far as slopes hold."""
FRONTS: Final = ("bytes", "latency_ms", "macs")
"""What choices may be less of."""


def choices_in(recipe: Recipe, model: ModelDescription) -> dict[str, str] | None:
    """Layer → choice of a plan that can be solved around; None where a method in it is no option's, or takes channels.

    Of those, layers are not measured one by one: each changes what its neighbours are.
    """
    found: dict[str, str] = {}
    for layer in model.weighted_layers:
        names = [
            next((o.id for o in OPTIONS if o.method == method and not method.changes_widths), None)
            for method in methods_of(recipe, layer)
        ]
        if any(name is None for name in names):
            return None
        found[layer.name] = TOGETHER.join(name for name in names if name is not None)
    return found


def near(budget: Budget, chosen: Mapping[str, str], wish: Wish, reach: int = REACH) -> dict[str, tuple[str, ...]]:
    """Layer → the planned choice, then those within `reach` steps of it on the layer's fronts of damage and what is
    limited: the nearest first. Pinned layers have the planned one alone."""
    programme = budget.programme
    allowed = programme.pinned(wish.pins)
    sizes = [name for name in FRONTS if name in programme.amounts and name in {*wish.limits, wish.least, "bytes"}]
    found: dict[str, tuple[str, ...]] = {}
    for layer in programme.layers:
        own = [p for p, choice in enumerate(programme.choices) if choice.layer == layer and allowed[p]]
        planned = chosen.get(layer, FLOAT)
        places = [p for p, choice in enumerate(programme.choices) if (choice.layer, choice.option) == (layer, planned)]
        if layer in wish.pins or not places:
            found[layer] = (planned,)
            continue
        steps: dict[str, int] = {}
        for size in sizes:
            for name, step in _on_front(programme.amounts[size], programme.amounts["damage"], own, places[0]):
                option = programme.choices[name].option
                steps[option] = min(step, steps.get(option, step))
        nearest = sorted((option for option in steps if steps[option] <= reach), key=lambda option: steps[option])
        found[layer] = (planned, *(option for option in nearest if option != planned))
    return found


def _on_front(
    sizes: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    damages: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    own: Sequence[int],
    planned: int,
) -> Iterable[tuple[int, int]]:
    """(place, steps from the planned one) of the choices that no other is better than in both."""
    front: list[int] = []
    for place in sorted(own, key=lambda p: (sizes[p], damages[p])):
        if not front or damages[place] < damages[front[-1]]:
            front.append(place)
    middle = sum(sizes[place] < sizes[planned] for place in front)
    is_on = planned in front
    for number, place in enumerate(front):
        step = number - middle
        yield place, abs(step) if is_on or step < 0 else step + 1


@dataclass(frozen=True)
class Around:
    """What was measured around a plan: the `damage` of the whole as it is applied, and in the sensitivity's way of
    taking one layer at a time (`simulated`); and of cells (layer, choice), with that layer changed, in the same way.
    """

    chosen: Mapping[str, str]
    damage: float
    simulated: float
    cells: Mapping[tuple[str, str], float]

    def marginal(self, layer: str, choice: str) -> float | None:
        """By how much the plan's damage changes with this choice; None where that was not measured.

        In proportion: biases that are corrected in the order of the network leave less of every damage.
        """
        if choice == self.chosen.get(layer, FLOAT):
            return 0.0
        measured = self.cells.get((layer, choice))
        if measured is None:
            return None
        share = self.damage / self.simulated if self.simulated > 0 else 1.0
        return (measured - self.simulated) * share


def budget_around(budget: Budget, around: Around) -> Budget:
    """The same choices as far as they were measured, with what they do around the plan for their damages.

    The plan's own damages add up to its measured one, those of another to what the slopes say of it. What is beside the
    layers' differences stands as the same for each layer, so that limits of damage mean what they say.
    """
    by_layer: dict[str, list[tuple[Choice, float]]] = {}
    for choice in budget.programme.choices:
        change = around.marginal(choice.layer, choice.option)
        if change is not None:
            by_layer.setdefault(choice.layer, []).append((choice, change))
    least = {layer: min(change for _, change in known) for layer, known in by_layer.items()}
    common = max(0.0, around.damage + sum(least.values())) / max(len(by_layer), 1)
    choices = [
        replace(choice, damage=change - least[layer] + common)
        for layer, known in by_layer.items()
        for choice, change in known
    ]
    return Budget(budget.model, budget.table, budget.timings, tuple(choices))


def expected(around: Around, chosen: Mapping[str, str]) -> float | None:
    """The damage of another plan by the slopes; None where one of its choices was not measured."""
    changes = [around.marginal(layer, choice) for layer, choice in chosen.items()]
    known = [change for change in changes if change is not None]
    return max(0.0, around.damage + sum(known)) if len(known) == len(changes) else None
