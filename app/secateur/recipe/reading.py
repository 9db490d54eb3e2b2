"""Reading recipes: strictly, with every refusal naming the step, the key or the value, and saying what is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import ValidationError

from secateur.errors import UserError
from secateur.figures import counted
from secateur.methods import METHODS, method_class
from secateur.methods.base import Method
from secateur.recipe.recipe import SCHEMA, Growth, Recipe, Repeat, Step

MOST_ROUNDS = 100
CHANNELS = "channel_pruning"


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; UserError with the line where it is not YAML."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"There is no recipe at {path}.", "Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The recipe {path} cannot be read: {error}.", "Check the file.") from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise UserError(f"The recipe {path} is not valid YAML at line {line}.", "Correct that line.") from None
    return parse_recipe(document, f"Recipe {path.name}")


def parse_recipe(document: Any, name: str = "The recipe") -> Recipe:
    """A recipe from a plain mapping; UserError names the unknown key, method or value and says what is known."""
    if not isinstance(document, Mapping):
        raise UserError(f"{name} is not a recipe.", "It needs the keys schema and steps.")
    if unknown := _unknown(document, {"schema", "steps"}):
        raise UserError(f"{name} has the unknown key {unknown!r}.", "Known keys are schema and steps.")
    if document.get("schema") != SCHEMA:
        raise UserError(f"{name} has schema {document.get('schema')!r}.", f"This version reads schema: {SCHEMA}.")
    steps = document.get("steps")
    if not isinstance(steps, list):
        raise UserError(f"{name} has no list of steps.", "Give steps: a list, one entry for each method.")
    return Recipe(tuple(_parse_entry(step, f"Step {n}", name.lower()) for n, step in enumerate(steps, 1)))


def as_meant_then(text: str) -> str:
    """A recipe that an earlier version wrote down with a run, saying what it left out as its default: any width.

    What has been written since says what divides the widths that channel pruning leaves.
    """
    if CHANNELS not in text:
        return text
    document = yaml.safe_load(text)
    entries = document.get("steps", ()) if isinstance(document, dict) else ()
    steps = [step for entry in entries for step in entry.get("steps", (entry,))]
    lacking = [step for step in steps if step.get("method") == CHANNELS and "round_to" not in step]
    for step in lacking:
        step["round_to"] = 1
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100) if lacking else text


def _parse_entry(entry: Any, place: str, name: str) -> Step | Repeat:
    if isinstance(entry, Mapping) and "repeat" in entry:
        return _parse_repeat(entry, place, name)
    return _parse_step(entry, place, name, rounds=0)


def _parse_repeat(entry: Mapping[Any, Any], place: str, name: str) -> Repeat:
    where = f"{place} of {name}"
    if unknown := _unknown(entry, {"repeat", "steps"}):
        raise UserError(f"{where} (repeat) has the unknown key {unknown!r}.", "A repeat takes: repeat, steps.")
    rounds, steps = entry["repeat"], entry.get("steps")
    if not isinstance(rounds, int) or isinstance(rounds, bool) or not 1 <= rounds <= MOST_ROUNDS:
        raise UserError(
            f"{where}: repeat = {rounds!r} is no number of rounds.", f"Give a whole number from 1 to {MOST_ROUNDS}."
        )
    if not isinstance(steps, list) or not steps:
        raise UserError(f"{where} (repeat) has no list of steps.", "Give steps: a list, one entry for each method.")
    if any(isinstance(step, Mapping) and "repeat" in step for step in steps):
        raise UserError(f"{where} has a repeat within a repeat.", "Write the inner steps out, or give more rounds.")
    methods = [step.get("method") for step in steps if isinstance(step, Mapping)]
    parsed = []
    for part, step in enumerate(steps, 1):
        is_clear = isinstance(step, Mapping) and methods.count(step.get("method")) == 1
        parsed.append(_parse_step(step, place if is_clear else f"{place}.{part}", name, rounds=rounds))
    return Repeat(rounds, tuple(parsed))


def _parse_step(step: Any, place: str, name: str, *, rounds: int) -> Step:
    """`rounds` is 0 for a step that is no part of a repeat."""
    where = f"{place} of {name}"
    if not isinstance(step, Mapping) or "method" not in step:
        raise UserError(f"{where} names no method.", f"Known methods: {', '.join(m.id for m in METHODS)}.")
    values = dict(step)
    kind = method_class(str(values.pop("method")), where)
    layers = _patterns(values.pop("layers", ["*"]), where, "layers")
    exclude = _patterns(values.pop("except", []), where, "except")
    if unknown := _unknown(values, set(kind.model_fields)):
        known = ", ".join(["layers", "except", *kind.model_fields])
        raise UserError(f"{where} ({kind.id}) has the unknown key {unknown!r}.", f"It takes: {known}.")
    growing = {key: value for key, value in values.items() if isinstance(value, list) and not _is_list(kind, key)}
    for key, given in growing.items():
        if not rounds:
            raise UserError(
                f"{where} ({kind.id}) has a list for {key}, and is done once.",
                "Give one value; a list has one for each round of a repeat.",
            )
        if len(given) != rounds:
            raise UserError(
                f"{where} ({kind.id}) has {counted(len(given), 'value')} for {key} and {counted(rounds, 'round')}.",
                "Give one value for each round, or one for all of them.",
            )
    if not growing:
        return Step(_made(kind, values, where), layers, exclude)
    made = [
        _made(
            kind,
            {**values, **{key: given[turn] for key, given in growing.items()}},
            f"{place}, round {turn + 1}, of {name}",
        )
        for turn in range(rounds)
    ]
    growths = tuple(Growth(key, tuple(getattr(method, key) for method in made)) for key in growing)
    return Step(made[-1], layers, exclude, growths)


def _is_list(kind: type[Method], key: str) -> bool:
    """Whether a parameter is a list by itself: such a one cannot differ from round to round."""
    annotation = kind.model_fields[key].annotation
    kinds = [get_origin(part) or part for part in (annotation, *get_args(annotation))]
    return any(
        isinstance(part, type) and issubclass(part, list | tuple | Sequence) and part is not str for part in kinds
    )


def _made(kind: type[Method], values: Mapping[str, Any], where: str) -> Method:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{where} ({kind.id}): {field} = {first['input']!r} does not fit.", f"{first['msg']}."
        ) from None


def _unknown(given: Mapping[Any, Any], known: set[str]) -> str:
    """The first key that is not known; empty where all are."""
    return next(iter(sorted(str(key) for key in set(given) - known)), "")


def _patterns(value: Any, where: str, key: str) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise UserError(f"{where}: {key} is not a list of layer names.", "Write for example [conv1, 'layer*'].")
    return tuple(items)
