"""The recipe of a choice per layer, as the budget makes it, and the choices that a recipe makes."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from secateur.recipe.choices import named, parts
from secateur.recipe.editing import with_step
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Repeat, Step


def recipe_of(
    chosen: Mapping[str, str],
    keep: Recipe | None = None,
    own: Collection[str] = frozenset(),
    channel_step: int | None = None,
) -> Recipe:
    """The recipe of a choice per layer; what the options do not choose of `keep` stays: repeats, training.

    What is chosen takes the place of the steps of its family that were there, but for the layers in `own`: what they
    have is none of the options, and stays. Where there is a `channel_step`, the choice is of channels too, in widths
    that it divides; else what `keep` takes of channels stays.
    """
    known = {step.method: step.id for step in (keep.final if keep else ())}
    suited = [option if channel_step is None else option.suited(channel_step) for option in OPTIONS]
    new = [
        Step(option.method, layers, id=known.get(option.method, ""))
        for option in suited
        if (layers := tuple(n for n, name in chosen.items() if n not in own and option.id in parts(name)))
    ]
    entries: list[Step | Repeat] = []
    for entry in keep.steps if keep else ():
        if isinstance(entry, Repeat) or not (
            is_chosen(entry) or (channel_step is not None and entry.method.changes_widths)
        ):
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
    """Whether a step is one of those that a budget chooses: of layers, of a family with options.

    Of steps that take channels see `channels_can_be_chosen`.
    """
    if step.method.scope == "model" or step.method.changes_widths:
        return False
    return any(option.method.family == step.method.family for option in OPTIONS)


def channels_can_be_chosen(recipe: Recipe) -> bool:
    """Whether a budget may choose channels anew in a plan: all that takes some there is an option, and not trained.

    What a person planned otherwise (another ratio, round by round, with training behind it) stays theirs, and the
    budget leaves channels alone.
    """
    is_taken = False
    for entry in recipe.steps:
        steps = entry.steps if isinstance(entry, Repeat) else (entry,)
        if is_taken and any(step.method.training_epochs for step in steps):
            return False
        for step in steps:
            if step.method.changes_widths:
                if isinstance(entry, Repeat) or _option_of(step) is None:
                    return False
                is_taken = True
    return True


def _option_of(step: Step) -> str | None:
    """The option that a step carries out, in the steps of channels of any target."""
    method = step.method
    for option in OPTIONS:
        suited = option.suited(method.multiple) if method.changes_widths else option
        if suited.method == method:
            return option.id
    return None


def choice_in(recipe: Recipe, layer: str) -> str | None:
    """What a recipe chooses for a layer, in a budget's terms; None where a step of its is none of the options.

    Channels are in it where the budget could have chosen them.
    """
    found = []
    of_channels = channels_can_be_chosen(recipe)
    for entry in recipe.steps:
        if isinstance(entry, Repeat) or not entry.selects(layer):
            continue
        if not is_chosen(entry) and not (of_channels and entry.method.changes_widths):
            continue
        name = _option_of(entry)
        if name is None:
            return None
        found.append(name)
    return named(found)


def _with(steps: list[Step], other: Step) -> list[Step]:
    """The steps and one more, which shares a step with those that say the same of other layers."""
    same = next((step for step in steps if step.method == other.method), None)
    if same is None:
        return [*steps, other]
    both = replace(same, layers=(*same.layers, *other.layers))
    return [both if step is same else step for step in steps]
