"""Milliseconds as a linear function of a budget's choices: the layers', and what borders between them cost.

A layer in integers rounds what it reads and what it makes; where a float layer makes or reads a rounded value, it is
quantized or dequantized, and a float layer with rounded values before and behind it may be computed otherwise. Each of
these is a variable between 0 and 1 beside the choices, held from below by them; the programme makes it as small as it
may be, which is what the network does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.targets.timings import Timings


@dataclass(frozen=True)
class Chosen:
    """What a budget's choice is to a target: `ms` of its layer, and whether that is computed in integers then."""

    layer: str
    ms: float
    is_static: bool


@dataclass
class _Rows:
    """Rows of `sum of coefficient × variable ≥ bound`; variables are the choices, then further ones as they come."""

    count: int
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: list[tuple[dict[int, float], float]] = field(default_factory=list)

    def variable(self, kind: str, name: str) -> int:
        return self.names.setdefault((kind, name), self.count + len(self.names))

    def at_least(self, bound: float, *terms: tuple[float, dict[int, float]]) -> None:
        row: dict[int, float] = {}
        for factor, parts in terms:
            for index, value in parts.items():
                row[index] = row.get(index, 0.0) + factor * value
        self.rows.append((row, bound))


@dataclass(frozen=True)
class LatencyTerms:
    """`cost` are milliseconds for each variable, the choices first; `matrix` × variables ≥ `bounds`."""

    cost: NDArray[np.float64]
    matrix: Any
    bounds: NDArray[np.float64]

    @property
    def further(self) -> int:
        """How many variables there are besides the choices."""
        return len(self.cost) - self.choices

    choices: int = 0


def latency_terms(choices: Sequence[Chosen], timings: Timings) -> LatencyTerms:
    """The milliseconds of a plan by its choices; see the head of this file."""
    from scipy.sparse import csr_array

    rows = _Rows(len(choices))
    static: dict[str, dict[int, float]] = {}
    for place, choice in enumerate(choices):
        if choice.is_static:
            static.setdefault(choice.layer, {})[place] = 1.0
    costs = {place: choice.ms for place, choice in enumerate(choices)}
    flow, sizes = timings.flow, timings.layers
    integer: dict[str, dict[int, float]] = dict(static)

    def grid(name: str) -> dict[int, float]:
        return {rows.variable("grid", name): 1.0}

    for name, sources in flow.sources.items():
        if name in static:
            for value in (name, *sources):
                rows.at_least(0.0, (1.0, grid(value)), (-1.0, static[name]))
        elif name in flow.integer and sources:
            own = {rows.variable("integer", name): 1.0}
            integer[name] = own
            for source in sources:
                rows.at_least(0.0, (1.0, grid(source)), (-1.0, own))
            together = [(-1.0, grid(source)) for source in sources]
            rows.at_least(1.0 - len(sources), (1.0, grid(name)), *together)
            rows.at_least(0.0, (1.0, grid(name)), (-1.0, own))
    for value in {kind_name[1] for kind_name in rows.names if kind_name[0] == "grid"}:
        count = timings.count_of(value)
        quantized = {rows.variable("quantized", value): 1.0}
        rows.at_least(0.0, (1.0, quantized), (-1.0, grid(value)), (1.0, integer.get(value, {})))
        costs[next(iter(quantized))] = timings.correction * timings.quantizing.at(count)
        for reader in flow.readers.get(value, ()):
            back = {rows.variable("dequantized", value): 1.0}
            rows.at_least(0.0, (1.0, back), (-1.0, grid(value)), (1.0, integer.get(reader, {})))
            costs[next(iter(back))] = timings.correction * timings.dequantizing.at(count)
    for name in flow.layers & set(static):
        longer = timings.between(sizes.get(name, ()))
        if longer <= 0:
            continue
        for source in flow.sources.get(name, ()):
            apart = {rows.variable("between", name): 1.0}
            rows.at_least(-1.0, (1.0, apart), (-1.0, grid(name)), (-1.0, grid(source)), (1.0, static[name]))
            costs[next(iter(apart))] = longer
    width = rows.count + len(rows.names)
    cost = np.zeros(width)
    for index, ms in costs.items():
        cost[index] = ms
    entries = [(i, index, value) for i, (row, _) in enumerate(rows.rows) for index, value in row.items()]
    places, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = csr_array((values, (places, columns)), shape=(len(rows.rows), width))
    return LatencyTerms(cost, matrix, np.array([bound for _, bound in rows.rows]), len(choices))
