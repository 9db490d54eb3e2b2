"""What goes from where to where in a network, and what of it is rounded to integers: told without the graph.

Values are called after what makes them: a layer (with the activation that it is computed with), or an operator.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Rounded:
    """For a choice of layers in integers: the values that are `quantized` and `dequantized` behind what makes them.

    `between` are the float layers that read rounded values and whose own output is rounded again: runtimes round their
    weights and compute them in integers too, so that nothing is dequantized for them.
    """

    quantized: frozenset[str] = frozenset()
    dequantized: frozenset[str] = frozenset()
    between: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Flow:
    """`sources`: layer or operator → what it reads, in the order of the graph; what has no source is an input.

    `layers` are those that can be in integers; `integer` operators compute in integers where all that they read is
    rounded; all others read floats.
    """

    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layers: frozenset[str] = frozenset()
    integer: frozenset[str] = frozenset()

    @cached_property
    def readers(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, sources in self.sources.items():
            for source in sources:
                found[source] = (*found.get(source, ()), name)
        return found

    def rounded(self, static: Collection[str]) -> Rounded:
        """What is rounded where the layers `static` are computed in integers."""
        grid = {source for name in static for source in self.sources.get(name, ())} | set(static)
        integers = set(static)
        for name, sources in self.sources.items():
            if name in self.integer and sources and all(source in grid for source in sources):
                grid.add(name)
                integers.add(name)
        between = frozenset(
            name
            for name in self.layers
            if name in grid and name not in integers and any(source in grid for source in self.sources.get(name, ()))
        )
        computed = integers | between
        return Rounded(
            frozenset(name for name in grid if name not in computed),
            frozenset(n for n in grid if any(reader not in computed for reader in self.readers.get(n, ()))),
            between,
        )
