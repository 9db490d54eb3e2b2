"""The plans that autopilot chooses among: encodings of falling size, alone, with training, and on fewer channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from secateur import figures
from secateur.errors import UserError
from secateur.methods import first_of
from secateur.methods.base import Family as Kind
from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.model.description import ModelDescription
from secateur.model.documents import Evaluation, SensitivityTable
from secateur.recipe.autopilot import Candidate, Family, gain_of
from secateur.recipe.best import found_in, preferred
from secateur.recipe.budget import Budget
from secateur.recipe.choices import least_bytes, without_channels
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.prediction import predict_plan
from secateur.recipe.programme import Programme
from secateur.recipe.recipe import Recipe, Step
from secateur.targets.timings import Timings

STEP: Final = 0.86
"""From one plan to the next its file gets smaller by this factor."""
MOST: Final = 12
FIRST: Final = 0.5
"""Share of the original's size that the mildest plan is within."""
NEARLY_AS_FAST: Final = 1.05
RATIOS: Final = (0.25, 0.5)
"""Shares of the output channels that leave."""

ROUNDING_SAMPLES: Final = 12_000
"""Training samples, epochs together, that a network needs to get used to its encodings."""
RECOVERING_SAMPLES: Final = 48_000
"""And to win back what went with its channels."""
ROUNDING_RATE: Final = 0.001


@dataclass(frozen=True)
class Ground:
    """All that plans are made from; `training_samples` is 0 where nothing can be trained.

    `channel_step` divides the widths that are left.
    """

    model: ModelDescription
    facts: Mapping[str, Facts]
    table: SensitivityTable
    baseline: Evaluation
    timings: Timings | None = None
    training_samples: int = 0
    channel_step: int = 8


def families_of(ground: Ground) -> tuple[Family, ...]:
    """Every way of compressing this network, those without training first; UserError where there is none."""
    encodings = _encodings(ground)
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
    recovery = Step(_training(ground, RECOVERING_SAMPLES))
    for ratio in RATIOS:
        pruning = first_of("channel_pruning").suited(ground.channel_step).model_copy(update={"ratio": ratio})
        made.append(
            _family(
                ground,
                f"channels {ratio}",
                f"{ratio:.0%} fewer channels, training, encodings, training",
                "Fewer channels are fewer multiplications: it gets faster, and smaller on top of the encodings.",
                _encodings(ground, ratio),
                (Step(pruning), recovery),
                used_to,
            )
        )
    return tuple(made)


def _can(ground: Ground, kind: Kind) -> bool:
    method = first_of(kind)
    return not method.why_not_for(ground.model) and any(not method.supports(x) for x in ground.model.weighted_layers)


def _training(ground: Ground, samples: int, **fields: object) -> Method:
    epochs = max(1, min(20, round(samples / ground.training_samples)))
    return first_of("distil").model_copy(update={"epochs": epochs, **fields})


def _encodings(ground: Ground, ratio: float = 0.0) -> list[Mapping[str, str]]:
    """Layer → option, of plans whose files get smaller step by step, nearly as fast as can be; equal ones once.

    The first one does least damage of all that are as fast, or, where milliseconds are not known, of half the size.
    With a `ratio` of the channels gone the kernels are those of what is left: another choice may be fastest there.
    """
    budget = Budget(ground.model, ground.table, ground.timings)
    programme = budget.at(_widths(budget, ratio))
    return _smaller_and_smaller(programme, _as_fast(programme)) or _smaller_and_smaller(programme, {})


def _widths(budget: Budget, ratio: float) -> dict[str, str]:
    """The widths of a network all of whose layers lose this share of their channels."""
    if not ratio:
        return {}
    name = next((o.id for o in OPTIONS if o.method.changes_widths and getattr(o.method, "ratio", None) == ratio), "")
    return {group.name: name for group in budget.narrowing.groups if name in group.damages}


def _smaller_and_smaller(programme: Programme, limits: Mapping[str, float]) -> list[Mapping[str, str]]:
    """Plans within these limits whose files get smaller step by step; none where nothing smaller keeps them."""
    found: list[Mapping[str, str]] = []
    goal = FIRST * programme.takes("bytes", programme.untouched)
    least = least_bytes(programme.model, programme.choices)
    while len(found) < MOST and goal > least:
        within = found_in(programme, {**limits, "bytes": goal}, "damage", programme.worthwhile)
        if within is None:
            break
        items = preferred(programme, within, "damage")
        chosen = {name: without_channels(choice) for name, choice in programme.chosen(items).items()}
        if chosen not in found:
            found.append(chosen)
        goal = STEP * min(goal, programme.takes("bytes", items))
    return found


def _as_fast(programme: Programme) -> dict[str, float]:
    """The limit on milliseconds that plans keep which are nearly as fast as the fastest; none where none is known."""
    if not programme.is_timed:
        return {}
    fastest = programme.least({"latency_ms": 1.0}, {}, programme.worthwhile)
    return {} if fastest is None else {"latency_ms": NEARLY_AS_FAST * programme.takes("latency_ms", fastest[0])}


def _family(
    ground: Ground,
    name: str,
    title: str,
    why: str,
    encodings: Sequence[Mapping[str, str]],
    before: tuple[Step, ...],
    after: tuple[Step, ...],
) -> Family:
    candidates = []
    for chosen in encodings:
        recipe = Recipe((*before, *recipe_of(chosen).steps, *after))
        predicted = predict_plan(ground.model, ground.facts, recipe, ground.table, ground.baseline, ground.timings)
        whole = ground.baseline.latency_ms
        is_timed = predicted.latency_ms is not None and whole is not None
        size = predicted.bytes / max(ground.baseline.bytes, 1)
        latency = predicted.latency_ms / whole.median if is_timed and predicted.latency_ms and whole else None
        candidates.append(
            Candidate(
                f"{title}: {figures.ratio(ground.baseline.bytes, predicted.bytes)} smaller planned",
                recipe,
                size,
                latency,
            )
        )
    candidates.sort(key=lambda one: gain_of(one.size, None))
    return Family(name, title, why, tuple(candidates))
