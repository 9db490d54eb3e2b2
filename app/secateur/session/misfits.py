"""What of a recipe does not fit a model: layer by layer, before anything is run."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from secateur.model.description import Layer
from secateur.recipe.recipe import Recipe, Repeat, Step
from secateur.recipe.resolve import planned_step


@dataclass(frozen=True)
class Misfit:
    """One layer, or a pattern without any, that step `number` (from 1) of a recipe leaves out."""

    number: int
    method: str
    layer: str
    reason: str


def misfits(recipe: Recipe, layers: Sequence[Layer]) -> tuple[Misfit, ...]:
    """All that is left out when `recipe` is taken over for these layers, in the order of the steps."""
    return tuple(
        Misfit(number, step.method.title, layer, reason)
        for number, entry in enumerate(recipe.steps, 1)
        for step in (entry.steps if isinstance(entry, Repeat) else (entry,))
        if step.method.scope == "layer"
        for layer, reason in (*_names_of_nothing(step, layers), *_unsupported(step, layers))
    )


def _names_of_nothing(step: Step, layers: Sequence[Layer]) -> list[tuple[str, str]]:
    names = [layer.name for layer in layers]
    found = []
    for pattern in step.layers:
        if not any(Step(step.method, (pattern,)).selects(name) for name in names):
            close = get_close_matches(pattern, names, 1)
            found.append((pattern, "The model has no such layer." + (f" The nearest is {close[0]}." if close else "")))
    return found


def _unsupported(step: Step, layers: Sequence[Layer]) -> list[tuple[str, str]]:
    return [(left.layer, left.reason) for left in planned_step(step, layers).left_out]
