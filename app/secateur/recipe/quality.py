"""What a plan does to the answers, and to the metric of the data: told from measured cells, with how sure that is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.data.metrics import MetricKind, kind_of
from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.model.description import Layer
from secateur.model.documents import Evaluation, SensitivityTable
from secateur.recipe.interaction import Interaction, interaction_of, is_same_plan
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe

MOST_DAMAGE: Final = 1.0
"""Cells that cost more than a nat, or answers that are as far off as they are long, say nothing: there the answers are
noise, and the relation bends."""
FEWEST: Final = 4
"""Cells below which how far they lie off says nothing."""
NEAREST: Final = 20
"""Cells of about the plan's damage that its interval comes from, and no more than half of all."""
_SHARE: Final = 0.95


@dataclass(frozen=True)
class Quality:
    """What a plan is expected to do, before any training: its `damage`, and the data's metric after it.

    `interval` holds 95 % of what was measured of the change, None where too few cells are known. `damage` is None where
    that of one layer is not known, and so is `metric`: the sum over the others would pass for the whole. Where there is
    no metric, `why_not` says why in one sentence.
    """

    damage: float | None = None
    metric: float | None = None
    interval: tuple[float, float] | None = None
    why_not: str = ""


def methods_of(recipe: Recipe, layer: Layer) -> list[Method]:
    """The steps of a plan that work on this layer, in order."""
    own = [s.method for s in recipe.final if s.method.scope == "layer" and s.selects(layer.name)]
    return [method for method in own if not method.supports(layer)]


def damage_of(
    layer: Layer, methods: Iterable[Method], table: SensitivityTable | None, facts: Facts | None = None
) -> float | None:
    """Expected damage of the methods on a layer: the sum over what each tells from the options of the table.

    None where the table cannot tell.
    """
    if table is None:
        return None
    rows = [(option.method, table.row(layer.name, option.id)) for option in OPTIONS]
    known = [(method, row.damage) for method, row in rows if row is not None and row.damage is not None]
    total = 0.0
    for method in methods:
        damage = method.damage_from(known, layer, facts or Facts(channel_axis=layer.channel_axis))
        if damage is None:
            return None
        total += damage
    return total


def metric_per_damage(table: SensitivityTable | None) -> float | None:
    """By how much one of damage worsens the metric on this model: total drop ÷ total damage of the measured cells.

    None where no cell below `MOST_DAMAGE` is known.
    """
    damage, drop = _cells(table)
    return max(0.0, float(drop.sum() / damage.sum())) if len(damage) else None


def quality_of(
    layers: Iterable[Layer],
    recipe: Recipe,
    table: SensitivityTable | None,
    facts: Mapping[str, Facts],
    baseline: Evaluation | None,
    learned: Interaction | None = None,
) -> Quality:
    """What the plan does to these layers together; the metric as `metric_after` has it.

    `learned` counts where more than one layer is planned: a cell is the measurement of one.
    """
    total, planned = 0.0, 0
    kind = kind_of(baseline.metric.name) if baseline is not None and baseline.metric is not None else None
    for layer in layers:
        methods = methods_of(recipe, layer) if layer.is_weighted else []
        damage = damage_of(layer, methods, table, facts.get(layer.name)) if methods else 0.0
        if damage is None:
            return Quality(why_not=_why_no_damage(layer, methods, table, kind))
        total += damage
        planned += bool(methods)
    return metric_after(total, table, baseline, learned if planned > 1 else None)


def damages_of(
    layers: Iterable[Layer],
    table: SensitivityTable | None,
    facts: Mapping[str, Facts],
    plans: Iterable[tuple[Recipe, float]],
) -> tuple[tuple[Recipe, float | None, float], ...]:
    """Plans, each with its measured damage, with what is predicted of them between: the sum of their layers."""
    layers = tuple(layers)
    return tuple((plan, quality_of(layers, plan, table, facts, None).damage, measured) for plan, measured in plans)


def learned_from(plans: Iterable[tuple[Recipe, float | None, float]], but: Recipe) -> Interaction:
    """What plans, as of `damages_of`, teach of another one; `but` that one itself."""
    return interaction_of((known, measured) for plan, known, measured in plans if not is_same_plan(plan, but))


