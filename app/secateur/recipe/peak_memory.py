"""The most that a plan holds at once: its weights, and the values that are alive at each step of the network.

A value is alive from the step that makes it to the last that reads it; a step holds what it reads and what it makes.
Values are float32, and single bytes where a layer or an operator makes them in integers. What a runtime keeps besides
(its own code, scratch space of its kernels) is not counted.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secateur.targets.timings import Timings, Works

FLOAT_BYTES, INTEGER_BYTES = 4.0, 1.0
STEPS = 6
"""Steps that are limited at a time: those that hold most around a plan; of others, plans are checked afterwards."""

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


class PeakMemory:
    """For the layers of `names`, in their order, in a network whose flow is known.

    `works` is what its layers compute where they have lost channels.
    """

    def __init__(self, timings: "Timings", names: "Sequence[str]", works: "Works | None" = None) -> None:
        self._flow = flow = timings.flow
        self._places = {name: place for place, name in enumerate(names)}
        steps = list(flow.sources)
        made = {name: number for number, name in enumerate(steps)}
        values = list(dict.fromkeys([*(v for own in flow.sources.values() for v in own), *steps]))
        alive = np.zeros((len(values), max(len(steps), 1)), dtype=np.bool_)
        for number, value in enumerate(values):
            begin = made.get(value, 0)
            end = max((made[reader] for reader in flow.readers.get(value, ()) if reader in made), default=begin)
            alive[number, begin : end + 1] = True
        self._values = values
        self._counts = np.array([float(timings.count_of(value, works)) for value in values])
        least = (alive * (INTEGER_BYTES * self._counts)[:, None]).sum(axis=0)
        most = (alive * (FLOAT_BYTES * self._counts)[:, None]).sum(axis=0)
        # a step that holds less in floats than another does in integers is never the peak
        self._alive = alive[:, most >= least.max(initial=0.0)]

    def held(self, static: Flags) -> Floats:
        """Bytes of values (plans, steps) at steps that can be the peak; `static` (plans, layers) are in integers."""
        integer: dict[str, Flags] = {name: static[:, place] for name, place in self._places.items()}
        nowhere = np.zeros(len(static), dtype=np.bool_)
        for name, sources in self._flow.sources.items():
            if name in self._flow.integer and name not in self._places and sources:
                integer[name] = np.logical_and.reduce([integer.get(source, nowhere) for source in sources])
        whole = np.stack([integer.get(value, nowhere) for value in self._values], axis=1)
        sizes = self._counts * np.where(whole, INTEGER_BYTES, FLOAT_BYTES)
        return np.asarray(sizes @ self._alive)

    def around(self, static: Flags) -> tuple[Floats, Floats]:
        """(what each layer adds at each step where it is in integers (layers, steps), the rest (steps,)).

        Exact for the plan `static` (layers,) and those that differ from it in one layer; of steps with the same
        changes the one that holds most.
        """
        count = len(static)
        every = np.tile(static, (2 * count + 1, 1))
        every[np.arange(count), np.arange(count)] = True
        every[count + np.arange(count), np.arange(count)] = False
        held = self.held(every)
        each = held[:count] - held[count : 2 * count]
        rest = held[-1] - each[static].sum(axis=0)
        keep = np.argsort(-held[-1], kind="stable")[:STEPS]
        return each[:, keep], rest[keep]
