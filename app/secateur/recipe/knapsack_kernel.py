"""Branch and bound on a multiple-choice knapsack with few rows, compiled: what `knapsack.py` looks for the best with.

For prices λ ≥ 0 of the rows, `Σ_g min_j (c + λA)_j - λb` is below the cost of every choice (Lagrangian duality; Fisher,
Management Science 27, 1981). Prices climb by Polyak's steps towards the value at which a branch is not worth going on.
An item whose *excess* over its group's best takes the bound there is out of the branch. Branched is on the group whose
items differ most in what they take of the rows at these prices: the largest layers first, after which all is smooth.
"""

from typing import Any

import numpy as np

from secateur.model.compiling import njit

ROOT_STEPS, NODE_STEPS, REPAIRS = 400, 12, 30
SLACK = 1e-9
"""Of a row's bound: within it, so that what is rounded is no violation."""


@njit(cache=True, nogil=True)
def priced(
    starts: Any, cost: Any, rows: Any, bounds: Any, alive: Any, prices: Any, value: Any, best: Any, used: Any
) -> float:
    """The bound at these prices; `value` (n,) gets priced items, `best` (groups,) each group's, `used` what they take.

    Infinite where a group has no item left.
    """
    total = 0.0
    count = len(bounds)
    for k in range(count):
        total -= prices[k] * bounds[k]
        used[k] = 0.0
    for g in range(len(starts) - 1):
        least, place = np.inf, -1
        for j in range(starts[g], starts[g + 1]):
            if alive[j]:
                v = cost[j]
                for k in range(count):
                    v += prices[k] * rows[j, k]
                value[j] = v
                if v < least:
                    least, place = v, j
        if place < 0:
            return np.inf
        best[g] = place
        total += least
        for k in range(count):
            used[k] += rows[place, k]
    return total


@njit(cache=True, nogil=True)
def improved(starts: Any, cost: Any, rows: Any, bounds: Any, alive: Any, best: Any, used: Any) -> float:
    """A feasible choice made cheaper item by item, as far as it stays one, where most can be saved first; its cost."""
    count, groups = len(bounds), len(starts) - 1
    saves = np.empty(groups)
    for g in range(groups):
        least = np.inf
        for j in range(starts[g], starts[g + 1]):
            if alive[j]:
                least = min(least, cost[j])
        saves[g] = least - cost[best[g]]
    for g in np.argsort(saves):
        own = best[g]
        for j in range(starts[g], starts[g + 1]):
            if alive[j] and cost[j] < cost[best[g]]:
                fits = True
                for k in range(count):
                    if used[k] + rows[j, k] - rows[own, k] > bounds[k] + SLACK * abs(bounds[k]):
                        fits = False
                        break
                if fits:
                    best[g] = j
        if best[g] != own:
            for k in range(count):
                used[k] += rows[best[g], k] - rows[own, k]
    total = 0.0
    for g in range(groups):
        total += cost[best[g]]
    return total


@njit(cache=True, nogil=True)
def feasible(bounds: Any, used: Any) -> bool:
    """Whether what is used of each row is within its bound."""
    for k in range(len(bounds)):  # noqa: SIM110 - a generator is not compiled as well
        if used[k] > bounds[k] + SLACK * abs(bounds[k]):
            return False
    return True


@njit(cache=True, nogil=True)
def repaired(starts: Any, rows: Any, bounds: Any, alive: Any, value: Any, best: Any, used: Any, changes: int) -> bool:
    """A choice made feasible by so many changes: each time the item that takes most of the excess for its price."""
    count = len(bounds)
    for _ in range(changes):
        if feasible(bounds, used):
            return True
        ratio, where, what = 0.0, -1, -1
        for g in range(len(starts) - 1):
            own = best[g]
            for j in range(starts[g], starts[g + 1]):
                if not alive[j] or j == own:
                    continue
                gain = 0.0
                for k in range(count):
                    over = used[k] - bounds[k]
                    change = rows[j, k] - rows[own, k]
                    scale = max(abs(bounds[k]), 1e-12)
                    gain += (max(over, 0.0) - max(over + change, 0.0)) / scale
                if gain > 0.0:
                    now = gain / max(value[j] - value[own], 1e-12)
                    if now > ratio:
                        ratio, where, what = now, g, j
        if where < 0:
            return False
        for k in range(count):
            used[k] += rows[what, k] - rows[best[where], k]
        best[where] = what
    return feasible(bounds, used)


