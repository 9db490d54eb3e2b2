"""How fast a plan will be: what a target computes for each layer once the plan was carried out."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.model.description import Layer, ModelDescription
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.workload import BETWEEN, Workload
from secateur.recipe.options import option
from secateur.recipe.recipe import Recipe
from secateur.recipe.widths import Lost, channels_lost, shrunk
from secateur.targets.base import Target
from secateur.targets.timings import Timings

FLOAT = ""
"""The option that leaves a layer as it is."""

NO_FACTS: Mapping[str, Facts] = MappingProxyType({})


def works_after(
    model: ModelDescription,
    recipe: Recipe,
    timings: Timings,
    names: Iterable[str] | None = None,
    facts: Mapping[str, Facts] = NO_FACTS,
) -> dict[str, tuple[Workload, ...]]:
    """Layer → what is computed for it after the plan, of all layers or of those of `names`.

    `facts` tell what is kept of a layer where that depends on its weights.
    """
    lost = channels_lost(model, recipe)
    layers = {layer.name: layer for layer in model.weighted_layers}
    chosen = timings.layers if names is None else set(names)
    return {
        name: _works(layers[name], lost.get(name, Lost()), recipe, works, facts.get(name))
        for name, works in timings.layers.items()
        if name in chosen and name in layers
    }


def _works(
    layer: Layer, lost: Lost, recipe: Recipe, before: tuple[Workload, ...], facts: Facts | None
) -> tuple[Workload, ...]:
    works, narrow = before, layer
    if lost.outputs or lost.inputs:
        narrow = shrunk(layer, lost)
        works = tuple(work.narrowed(narrow.in_channels, narrow.out_channels) for work in before)
    for step in recipe.final:
        method = step.method
        if method.scope == "layer" and step.selects(layer.name) and not method.supports(layer):
            works = method.workloads(narrow, works, facts)
    return works


def plan_ms(
    model: ModelDescription,
    recipe: Recipe,
    timings: Timings,
    measured: float | None = None,
    facts: Mapping[str, Facts] = NO_FACTS,
) -> float | None:
    """Milliseconds of the network after the plan; None where something that it leads to was not measured.

    `measured` is the untouched network's latency where it is shown beside: the answer is then in proportion to it.
    """
    if not recipe.steps and measured is not None:
        return measured
    ms = timings.plan(works_after(model, recipe, timings, facts=facts))
    if ms is None or measured is None or not timings.whole:
        return ms
    return ms * measured / timings.whole


def layers_ms(
    model: ModelDescription,
    recipe: Recipe,
    timings: Timings,
    names: Iterable[str],
    facts: Mapping[str, Facts] = NO_FACTS,
) -> tuple[float | None, float | None]:
    """Milliseconds of these layers together, as they are and after the plan, without what borders cost."""
    listed = [name for name in names if name in timings.layers]
    after = works_after(model, recipe, timings, listed, facts)
    return _sum(timings.as_is(name) for name in listed), _sum(timings.of(after.get(name, ())) for name in listed)


def to_be_timed(
    model: ModelDescription, recipe: Recipe, timings: Timings, facts: Mapping[str, Facts] = NO_FACTS
) -> tuple[Workload, ...]:
    """The workloads that a plan leads to and that were not measured: of narrowed layers, and of their factors."""
    works = [work for own in works_after(model, recipe, timings, facts=facts).values() for work in own]
    new = [work for work in works if work not in timings.kernels]
    if any(work.precision.is_static for work in works):  # what stays in float may then stand between integers
        new += [w.at(BETWEEN) for w in works if w.precision.is_float and w.at(BETWEEN) not in timings.kernels]
    return tuple(dict.fromkeys(new))


def _sum(values: Iterable[float | None]) -> float | None:
    listed = list(values)
    return sum(v for v in listed if v is not None) if listed and all(v is not None for v in listed) else None


def judged(
    table: SensitivityTable, model: ModelDescription, target: Target, timings: Timings | None = None
) -> SensitivityTable:
    """The same damages with the target's word on what is faster, and its milliseconds where they are known.

    Milliseconds are the layer's own, without what borders between floats and integers cost. What was measured goes
    before what the target says of its kernels. A row that says all this already is passed on as it is.
    """
    layers = {layer.name: layer for layer in model.weighted_layers}
    methods = {row.option: option(row.option).method for row in table.rows}
    facts = {n: Facts(channel_axis=one.channel_axis, groups=one.groups, target=target) for n, one in layers.items()}
    known: dict[tuple[object, ...], float | None] = {}
    rows = []
    for row in table.rows:
        layer = layers.get(row.layer)
        if layer is not None:
            method = methods[row.option]
            ms, is_faster = _in_time(row, layer, method, timings, known)
            if is_faster is None:
                is_faster = method.why_not_faster(layer, facts[row.layer]) is None
            if (ms, is_faster) != (row.latency_ms, row.faster):
                row = row.model_copy(update={"latency_ms": ms, "faster": is_faster})  # noqa: PLW2901
        rows.append(row)
    return table.model_copy(update={"rows": tuple(rows)})


def _in_time(
    row: SensitivityRow,
    layer: Layer,
    method: Method,
    timings: Timings | None,
    known: dict[tuple[object, ...], float | None],
) -> tuple[float | None, bool | None]:
    """Milliseconds of a cell, and whether they are fewer than the untouched layer's; None where it was not measured.

    Layers that lose channels are not timed as cells: how narrow they get depends on what else does.
    `known` are those of layers of the same shapes.
    """
    works = timings.layers.get(row.layer) if timings else None
    if timings is None or works is None or method.changes_widths:
        return None, None
    found = []
    for name, is_changed in ((FLOAT, False), (row.option, not row.unavailable)):
        key = (works, name if is_changed else FLOAT, layer.weight and layer.weight.shape)
        if key not in known:
            known[key] = timings.of(method.workloads(layer, works) if is_changed else works)
        found.append(known[key])
    before, after = found
    return after, None if before is None or after is None else after < before
