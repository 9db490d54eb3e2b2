"""How well an estimated sensitivity table orders what was measured: over all cells, and the layers of one option.

The options differ by orders of magnitude (4 bits harm any layer more than 8 do), so that a correlation over all cells
is high for an estimate that knows nothing of the layers. What a plan needs is the order of the layers within an
option.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.tallies import Cell
from secateur.model.documents import SensitivityTable, WithinOptionCorrelation

FEWEST: Final = 4
"""Layers of an option below which their order says nothing."""

_RESAMPLES: Final = 2000
_SEED: Final = 0
_SPLITS: Final = 8


def correlated(free: SensitivityTable, measured: SensitivityTable) -> SensitivityTable:
    """`measured` with both correlations of the data-free damages to its own."""
    return measured.model_copy(
        update={
            "rank_correlation": rank_correlation(free, measured),
            "within_option_correlation": within_option_correlation(free, measured),
        }
    )


def rank_correlation(free: SensitivityTable, measured: SensitivityTable) -> float | None:
    """Spearman's rank correlation of the two tables' damages over all cells that both have; None below 3."""
    estimated, truths = (values[None] for values in _paired(free, measured).reshape(2, -1))
    known = int(np.isfinite(truths).sum())
    value = float(_spearman(estimated, truths)[0]) if known >= 3 else np.nan
    return value if np.isfinite(value) else None


def within_option_correlation(free: SensitivityTable, measured: SensitivityTable) -> WithinOptionCorrelation | None:
    """Spearman's correlation over the layers of each option, their mean, and its 95 % interval.

    The interval is the percentile interval of a bootstrap over layers (Efron 1979; 2,000 resamples with a fixed
    seed): a drawn layer brings the cells of all its options along, because these are not independent. Options with
    fewer than four layers, or whose damages are all equal, are left out; None where none remains.
    """
    options = list(dict.fromkeys(row.option for row in measured.rows))
    return _within(options, _paired(free, measured))


def split_half(parts: Mapping[Cell, NDArray[np.float64]]) -> WithinOptionCorrelation | None:
    """How well few samples order the layers of an option, told by those samples alone; None where nothing can be said.

    `parts` is what each sample adds to a cell's error and weight, (2, samples). The samples are split in halves eight
    times (always alike), and the halves' Spearman correlations r within an option averaged. By Spearman (1910) and
    Brown (1910) all samples would agree with as many others to 2 r ÷ (1 + r); the root of that is the correlation
    with endless samples (attenuation; Spearman 1904). The interval is that of a bootstrap over layers, as in
    `within_option_correlation`.
    """
    options = list(dict.fromkeys(cell.option for cell in parts))
    layers = list(dict.fromkeys(cell.layer for cell in parts))
    halves = np.full((_SPLITS, 2, len(options), len(layers)), np.nan)
    generator = np.random.default_rng(_SEED)
    longest = max((values.shape[1] for values in parts.values()), default=0)
    # pairs of neighbours are parted by chance: so the halves of every beginning are as long, but for one sample
    sides = [_sides(longest, generator) for _ in range(_SPLITS)]
    for cell, values in parts.items():
        place = options.index(cell.option), layers.index(cell.layer)
        for number, side in enumerate(sides):
            for half in (0, 1):
                error, weight = values[:, side[: values.shape[1]] == half].sum(axis=1)
                halves[(number, half, *place)] = error / weight if weight > 0 else np.nan
    halves[:, :, ~np.isfinite(halves).all(axis=(0, 1))] = np.nan
    return _within(options, *halves, of_halves=True)


def _sides(count: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Which half each of `count` samples is in."""
    first = generator.integers(0, 2, (count + 1) // 2)
    return np.stack([first, 1 - first], axis=1).reshape(-1)[:count]


def _within(options: list[str], *pairs: NDArray[np.float64], of_halves: bool = False) -> WithinOptionCorrelation | None:
    """From pairs of tables, (2, options, layers) each, over which correlations are averaged."""
    values = np.mean([_spearman(*pair) for pair in pairs], axis=0)
    enough = (np.isfinite(pairs[0][1]).sum(axis=1) >= FEWEST) & np.isfinite(values)
    if not enough.any():
        return None
    count = pairs[0].shape[2]
    draws = np.random.default_rng(_SEED).integers(0, count, (_RESAMPLES // len(pairs), count))
    with np.errstate(invalid="ignore"):
        drawn = np.concatenate(
            [
                np.stack([_spearman(x[draws], y[draws]) for x, y in zip(*pair[:, enough], strict=True)])
                for pair in pairs
            ],
            axis=1,
        )
        known = np.isfinite(drawn)
        means = np.where(known, drawn, 0.0).sum(axis=0) / known.sum(axis=0)
    low, high = np.nanquantile(means, [0.025, 0.975])
    told = _of_all_samples if of_halves else float
    by_option = {name: told(v) for name, v, kept in zip(options, values, enough, strict=True) if kept}
    mean = float(np.mean(list(by_option.values())))
    return WithinOptionCorrelation(mean=mean, low=min(mean, told(low)), high=max(mean, told(high)), by_option=by_option)


def _of_all_samples(of_halves: float) -> float:
    """The correlation with endless samples, of that of two halves of those at hand."""
    return float(np.sqrt(max(0.0, 2 * of_halves / (1 + of_halves)))) if of_halves > -1 else 0.0


def _paired(free: SensitivityTable, measured: SensitivityTable) -> NDArray[np.float64]:
    """(2, options, layers): estimated and measured damage, NaN in both where one of them is not known."""
    options = list(dict.fromkeys(row.option for row in measured.rows))
    layers = list(dict.fromkeys(row.layer for row in measured.rows))
    pairs = np.full((2, len(options), len(layers)), np.nan)
    for row in measured.rows:
        estimate = free.row(row.layer, row.option)
        if row.damage is not None and estimate is not None and estimate.damage is not None:
            place = options.index(row.option), layers.index(row.layer)
            pairs[0][place], pairs[1][place] = estimate.damage, row.damage
    return pairs


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlation of each row of x with that of y (n, m) → (n,); NaN where one does not vary."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1, nan_policy="omit") for values in (x, y)]
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.isfinite(ranks[0]).sum(axis=1, keepdims=True)
        a, b = (np.where(np.isfinite(r), r - np.nansum(r, axis=1, keepdims=True) / known, 0.0) for r in ranks)
        result: NDArray[np.float64] = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return result