@njit(cache=True, nogil=True)
def highest_cost(starts: Any, cost: Any, alive: Any) -> float:
    """What the dearest choice costs, whatever it takes: a bound above it proves that there is none."""
    total = 0.0
    for g in range(len(starts) - 1):
        high = -np.inf
        for j in range(starts[g], starts[g + 1]):
            if alive[j]:
                high = max(high, cost[j])
        total += high
    return total


@njit(cache=True, nogil=True)
def stepped(prices: Any, used: Any, bounds: Any, reach: float) -> bool:
    """The `prices` go a step towards a higher bound, by `reach` along the slope: what is `used` above the `bounds`.

    False where there is no slope: all fits, and what has a price is used up, so that no prices give a higher bound.
    """
    norm = 0.0
    for k in range(len(bounds)):
        slope = used[k] - bounds[k]
        if slope > 0.0 or prices[k] > 0.0:
            norm += slope * slope
    if norm <= 0.0:
        return False
    length = reach / norm
    for k in range(len(bounds)):
        prices[k] = max(0.0, prices[k] + length * (used[k] - bounds[k]))
    return True


@njit(cache=True, nogil=True)
def climb(
    starts: Any,
    cost: Any,
    rows: Any,
    bounds: Any,
    alive: Any,
    prices: Any,
    steps: int,
    gap: float,
    least: float,
    chosen: Any,
    value: Any,
) -> tuple[float, float]:
    """(bound, least cost so far); `prices` become the best found, `chosen` the best choice where a better one was.

    The climb ends where the bound is within `gap` of the least cost. `value` are then as at the best prices.
    """
    count, groups = len(bounds), len(starts) - 1
    best, used, own, taken = np.empty(groups, np.int64), np.empty(count), np.empty(groups, np.int64), np.empty(count)
    kept = prices.copy()
    bound, length, tired = -np.inf, 1.0, 0
    highest = highest_cost(starts, cost, alive)
    for step in range(steps):
        now = priced(starts, cost, rows, bounds, alive, prices, value, best, used)
        if now == np.inf or now > highest + 1e-6 * abs(highest) + 1e-9:  # no choice costs so much: there is none
            return np.inf, least
        if now > bound + 1e-6 * abs(bound):
            tired = 0
        else:
            tired += 1
        if now > bound:
            bound = now
            kept[:] = prices
        elif tired >= 8:
            length, tired = length / 2, 0
            prices[:] = kept
            now = priced(starts, cost, rows, bounds, alive, prices, value, best, used)
        own[:] = best
        taken[:] = used
        if (step % 16 == 0 or (steps <= NODE_STEPS and step % 6 == 5) or feasible(bounds, taken)) and repaired(
            starts, rows, bounds, alive, value, own, taken, REPAIRS
        ):
            total = improved(starts, cost, rows, bounds, alive, own, taken)
            if total < least:
                least = total
                chosen[:] = own
        if bound >= least - gap * abs(least) or length < 1e-4:
            break
        towards = least - 0.5 * gap * abs(least) if least < np.inf else now + 0.5 * abs(now) + 1e-9
        if not stepped(prices, used, bounds, length * max(towards - now, 1e-12)):
            break
    prices[:] = kept
    priced(starts, cost, rows, bounds, alive, prices, value, best, used)
    return bound, least


