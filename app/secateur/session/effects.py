"""What the plan means in numbers for the layers that a person looks at: read from spectra and tables, no engine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from secateur.engine.events import RunRecord
from secateur.methods.base import Effect, Method
from secateur.model.description import Layer, ModelDescription
from secateur.model.plan_check import MeasuredPlan
from secateur.model.spectrum import decibels
from secateur.recipe.interaction import Interaction
from secateur.recipe.prediction import (
    LayerCost,
    layer_costs,
    overhead_bytes,
    without_channel_steps,
)
from secateur.recipe.quality import quality_of
from secateur.recipe.reading import parse_recipe
from secateur.recipe.speed import layers_ms, plan_ms
from secateur.recipe.widths import channels_lost
from secateur.session.state import SessionState
from secateur.targets import target_named

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
    is_whole: bool = False
    """All layers are selected: the figures are those of the whole file."""
    coupled: tuple[str, ...] = ()
    """Further layers that shrink because channels leave these ones: coupled ones, and what reads them."""
    coupled_bytes: int = 0
    coupled_macs: int = 0
    """What those save, negative where it is less."""
    shrinks_along: bool = False
    """These layers lose channels or inputs, and nothing of it is planned in them."""
    where: str = "here"
    """Where the verdict on speed holds: the word of the target."""
    metric_interval: tuple[float, float] | None = None
    """As of `Quality`, as why there is no metric."""
    metric_why_not: str = ""
    measured: MeasuredPlan | None = None
    """What the plan was found to do when it was measured as a whole, where all layers are selected."""


def effect_of(state: SessionState, layers: Sequence[str], learned: Interaction) -> LayerEffect | None:
    """The effect on `layers` together, by what was `learned` of that; None where nothing is known of them yet."""
    chosen = set(layers)
    known = [layer for layer in state.rows if layer.name in chosen and layer.name in state.spectra]
    if not known or state.model is None:
        return None
    names = [layer.name for layer in known]
    is_whole = len(known) == len(state.rows)
    costs = layer_costs(state.model, state.facts, state.recipe, None if is_whole else names)
    effects = tuple(effect for name in names for effect in costs[name].effects)
    quality = quality_of(known, state.recipe, state.on_samples, state.facts, state.baseline, learned)
    baseline = state.baseline.metric.value if state.baseline and state.baseline.metric else None
    counted = state.model.layers if is_whole else known
    macs_before, macs_after = sum(layer.macs for layer in counted), sum(cost.costs.macs for cost in costs.values())
    overhead = overhead_bytes(state.model, state.recipe) if is_whole else 0
    before, after = sum(layer.size_bytes for layer in counted), sum(cost.costs.bytes for cost in costs.values())
    latency_before, latency_after = _latency(state, known, is_whole=is_whole)
    if latency_after is None and not effects and macs_after == macs_before:
        latency_after = latency_before
    coupled = () if is_whole else _coupled(state, names)
    return LayerEffect(
        bytes_before=state.model.source_bytes if is_whole else before,
        bytes_after=overhead + after,
        macs_before=macs_before,
        macs_after=macs_after,
        latency_before_ms=latency_before,
        latency_after_ms=latency_after,
        sqnr_db=_sqnr(state, costs, names),
        metric_before=baseline,
        metric_after=quality.metric,
        metric_interval=quality.interval,
        metric_why_not=quality.why_not,
        measured=state.measured_plan if is_whole else None,
        effects=effects,
        is_whole=is_whole,
        coupled=tuple(name for name, _, _ in coupled),
        coupled_bytes=sum(size for _, size, _ in coupled),
        coupled_macs=sum(macs for _, _, macs in coupled),
        shrinks_along=not effects and after != before,
        where=target_named(state.target).where,
    )


def _latency(state: SessionState, layers: Sequence[Layer], *, is_whole: bool) -> tuple[float | None, float | None]:
    """Milliseconds of these layers as they are and after the plan; None for what was not measured in the target.

    Of the whole network what was measured of it, and what is predicted of it, borders included: not the layers' sum.
    """
    model, timings, before = state.model, state.timings, state.latency_before
    if is_whole and before is not None:
        if model is None or timings is None:
            return before, None
        return before, plan_ms(model, state.recipe, timings, before, state.facts)
    if model is not None and timings is not None and not is_whole:
        return layers_ms(model, state.recipe, timings, [layer.name for layer in layers], state.facts)
    times = [layer.latency_ms for layer in layers]
    return (sum(t for t in times if t is not None) if all(t is not None for t in times) else None), None


def _sqnr(state: SessionState, costs: Mapping[str, LayerCost], names: Sequence[str]) -> float | None:
    signal = noise = 0.0
    for name in names:
        power = state.spectra[name].values.total_squares
        signal += power
        noise += sum(power * 10 ** (-e.sqnr_db / 10) for _, e in costs[name].effects if e.sqnr_db is not None)
    return decibels(signal, noise) if noise > 0 else None


def _coupled(state: SessionState, names: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    """(layer, bytes, MACs saved) of each further layer that shrinks because channels leave these ones."""
    assert state.model is not None  # noqa: S101 - asked for after a look at it
    alone = without_channel_steps(state.recipe, names)
    if alone == state.recipe:
        return ()
    with_them, without = channels_lost(state.model, state.recipe), channels_lost(state.model, alone)
    chosen = set(names)
    others = [
        layer.name
        for layer in state.model.layers
        if layer.name not in chosen
        and with_them.get(layer.name) != without.get(layer.name)
        and (layer.name in state.spectra or not state.steps_of(layer.name))
    ]
    now = layer_costs(state.model, state.facts, state.recipe, others)
    kept = layer_costs(state.model, state.facts, alone, others)
    return tuple(
        (name, kept[name].costs.bytes - now[name].costs.bytes, kept[name].costs.macs - now[name].costs.macs)
        for name in others
    )


def plan_name(state: SessionState) -> str:
    """A short name for a run: the badges of its steps."""
    badges = dict.fromkeys(step.method.badge() for step in state.recipe.final)
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
    words = dict.fromkeys(re.sub(r"\W+", "-", step.method.badge()).strip("-") for step in recipe.final)
    return "-".join((name, *list(words)[:MOST_WORDS])) if words else f"{name}-copy"
