"""What helps a run that came out slower or worse: the same plan, changed where the cause lies."""

from dataclasses import dataclass, replace
from typing import Final

import yaml

from secateur.engine.events import RunRecord
from secateur.errors import UserError
from secateur.methods import first_of, in_integers
from secateur.methods.base import Method
from secateur.model.description import ModelDescription
from secateur.model.documents import RunDocument
from secateur.recipe.recipe import Recipe, Step, parse_recipe
from secateur.session.state import expanded, with_model_step

SLOWER_FROM: Final = 1.02
BEYOND_NOISE: Final = "by more than its sampling noise"
"""What a run's warning says of a metric that fell."""

LEFT_IN_FLOAT: Final = 4
"""One in so many of the layers in integers is left in float: those with the fewest multiplications."""


@dataclass(frozen=True)
class PlanRemedy:
    """A plan to try instead, as it would stand in the session, and what a link to it says."""

    words: str
    recipe: Recipe


def remedy_of(record: RunRecord, model: ModelDescription) -> PlanRemedy | None:
    """What would help this run of `model`; None where nothing is wrong or nothing is known to help."""
    document = record.document
    if document is None or not model.trainable:
        return None
    is_slower = _is_slower(document)
    if not is_slower and not any(BEYOND_NOISE in warning for warning in document.warnings):
        return None
    try:
        recipe = expanded(parse_recipe(yaml.safe_load(record.recipe_yaml)), model.weighted_layers)[0]
    except UserError:  # a recipe of another version
        return None
    if is_slower:
        return _in_integers(recipe) or _smallest_in_float(recipe, model)
    if any(step.method.scope == "model" for step in recipe.steps):
        return None
    return PlanRemedy("Train it back", with_model_step(recipe, "distil", first_of("distil")))


def _is_slower(document: RunDocument) -> bool:
    before, after = document.original.latency_ms, document.result.latency_ms
    return before is not None and after is not None and after.median > before.median * SLOWER_FROM


def _in_integers(recipe: Recipe) -> PlanRemedy | None:
    """Weights that are only stored in few bits are unpacked before every product: integers are computed with."""
    integers = in_integers()
    if integers is None or not any(_is_only_stored(step.method) for step in recipe.steps):
        return None
    steps = [replace(s, method=integers) if _is_only_stored(s.method) else s for s in recipe.steps]
    return PlanRemedy(f"Plan {integers.title.lower()} there", _joined(steps))


def _is_only_stored(method: Method) -> bool:
    """Whether layers are stored in few bits, and computed in float."""
    return method.stored_bits is not None and not method.computes_in_integers


def _joined(steps: list[Step]) -> Recipe:
    """Steps of one method next to each other are one."""
    joined: list[Step] = []
    for step in steps:
        if joined and joined[-1].method == step.method and step.method.scope == "layer":
            joined[-1] = replace(joined[-1], layers=(*joined[-1].layers, *step.layers))
        else:
            joined.append(step)
    return Recipe(tuple(joined))


def _smallest_in_float(recipe: Recipe, model: ModelDescription) -> PlanRemedy | None:
    """In small layers the conversions take longer than the integers save."""
    planned = [
        layer
        for layer in model.weighted_layers
        if any(s.method.computes_in_integers and s.selects(layer.name) for s in recipe.steps)
    ]
    count = len(planned) // LEFT_IN_FLOAT
    if not count:
        return None
    left = {layer.name for layer in sorted(planned, key=lambda layer: layer.macs)[:count]}
    steps = [
        replace(s, layers=tuple(name for name in s.layers if name not in left)) if s.method.computes_in_integers else s
        for s in recipe.steps
    ]
    words = "Leave the smallest layer in float" if count == 1 else f"Leave the {count} smallest layers in float"
    return PlanRemedy(words, Recipe(tuple(step for step in steps if step.layers)))
