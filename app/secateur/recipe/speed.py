"""How fast a plan will be: what a target computes for each layer once the plan was carried out."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from secateur.methods.facts import Facts
from secateur.model.description import Layer, ModelDescription
from secateur.model.workload import BETWEEN, Workload
from secateur.recipe.recipe import Recipe
from secateur.recipe.widths import Lost, channels_lost, shrunk
from secateur.targets.timings import Timings

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
    works = before
    if lost.outputs or lost.inputs:
        narrow = shrunk(layer, lost)
        works = tuple(work.narrowed(narrow.in_channels, narrow.out_channels) for work in before)
    for step in recipe.final:
        method = step.method
        if method.scope == "layer" and step.selects(layer.name) and not method.supports(layer):
            works = method.workloads(layer, works, facts)
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
