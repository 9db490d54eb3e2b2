"""What a whole plan will cost, before it is run: from the layers' predicted effects and the sensitivity table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from secateur.methods.base import Effect, Method
from secateur.methods.facts import Facts
from secateur.methods.quantize.sizes import functions_bytes, plane_bits
from secateur.model.costs import Costs, total
from secateur.model.description import Layer, ModelDescription
from secateur.model.documents import Evaluation, Predicted, SensitivityTable
from secateur.recipe.interaction import Interaction
from secateur.recipe.quality import Quality, methods_of, quality_of
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.speed import plan_ms
from secateur.recipe.tables import encodes, halved
from secateur.recipe.widths import Lost, channels_lost, shrunk
from secateur.targets import target_named
from secateur.targets.timings import Timings

BIAS_BYTES = 4
"""Of one output channel: a float32."""


@dataclass(frozen=True)
class LayerCost:
    """What a layer will weigh once a plan was carried out, and what each of its own steps does to it."""

    params: int
    costs: Costs
    effects: tuple[tuple[Method, Effect], ...] = ()


def layer_costs(
    model: ModelDescription, facts: Mapping[str, Facts], recipe: Recipe, names: Iterable[str] | None = None
) -> dict[str, LayerCost]:
    """The cost of every layer (or of those of `names`) after the plan: the one place that all predictions come from.

    Channels that leave a layer take outputs of coupled layers and inputs of its readers along: all of those are
    smaller here. Parameters, and bytes where anything is planned, are those of the exported file: a batch norm that is
    folded has none, and the layer that it is folded into has a bias. Tables beside the layers are smaller where all of
    these are encoded (and all are asked for). KeyError where a planned layer has no facts yet.
    """
    lost = channels_lost(model, recipe)
    chosen = None if names is None else set(names)
    folded = _folded(model, recipe)
    taking = frozenset(folded.values())
    among_integers = names is None and all_encoded(model, recipe)
    return {
        layer.name: _as_shipped(
            layer,
            _layer_cost(
                halved(layer) if among_integers else layer,
                lost.get(layer.name, Lost()),
                methods_of(recipe, layer),
                facts,
            ),
            gone=layer.name in folded,
            biases=layer.out_channels - lost.get(layer.name, Lost()).outputs if layer.name in taking else 0,
            planned=bool(recipe.steps),
        )
        for layer in model.layers
        if chosen is None or layer.name in chosen
    }


def _folded(model: ModelDescription, recipe: Recipe) -> Mapping[str, str]:
    """Batch norm → the layer that it is folded into when the plan's result is exported."""
    if model.has_graph and all(step.method.keeps_graph for step in recipe.final):
        return {}
    return {layer.name: layer.folded_into for layer in model.layers if layer.folded_into}


def _as_shipped(layer: Layer, cost: LayerCost, *, gone: bool, biases: int, planned: bool) -> LayerCost:
    """What the layer costs once norms are folded: it is `gone`, or has so many `biases`.

    The bytes of an encoded layer have its biases in them already, and so has a layer that keeps its own. Where nothing
    is `planned` the file stays as it is, and its bytes.
    """
    if gone:
        return replace(cost, params=0, costs=replace(cost.costs, bytes=0) if planned else cost.costs)
    if layer.bias is not None or not biases:
        return cost
    is_counted = not planned or encodes(tuple(method for method, _ in cost.effects))
    costs = cost.costs if is_counted else replace(cost.costs, bytes=cost.costs.bytes + BIAS_BYTES * biases)
    return replace(cost, params=cost.params + biases, costs=costs)


def overhead_bytes(model: ModelDescription, recipe: Recipe) -> int:
    """What the file has beside its layers after the plan; as opened where nothing is planned."""
    if not recipe.steps:
        return model.overhead_bytes
    lost = channels_lost(model, recipe)
    planned = (
        (shrunk(layer, lost.get(layer.name, Lost())), method)
        for layer in model.weighted_layers
        for method in methods_of(recipe, layer)
    )
    return model.planned_overhead_bytes + functions_bytes(
        plane_bits(layer, m.stored_bits, m.computes_in) for layer, m in planned
    )


def all_encoded(model: ModelDescription, recipe: Recipe) -> bool:
    """Whether a plan leaves no layer in float, so that quantizing stores the tables beside them in float16."""
    return model.trainable and all(encodes(methods_of(recipe, layer)) for layer in model.weighted_layers)


def _layer_cost(layer: Layer, lost: Lost, methods: Sequence[Method], facts: Mapping[str, Facts]) -> LayerCost:
    narrow = shrunk(layer, lost)
    effects: list[tuple[Method, Effect]] = []
    whole, costs = replace(narrow.costs, latency_ms=None), replace(narrow.costs, latency_ms=None)
    params = float(narrow.params)
    for method in methods:
        if method.changes_widths:  # what it saves is counted in the narrow layer
            effects.append((method, method.predict(layer, facts[layer.name])))
            continue
        effect = method.predict(narrow, facts[layer.name])
        effects.append((method, effect))
        costs = effect.costs.relative_to(whole, costs)
        params *= effect.params / narrow.params if effect.params is not None and narrow.params else 1.0
    return LayerCost(round(params), costs, tuple(effects))


def without_channel_steps(recipe: Recipe, names: Iterable[str]) -> Recipe:
    """The plan in which these layers keep their channels, but for what others take along."""
    gone = set(names)

    def change(step: Step) -> Step | None:
        if not step.method.changes_widths:
            return step
        kept = tuple(name for name in step.layers if name not in gone)
        return replace(step, layers=kept) if kept else None

    return recipe.mapped(change)


def predict_plan(
    model: ModelDescription,
    facts: Mapping[str, Facts],
    recipe: Recipe,
    table: SensitivityTable | None,
    baseline: Evaluation | None,
    timings: Timings | None = None,
    learned: Interaction | None = None,
) -> Predicted:
    """Parameters, bytes of the exported file, MACs, damage and metric of the whole plan: the sum of `layer_costs`.

    Latency is predicted where `timings` are known. What training does is not. Damage and metric are as `quality_of`
    has them, the damage the sum over the layers; `learned` is what other plans taught of what they do together.
    """
    layers = layer_costs(model, facts, recipe)
    whole = total(cost.costs for cost in layers.values())
    latency = baseline.latency_ms if baseline else None
    is_there = latency is not None and timings is not None and latency.runtime == target_named(timings.target).runtime
    measured = latency.median if latency is not None and is_there else None
    trains_alone = bool(recipe.steps) and all(step.method.scope == "model" for step in recipe.final)
    quality = quality_of(model.layers, recipe, table, facts, baseline, learned)
    if trains_alone:
        quality = Quality(quality.damage, why_not="What training alone makes of the network is not predicted.")
    return Predicted(
        params=sum(cost.params for cost in layers.values()),
        bytes=overhead_bytes(model, recipe) + whole.bytes,
        macs=whole.macs,
        latency_ms=plan_ms(model, recipe, timings, measured, facts) if timings else None,
        damage=quality.damage,
        metric=quality.metric,
        metric_interval=quality.interval,
        metric_why_not=quality.why_not,
    )
