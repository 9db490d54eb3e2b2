"""What is known of a network's milliseconds in a target: of its layers, of its borders, and of the rest.

A whole network takes longer than its layers' kernels: additions, pools, dispatch; and where a layer in integers meets
one in float, quantizing and dequantizing. The network itself, measured as it is and with all of its layers at each
precision, tells the rest: each layer carries its share, by the size of its output. What a border takes is measured
beside every layer, at its edges; a network with pairs of layers in integers tells how much of it a whole one pays (the
correction). A network all in integers has borders too, at its ends: they are taken out of its rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.targets.flow import Flow

LEAST_CORRECTION, MOST_CORRECTION = 0.25, 2.0
LEAST_OF_A_KERNEL = 0.1
"""The share of its kernel's milliseconds that a layer takes at least, however little the network takes besides."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds: the typical one, the first and last decile; and what its borders took besides, before and after."""

    typical: float
    low: float
    high: float
    enter: float = 0.0
    leave: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """Milliseconds by the number of values: a constant, and so much for each."""

    constant: float = 0.0
    each: float = 0.0

    def at(self, count: int) -> float:
        return self.constant + self.each * count

    @classmethod
    def through(cls, points: Sequence[tuple[int, float]]) -> "Line":
        """The line of least squares, neither part of it negative; of no points nothing."""
        if not points:
            return cls()
        counts, times = (np.array(values, dtype=float) for values in zip(*points, strict=True))
        spread = counts - counts.mean()
        each = float((spread * times).sum() / (spread**2).sum()) if (spread**2).sum() > 0 else 0.0
        each = max(0.0, each)
        return cls(max(0.0, float(times.mean() - each * counts.mean())), each)

    def plus(self, other: "Line") -> "Line":
        return Line(self.constant + other.constant, self.each + other.each)


Works = Mapping[str, tuple[Workload, ...]]
"""Layer → what is computed for it."""


