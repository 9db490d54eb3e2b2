"""What can be chosen for each layer of a plan: the cells of a table, the layer as it is, and two methods together.

A choice is named by its option, `rank25+int8` where a transform and an encoding work on one layer: what they do adds
up unless it was measured, and the layer costs what the one leaves of what the other left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from secateur.graph.context import LeftOut
from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.methods.offers import Option
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.workload import Precision, Workload
from secateur.recipe.options import option
from secateur.recipe.tables import encodes, saved_bytes
from secateur.targets.timings import Timings

FLOAT = ""
"""The choice that leaves a layer as it is."""

MOST_SHAPES = 20_000
"""Of layers and options whose costs are kept: sliders come back to the same ones."""
TOGETHER = "+"
"""Stands between the options of a choice of several."""


@dataclass(frozen=True)
class Choice:
    """`faster`: the layer computes faster than it does untouched, or it is the untouched layer itself.

    `longer_between` are the milliseconds that it takes longer where rounded values come before and after it.
    """

    layer: str
    option: str
    damage: float
    costs: Costs
    faster: bool = True
    is_static: bool = False
    longer_between: float = 0.0

    @property
    def is_encoded(self) -> bool:
        """Whether the layer is stored in an encoding then."""
        return _encodes(self.option)

    @property
    def is_single(self) -> bool:
        """Whether it is one option, or none."""
        return TOGETHER not in self.option


@cache
def parts(choice: str) -> tuple[str, ...]:
    """The options that a choice consists of; none of the untouched layer."""
    return tuple(choice.split(TOGETHER)) if choice else ()


@cache
def methods_in(choice: str) -> tuple[Method, ...]:
    """The methods of a choice, in the order in which they run; UserError for an option that does not exist."""
    return tuple(sorted((option(name).method for name in parts(choice)), key=lambda method: method.order))


@cache
def _encodes(choice: str) -> bool:
    return encodes(methods_in(choice))


@cache
def stored_and_computed(choice: str) -> tuple[int | None, Precision | None]:
    """In how many bits a layer's weights are stored then, and what it computes in; None where that does not change."""
    encoding = next((method for method in methods_in(choice) if method.stored_bits is not None), None)
    return (None, None) if encoding is None else (encoding.stored_bits, encoding.computes_in)


def named(options: Iterable[str]) -> str:
    """The choice of these options: what changes the layer stands before how it is stored."""
    methods = {name: option(name).method for name in options}
    return TOGETHER.join(sorted(methods, key=lambda name: (encodes([methods[name]]), methods[name].order)))


@cache
def channels_in(choice: str) -> str:
    """The option of a choice that takes channels; empty where none does."""
    return next((name for name in parts(choice) if option(name).method.changes_widths), FLOAT)


def without_channels(choice: str) -> str:
    """What of a choice is left where the layer keeps its channels."""
    return TOGETHER.join(name for name in parts(choice) if not option(name).method.changes_widths)


@cache
def without_encodings(choice: str) -> str:
    """What of a choice is left where the layer stays in floats."""
    return TOGETHER.join(name for name in parts(choice) if not encodes([option(name).method]))


def words_of(choice: str) -> str:
    """A choice in a sentence: `4-bit`, `25 % rank and 8-bit`, `float`."""
    return " and ".join(option(name).words for name in parts(choice)) or "float"


def choices_of(model: ModelDescription, table: SensitivityTable, timings: Timings | None = None) -> list[Choice]:
    """All that can be chosen while layers keep their channels, the untouched layer among it, layer by layer.

    Channels leave several layers together, and change what others cost: `narrowing.py` has what can be chosen then.

    With `timings` their milliseconds and what is faster are as measured, and what was not measured is left out.
    """
    cells, works = cells_of(table), Works(timings) if timings is not None else None
    return [
        choice for layer in model.weighted_layers for choice in choices_for(layer, cells.get(layer.name, ()), works)
    ]


def cells_of(table: SensitivityTable) -> dict[str, list[Choice]]:
    """Layer → its cells that take no channels."""
    by_layer: dict[str, list[Choice]] = {}
    for row in table.rows:
        if row.damage is not None and not row.unavailable and not option(row.option).method.changes_widths:
            cell = Choice(row.layer, row.option, row.damage, row.costs, row.faster)
            by_layer.setdefault(row.layer, []).append(cell)
    return by_layer


