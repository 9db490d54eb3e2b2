"""The recipe: what a person wants done, as a small document that fits in a mail.

    schema: 1
    steps:
      - {method: channel_pruning, layers: ["layer*.conv1"], ratio: 0.3}
      - {method: distillation, temperature: 4, epochs: 10}
      - {method: static_int8, layers: ["*"], except: [conv1], observer: mse}

A recipe states an intention with patterns; `secateur.recipe.resolve` turns it into a plan for one model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from secateur.errors import UserError
from secateur.methods import METHODS, method_class
from secateur.methods.base import Method

SCHEMA = 1


@dataclass(frozen=True)
class Step:
    """One method with its parameters, on the layers that match `layers` and not `exclude` (glob patterns)."""

    method: Method
    layers: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def selects(self, name: str) -> bool:
        chosen = name in self._names or any(fnmatchcase(name, p) for p in self._patterns)
        return chosen and not any(fnmatchcase(name, p) for p in self.exclude)

    @cached_property
    def _names(self) -> frozenset[str]:
        """What is not a pattern: a plan names each of its layers, and is asked for each of them."""
        return frozenset(p for p in self.layers if not _is_pattern(p))

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        return tuple(p for p in self.layers if _is_pattern(p))


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


@dataclass(frozen=True)
class Recipe:
    """Steps in the order in which they run."""

    steps: tuple[Step, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The plain mapping that YAML and JSON hold; parameters at their defaults are left out."""
        return {"schema": SCHEMA, "steps": [_step_document(step) for step in self.steps]}

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_document(), sort_keys=False, allow_unicode=True, width=100)


def _step_document(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {"method": step.method.id}
    if step.method.scope == "layer":
        document["layers"] = list(step.layers)
        if step.exclude:
            document["except"] = list(step.exclude)
    return {**document, **step.method.model_dump(mode="json", exclude_defaults=True)}


def parse_recipe(document: Any, name: str = "The recipe") -> Recipe:
    """A recipe from a plain mapping; UserError names the unknown key, method or value and says what is known."""
    if not isinstance(document, Mapping):
        raise UserError(f"{name} is not a recipe.", "It needs the keys schema and steps.")
    unknown = sorted(str(key) for key in set(document) - {"schema", "steps"})
    if unknown:
        raise UserError(f"{name} has the unknown key {unknown[0]!r}.", "Known keys are schema and steps.")
    if document.get("schema") != SCHEMA:
        raise UserError(f"{name} has schema {document.get('schema')!r}.", f"This version reads schema: {SCHEMA}.")
    steps = document.get("steps")
    if not isinstance(steps, list):
        raise UserError(f"{name} has no list of steps.", "Give steps: a list, one entry for each method.")
    return Recipe(tuple(_parse_step(step, f"Step {n} of {name.lower()}") for n, step in enumerate(steps, 1)))


def _parse_step(step: Any, where: str) -> Step:
    if not isinstance(step, Mapping) or "method" not in step:
        raise UserError(f"{where} names no method.", f"Known methods: {', '.join(m.id for m in METHODS)}.")
    values = dict(step)
    kind = method_class(str(values.pop("method")), where)
    layers = _patterns(values.pop("layers", ["*"]), where, "layers")
    exclude = _patterns(values.pop("except", []), where, "except")
    unknown = sorted(str(key) for key in set(values) - set(kind.model_fields))
    if unknown:
        known = ", ".join(["layers", "except", *kind.model_fields])
        raise UserError(f"{where} ({kind.id}) has the unknown key {unknown[0]!r}.", f"It takes: {known}.")
    try:
        return Step(kind(**values), layers, exclude)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{where} ({kind.id}): {field} = {first['input']!r} does not fit.", f"{first['msg']}."
        ) from None


def _patterns(value: Any, where: str, key: str) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise UserError(f"{where}: {key} is not a list of layer names.", "Write for example [conv1, 'layer*'].")
    return tuple(items)


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
