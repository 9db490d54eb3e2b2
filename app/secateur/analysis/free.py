"""Data-free sensitivity: the relative weight error of every option, from spectra alone. numpy only."""

import time
from collections.abc import Callable, Mapping, Sequence

from secateur.model.description import Layer
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.spectrum import Spectra
from secateur.recipe.options import Option


def cost_row(layer: Layer, spectra: Spectra, option: Option, damage: float | None = None) -> SensitivityRow:
    """The row of one cell with what the layer would cost; `unavailable` where the method does not support it."""
    reason = option.method.supports(layer)
    if reason:
        return SensitivityRow(
            layer=layer.name,
            option=option.id,
            damage=None,
            bytes=layer.size_bytes,
            macs=layer.macs,
            unavailable=reason,
        )
    effect = option.method.predict(layer, spectra)
    if damage is None and effect.sqnr_db is not None:
        damage = 10.0 ** (-effect.sqnr_db / 10.0)
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
    spectra: Mapping[str, Spectra],
    options: Sequence[Option],
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> SensitivityTable:
    """Table of weight error power ÷ weight power, for every option of every layer with a spectrum."""
    begun = time.monotonic()
    rows = []
    known = [layer for layer in layers if layer.name in spectra]
    for done, layer in enumerate(known):
        progress(done, len(known), f"Scoring {layer.name}")
        rows += [cost_row(layer, spectra[layer.name], option) for option in options]
    return SensitivityTable(
        depth="free",
        metric="relative weight error",
        unit="relative error",
        samples=0,
        seconds=time.monotonic() - begun,
        rank_correlation=None,
        rows=tuple(rows),
    )
