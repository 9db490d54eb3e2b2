"""The recipe of a choice per layer, as the budget makes it and a person pins it."""

from collections.abc import Mapping

from secateur.recipe.choices import parts
from secateur.recipe.editing import with_step
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Repeat, Step


def recipe_of(chosen: Mapping[str, str], keep: Recipe | None = None) -> Recipe:
    """The recipe of a choice per layer; what the options do not choose of `keep` stays: repeats, training, widths.

    What is chosen takes the place of the steps of its family that were there.
    """
    families = {option.method.family for option in OPTIONS}
    known = {step.method: step.id for step in (keep.final if keep else ())}
    new = [
        Step(option.method, layers, id=known.get(option.method, ""))
        for option in OPTIONS
        if (layers := tuple(layer for layer, name in chosen.items() if option.id in parts(name)))
    ]
    entries: list[Step | Repeat] = []
    for entry in keep.steps if keep else ():
        if isinstance(entry, Repeat) or entry.method.scope == "model":
            entries.append(entry)
            continue
        family = entry.method.family
        if entry.method.changes_widths or family not in families:
            entries.append(entry)
            continue
        own = [step for step in new if step.method.family == family]
        own.sort(key=lambda step: step.method.order)
        entries += own
        new = [step for step in new if step not in own]
    recipe = Recipe(tuple(entries))
    for step in new:
        recipe = with_step(recipe, step)
    return recipe
