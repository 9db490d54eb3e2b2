"""The recipe: what a person wants done, as a small document that fits in a mail.

    schema: 1
    steps:
      - repeat: 4
        steps:
          - {method: channel_pruning, layers: ["layer*.conv1"], ratio: [0.1, 0.2, 0.3, 0.35]}
          - {method: distillation, epochs: 1}
      - {method: static_int8, layers: ["*"], except: [conv1], observer: mse}

A recipe states an intention with patterns; `secateur.recipe.resolve` turns it into a plan for one model. Its steps run
in the order in which they stand, and nothing but a person moves them (see `secateur.recipe.editing`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import yaml

from secateur.methods.base import Method

SCHEMA = 1

Value = bool | int | float | str
"""What a parameter can be that differs from round to round."""


@dataclass(frozen=True)
class Growth:
    """A parameter of a step in a repeat with a value for each round; the last one is the step's own."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Step:
    """One method with its parameters, on the layers that match `layers` and not `exclude` (glob patterns).

    In a repeat `growing` has the parameters that differ from round to round; `method` is what the last round does.
    `id` tells steps of one recipe apart while it is edited; it is no part of what the step says.
    """

    method: Method
    layers: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    growing: tuple[Growth, ...] = ()
    id: str = field(default="", compare=False)

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

    def values_of(self, name: str) -> tuple[Value, ...]:
        """The values of a parameter by round; empty where it does not differ."""
        return next((growth.values for growth in self.growing if growth.field == name), ())

    def in_round(self, number: int) -> "Step":
        """What the step does in this round of its repeat, from 1."""
        if not self.growing:
            return self
        changes = {growth.field: growth.values[number - 1] for growth in self.growing}
        method = self.method.model_copy(update=changes).in_rounds(frozenset(changes))
        return replace(self, method=method, growing=())


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


@dataclass(frozen=True)
class Repeat:
    """Steps that are done one after the other, `rounds` times over. There are no repeats in it."""

    rounds: int
    steps: tuple[Step, ...]
    id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Place:
    """Where a planned step stands in its recipe: the number of its entry, from 1, and the round where it is repeated.

    `part` is its number within the repeat where another step there has the same method.
    """

    number: int = 1
    round: int = 0
    rounds: int = 0
    part: int = 0

    def __str__(self) -> str:
        """`step 1, round 3`, as sentences name it."""
        number = f"step {self.number}.{self.part}" if self.part else f"step {self.number}"
        return f"{number}, round {self.round}" if self.round else number


@dataclass(frozen=True)
class Recipe:
    """Steps in the order in which they run. Every one has an id of its own."""

    steps: tuple[Step | Repeat, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", _with_ids(self.steps))

    @cached_property
    def final(self) -> tuple[Step, ...]:
        """Every step once, those of a repeat as the last round does them: what a plan comes to."""
        return tuple(step for entry in self.steps for step in _steps_of(entry))

    @cached_property
    def unrolled(self) -> tuple[tuple[Place, Step], ...]:
        """Every step as often as it runs, each round with its own values."""
        return tuple(_unrolled(self.steps))

    def find(self, step_id: str) -> Step | Repeat | None:
        """The step or repeat of this id."""
        every = (one for entry in self.steps for one in _all_of(entry))
        return next((one for one in every if one.id == step_id), None)

    def mapped(self, change: Callable[[Step], Step | None]) -> "Recipe":
        """The recipe with every step changed where it stands; None takes it out, and a repeat that is left empty."""
        entries: list[Step | Repeat] = []
        for entry in self.steps:
            made = tuple(new for step in _steps_of(entry) if (new := change(step)) is not None)
            if isinstance(entry, Repeat) and made:
                entries.append(replace(entry, steps=made))
            elif made:
                entries += made
        return Recipe(tuple(entries))

    def to_document(self) -> dict[str, Any]:
        """The plain mapping that YAML and JSON hold; parameters at their defaults are left out, but `spelled_out`."""
        return {"schema": SCHEMA, "steps": [_entry_document(entry) for entry in self.steps]}

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_document(), sort_keys=False, allow_unicode=True, width=100)


def _steps_of(entry: Step | Repeat) -> tuple[Step, ...]:
    return entry.steps if isinstance(entry, Repeat) else (entry,)


def _all_of(entry: Step | Repeat) -> tuple[Step | Repeat, ...]:
    return (entry, *entry.steps) if isinstance(entry, Repeat) else (entry,)


def _unrolled(entries: tuple[Step | Repeat, ...]) -> Iterator[tuple[Place, Step]]:
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, Step):
            yield Place(number), entry
            continue
        ids = [step.method.id for step in entry.steps]
        for turn in range(1, entry.rounds + 1):
            for part, step in enumerate(entry.steps, 1):
                told = part if ids.count(step.method.id) > 1 else 0
                yield Place(number, turn, entry.rounds, told), step.in_round(turn)


def _with_ids(entries: tuple[Step | Repeat, ...]) -> tuple[Step | Repeat, ...]:
    """The same entries, each with an id that no other has: those that have one keep it."""
    every = [one for entry in entries for one in _all_of(entry)]
    numbers = [int(one.id[1:]) for one in every if one.id[1:].isdecimal()]
    free, taken = max(numbers, default=0) + 1, set[str]()

    def own(step_id: str) -> str:
        nonlocal free
        if not step_id or step_id in taken:
            step_id, free = f"s{free}", free + 1
        taken.add(step_id)
        return step_id

    named: list[Step | Repeat] = []
    for entry in entries:
        if isinstance(entry, Repeat):
            own_id = own(entry.id)
            named.append(replace(entry, id=own_id, steps=tuple(replace(s, id=own(s.id)) for s in entry.steps)))
        else:
            named.append(replace(entry, id=own(entry.id)))
    return tuple(named)


def _entry_document(entry: Step | Repeat) -> dict[str, Any]:
    if isinstance(entry, Repeat):
        return {"repeat": entry.rounds, "steps": [_step_document(step) for step in entry.steps]}
    return _step_document(entry)


def _step_document(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {"method": step.method.id}
    if step.method.scope == "layer":
        document["layers"] = list(step.layers)
        if step.exclude:
            document["except"] = list(step.exclude)
    told = {*step.method.model_dump(exclude_defaults=True), *step.method.spelled_out}
    values: Mapping[str, Any] = step.method.model_dump(mode="json", include=told)
    return {**document, **values, **{growth.field: list(growth.values) for growth in step.growing}}
