"""The recipe of a choice per layer, as the budget makes it, and the choices that a recipe makes."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from secateur.recipe.choices import FLOAT, TOGETHER, parts
from secateur.recipe.editing import with_step
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Repeat, Step
from secateur.recipe.tables import encodes


def recipe_of(chosen: Mapping[str, str], keep: Recipe | None = None, own: Collection[str] = frozenset()) -> Recipe:
    """The recipe of a choice per layer; what the options do not choose of `keep` stays: repeats, training, widths.

    What is chosen takes the place of the steps of its family that were there, but for the layers in `own`: what they
    have is none of the options, and stays.
    """
    known = {step.method: step.id for step in (keep.final if keep else ())}
    new = [
        Step(option.method, layers, id=known.get(option.method, ""))
        for option in OPTIONS
        if (layers := tuple(n for n, name in chosen.items() if n not in own and option.id in parts(name)))
    ]
    entries: list[Step | Repeat] = []
    for entry in keep.steps if keep else ():
        if isinstance(entry, Repeat) or not is_chosen(entry):
            entries.append(entry)
            continue
        family = entry.method.family
        made = [step for step in new if step.method.family == family]
        new = [step for step in new if step not in made]
        names = tuple(name for name in entry.layers if name in own)
        if names:
            made = _with(made, replace(entry, layers=names))
        made.sort(key=lambda step: step.method.order)
        entries += made
    recipe = Recipe(tuple(entries))
    for step in new:
        recipe = with_step(recipe, step)
    return recipe


def is_chosen(step: Step) -> bool:
    """Whether a step is one of those that a budget chooses: of layers, of a family with options, of no channels."""
    if step.method.scope == "model" or step.method.changes_widths:
        return False
    return any(option.method.family == step.method.family for option in OPTIONS)


def choice_in(recipe: Recipe, layer: str) -> str | None:
    """What a recipe chooses for a layer, in a budget's terms; None where a step of its is none of the options."""
    found = []
    for entry in recipe.steps:
        if isinstance(entry, Repeat) or not is_chosen(entry) or not entry.selects(layer):
            continue
        name = next((option.id for option in OPTIONS if option.method == entry.method), None)
        if name is None:
            return None
        found.append((encodes([entry.method]), name))
    found.sort(key=lambda each: each[0])  # as choices name them: what changes the layer, then how it is stored
    return TOGETHER.join(name for _, name in found) if found else FLOAT


def _with(steps: list[Step], other: Step) -> list[Step]:
    """The steps and one more, which shares a step with those that say the same of other layers."""
    same = next((step for step in steps if step.method == other.method), None)
    if same is None:
        return [*steps, other]
    both = replace(same, layers=(*same.layers, *other.layers))
    return [both if step is same else step for step in steps]
