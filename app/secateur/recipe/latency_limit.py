"""What borders between integers and floats cost a plan: a function of which layers are computed in integers.

A layer in integers rounds what it reads and what it makes; where a float layer makes or reads a rounded value, it is
quantized or dequantized, and a float layer with rounded values before and behind it may be computed otherwise. That is
no sum over the layers, but near any plan it is one: what a layer adds to the borders where it changes alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secateur.targets.timings import Timings, Works

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Near:
    """Borders near a plan: exact for it, and for plans that differ from it in one layer whose neighbours are as usual.

    `each` (layers,) is what a layer adds where it is in integers, `rest` what is there besides; `between` (layers,)
    are the layers that have rounded values before and behind them where they are in float.
    """

    each: Floats
    rest: float
    between: Flags


class Borders:
    """For the layers of `names`, in their order, in a network that was timed.

    `works` is what its layers compute where they have lost channels. `longer` (layers,) is what the layers take longer
    between rounded values where they are left as they are: that of the plan's choices is for the caller to add.
    """

    def __init__(
        self, timings: "Timings", names: "Sequence[str]", longer: Floats, works: "Works | None" = None
    ) -> None:
        self._flow = timings.flow
        self._places = {name: place for place, name in enumerate(names)}
        values = dict.fromkeys([*names, *self._flow.sources, *self._flow.readers])
        counts = {value: timings.count_of(value, works) for value in values}
        factor = timings.correction
        self._quantize = {value: factor * timings.quantizing.at(count) for value, count in counts.items()}
        self._dequantize = {value: factor * timings.dequantizing.at(count) for value, count in counts.items()}
        self._longer = longer
        self._near: dict[bytes, Near] = {}
        self._known: dict[bytes, tuple[float, Flags]] = {}

    def of(self, static: Flags) -> tuple[float, Flags]:
        """As `told` of one plan, whose layers `static` (layers,) are in integers: plans that are asked for again and
        again differ in other things."""
        key = static.tobytes()
        if key not in self._known:
            ms, between = self.told(static[None])
            self._known[key] = float(ms[0]), between[0]
        return self._known[key]

    def told(self, static: Flags) -> tuple[Floats, Flags]:
        """For plans whose layers `static` (plans, layers) are in integers: milliseconds (plans,) of quantizing and
        dequantizing, and which float layers (plans, layers) have rounded values before and behind them."""
        plans = len(static)
        nowhere = np.zeros(plans, dtype=np.bool_)
        integer = {name: static[:, place] for name, place in self._places.items()}
        grid = dict(integer)
        for name, sources in self._flow.sources.items():
            if name in self._places:
                for source in sources:
                    grid[source] = grid.get(source, nowhere) | integer[name]
        for name, sources in self._flow.sources.items():  # in the order of the graph
            if name in self._flow.integer and name not in self._places and sources:
                together = np.logical_and.reduce([grid.get(source, nowhere) for source in sources])
                integer[name] = together
                grid[name] = grid.get(name, nowhere) | together
        total, between = np.zeros(plans), np.zeros_like(static)
        computed = dict(integer)
        for name, place in self._places.items():
            before = [grid.get(source, nowhere) for source in self._flow.sources.get(name, ())]
            if before and name in self._flow.layers:
                between[:, place] = grid.get(name, nowhere) & ~integer[name] & np.logical_or.reduce(before)
                computed[name] = integer[name] | between[:, place]
        for value, rounded in grid.items():
            total += self._quantize[value] * (rounded & ~computed.get(value, nowhere))
            readers = self._flow.readers.get(value, ())
            if readers:
                floats = np.logical_or.reduce([~computed.get(reader, nowhere) for reader in readers])
                total += self._dequantize[value] * (rounded & floats)
        return total, between

    def near(self, static: Flags) -> Near:
        """A sum over the layers that is exact for the plan `static` (layers,) and for its neighbours."""
        key = static.tobytes()
        if key not in self._near:
            count = len(static)
            every = np.tile(static, (2 * count + 1, 1))
            every[np.arange(count), np.arange(count)] = True
            every[count + np.arange(count), np.arange(count)] = False
            ms, between = self.told(every)
            own = between[count : 2 * count].diagonal().copy()
            longer = ms + between @ self._longer
            each = longer[:count] - longer[count : 2 * count] + own * self._longer  # its own is the choice's to add
            self._known[key] = float(ms[-1]), between[-1]
            self._near[key] = Near(each, float(ms[-1] - each[static].sum()), own)
        return self._near[key]
