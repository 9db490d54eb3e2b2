"""What is known of a network's milliseconds in a target: of its layers, of its borders, and of the rest.

A whole network takes other than its layers' kernels alone: additions, pools, dispatch, values that are in the cache or
not; and where a layer in integers meets one in float, quantizing and dequantizing. The network itself, measured as it
is and with all of its layers at each precision, tells the multiple: the same of every kernel, so that none looks
quicker than it is beside another. What a border takes is measured beside every layer, at its edges; a network with
pairs of layers in integers tells how much of it a whole one pays (the correction). A network all in integers has
borders too, at its ends: they are none of its layers' time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.targets.flow import Flow

LEAST_CORRECTION, MOST_CORRECTION = 0.25, 2.0
LEAST_LEARNED, MOST_LEARNED = -0.5, 2.0
LEAST_OF_A_KERNEL = 0.01
"""The share of its kernel's milliseconds that a layer takes at least, however little the network takes."""
MOST_OF_BORDERS = 0.5
"""The share of a network all in integers that its borders take at most."""


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
    learned: float = 0.0
    """What layers that compute otherwise than now take longer than is told of them, for each ms that they take now."""

    def of(self, works: tuple[Workload, ...]) -> float | None:
        """Milliseconds of a layer that is computed so, among others; None where it was not measured.

        Those of all layers and what borders cost are what `plan` tells.
        """
        spreads = [self.kernels.get(work) for work in works]
        if not works or any(spread is None for spread in spreads):
            return None
        return sum(
            s.typical * self._among_others(work) for work, s in zip(works, spreads, strict=True) if s is not None
        )

    def narrowed(self, works: tuple[Workload, ...], whole: tuple[Workload, ...]) -> float | None:
        """As `of` a layer that lost channels, and computed `whole` with all of them.

        Kernels that were not measured take the milliseconds of the whole ones, in proportion to what is multiplied.
        """
        if not works or len(works) != len(whole):
            return None
        total = 0.0
        for work, before in zip(works, whole, strict=True):
            known, wide = self.kernels.get(work), self.kernels.get(before)
            if known is not None:
                total += known.typical * self._among_others(work)
            elif wide is not None:
                total += wide.typical * self._among_others(work) * work.macs / max(before.macs, 1)
            else:
                return None
        return total

    def longer(self, works: tuple[Workload, ...], before: tuple[Workload, ...]) -> float:
        """What plans that were tried have taught of a layer that computed `before`: nothing where it still does.

        Weights that are only stored otherwise change nothing of what is computed.
        """
        same = [work.at(FLOAT) for work in works] == [work.at(FLOAT) for work in before]
        if not self.learned or (same and not any(work.precision.is_static for work in works)):
            return 0.0
        return self.learned * (self.of(before) or 0.0)

    def having_tried(self, works: Works, told: float, ms: float) -> "Timings":
        """The same, having learned that a plan whose layers are computed so takes `ms` where `told` was told.

        The difference is shared out among the layers that it changes, by what they take now.
        """
        plain = replace(self, learned=1.0)
        changed = sum(plain.longer(own, self.layers[name]) for name, own in works.items())
        if changed <= 0:
            return self
        return replace(self, learned=min(MOST_LEARNED, max(LEAST_LEARNED, self.learned + (ms - told) / changed)))

    def _among_others(self, work: Workload) -> float:
        """What a kernel takes in the whole network, as a multiple of what it takes alone."""
        return self._multiples.get(work.precision, self._multiples.get(FLOAT, 1.0))

    def as_is(self, layer: str) -> float | None:
        """Milliseconds of a layer as it is."""
        return self.of(self.layers.get(layer, ()))

    @property
    def whole(self) -> float | None:
        """Milliseconds of the network as it is, as measured."""
        return self.wholes.get(FLOAT)

    @cached_property
    def _multiples(self) -> dict[Precision, float]:
        """What the whole network without its borders takes as a multiple of its kernels, where all are at a precision.

        A network all in integers has borders too, at its ends and around what no integers are computed of.
        """
        return {
            precision: max(LEAST_OF_A_KERNEL, (whole - self.correction * borders) / kernels)
            for precision, (whole, kernels, borders) in self._uniform.items()
        }

    @cached_property
    def _uniform(self) -> dict[Precision, tuple[float, float, float]]:
        """(milliseconds of the whole network, of its kernels alone, of its borders), with all layers at a precision."""
        found = {}
        for precision, whole in self.wholes.items():
            works = self._layers_at(precision)
            kernels = self._kernels(works)
            if kernels:
                found[precision] = (whole, kernels, self._borders(works))
        return found

    def _kernels(self, works: Works) -> float | None:
        spreads = [self.kernels.get(work) for own in works.values() for work in own]
        return None if any(s is None for s in spreads) else sum(s.typical for s in spreads if s is not None)

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
        """How much of what borders take by themselves a whole network pays: what the mixed network tells.

        Its layers take what they do where all are as they are in it, without the borders of that.
        """
        uniform = [self._uniform.get(precision) for precision in (FLOAT, self.mixed_precision)]
        if self.mixed is None or any(one is None for one in uniform):
            return 1.0
        works = {
            name: tuple(work.at(self.mixed_precision) for work in own) if name in self.mixed_layers else own
            for name, own in self.layers.items()
        }
        layers, borders = self._between_in(works), self._borders(works)
        for (whole, kernels, around), is_static in zip([one for one in uniform if one], (False, True), strict=True):
            own = {name: each for name, each in works.items() if (name in self.mixed_layers) == is_static}
            share = (self._kernels(own) or 0.0) / kernels
            layers += whole * share
            borders -= around * share
        if borders <= 0:
            return 1.0
        told = min(MOST_CORRECTION, max(LEAST_CORRECTION, (self.mixed - layers) / borders))
        whole, _, around = uniform[1] or (0.0, 0.0, 0.0)
        return min(told, MOST_OF_BORDERS * whole / around) if around > 0 else told

    def _layers_at(self, precision: Precision) -> Works:
        return {name: tuple(work.at(precision) for work in works) for name, works in self.layers.items()}

    def plan(self, works: Works) -> float | None:
        """Milliseconds of the whole network where its layers are computed so; None where one was not measured."""
        own = [self.of(each) for each in works.values()]
        if self.whole is None or FLOAT not in self._multiples or any(ms is None for ms in own):
            return None
        longer = sum(self.longer(each, self.layers[name]) for name, each in works.items())
        alone = sum(ms for ms in own if ms is not None) + self._between_in(works) + longer
        return max(0.0, alone + self.correction * self._borders(works))

    def _between_in(self, works: Works) -> float:
        """What float layers between integers take longer than as floats."""
        rounded = self.flow.rounded(static_layers(works))
        return sum(self.between(works[name]) for name in rounded.between if name in works)

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
