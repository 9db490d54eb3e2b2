"""Data-free sensitivity: the relative weight error of every option, from facts alone. numpy only."""

import time
from collections.abc import Callable, Mapping, Sequence

from secateur.analysis.channel_groups import shared
from secateur.methods.facts import Facts
from secateur.methods.offers import Option
from secateur.model.description import Layer
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.recipe.widths import groups_of


def cost_row(layer: Layer, facts: Facts, option: Option, damage: float | None = None) -> SensitivityRow:
    """The row of one cell with what the layer would cost; `unavailable` where the method does nothing for it."""
    reason = option.method.why_not(layer, facts)
    if reason:
        return SensitivityRow(
            layer=layer.name,
            option=option.id,
            damage=None,
            bytes=layer.size_bytes,
            macs=layer.macs,
            unavailable=reason,
        )
    effect = option.method.predict(layer, facts)
    if damage is None and effect.sqnr_db is not None:
        damage = 10.0 ** (-effect.sqnr_db / 10.0)
    elif damage is None:
        damage = option.method.weight_error(layer, facts)
    return SensitivityRow(
        layer=layer.name,
        option=option.id,
        damage=damage,
        bytes=effect.costs.bytes,
        macs=effect.costs.macs,
        latency_ms=effect.costs.latency_ms,
        faster=effect.faster,
    )


def score_free(
    layers: Sequence[Layer],
    facts: Mapping[str, Facts],
    options: Sequence[Option],
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> SensitivityTable:
    """Table of weight error power ÷ weight power, for every option of every layer that has facts."""
    begun = time.monotonic()
    rows = []
    known = [layer for layer in layers if layer.name in facts]
    for done, layer in enumerate(known):
        progress(done, len(known), f"Scoring {layer.name}")
        rows += [cost_row(layer, facts[layer.name], option) for option in options]
    return SensitivityTable(
        depth="free",
        metric="relative weight error",
        unit="relative error",
        samples=0,
        seconds=time.monotonic() - begun,
        rank_correlation=None,
        rows=tuple(shared(rows, options, groups_of(known))),
    )
