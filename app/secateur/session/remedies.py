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
from secateur.recipe.editing import expanded, with_method, with_model_step
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Recipe, Step

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
    if any(step.method.scope == "model" for step in recipe.final):
        return None
    return PlanRemedy("Train it back", with_model_step(recipe, "distil", first_of("distil")))


def _is_slower(document: RunDocument) -> bool:
    before, after = document.original.latency_ms, document.result.latency_ms
    return before is not None and after is not None and after.median > before.median * SLOWER_FROM


def _in_integers(recipe: Recipe) -> PlanRemedy | None:
    """Weights that are only stored in few bits are unpacked before every product: integers are computed with."""
    integers = in_integers()
    stored = [step for step in recipe.final if _is_only_stored(step.method)]
    if integers is None or not stored:
        return None
    layers = [name for step in stored for name in step.layers]
    return PlanRemedy(f"Plan {integers.title.lower()} there", with_method(recipe, layers, integers.family, integers))


def _is_only_stored(method: Method) -> bool:
    """Whether layers are stored in few bits, and computed in float."""
    return method.stored_bits is not None and not method.computes_in_integers


def _smallest_in_float(recipe: Recipe, model: ModelDescription) -> PlanRemedy | None:
    """In small layers the conversions take longer than the integers save."""
    planned = [
        layer
        for layer in model.weighted_layers
        if any(s.method.computes_in_integers and s.selects(layer.name) for s in recipe.final)
    ]
    count = len(planned) // LEFT_IN_FLOAT
    if not count:
        return None
    left = {layer.name for layer in sorted(planned, key=lambda layer: layer.macs)[:count]}

    def change(step: Step) -> Step | None:
        if not step.method.computes_in_integers:
            return step
        layers = tuple(name for name in step.layers if name not in left)
        return replace(step, layers=layers) if layers else None

    words = "Leave the smallest layer in float" if count == 1 else f"Leave the {count} smallest layers in float"
    return PlanRemedy(words, recipe.mapped(change))
