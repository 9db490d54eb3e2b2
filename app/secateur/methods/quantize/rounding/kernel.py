"""The compiled loops of `second_order.py`: rows of a weight, each rounded for itself.

A row's values lie on a grid: value = step × (code − zero), code in `lowest` … `highest`. `target`, `steps`, `zeros` and
`codes` are (groups, rows, columns), what is said of inputs (groups, columns, columns); float32 but for sums. Of all
rows, from `begin` to `end`, the one at `place` is row place % rows of group place // rows.
"""

from typing import Any

import numpy as np

from secateur.model.compiling import njit


@njit(cache=True, nogil=True)
def fed_back(
    target: Any,
    steps: Any,
    zeros: Any,
    lowest: float,
    highest: float,
    factors: Any,
    orders: Any,
    codes: Any,
    begin: int,
    end: int,
) -> None:
    """Fill `codes` column by column, in the group's order, what a column is off taken back by those after it (GPTQ).

    `factors`: the upper Cholesky factor of the inverse Hessian, its columns in `orders` (groups, columns).
    """
    rows, columns = target.shape[1], target.shape[2]
    work = np.empty(columns, np.float32)
    for place in range(begin, end):
        group, row = place // rows, place % rows
        factor, order = factors[group], orders[group]
        for at in range(columns):
            work[at] = target[group, row, order[at]]
        for at in range(columns):
            column = order[at]
            step, zero = steps[group, row, column], zeros[group, row, column]
            code = min(max(np.rint(work[at] / step) + zero, lowest), highest)
            codes[group, row, column] = code
            error = (work[at] - (code - zero) * step) / factor[at, at]
            for later in range(at + 1, columns):
                work[later] -= error * factor[at, later]


@njit(cache=True, nogil=True)
def descended(
    target: Any,
    steps: Any,
    zeros: Any,
    lowest: float,
    highest: float,
    hessians: Any,
    codes: Any,
    sweeps: int,
    begin: int,
    end: int,
) -> None:
    """Move the codes of each row one at a time to where (v − t) H (v − t) is least, the others as they are, until none
    moves, at most `sweeps` times over."""
    rows, columns = target.shape[1], target.shape[2]
    slope = np.empty(columns, np.float64)
    for place in range(begin, end):
        group, row = place // rows, place % rows
        hessian = hessians[group]
        slope[:] = 0.0
        for column in range(columns):
            off = (codes[group, row, column] - zeros[group, row, column]) * steps[group, row, column]
            off -= target[group, row, column]
            for other in range(columns):
                slope[other] += off * hessian[column, other]
        for _ in range(sweeps):
            moved = False
            for column in range(columns):
                bend, step = hessian[column, column], steps[group, row, column]
                if bend <= 0.0:
                    continue
                old = codes[group, row, column]
                new = min(max(np.rint(old - slope[column] / (bend * step)), lowest), highest)
                change = (new - old) * step
                if change == 0.0 or change * (2.0 * slope[column] + bend * change) >= 0.0:  # a tie wins nothing
                    continue
                codes[group, row, column] = new
                moved = True
                for other in range(columns):
                    slope[other] += change * hessian[column, other]
            if not moved:
                break
