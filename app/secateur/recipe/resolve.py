"""From intention to plan: which layers each step of a recipe really means for this model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from secateur.errors import UserError
from secateur.graph.context import LeftOut
from secateur.methods.base import Method
from secateur.methods.left_out import sentences_about
from secateur.model.description import Layer, ModelDescription
from secateur.recipe.recipe import Place, Recipe, Step

FIRST: Final = Place()


@dataclass(frozen=True)
class PlannedStep:
    """A method and the layers it will be applied to, in network order (all weighted ones for whole-model steps).

    `left_out` are the layers that the step's patterns catch and the method does not support, `place` says where the
    step stands in the recipe.
    """

    method: Method
    layers: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    place: Place = FIRST

    @property
    def where(self) -> str:
        """As sentences name it: `Step 1, round 3 (channel_pruning)`."""
        return told_at(self.place, self.method)

    @property
    def chosen(self) -> int:
        """How many layers the patterns catch."""
        return len(self.layers) + len(self.left_out)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which layers are left out, and why."""
        return sentences_about(self.left_out, self.chosen, self.method.title)


@dataclass(frozen=True)
class Plan:
    """What will be done, in order, each round of a repeat by itself. Frozen: a run keeps exactly this."""

    steps: tuple[PlannedStep, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which layers are left out of which step, and why."""
        return tuple(dict.fromkeys(sentence for step in self.steps for sentence in step.warnings))


@dataclass(frozen=True)
class Problem:
    """Why a recipe cannot be carried out on a model: a sentence and a way out."""

    sentence: str
    hint: str


def resolve(recipe: Recipe, model: ModelDescription, *, has_data: bool = True) -> Plan | list[Problem]:
    """The plan of `recipe` for `model`, or all problems at once.

    Repeats are unrolled. Layers that a pattern catches but a method does not support are left out, and the plan says
    so; a layer named in full that is not supported is a problem, as is a name that matches nothing, or two
    quantizations of one layer. What is wrong in every round of a repeat is told once.
    """
    problems: list[Problem] = []
    steps: list[PlannedStep] = []
    known: set[Problem] = set()
    for place, step in recipe.unrolled:
        planned = replace(planned_step(step, model.weighted_layers), place=place)
        steps.append(planned)
        once = told_at(replace(place, round=0), step.method)
        found = _problems_of_step(step, once, model, has_data)
        if step.method.scope == "layer" and not planned.layers and not problems and not found:
            sentence = f"{once} applies to no layer of {model.name}."
            found.append(Problem(" ".join((sentence, *planned.warnings[:1])), "Change its layers."))
        problems += [problem for problem in found if problem not in known]
        known.update(found)
    problems += _not_growing(recipe)
    problems += _conflicts(steps)
    return problems or Plan(tuple(steps))


def told_at(place: Place, method: Method) -> str:
    """Where a step stands, at the beginning of a sentence: `Step 1, round 3 (channel_pruning)`."""
    text = str(place)
    return f"{text[0].upper()}{text[1:]} ({method.id})"


def require_plan(recipe: Recipe, model: ModelDescription, *, has_data: bool = True) -> Plan:
    """The plan, or a UserError with the first problem (and how many more there are)."""
    plan = resolve(recipe, model, has_data=has_data)
    if isinstance(plan, Plan):
        return plan
    more = f" ({len(plan) - 1} more problems follow.)" if len(plan) > 1 else ""
    raise UserError(plan[0].sentence, plan[0].hint + more)


def planned_step(step: Step, layers: Sequence[Layer]) -> PlannedStep:
    """What a step means for these layers, the weighted ones of a model."""
    if step.method.scope == "model":
        return PlannedStep(step.method, tuple(layer.name for layer in layers))
    reasons = {layer.name: step.method.supports(layer) for layer in layers if step.selects(layer.name)}
    return PlannedStep(
        step.method,
        tuple(name for name, reason in reasons.items() if not reason),
        tuple(LeftOut(name, reason) for name, reason in reasons.items() if reason),
    )


def _problems_of_step(step: Step, where: str, model: ModelDescription, has_data: bool) -> list[Problem]:
    problems = []
    names = [layer.name for layer in model.weighted_layers]
    for pattern in (*step.layers, *step.exclude):
        if any(Step(step.method, (pattern,)).selects(name) for name in names):
            continue
        close = get_close_matches(pattern, names, 1)
        hint = f"Did you mean {close[0]}?" if close else "List the layers with: secateur inspect."
        problems.append(Problem(f"{where} names the layer {pattern!r}, which {model.name} does not have.", hint))
    for layer in model.weighted_layers:
        reason = step.method.supports(layer) if layer.name in step.layers else None
        if reason:
            problems.append(Problem(f"{where} cannot be applied to {layer.name}: {reason}", "Take it out of the step."))
    if reason := step.method.why_not_for(model):
        problems.append(Problem(f"{where} cannot be applied to {model.name}. {reason}", "Use another method."))
    if "data" in step.method.needs and not has_data:
        problems.append(Problem(f"{where} needs data.", "Choose a data set first."))
    return problems


def _not_growing(recipe: Recipe) -> list[Problem]:
    """Rounds that would give back what an earlier round took away for good."""
    problems: list[Problem] = []
    before: dict[tuple[str, str], float] = {}
    growing = {step.id: step for step in recipe.final}
    for place, step in recipe.unrolled:
        for field in sorted(step.method.grows):
            values = growing[step.id].values_of(field)
            value, earlier = getattr(step.method, field), before.get((step.id, field), 0.0)
            if values and value < earlier:
                sentence = f"{told_at(place, step.method)}: {field} falls from {earlier:g} to {value:g}."
                problems.append(Problem(sentence, f"What is gone stays gone: let {field} grow from round to round."))
            before[(step.id, field)] = value
    return problems


def _conflicts(steps: list[PlannedStep]) -> list[Problem]:
    problems = _out_of_order(steps)
    seen: dict[str, str] = {}
    told: set[str] = set()
    for step in steps:
        if step.method.family != "quantize":
            continue
        own = step.where[0].lower() + step.where[1:] if step.place.round else step.method.id
        for name in step.layers:
            if name in seen and name not in told:
                told.add(name)
                hint = "Put it behind the repeat." if step.place.round else "Add it to `except` of one of the steps."
                problems.append(Problem(f"{name} is quantized twice, by {seen[name]} and {own}.", hint))
            seen.setdefault(name, own)
    return problems


def _out_of_order(steps: list[PlannedStep]) -> list[Problem]:
    """Steps that come after a quantization and would make its ranges wrong, or its layers others."""
    problems: list[Problem] = []
    encoding = ""
    told: set[tuple[int, int, str]] = set()
    for step in steps:
        own = (step.place.number, step.place.part, step.method.id)
        if encoding and not step.method.works_on_encoded and own not in told:
            told.add(own)  # the rounds after it say the same
            sentence = f"{step.where} cannot come after {encoding}, which stores layers in few bits."
            problems.append(Problem(sentence, "Put it before that step."))
        if step.method.family == "quantize" and not encoding:
            encoding = step.where[0].lower() + step.where[1:]
    return problems