def metric_after(
    damage: float, table: SensitivityTable | None, baseline: Evaluation | None, learned: Interaction | None = None
) -> Quality:
    """The metric after so much damage.

    The interval is as wide as what was measured lies off: of the `NEAREST` cells in damage (on a logarithmic scale),
    the distances of their drops from what their damages say, at 95 % of them; of those with less damage than asked
    for, the distance grows with the damage. It is that of the change on the same samples: that other samples would
    have given another value before is not in it. That layers changed together harm more, or less, is in it where it is
    told what was `learned` of that: the damage is multiplied with its factor, and its spread is in the interval.
    """
    if baseline is None or baseline.metric is None:
        return Quality(damage, why_not=_WITHOUT_DATA)
    return metric_from(baseline.metric.value, kind_of(baseline.metric.name), damage, table, learned)


def metric_from(
    before: float,
    kind: MetricKind,
    damage: float,
    table: SensitivityTable | None,
    learned: Interaction | None = None,
) -> Quality:
    """As `metric_after`, of a metric of this kind that is `before` on the samples that are looked at."""
    if damage == 0.0:
        return Quality(damage, before, (before, before))
    per_damage = metric_per_damage(table)
    if table is None or per_damage is None:
        return Quality(damage, why_not=_why_no_cells(table, kind))
    factor, spread = (learned.factor, learned.spread(damage)) if learned is not None else (1.0, 1.0)
    drop, half = per_damage * damage * factor, _distance(damage, per_damage, *_cells(table))
    value = kind.worsened(before, drop)
    if half is None:
        return Quality(damage, value)
    ends = sorted(kind.worsened(before, end) for end in (drop / spread - half, drop * spread + half))
    return Quality(damage, value, (ends[0], ends[1]))


# ---------------------------------------------------------------------- the cells


def _cells(table: SensitivityTable | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Damages and drops of the measured cells that say something, (n,) each."""
    rows = table.rows if table is not None else ()
    known = [
        (row.damage, row.metric_drop)
        for row in rows
        if row.measured and row.metric_drop is not None and row.damage is not None and 0.0 < row.damage < MOST_DAMAGE
    ]
    found = np.asarray(known, dtype=np.float64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _distance(
    damage: float, per_damage: float, damages: NDArray[np.float64], drops: NDArray[np.float64]
) -> float | None:
    """How far the metric may lie from what `damage` says; None where too few cells are known."""
    if len(damages) < FEWEST:
        return None
    count = max(FEWEST, min(NEAREST, len(damages) // 2))
    nearest = np.argsort(np.abs(np.log(damages / damage)), kind="stable")[:count]
    off = np.abs(drops - per_damage * damages) * np.maximum(1.0, damage / damages)
    return float(np.sort(off[nearest])[min(len(nearest), ceil(_SHARE * (len(nearest) + 1))) - 1])


# ---------------------------------------------------------------------- why there is no prediction


_WITHOUT_DATA = "Quality is predicted where data tells how good the original is."


def _why_no_damage(
    layer: Layer, methods: Iterable[Method], table: SensitivityTable | None, kind: MetricKind | None
) -> str:
    if kind is None:
        return _WITHOUT_DATA
    if table is None:
        return _why_no_cells(table, kind)
    names = " and ".join(method.title.lower() for method in methods)
    if any(method.changes_widths for method in methods):
        return (
            "What channel pruning does is in the sensitivity map for each group of layers alone, before statistics are "
            f"repaired: {kind.noun} after the whole of it is known once the plan has run."
        )
    if table.pending:
        return f"What {names} does to {layer.name} has not been measured yet: {kind.noun} is predicted once it has."
    return f"No measured option tells what {names} does to {layer.name}, so {kind.noun} is not predicted."


def _why_no_cells(table: SensitivityTable | None, kind: MetricKind) -> str:
    measured = [row for row in table.rows if row.measured and row.damage is not None] if table is not None else []
    if not measured:
        return f"{kind.title} is predicted once the sensitivity of the layers has been measured on data."
    if all(row.metric_drop is None for row in measured):
        return (
            f"What the options do to {kind.noun} could not be measured on these samples, so that of the plan is not "
            "predicted: it has no value on them, or their answers are too large to be kept."
        )
    return f"All measured options harm the answers beyond use, so {kind.noun} is not predicted."
