"""Editing recipes: each function makes another recipe, in which nothing was moved or dropped but what was asked for.

A new step is put where its kind belongs (what changes the network before the training that repairs it, encodings
last), without anything else changing its place. All of it is undone by taking the earlier recipe again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from secateur.methods.base import Family, Method
from secateur.model.description import Layer
from secateur.recipe.recipe import Growth, Recipe, Repeat, Step, Value
from secateur.recipe.resolve import planned_step

FIRST_ROUNDS = 4
"""Rounds of a new repeat."""

Entry = TypeVar("Entry", bound=Step | Repeat)

# ---------------------------------------------------------------------- steps of layers


def with_method(
    recipe: Recipe, layers: Iterable[str], family: Family, method: Method | None, step_id: str = ""
) -> Recipe:
    """`recipe` in which `layers` have `method` where they had a step of this family; None takes all of those out.

    Where a layer has several, the step `step_id` is changed, or else the first. Layers that leave a step which others
    share get one right behind it; layers with equal parameters next to each other share a step.
    """
    chosen = list(dict.fromkeys(layers))
    if method is None:
        return recipe.mapped(lambda step: _without(step, chosen) if _is_of(step, family) else step)
    changed: dict[str, list[str]] = {}
    for name in chosen:
        if (step := step_of(recipe, name, family, step_id)) is not None:
            changed.setdefault(step.id, []).append(name)
    entries: list[Step | Repeat] = []
    for entry in recipe.steps:
        if isinstance(entry, Repeat):
            steps = _joined(_changed(entry.steps, changed, method), changed)
            entries.append(replace(entry, steps=tuple(step for step in steps if isinstance(step, Step))))
        else:
            entries += _changed((entry,), changed, method)
    new = [name for name in chosen if not any(name in names for names in changed.values())]
    edited = Recipe(_joined(entries, changed))
    return _with_new_layers(edited, new, method) if new else edited


def step_of(recipe: Recipe, layer: str, family: Family, step_id: str = "") -> Step | None:
    """The step of this family on a layer: that of `step_id` where it is one, else the first."""
    found = [step for step in recipe.final if _is_of(step, family) and step.selects(layer)]
    return next((step for step in found if step.id == step_id), found[0] if found else None)


def without_layers(recipe: Recipe, layers: Iterable[str]) -> Recipe:
    """`recipe` without any step on these layers."""
    chosen = list(layers)
    return recipe.mapped(lambda step: step if step.method.scope == "model" else _without(step, chosen))


def expanded(recipe: Recipe, layers: Sequence[Layer]) -> tuple[Recipe, tuple[str, ...]]:
    """`recipe` with every pattern replaced by the layers it selects, which is what the session works on.

    Layers that a method does not work on are left out; the sentences say which, and why.
    """
    told: list[str] = []

    def change(step: Step) -> Step | None:
        if step.method.scope == "model":
            return step
        planned = planned_step(step, layers)
        told.extend(planned.warnings)
        return replace(step, layers=planned.layers, exclude=()) if planned.layers else None

    return recipe.mapped(change), tuple(told)


def _is_of(step: Step, family: Family) -> bool:
    return step.method.scope == "layer" and step.method.family == family


def _without(step: Step, layers: Iterable[str]) -> Step | None:
    kept = tuple(name for name in step.layers if name not in set(layers))
    return replace(step, layers=kept) if kept else None


def _changed(steps: Sequence[Step], changed: Mapping[str, list[str]], method: Method) -> list[Step]:
    """The steps, of which some (id → layers) do `method` on those layers; other layers of theirs stay as they are."""
    made: list[Step] = []
    for step in steps:
        names = changed.get(step.id, [])
        rest = _without(step, names) if names else step
        if rest is not None:
            made.append(rest)
        if names:
            own = replace(step, layers=tuple(names), exclude=(), id="" if rest else step.id)
            made.append(with_parameters(own, method))
    return made


def _joined(entries: Sequence[Step | Repeat], edited: Collection[str]) -> tuple[Step | Repeat, ...]:
    """An edited step shares one with layers of equal parameters, among steps of its family next to each other."""
    joined: list[Step | Repeat] = []
    for entry in entries:
        mate = _mate(joined, entry, {"", *edited}) if isinstance(entry, Step) else None
        if mate is None or not isinstance(entry, Step):
            joined.append(entry)
            continue
        known = joined[mate]
        assert isinstance(known, Step)  # noqa: S101 - found as one
        more = tuple(name for name in entry.layers if name not in known.layers)
        joined[mate] = replace(known, layers=(*known.layers, *more))
    return tuple(joined)


def _mate(before: Sequence[Step | Repeat], step: Step, edited: Collection[str]) -> int | None:
    """The place of the step that says the same of other layers, none but steps of its family in between.

    One of the two was edited: what a person wrote twice stays as it was written.
    """
    if step.method.scope != "layer":
        return None
    for place in range(len(before) - 1, -1, -1):
        entry = before[place]
        if not isinstance(entry, Step) or not _is_of(entry, step.method.family):
            return None
        is_same = entry.method == step.method and entry.growing == step.growing
        if is_same and {entry.id, step.id} & set(edited) and not set(entry.layers) & set(step.layers):
            return place
    return None


def _with_new_layers(recipe: Recipe, layers: Sequence[str], method: Method) -> Recipe:
    """`recipe` with `method` on layers without a step of its family: in one that says the same, or a new one."""
    same = next((step for step in recipe.final if step.method == method and method.scope == "layer"), None)
    if same is not None:
        return recipe.mapped(lambda step: replace(step, layers=(*step.layers, *layers)) if step.id == same.id else step)
    return with_step(recipe, Step(method, tuple(layers)))


# ---------------------------------------------------------------------- steps of the whole model


def with_model_step(recipe: Recipe, family: Family, method: Method | None, step_id: str = "") -> Recipe:
    """`recipe` with the whole-model step of this family set to `method`; None takes all of those out.

    Where there are several, the step `step_id` is changed, or else the first; the others stay as they are.
    """

    def is_one(step: Step) -> bool:
        return step.method.scope == "model" and step.method.family == family

    if method is None:
        return recipe.mapped(lambda step: None if is_one(step) else step)
    found = [step for step in recipe.final if is_one(step)]
    if not found:
        return with_step(recipe, Step(method))
    chosen = next((step for step in found if step.id == step_id), found[0])
    return recipe.mapped(lambda step: with_parameters(step, method) if step.id == chosen.id else step)


# ---------------------------------------------------------------------- the order


def with_step(recipe: Recipe, step: Step) -> Recipe:
    """`recipe` with one more step, where its kind belongs; what is there stays in its order."""
    place = place_for(recipe, step.method)
    return Recipe((*recipe.steps[:place], replace(step, id=""), *recipe.steps[place:]))


def place_for(recipe: Recipe, method: Method) -> int:
    """Where a new step belongs: behind others of its family, else before the first that comes later by its kind."""
    steps = recipe.steps
    alike = [place for place, one in enumerate(steps) if isinstance(one, Step) and one.method.family == method.family]
    if alike:
        behind = [place for place in alike if _order(steps[place]) <= method.order]
        return behind[-1] + 1 if behind else alike[0]
    return next((place for place, one in enumerate(steps) if _order(one) > method.order), len(steps))


def _order(entry: Step | Repeat) -> int:
    return max(s.method.order for s in entry.steps) if isinstance(entry, Repeat) else entry.method.order


def moved(recipe: Recipe, step_id: str, by: int) -> Recipe:
    """`recipe` with a step or repeat moved by so many places; a step in a repeat moves within it."""
    return (
        Recipe(_moved(recipe.steps, step_id, by)) if _has(recipe.steps, step_id) else _in_repeats(recipe, step_id, by)
    )


def _has(entries: Sequence[Step | Repeat], step_id: str) -> bool:
    return any(entry.id == step_id for entry in entries)


def _in_repeats(recipe: Recipe, step_id: str, by: int) -> Recipe:
    return Recipe(
        tuple(
            replace(entry, steps=_moved(entry.steps, step_id, by)) if isinstance(entry, Repeat) else entry
            for entry in recipe.steps
        )
    )


def _moved(entries: Sequence[Entry], step_id: str, by: int) -> tuple[Entry, ...]:
    place = next((place for place, entry in enumerate(entries) if entry.id == step_id), None)
    if place is None:
        return tuple(entries)
    others = [entry for entry in entries if entry.id != step_id]
    others.insert(min(max(place + by, 0), len(others)), entries[place])
    return tuple(others)


def without_step(recipe: Recipe, step_id: str) -> Recipe:
    """`recipe` without this step or repeat."""
    kept = Recipe(tuple(entry for entry in recipe.steps if entry.id != step_id))
    return kept.mapped(lambda step: None if step.id == step_id else step)


def doubled(recipe: Recipe, step_id: str) -> Recipe:
    """`recipe` with this step once more, behind itself or behind the repeat that it stands in."""
    entries: list[Step | Repeat] = []
    for entry in recipe.steps:
        entries.append(entry)
        own = entry.steps if isinstance(entry, Repeat) else (entry,)
        if entry.id == step_id:
            entries.append(replace(entry, id=""))
        else:
            entries += [replace(step, id="", growing=()) for step in own if step.id == step_id]
    return Recipe(tuple(entries))


# ---------------------------------------------------------------------- repeats


def repeated(recipe: Recipe, ids: Iterable[str], rounds: int = FIRST_ROUNDS) -> Recipe:
    """`recipe` with neighbouring steps in a repeat: what a method takes away for good grows to what it is now.

    Steps that stand next to a repeat and are named with it are taken into it. The recipe itself where the named
    entries are no neighbours, or nothing but a repeat.
    """
    chosen = set(ids)
    places = [place for place, entry in enumerate(recipe.steps) if entry.id in chosen]
    if not places or places != list(range(places[0], places[-1] + 1)):
        return recipe
    entries = recipe.steps[places[0] : places[-1] + 1]
    repeats = [entry for entry in entries if isinstance(entry, Repeat)]
    if len(repeats) > 1 or len(repeats) == len(entries):
        return recipe
    turns = repeats[0].rounds if repeats else rounds
    steps = [
        step
        for entry in entries
        for step in (entry.steps if isinstance(entry, Repeat) else (growing_to(entry, turns),))
    ]
    made = Repeat(turns, tuple(steps), repeats[0].id if repeats else "")
    return Recipe((*recipe.steps[: places[0]], made, *recipe.steps[places[-1] + 1 :]))


def dissolved(recipe: Recipe, repeat_id: str) -> Recipe:
    """`recipe` with the steps of this repeat done once, as its last round does them."""
    entries: list[Step | Repeat] = []
    for entry in recipe.steps:
        if isinstance(entry, Repeat) and entry.id == repeat_id:
            entries += [replace(step, growing=()) for step in entry.steps]
        else:
            entries.append(entry)
    return Recipe(tuple(entries))


def with_rounds(recipe: Recipe, repeat_id: str, rounds: int) -> Recipe:
    """`recipe` with this repeat done so many times; what grows reaches the same in more or fewer rounds."""
    return Recipe(
        tuple(
            Repeat(rounds, tuple(_in_rounds(step, rounds) for step in entry.steps), entry.id)
            if isinstance(entry, Repeat) and entry.id == repeat_id
            else entry
            for entry in recipe.steps
        )
    )


def with_values(recipe: Recipe, step_id: str, field: str, values: Sequence[Value]) -> Recipe:
    """`recipe` in which a parameter of a step has these values in the rounds of its repeat; one is for all of them."""

    def change(step: Step) -> Step:
        others = tuple(growth for growth in step.growing if growth.field != field)
        method = step.method.model_copy(update={field: values[-1]})
        own = (Growth(field, tuple(values)),) if len(values) > 1 else ()
        return replace(step, method=method, growing=(*others, *own))

    return recipe.mapped(lambda step: change(step) if step.id == step_id else step)


def growing_to(step: Step, rounds: int) -> Step:
    """The step with what it takes away for good growing, in equal parts, to what it takes now."""
    growths = []
    for field in sorted(step.method.grows):
        final = getattr(step.method, field)
        if rounds > 1 and final > 0:
            growths.append(Growth(field, (*(_rounded(final * n / rounds, final) for n in range(1, rounds)), final)))
    return replace(step, growing=tuple(growths))


def with_parameters(step: Step, method: Method) -> Step:
    """The step with other parameters; those that grow reach the new value by the same course."""
    growths = []
    for growth in step.growing:
        old, new = growth.values[-1], getattr(method, growth.field, None)
        if type(method) is not type(step.method):
            continue
        if new == old:
            growths.append(growth)
        elif isinstance(old, float) and isinstance(new, float) and old and new:
            scaled = tuple(_rounded(float(value) * new / old, new) for value in growth.values[:-1])
            growths.append(Growth(growth.field, (*scaled, new)))
    return replace(step, method=method, growing=tuple(g for g in growths if fits(method, g)))


def _in_rounds(step: Step, rounds: int) -> Step:
    """The step with as many values as there are rounds now, on the line through those that it had."""
    growths = []
    for growth in step.growing:
        start = 0.0 if growth.field in step.method.grows else growth.values[0]
        values = [_between(start, growth.values, turn / rounds) for turn in range(1, rounds)]
        growths.append(Growth(growth.field, (*values, growth.values[-1])))
    return replace(step, growing=tuple(g for g in growths if rounds > 1 and fits(step.method, g)))


def _between(start: Value, values: Sequence[Value], share: float) -> Value:
    """The value at this share of the rounds, 0 to 1, where numbers lie on a line; else that of the nearest round."""
    place = share * len(values)
    before, after = int(place), min(int(place) + 1, len(values))
    points = (start, *values)
    low, high = points[before], points[after]
    if isinstance(low, float) and isinstance(high, float):
        return _rounded(low + (high - low) * (place - before), max(abs(low), abs(high)))
    return points[max(1, round(place))]


def _rounded(value: float, scale: float) -> float:
    """A share in whole percents where that is fine enough, else in three digits of the largest."""
    digits = 2 if 0.1 <= abs(scale) <= 1 else 4
    return round(value, digits)


def fits(method: Method, growth: Growth) -> bool:
    """Whether a method can have each of these values."""
    try:
        for value in growth.values:
            type(method)(**{**method.model_dump(), growth.field: value})
    except ValidationError:
        return False
    return True