def choices_for(
    layer: Layer, cells: Sequence[Choice], works: "Works | None", narrow: Layer | None = None
) -> list[Choice]:
    """All that can be chosen for one layer; for what is left of it, `narrow`, where it lost channels."""
    single = [Choice(layer.name, FLOAT, 0.0, layer.costs), *cells]
    if narrow is not None:
        before, after = _shaped(layer), _shaped(narrow)
        single = [Choice(layer.name, c.option, c.damage, _of_narrow(c, before, after), c.faster) for c in single]
    every = [*single, *_together(narrow or layer, single)]
    if works is None:
        return every
    return [timed for choice in every if (timed := works.timed(choice, layer, narrow)) is not None]


def _of_narrow(choice: Choice, layer: Layer, narrow: Layer) -> Costs:
    """What a choice costs once the layer lost channels: in proportion to what its method says of both layers."""
    own = Costs(choice.costs.bytes, choice.costs.macs)
    return _predicted(choice.option, narrow).relative_to(_predicted(choice.option, layer), own)


def _shaped(layer: Layer) -> Layer:
    """What of a layer its costs depend on: layers of the same shapes are one."""
    return replace(
        layer, name="", latency_ms=None, coupled=(), readers=(), fixed_channels="", folded_into="", channels_known=True
    )


@lru_cache(maxsize=MOST_SHAPES)
def _predicted(name: str, layer: Layer) -> Costs:
    if not name:
        return layer.costs
    facts = Facts(channel_axis=layer.channel_axis, groups=layer.groups)
    return option(name).method.predict(layer, facts).costs


def _together(layer: Layer, single: Sequence[Choice]) -> list[Choice]:
    """A transform and an encoding on one layer, where no option by itself is as small at no more damage."""
    encodings = [choice for choice in single if choice.is_encoded]
    transforms = [choice for choice in single if choice.option and not choice.is_encoded]
    whole, made = layer.costs, []
    for first in transforms:
        for second in encodings:
            costs = second.costs.relative_to(replace(whole, latency_ms=None), first.costs)
            damage = first.damage + second.damage
            better = (c for c in single if c.costs.bytes <= costs.bytes and c.costs.macs <= costs.macs)
            if not any(c.damage <= damage for c in better):
                name = TOGETHER.join((first.option, second.option))
                made.append(Choice(layer.name, name, damage, costs, first.faster or second.faster))
    return made


def untimed(model: ModelDescription, table: SensitivityTable, timings: Timings) -> tuple[Workload, ...]:
    """What two methods together make of layers, and was not timed: without it such choices are none.

    Only of those that could be chosen: where one option by itself is as good, nothing is to be measured.
    """
    layers = {layer.name: layer for layer in model.weighted_layers}
    found: dict[Workload, None] = {}
    for choice in choices_of(model, table):
        before = timings.layers.get(choice.layer)
        if before is not None and not choice.is_single:
            works = _computed(choice.option, layers[choice.layer], before)
            found |= dict.fromkeys(work for work in works if work not in timings.kernels)
    return tuple(found)


def _computed(name: str, layer: Layer, before: tuple[Workload, ...]) -> tuple[Workload, ...]:
    """What is computed for a layer once a choice was carried out."""
    works = before
    for method in methods_in(name):
        works = method.workloads(layer, works)
    return works


class Works:
    """What a target computes for choices, and how long that takes: layers of the same shapes are asked once."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings
        self._known: dict[object, Told | None] = {}

    def timed(self, choice: Choice, layer: Layer, narrow: Layer | None = None) -> Choice | None:
        """The choice with its milliseconds; None where these were not measured.

        For what is left of a layer that lost channels (`narrow`) they are measured, or in proportion: see
        `Timings.narrowed`.
        """
        before = self._timings.layers.get(choice.layer)
        if before is None:  # of no kind that can be timed: the same whatever is chosen
            return replace(choice, costs=replace(choice.costs, latency_ms=0.0))
        key = (before, choice.option, _shape(layer), narrow and _shape(narrow))
        if key not in self._known:
            self._known[key] = (
                self._ms(choice.option, layer, before)
                if narrow is None
                else self._narrowed_ms(choice.option, layer, narrow, before)
            )
        found = self._known[key]
        if found is None:
            return None
        costs = Costs(choice.costs.bytes, choice.costs.macs, found.ms)
        named = (choice.layer, choice.option, choice.damage)  # `replace` takes several times as long
        return Choice(*named, costs, found.faster, found.is_static, found.longer_between)

    def _ms(self, name: str, layer: Layer, before: tuple[Workload, ...]) -> "Told | None":
        works = _computed(name, layer, before)
        return self._told(name, works, before, self._timings.of(works))

    def _narrowed_ms(self, name: str, layer: Layer, narrow: Layer, before: tuple[Workload, ...]) -> "Told | None":
        works = _computed(name, narrow, narrowed_works(narrow, before))
        return self._told(name, works, before, self._timings.narrowed(works, _computed(name, layer, before)))

    def _told(
        self, name: str, works: tuple[Workload, ...], before: tuple[Workload, ...], ms: float | None
    ) -> "Told | None":
        was = self._timings.of(before)
        if was is None or ms is None:
            return None
        learned, static = self._timings.longer(works, before), is_static(works)
        between = 0.0 if static else self._timings.between(works)
        return Told(ms + learned, name == FLOAT or ms < was, static, between)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a choice: see `Choice`."""

    ms: float
    faster: bool
    is_static: bool
    longer_between: float