@dataclass(frozen=True)
class Timings:
    """`layers` says what is computed for each layer as it is, `kernels` how long each workload takes.

    `wholes` are milliseconds of the whole network with all layers at a precision; `mixed` is the network with
    `mixed_layers` at `mixed_precision` and the others in float. `flow` says what goes from where to where.
    """

    target: str
    threads: int
    layers: Works = field(default_factory=dict)
    kernels: Mapping[Workload, Spread] = field(default_factory=dict)
    wholes: Mapping[Precision, float] = field(default_factory=dict)
    flow: Flow = field(default_factory=Flow)
    mixed: float | None = None
    mixed_layers: frozenset[str] = frozenset()
    mixed_precision: Precision = FLOAT
    channel_step: int | None = None
    """What divides the widths that the target's kernels like here; None where that was not measured."""

    def of(self, works: tuple[Workload, ...]) -> float | None:
        """Milliseconds of a layer that is computed so, with its share of the rest; None where it was not measured.

        A rest that is less than nothing, as kernels are quicker among others than alone, leaves a layer some time.
        """
        own, part = self._kernels_of(works), self.part_of(works)
        return None if own is None or part is None else max(LEAST_OF_A_KERNEL * own, part)

    def part_of(self, works: tuple[Workload, ...]) -> float | None:
        """What a layer that is computed so adds to the network: as `of`, less than nothing where the rest is.

        The parts of all layers and what borders cost are what `plan` tells.
        """
        own = self._kernels_of(works)
        return None if own is None else own + self._share(works[-1], self._rests)

    def narrowed(self, works: tuple[Workload, ...], whole: tuple[Workload, ...]) -> tuple[float, float] | None:
        """(as `of`, as `part_of`) of a layer that lost channels, and computed `whole` with all of them.

        Kernels that were not measured take the milliseconds of the whole ones, in proportion to what is multiplied.
        """
        if not works or len(works) != len(whole):
            return None
        own = 0.0
        for work, before in zip(works, whole, strict=True):
            known, wide = self.kernels.get(work), self.kernels.get(before)
            if known is not None:
                own += known.typical
            elif wide is not None:
                own += wide.typical * work.macs / max(before.macs, 1)
            else:
                return None
        part = own + self._share(works[-1], self._rests)
        return max(LEAST_OF_A_KERNEL * own, part), part

    def _kernels_of(self, works: tuple[Workload, ...]) -> float | None:
        spreads = [self.kernels.get(work) for work in works]
        if not works or any(spread is None for spread in spreads):
            return None
        return sum(s.typical for s in spreads if s is not None)

    def _share(self, last: Workload, rests: Mapping[Precision, float]) -> float:
        """A layer's share of the rest, by the size of its output."""
        return rests.get(last.precision, rests.get(FLOAT, 0.0)) * last.output_count / max(1, self._outputs)

    def as_is(self, layer: str) -> float | None:
        """Milliseconds of a layer as it is."""
        return self.of(self.layers.get(layer, ()))

    @property
    def whole(self) -> float | None:
        """Milliseconds of the network as it is, as measured."""
        return self.wholes.get(FLOAT)

    @cached_property
    def _outputs(self) -> int:
        return sum(works[-1].output_count for works in self.layers.values() if works)

    @cached_property
    def _rests(self) -> dict[Precision, float]:
        """What the whole network takes beyond its layers' kernels and borders where all are at a precision."""
        return {
            precision: rest - self.correction * self._borders(self._layers_at(precision))
            for precision, rest in self._rests_with_borders.items()
        }

    @cached_property
    def _rests_with_borders(self) -> dict[Precision, float]:
        rests = {}
        for precision, whole in self.wholes.items():
            own = [self.kernels.get(work.at(precision)) for works in self.layers.values() for work in works]
            if all(spread is not None for spread in own):
                rests[precision] = whole - sum(spread.typical for spread in own if spread is not None)
        return rests

    # ------------------------------------------------------------------ borders

    @cached_property
    def quantizing(self) -> Line:
        """Of values that a float layer makes and integers are made of."""
        entering = [(w.input_count, s.enter) for w, s in self.kernels.items() if w.precision.is_static]
        leaving = [(w.output_count, s.leave) for w, s in self.kernels.items() if w.precision.is_float]
        return Line.through(entering).plus(Line.through(leaving))

    @cached_property
    def dequantizing(self) -> Line:
        """Of integers that a float layer reads."""
        leaving = [(w.output_count, s.leave) for w, s in self.kernels.items() if w.precision.is_static]
        entering = [(w.input_count, s.enter) for w, s in self.kernels.items() if w.precision.is_float]
        return Line.through(leaving).plus(Line.through(entering))

    def between(self, works: tuple[Workload, ...]) -> float:
        """What a float layer takes longer where integers come before and after it; no other layer does."""
        floats = [work for work in works if work.precision.is_float]
        apart = [self.kernels.get(work.at(BETWEEN)) for work in floats]
        plain = [self.kernels.get(work) for work in floats]
        return sum(a.typical - p.typical for a, p in zip(apart, plain, strict=True) if a is not None and p is not None)

    @cached_property
    def correction(self) -> float:
        """How much of what borders take by themselves a whole network pays."""
        if self.mixed is None:
            return 1.0
        works = {
            name: tuple(work.at(self.mixed_precision) for work in own) if name in self.mixed_layers else own
            for name, own in self.layers.items()
        }
        alone, borders = self._alone(works, self._rests_with_borders), self._borders(works)
        static = self._layers_at(self.mixed_precision)
        if alone is None:
            return 1.0
        # what is in integers carries its share of the borders that the network has where all of it is
        inside = sum(works[name][-1].output_count for name in self.mixed_layers if works.get(name))
        borders -= self._borders(static) * inside / max(1, self._outputs)
        if borders <= 0:
            return 1.0
        return min(MOST_CORRECTION, max(LEAST_CORRECTION, (self.mixed - alone) / borders))

    def _layers_at(self, precision: Precision) -> Works:
        return {name: tuple(work.at(precision) for work in works) for name, works in self.layers.items()}

    def plan(self, works: Works) -> float | None:
        """Milliseconds of the whole network where its layers are computed so; None where one was not measured."""
        if self.whole is None or self._rests.get(FLOAT) is None:
            return None
        alone = self._alone(works, self._rests)
        return None if alone is None else max(0.0, alone + self.correction * self._borders(works))

    def _alone(self, works: Works, rests: Mapping[Precision, float]) -> float | None:
        """All layers, and those in float that stand between integers as they are computed there."""
        rounded = self.flow.rounded(static_layers(works))
        kernels = [self._kernels_of(own) for own in works.values()]
        if any(ms is None for ms in kernels):
            return None
        shares = sum(self._share(own[-1], rests) for own in works.values())
        apart = sum(self.between(works[name]) for name in rounded.between if name in works)
        return sum(ms for ms in kernels if ms is not None) + shares + apart

    def _borders(self, works: Works) -> float:
        rounded = self.flow.rounded(static_layers(works))
        quantized = sum(self.quantizing.at(self._count(name, works)) for name in rounded.quantized)
        return quantized + sum(self.dequantizing.at(self._count(name, works)) for name in rounded.dequantized)

    def count_of(self, value: str, works: Works | None = None) -> int:
        """How many numbers a value of the network holds: of the untouched one, or where its layers compute `works`."""
        return self._count(value, self.layers if works is None else works)

    def _count(self, value: str, works: Works) -> int:
        """How many numbers a value holds: those that its layer puts out, or the most of what its operator reads.

        An input of the network holds what the layer behind it reads.
        """
        if value not in self.flow.sources:
            readers = [works[reader][0].input_count for reader in self.flow.readers.get(value, ()) if works.get(reader)]
            return max(readers, default=0)
        return _count(value, works, self.flow, frozenset())


def _count(value: str, works: Works, flow: Flow, seen: frozenset[str]) -> int:
    if works.get(value):
        return works[value][-1].output_count
    sources = [source for source in flow.sources.get(value, ()) if source not in seen]
    return max((_count(source, works, flow, seen | {value}) for source in sources), default=0)


def static_layers(works: Mapping[str, tuple[Workload, ...]]) -> frozenset[str]:
    """The layers that are computed in integers."""
    return frozenset(name for name, own in works.items() if own and own[-1].precision.is_static)