@njit(cache=True, nogil=True)
def searched(
    starts: Any,
    cost: Any,
    rows: Any,
    bounds: Any,
    alive: Any,
    prices: Any,
    gap: float,
    work: int,
    least: float,
    chosen: Any,
) -> tuple[float, float, int]:
    """(least cost, its proven bound, branches looked at); `chosen` (groups,) gets the items, `prices` the root's.

    `starts` (groups + 1,) where each group's items begin, `rows` (n, rows), `alive` (n,) which may be taken; prices
    are begun with; `chosen` may hold a choice that costs `least`, which is infinite otherwise. `work` is how many
    items are looked at, over all branches: after that the bound is what is proven by then. The cost is infinite where
    nothing was found, and so is the bound where it is proven that there is nothing.
    """
    groups = len(starts) - 1
    value = np.empty(len(cost))
    bound, least = climb(starts, cost, rows, bounds, alive, prices, ROOT_STEPS, gap, least, chosen, value)
    if bound == np.inf or bound >= least - gap * abs(least):
        return least, min(bound, least), 1
    # the core: what is outside of it cannot be in a better choice than the one that is known
    core, begins, count = np.empty(len(cost), np.int64), np.zeros(groups + 1, np.int64), 0
    for g in range(groups):
        lowest = np.inf
        for j in range(starts[g], starts[g + 1]):
            if alive[j]:
                lowest = min(lowest, value[j])
        for j in range(starts[g], starts[g + 1]):
            if alive[j] and (bound + value[j] - lowest < least or j == chosen[g]):
                core[count] = j
                count += 1
        begins[g + 1] = count
    core = core[:count]
    places = np.full(groups, -1, np.int64)
    found, proven, looked = branched(
        begins,
        cost[core],
        np.ascontiguousarray(rows[core]),
        bounds,
        prices.copy(),
        bound,
        least,
        gap,
        max(1, work // max(count, 1)),
        places,
    )
    if places[0] >= 0:
        for g in range(groups):
            chosen[g] = core[places[g]]
    return found, max(bound, proven), looked


@njit(cache=True, nogil=True)
def narrowed(starts: Any, cost: Any, value: Any, alive: Any, bound: float, wanted: float) -> tuple[int, float]:
    """Items that take the bound to what is `wanted` are taken out of `alive`; (the group to branch on, their bound).

    The group is that whose items differ most in what they take of the rows at these prices, -1 where none has two.
    """
    widest, where, proven = -1.0, -1, np.inf
    for g in range(len(starts) - 1):
        low, high, lowest, left = np.inf, -np.inf, np.inf, 0
        for j in range(starts[g], starts[g + 1]):
            if alive[j]:
                lowest = min(lowest, value[j])
        for j in range(starts[g], starts[g + 1]):
            if alive[j]:
                excess = value[j] - lowest
                if bound + excess >= wanted:
                    alive[j] = False
                    proven = min(proven, bound + excess)
                    continue
                left += 1
                takes = value[j] - cost[j]
                low, high = min(low, takes), max(high, takes)
        if left > 1 and high - low > widest:
            widest, where = high - low, g
    return where, proven


@njit(cache=True, nogil=True)
def best_two(begin: int, end: int, value: Any, alive: Any) -> tuple[int, float]:
    """The item of least value, and by how much the next one lies above it."""
    lowest, second, at = np.inf, np.inf, -1
    for j in range(begin, end):
        if alive[j]:
            if value[j] < lowest:
                lowest, second, at = value[j], lowest, j
            else:
                second = min(second, value[j])
    return at, second - lowest


@njit(cache=True, nogil=True)
def least_last(bounds: Any, alive: Any, prices: Any, top: int) -> None:
    """Of the first `top` branches the one of the least bound is put last."""
    place, last = np.argmin(bounds[:top]), top - 1
    if place != last:
        flags, numbers = alive[place].copy(), prices[place].copy()
        alive[place], alive[last] = alive[last], flags
        prices[place], prices[last] = prices[last], numbers
        bounds[place], bounds[last] = bounds[last], bounds[place]


@njit(cache=True, nogil=True)
def branched(
    starts: Any,
    cost: Any,
    rows: Any,
    bounds: Any,
    prices: Any,
    bound: float,
    least: float,
    gap: float,
    most: int,
    chosen: Any,
) -> tuple[float, float, int]:
    """As `searched`, from the root's `prices` and `bound` on; `chosen` stays where nothing costs less than `least`.

    A branch is followed down to where it ends, then the one of the least bound is gone on with.
    """
    n, value, proven = len(cost), np.empty(len(cost)), np.inf
    alive, price, limit = np.ones((most + 2, n), np.bool_), np.empty((most + 2, len(bounds))), np.empty(most + 2)
    price[0], limit[0] = prices, bound
    here, own = np.empty(n, np.bool_), np.empty(len(bounds))
    top, looked, diving = 1, 0, False
    while top > 0:
        if not diving:
            least_last(limit, alive, price, top)
        top -= 1
        diving = False
        before = limit[top]
        if before >= least - gap * abs(least) or looked >= most:
            proven = min(proven, before)
            continue
        looked += 1
        here[:], own[:] = alive[top], price[top]
        now, least = climb(starts, cost, rows, bounds, here, own, NODE_STEPS, gap, least, chosen, value)
        wanted = least - gap * abs(least)
        if max(now, before) >= wanted:
            proven = min(proven, max(now, before))
            continue
        where, out = narrowed(starts, cost, value, here, now, wanted)
        proven = min(proven, out)
        if where < 0:  # one choice is left: it is feasible, and then known, or it is not
            proven = min(proven, least)
            continue
        at, more = best_two(starts[where], starts[where + 1], value, here)
        alive[top], price[top], limit[top] = here, own, max(before, now + more)  # without the best item: later
        alive[top, at] = False
        here[starts[where] : starts[where + 1]] = False
        here[at] = True
        alive[top + 1], price[top + 1], limit[top + 1] = here, own, max(before, now)  # with it alone: next
        top += 2
        diving = True
    return least, min(proven, least), looked
