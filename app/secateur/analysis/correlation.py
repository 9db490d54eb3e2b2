"""How well an estimated sensitivity table orders what was measured: over all cells, and the layers of one option.

The options differ by orders of magnitude (4 bits harm any layer more than 8 do), so that a correlation over all cells
is high for an estimate that knows nothing of the layers. What a plan needs is the order of the layers within an
option.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.documents import SensitivityTable, WithinOptionCorrelation

FEWEST: Final = 4
"""Layers of an option below which their order says nothing."""

_RESAMPLES: Final = 2000
_SEED: Final = 0


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
    pairs = _paired(free, measured)
    options = list(dict.fromkeys(row.option for row in measured.rows))
    values = _spearman(pairs[0], pairs[1])
    enough = (np.isfinite(pairs[1]).sum(axis=1) >= FEWEST) & np.isfinite(values)
    if not enough.any():
        return None
    draws = np.random.default_rng(_SEED).integers(0, pairs.shape[2], (_RESAMPLES, pairs.shape[2]))
    with np.errstate(invalid="ignore"):
        drawn = np.stack([_spearman(x[draws], y[draws]) for x, y in zip(*pairs[:, enough], strict=True)])
        known = np.isfinite(drawn)
        means = np.where(known, drawn, 0.0).sum(axis=0) / known.sum(axis=0)
    low, high = np.nanquantile(means, [0.025, 0.975])
    return WithinOptionCorrelation(
        mean=float(values[enough].mean()),
        low=float(low),
        high=float(high),
        by_option={name: float(v) for name, v, kept in zip(options, values, enough, strict=True) if kept},
    )


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
