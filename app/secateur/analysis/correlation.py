"""How well an estimated sensitivity table ranks what was measured."""

import numpy as np

from secateur.analysis.documents import SensitivityTable


def rank_correlation(free: SensitivityTable, measured: SensitivityTable) -> float | None:
    """Spearman's rank correlation of the two tables' damages over the cells that both have; None below 3."""
    from scipy.stats import spearmanr

    estimates = {(row.layer, row.option): row.damage for row in free.rows}
    pairs: list[tuple[float, float]] = []
    for row in measured.rows:
        estimate = estimates.get((row.layer, row.option))
        if row.damage is not None and estimate is not None:
            pairs.append((estimate, row.damage))
    if len(pairs) < 3:
        return None
    value = float(spearmanr([a for a, _ in pairs], [b for _, b in pairs]).statistic)
    return value if np.isfinite(value) else None
