"""The plans that autopilot chooses among: encodings of rising damage, alone, with training, and on fewer channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

import numpy as np

from secateur import figures
from secateur.errors import UserError
from secateur.methods import first_of
from secateur.methods.base import Family as Kind
from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.model.description import ModelDescription
from secateur.model.documents import Evaluation, SensitivityTable
from secateur.recipe.autopilot import Candidate, Family
from secateur.recipe.budget import Budget
from secateur.recipe.choices import without_channels
from secateur.recipe.chosen import recipe_of
from secateur.recipe.prediction import predict_plan
from secateur.recipe.programme import Items, Programme
from secateur.recipe.prunings import Prunings
from secateur.recipe.recipe import Recipe, Step
from secateur.targets.timings import Timings

MOST_DAMAGE: Final = 2.0
"""Of the most severe plan: nats, or squared error of the answers beside their squares."""
STEP: Final = 0.5
"""From a plan to the one before it, the milder, damage falls by this factor."""
STEPS: Final = 14
ROUNDS: Final = 3
"""Of finding what a byte and a millisecond are worth beside each other in a plan."""
ROUNDING_SAMPLES: Final = 12_000
"""Training samples, epochs together, that a network needs to get used to its encodings."""
RECOVERING_SAMPLES: Final = (48_000, 240_000)
"""And to win back what went with its channels; the more only where the fewer are not enough."""
MOST_EPOCHS: Final = 80
ROUNDING_RATE: Final = 0.001


@dataclass(frozen=True)
class Ground:
    """All that plans are made from; `training_samples` is 0 where nothing can be trained.

    `channel_step` divides the widths that are left. `seed` is that of all trainings.
    """

    model: ModelDescription
    facts: Mapping[str, Facts]
    table: SensitivityTable
    baseline: Evaluation
    timings: Timings | None = None
    training_samples: int = 0
    channel_step: int = 8
    seed: int = 0
    taken: dict[tuple[Step, ...], tuple[int, float | None]] = field(default_factory=dict, init=False, compare=False)
    """What plans take that were predicted before."""


def families_of(ground: Ground) -> tuple[Family, ...]:
    """Every way of compressing this network, those without training first; UserError where there is none."""
    budget = Budget(ground.model, ground.table, ground.timings)
    encodings = _encodings(budget.programme)
    if not encodings:
        raise UserError(
            f"No option makes {ground.model.name} smaller.", "Its layers may be encoded already: open the original."
        )
    made = [_family(ground, "encodings", "Encodings", "Nothing is trained: minutes.", encodings, (), ())]
    if not ground.training_samples or not _can(ground, "distil"):
        return tuple(made)
    used_to = (Step(_training(ground, ROUNDING_SAMPLES, learning_rate=ROUNDING_RATE)),)
    made.append(
        _family(
            ground,
            "trained",
            "Encodings, then training",
            "Training with the encodings in place wins back what rounding costs, so that fewer bits are enough.",
            encodings,
            (),
            used_to,
        )
    )
    if not _can(ground, "channel_pruning"):
        return tuple(made)
    prunings = Prunings(ground.model, budget.narrowing, ground.channel_step).all()
    encoded = [_encodings(budget.at(pruning.widths)) for pruning in prunings]
    for samples, recovery in _recoveries(ground).items():
        is_long = samples > RECOVERING_SAMPLES[0]
        for pruning, encodings in zip(prunings, encoded, strict=True):
            family = _family(
                ground,
                f"channels {pruning.ratio}{', longer' if is_long else ''}",
                f"{100 * pruning.ratio:g}% fewer channels, {'longer ' if is_long else ''}training, encodings, training",
                "Training for longer wins back what a short one could not."
                if is_long
                else "Fewer channels are fewer multiplications: it gets faster, and smaller on top of the encodings.",
                encodings,
                (*pruning.steps, Step(recovery)),
                used_to,
            )
            made.append(replace(family, pruned=pruning.ratio, training=samples))
    return tuple(made)


def _recoveries(ground: Ground) -> dict[int, Method]:
    """By samples: the trainings that win channels back; a longer one only where it has more epochs."""
    trainings = {samples: _training(ground, samples) for samples in RECOVERING_SAMPLES}
    return {
        samples: training
        for place, (samples, training) in enumerate(trainings.items())
        if training not in list(trainings.values())[:place]
    }


def _can(ground: Ground, kind: Kind) -> bool:
    method = first_of(kind)
    return not method.why_not_for(ground.model) and any(not method.supports(x) for x in ground.model.weighted_layers)


def _training(ground: Ground, samples: int, **fields: object) -> Method:
    epochs = max(1, min(MOST_EPOCHS, round(samples / ground.training_samples)))
    return first_of("distil").model_copy(update={"epochs": epochs, "seed": ground.seed, **fields})


def _encodings(programme: Programme) -> dict[float, Mapping[str, str]]:
    """By damage, layer → option, from mild to severe: each the smallest and fastest of its damage; equal ones once."""
    untouched, found = programme.untouched, dict[float, Mapping[str, str]]()
    nothing = {name: without_channels(choice) for name, choice in programme.chosen(untouched).items()}
    gone = programme.takes("damage", untouched)
    for step in reversed(range(STEPS)):
        damage = MOST_DAMAGE * STEP**step
        items = _smallest_and_fastest(programme, gone + damage)
        if items is None:
            continue
        computed = programme.as_computed(items)
        chosen = {name: without_channels(choice) for name, choice in programme.chosen(computed).items()}
        if chosen not in found.values() and chosen != nothing:
            found[damage] = chosen
    return found


def _smallest_and_fastest(programme: Programme, damage: float) -> Items | None:
    """The plan within this damage of the least log size + log milliseconds, no slower than the untouched network.

    The sum of both, each beside what the plan before took, has its least there where that stays; None where no plan is
    as fast.
    """
    names = ("bytes", "latency_ms") if programme.is_timed else ("bytes",)
    limits = {"damage": damage} | ({"latency_ms": programme.original_ms or inf} if programme.is_timed else {})
    items, best = programme.untouched, None
    for _ in range(ROUNDS):
        cost = {name: 1.0 / max(programme.takes(name, items), 1e-9) for name in names}
        found = programme.least(cost, limits, programme.worthwhile, known=best)
        if found is None:
            return best
        if best is not None and np.array_equal(found[0], best):
            return best
        items = best = found[0]
    return best


def _family(
    ground: Ground,
    name: str,
    title: str,
    why: str,
    encodings: Mapping[float, Mapping[str, str]],
    before: tuple[Step, ...],
    after: tuple[Step, ...],
) -> Family:
    candidates = []
    for damage, chosen in encodings.items():
        recipe = Recipe((*before, *recipe_of(chosen).steps, *after))
        bytes_, latency = _taken(ground, recipe)
        smaller = f"{title}: {figures.ratio(ground.baseline.bytes, bytes_)} smaller planned"
        candidates.append(Candidate(smaller, recipe, bytes_ / max(ground.baseline.bytes, 1), latency, damage))
    return Family(name, title, why, tuple(candidates))


def _taken(ground: Ground, recipe: Recipe) -> tuple[int, float | None]:
    """The predicted bytes of a plan, and its time as a share of the original's; None where something is not timed."""
    key = tuple(step for step in recipe.final if step.method.family != "distil")  # no training makes a file smaller
    if key not in ground.taken:
        predicted = predict_plan(ground.model, ground.facts, recipe, ground.table, ground.baseline, ground.timings)
        whole, ms = ground.baseline.latency_ms, predicted.latency_ms
        ground.taken[key] = predicted.bytes, ms / whole.median if ms is not None and whole is not None else None
    return ground.taken[key]


def timed_again(families: Sequence[Family], ground: Ground) -> tuple[Family, ...]:
    """The same plans with the milliseconds that are known by now."""
    return tuple(
        replace(
            family,
            candidates=tuple(replace(one, latency=_taken(ground, one.recipe)[1]) for one in family.candidates),
        )
        for family in families
    )
