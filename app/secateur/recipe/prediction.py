"""What a whole plan will cost, before it is run: from the layers' predicted effects and the sensitivity table."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from secateur.analysis.documents import Evaluation, Predicted, SensitivityTable
from secateur.data.metrics import kind_of
from secateur.methods.base import Effect, Method
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectra
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe
from secateur.recipe.widths import shares_left


def effects_of(layer: Layer, spectra: Spectra, methods: Iterable[Method]) -> tuple[tuple[Method, Effect], ...]:
    """Each planned method of a layer with its effect alone."""
    return tuple((method, method.predict(layer, spectra)) for method in methods)


def combined_cost(layer: Layer, effects: Iterable[tuple[Method, Effect]]) -> tuple[int, int]:
    """(bytes, MACs) of a layer under several methods: their ratios multiply."""
    size, macs = float(layer.size_bytes), float(layer.macs)
    for _, effect in effects:
        size *= effect.size_bytes / layer.size_bytes if layer.size_bytes else 1.0
        macs *= effect.macs / layer.macs if layer.macs else 1.0
    return round(size), round(macs)


def damage_of(layer: str, methods: Iterable[Method], table: SensitivityTable | None) -> float | None:
    """Expected damage of the methods on a layer: the sum over those that are options of the table.

    A pruning ratio between two options is interpolated; None where the table cannot tell.
    """
    if table is None:
        return None
    total = 0.0
    for method in methods:
        damage = _method_damage(layer, method, table)
        if damage is None:
            return None
        total += damage
    return total


def _method_damage(layer: str, method: Method, table: SensitivityTable) -> float | None:
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for option in OPTIONS:
        row = table.row(layer, option.id)
        if row is None or row.damage is None or type(option.method) is not type(method):
            continue
        if isinstance(method, MagnitudePruning) and isinstance(option.method, MagnitudePruning):
            points.append((option.method.ratio, row.damage))
        elif getattr(method, "bits", None) == getattr(option.method, "bits", None):
            return row.damage
    if not isinstance(method, MagnitudePruning) or len(points) == 1:
        return None
    points.sort()
    ratio = method.ratio
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= ratio <= x1:
            return y0 + (y1 - y0) * (ratio - x0) / (x1 - x0)
    return None


def metric_per_damage(table: SensitivityTable | None) -> float | None:
    """By how much one of damage worsens the metric on this model: total drop ÷ total damage of the measured cells.

    Only cells that cost less than a nat: beyond that the answers are noise and the relation bends.
    """
    if table is None:
        return None
    cells = [
        (row.damage, row.metric_drop)
        for row in table.rows
        if row.measured and row.damage is not None and row.metric_drop is not None and row.damage < 1.0
    ]
    damage = sum(d for d, _ in cells)
    return max(0.0, sum(drop for _, drop in cells) / damage) if damage > 0 else None


def predict_plan(
    model: ModelDescription,
    spectra: Mapping[str, Spectra],
    recipe: Recipe,
    table: SensitivityTable | None,
    baseline: Evaluation | None,
) -> Predicted:
    """Bytes of the exported file, MACs, latency, damage and metric of the whole plan.

    Latency is not predicted: what a plan gains in a runtime is measured by the run. The metric counts no
    training: a distillation can only win back. Where the table cannot tell the damage of one planned layer, that of
    the plan is None, and so is its metric: the sum over the others would pass for the whole.
    """
    size, macs = float(model.overhead_bytes), 0.0
    damage: float | None = 0.0
    shares = shares_left(model, recipe)
    for layer in model.layers:
        methods = [
            s.method
            for s in recipe.steps
            if s.method.scope == "layer" and s.selects(layer.name) and not s.method.supports(layer)
        ]
        layer_size, layer_macs = layer.size_bytes, layer.macs
        if methods and layer.is_weighted:
            if layer.name in spectra:
                others = [method for method in methods if not isinstance(method, ChannelPruning)]
            layer_size, layer_macs = combined_cost(layer, effects_of(layer, spectra[layer.name], others))
            change = damage_of(layer.name, methods, table)
            damage = None if damage is None or change is None else damage + change
        share = shares[layer.name].both if layer.name in shares else 1.0
        size, macs = size + layer_size * share, macs + layer_macs * share
    per_damage = metric_per_damage(table)
    metric = None
    if damage is not None and per_damage is not None and baseline is not None and baseline.metric is not None:
        metric = kind_of(baseline.metric.name).worsened(baseline.metric.value, per_damage * damage)
    if not any(s.method.scope == "layer" for s in recipe.steps) and baseline is not None and baseline.metric:
        metric = baseline.metric.value
    return Predicted(bytes=round(size), macs=round(macs), latency_ms=None, damage=damage, metric=metric)
