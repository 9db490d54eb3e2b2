"""What the plan means in numbers for the layers that a person looks at: read from spectra and tables, no engine."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.methods.base import Effect, Method
from secateur.model.description import ModelDescription
from secateur.model.spectrum import decibels
from secateur.recipe.prediction import combined_cost, damage_of, effects_of, metric_per_damage
from secateur.recipe.recipe import parse_recipe
from secateur.session.state import SessionState

MOST_WORDS = 3
"""Steps that a name tells of."""


@dataclass(frozen=True)
class LayerEffect:
    """The predicted effect of the plan on one layer or several: before and after, and the verdicts.

    `metric_before`, `metric_after` are values of the data's metric, None where nothing was measured.
    """

    bytes_before: int
    bytes_after: int
    macs_before: int
    macs_after: int
    latency_before_ms: float | None
    latency_after_ms: float | None
    sqnr_db: float | None
    metric_before: float | None
    metric_after: float | None
    effects: tuple[tuple[Method, Effect], ...]


def effect_of(state: SessionState, layers: Sequence[str]) -> LayerEffect | None:
    """The effect on `layers` together; None where nothing is known of them yet."""
    known = [layer for layer in state.rows if layer.name in set(layers) and layer.name in state.spectra]
    if not known:
        return None
    size = macs = 0
    signal = noise = 0.0
    damage: float | None = 0.0
    all_effects: list[tuple[Method, Effect]] = []
    table = state.measured
    for layer in known:
        methods = state.steps_of(layer.name)
        effects = effects_of(layer, state.spectra[layer.name], methods)
        layer_size, layer_macs = combined_cost(layer, effects)
        size, macs = size + layer_size, macs + layer_macs
        power = state.spectra[layer.name].values.total_squares
        signal += power
        noise += sum(power * 10 ** (-e.sqnr_db / 10) for _, e in effects if e.sqnr_db is not None)
        cell = damage_of(layer.name, methods, table)
        damage = None if damage is None or cell is None else damage + cell
        all_effects += effects
    before, after = _metric(state, damage)
    times = [layer.latency_ms for layer in known]
    latency = sum(t for t in times if t is not None) if all(t is not None for t in times) else None
    planned = bool(all_effects)
    return LayerEffect(
        bytes_before=sum(layer.size_bytes for layer in known),
        bytes_after=size,
        macs_before=sum(layer.macs for layer in known),
        macs_after=macs,
        latency_before_ms=latency,
        latency_after_ms=None if planned else latency,
        sqnr_db=decibels(signal, noise) if noise > 0 else None,
        metric_before=before,
        metric_after=after,
        effects=tuple(all_effects),
    )


def _metric(state: SessionState, damage: float | None) -> tuple[float | None, float | None]:
    if state.baseline is None or state.baseline.metric is None:
        return None, None
    before = state.baseline.metric.value
    slope = metric_per_damage(state.measured)
    if damage == 0.0:
        return before, before
    if slope is None or damage is None:
        return before, None
    return before, kind_of(state.baseline.metric.name).worsened(before, slope * damage)


def plan_name(state: SessionState) -> str:
    """A short name for a run: the badges of its steps."""
    badges = dict.fromkeys(step.method.badge() for step in state.recipe.steps)
    words = list(badges)
    return " + ".join(words[:MOST_WORDS]) + (f" + {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else "")


def file_stem(model: ModelDescription, record: RunRecord | None) -> str:
    """What a file is called that is made of a model, or of a run's result: `net-float`, `net-int8`, `net-ch-25-int8`.

    Without a suffix. A model that is no float network any more is called a copy.
    """
    name = Path(model.name).stem or "model"
    if record is None:
        weights = [layer.weight.dtype for layer in model.layers if layer.weight is not None]
        return f"{name}-{'float' if all('float' in dtype for dtype in weights) else 'copy'}"
    recipe = parse_recipe(yaml.safe_load(record.recipe_yaml))
    words = dict.fromkeys(re.sub(r"\W+", "-", step.method.badge()).strip("-") for step in recipe.steps)
    return "-".join((name, *list(words)[:MOST_WORDS])) if words else f"{name}-copy"
