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
    from collections.abc import Mapping, Sequence

    from secateur.targets.timings import Timings, Works

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
        flow, factor = timings.flow, timings.correction
        listed = list(dict.fromkeys([*flow.sources, *names, *flow.readers]))
        places = {value: place for place, value in enumerate(listed)}
        counts = [timings.count_of(value, works) for value in listed]
        layers = set(names)
        operators = [v for v, sources in flow.sources.items() if v in flow.integer and v not in layers and sources]
        self._network = (
            np.array([places[name] for name in names], dtype=np.int64),
            np.array([name in flow.layers for name in names], dtype=np.bool_),
            np.array([places[value] for value in operators], dtype=np.int64),
            *_listed(flow.sources, listed, places),
            *_listed(flow.readers, listed, places),
            np.array([factor * timings.quantizing.at(count) for count in counts]),
            np.array([factor * timings.dequantizing.at(count) for count in counts]),
        )
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
        from secateur.recipe.borders_kernel import told

        total, between = np.zeros(len(static)), np.zeros_like(static)
        told(static, *self._network, total, between)
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


def _listed(
    each: "Mapping[str, Sequence[str]]", values: "Sequence[str]", places: "Mapping[str, int]"
) -> tuple[Integers, Integers]:
    """(starts (values + 1,), places): of each value its sources or readers, one behind the other."""
    own = [[places[other] for other in each.get(value, ())] for value in values]
    starts = np.cumsum([0, *map(len, own)])
    return starts.astype(np.int64), np.array([place for one in own for place in one], dtype=np.int64)
