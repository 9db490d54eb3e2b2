"""What borders between integers and floats cost a plan: a function of which layers are computed in integers.

A layer in integers rounds what it reads and what it makes; where a float layer makes or reads a rounded value, it is
quantized or dequantized, and a float layer with rounded values before and behind it may be computed otherwise. That is
no sum over the layers, but near any plan it is one: what a layer adds to the borders where it changes alone.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secateur.targets.timings import Timings, Works

Flags = NDArray[np.bool_]


class Borders:
    """For the layers of `names`, in their order, in a network that was timed.

    `works` is what its layers compute where they have lost channels.
    """

    def __init__(self, timings: "Timings", names: "Sequence[str]", works: "Works | None" = None) -> None:
        self._flow = timings.flow
        self._places = {name: place for place, name in enumerate(names)}
        values = dict.fromkeys([*names, *self._flow.sources, *self._flow.readers])
        counts = {value: timings.count_of(value, works) for value in values}
        factor = timings.correction
        self._quantize = {value: factor * timings.quantizing.at(count) for value, count in counts.items()}
        self._dequantize = {value: factor * timings.dequantizing.at(count) for value, count in counts.items()}
        apart = {name: timings.between(timings.layers.get(name, ())) for name in names if name in self._flow.layers}
        self._around: dict[bytes, tuple[NDArray[np.float64], float]] = {}
        self._known: dict[bytes, float] = {}
        self._between = apart

    def of(self, static: Flags) -> float:
        """Milliseconds of one plan, whose layers `static` (layers,) are in integers: plans that are asked for again and
        again differ in other things."""
        key = static.tobytes()
        if key not in self._known:
            self._known[key] = float(self.ms(static[None])[0])
        return self._known[key]

    def ms(self, static: Flags) -> NDArray[np.float64]:
        """Milliseconds (plans,) that all borders take where the layers of `static` (plans, layers) are in integers."""
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
        total = np.zeros(plans)
        computed = dict(integer)
        for name, longer in self._between.items():
            before = [grid.get(source, nowhere) for source in self._flow.sources.get(name, ())]
            if before:
                between = grid.get(name, nowhere) & ~integer[name] & np.logical_or.reduce(before)
                computed[name] = integer[name] | between
                total += longer * between
        for value, rounded in grid.items():
            total += self._quantize[value] * (rounded & ~computed.get(value, nowhere))
            readers = self._flow.readers.get(value, ())
            if readers:
                floats = np.logical_or.reduce([~computed.get(reader, nowhere) for reader in readers])
                total += self._dequantize[value] * (rounded & floats)
        return total

    def around(self, static: Flags) -> tuple[NDArray[np.float64], float]:
        """(what each layer adds where it is in integers, the rest): a sum that is exact for the plan `static` (layers,)
        and for those that differ from it in one layer."""
        known = self._around.get(static.tobytes())
        if known is not None:
            return known
        count = len(static)
        every = np.tile(static, (2 * count + 1, 1))
        every[np.arange(count), np.arange(count)] = True
        every[count + np.arange(count), np.arange(count)] = False
        ms = self.ms(every)
        each = ms[:count] - ms[count : 2 * count]
        self._known[static.tobytes()] = float(ms[-1])
        self._around[static.tobytes()] = found = each, float(ms[-1] - each[static].sum())
        return found