def _shape(layer: Layer) -> tuple[int, ...]:
    return layer.weight.shape if layer.weight is not None else ()


def narrowed_works(narrow: Layer, before: tuple[Workload, ...]) -> tuple[Workload, ...]:
    """What is computed for what is left of a layer that lost channels, where it computed `before` with all of them."""
    return tuple(work.narrowed(narrow.in_channels, narrow.out_channels) for work in before)


def is_static(works: tuple[Workload, ...]) -> bool:
    """Whether a layer that is computed so is computed in integers."""
    return bool(works) and works[-1].precision.is_static


def fastest_choices(model: ModelDescription, options: Iterable[Option], timings: Timings) -> list[Choice]:
    """What these options make of each layer, of each kind of kernels one: for milliseconds alone."""
    listed, works = list(options), Works(timings)
    known: dict[tuple[str, float | None, bool, float], Choice] = {}
    for layer in model.weighted_layers:
        able = (each for each in listed if not each.method.supports(layer) and not each.method.changes_widths)
        for name in (FLOAT, *(each.id for each in able)):
            choice = works.timed(Choice(layer.name, name, 0.0, layer.costs), layer)
            if choice is not None:
                known.setdefault((layer.name, choice.costs.latency_ms, choice.is_static, choice.longer_between), choice)
    return list(known.values())


def without_options(model: ModelDescription, table: SensitivityTable) -> tuple[LeftOut, ...]:
    """The layers for which the table has nothing to choose, with its reason: no plan changes them."""
    by_layer: dict[str, list[SensitivityRow]] = {}
    for row in table.rows:
        by_layer.setdefault(row.layer, []).append(row)
    left_out = []
    for layer in model.weighted_layers:
        rows = by_layer.get(layer.name, [])
        if rows and all(row.unavailable or row.damage is None for row in rows):
            reason = next((row.unavailable for row in rows if row.unavailable), "No damage is known for its options.")
            left_out.append(LeftOut(layer.name, reason))
    return tuple(left_out)


def smallest_by_cells(model: ModelDescription, table: SensitivityTable) -> int:
    """The least file size with at most one option a layer; several on one may reach a smaller one."""
    whole = [Choice(layer.name, FLOAT, 0.0, layer.costs) for layer in model.weighted_layers]
    return least_bytes(model, [*whole, *(cell for cells in cells_of(table).values() for cell in cells)])


def least_bytes(model: ModelDescription, choices: Iterable[Choice]) -> int:
    """The file size where of each layer the smallest of these is chosen."""
    least: dict[str, int] = {}
    encoded: dict[str, int] = {}
    for choice in choices:
        least[choice.layer] = min(least.get(choice.layer, choice.costs.bytes), choice.costs.bytes)
        if choice.is_encoded:
            encoded[choice.layer] = min(encoded.get(choice.layer, choice.costs.bytes), choice.costs.bytes)
    among_integers = sum(encoded.values()) - saved_bytes(model)
    mixed = sum(least.values())
    return fixed_bytes(model) + (min(mixed, among_integers) if encoded.keys() == least.keys() else mixed)


def fixed_bytes(model: ModelDescription) -> int:
    """Bytes of the file that no option changes by itself: its structure and the layers without options.

    Those of the file that a plan leads to, in which batch norms are folded into the layers before them.
    """
    others = (layer for layer in model.layers if not layer.is_weighted and not layer.folded_into)
    return model.planned_overhead_bytes + sum(layer.size_bytes for layer in others)
