"""One item of each group at the least total cost within limits: a multiple-choice knapsack, to a proven gap.

Numbers in, numbers out; what they mean is said in `secateur.recipe.budget`. The work is done by compiled branch and
bound (`knapsack_kernel.py`): with few limits that takes milliseconds where a solver of mixed-integer programmes takes
seconds (benchmarks/solver.py has both in one run).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

GAP = 1e-3
"""How far the cost of a solution may be above the least, as a share of it, where the branches suffice to prove that."""
WORK = 100_000
"""Items that are looked at, over all branches: about a tenth of a second where three limits are at their worst.

More than twice as much found no better choice there (benchmarks/solver.py has such problems).
"""


@dataclass(frozen=True)
class Solution:
    """`items` (groups,): the place of what is taken of each group; its `cost`, and the `bound` no choice is below.

    `prices` (rows,): by how much the cost falls for each unit that a row's bound is higher, about.
    """

    items: NDArray[np.int64]
    cost: float
    bound: float
    prices: Floats
    branches: int = 1

    @property
    def gap(self) -> float:
        """By how much of its cost the choice may at most be improved."""
        return max(0.0, self.cost - self.bound) / max(abs(self.cost), 1e-12)


def solve(
    groups: NDArray[np.intp],
    cost: Floats,
    rows: Floats,
    bounds: Floats,
    allowed: Flags | None = None,
    *,
    gap: float = GAP,
    work: int = WORK,
    warm: Floats | None = None,
    known: NDArray[np.int64] | None = None,
) -> Solution | None:
    """One item of each group (`groups` (n,), ascending from 0) with `rows.T @ taken ≤ bounds`, of least `cost` (n,).

    `rows` (n, limits), `bounds` (limits,). Items that are not `allowed` (n,) are not taken. `warm` are the prices of a
    similar problem, `known` items (groups,) that were found before: nothing worse is answered where they fit. None
    where nothing meets the bounds, or where nothing that does was found with so much `work`.
    """
    from secateur.recipe.knapsack_kernel import searched

    usable = np.ones(len(groups), dtype=np.bool_) if allowed is None else np.array(allowed, dtype=np.bool_)
    starts = np.searchsorted(groups, np.arange(int(groups[-1]) + 2)).astype(np.int64)
    if not np.logical_or.reduceat(usable, starts[:-1]).all():
        return None
    fewest = np.minimum.reduceat(np.where(usable[:, None], rows, np.inf), starts[:-1], axis=0)
    room = bounds - fewest.sum(axis=0)
    tolerance = 1e-9 * np.abs(bounds)
    if (room < -tolerance).any():
        return None
    # what takes more than there is room for where all others take least is in no choice
    usable &= (rows - fewest[groups] <= room + tolerance).all(axis=1)
    # units in which the mild half of the costs, and what the rows take, are about one
    scales = np.maximum((np.abs(rows) * usable[:, None]).max(axis=0), 1e-300) if rows.shape[1] else np.ones(0)
    positive = np.abs(cost[cost != 0])
    unit = float(np.quantile(positive, 0.25)) if positive.size else 1.0
    prices = np.zeros(len(bounds)) if warm is None or len(warm) != len(bounds) else warm * scales / unit
    items = np.full(len(starts) - 1, -1, dtype=np.int64)
    least = np.inf
    if known is not None and (rows[known].sum(axis=0) <= bounds + 1e-9 * np.abs(bounds)).all() and usable[known].all():
        items[:], least = known, float(cost[known].sum()) / unit
    least, bound, looked = searched(
        starts,
        np.ascontiguousarray(cost / unit, dtype=np.float64),
        np.ascontiguousarray(rows / scales, dtype=np.float64),
        np.asarray(bounds / scales, dtype=np.float64),
        usable,
        prices,
        gap,
        work,
        least,
        items,
    )
    if not np.isfinite(least):
        return None
    return Solution(items, float(cost[items].sum()), min(bound, least) * unit, prices * unit / scales, looked)


def undominated(groups: NDArray[np.intp], columns: Floats) -> Flags:
    """Which items (n,) no other of their group is as good as in all `columns` (n, k), less being better.

    Of items that are equal in all of them the first one stays.
    """
    kept = np.ones(len(groups), dtype=np.bool_)
    starts = np.searchsorted(groups, np.arange(int(groups[-1]) + 2))
    for begin, end in pairwise(starts):
        own = columns[begin:end]
        as_good = (own[None, :, :] <= own[:, None, :]).all(axis=2)  # [i, j]: j is as good as i everywhere
        same = as_good & as_good.T
        before = np.tri(end - begin, k=-1, dtype=bool)
        kept[begin:end] = ~((as_good & ~same) | (same & before)).any(axis=1)
    return kept
