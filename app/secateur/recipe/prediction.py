"""What a whole plan will cost, before it is run: from the layers' predicted effects and the sensitivity table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from secateur.data.metrics import kind_of
from secateur.methods.base import Effect, Method
from secateur.methods.facts import Facts
from secateur.model.costs import Costs, total
from secateur.model.description import Layer, ModelDescription
from secateur.model.documents import Evaluation, Predicted, SensitivityTable
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.speed import plan_ms
from secateur.recipe.tables import encodes, halved
from secateur.recipe.widths import Lost, channels_lost, shrunk
from secateur.targets import target_named
from secateur.targets.timings import Timings


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
    smaller here. Parameters are those of the exported file: a batch norm that is folded has none, and the layer that it
    is folded into has a bias. Tables beside the layers are smaller where all of these are encoded (and all are asked
    for). KeyError where a planned layer has no facts yet.
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
        )
        for layer in model.layers
        if chosen is None or layer.name in chosen
    }


def _folded(model: ModelDescription, recipe: Recipe) -> Mapping[str, str]:
    """Batch norm → the layer that it is folded into when the plan's result is exported."""
    if model.has_graph and all(step.method.keeps_graph for step in recipe.final):
        return {}
    return {layer.name: layer.folded_into for layer in model.layers if layer.folded_into}


def _as_shipped(layer: Layer, cost: LayerCost, *, gone: bool, biases: int) -> LayerCost:
    """The layer's cost with the parameters that it has once norms are folded: it is `gone`, or has so many `biases`."""
    if gone:
        return replace(cost, params=0)
    return replace(cost, params=cost.params + biases) if layer.bias is None else cost


def all_encoded(model: ModelDescription, recipe: Recipe) -> bool:
    """Whether a plan leaves no layer in float, so that quantizing stores the tables beside them in float16."""
    return model.trainable and all(encodes(methods_of(recipe, layer)) for layer in model.weighted_layers)


def methods_of(recipe: Recipe, layer: Layer) -> list[Method]:
    """The steps of a plan that work on this layer, in order."""
    own = [s.method for s in recipe.final if s.method.scope == "layer" and s.selects(layer.name)]
    return [method for method in own if not method.supports(layer)]


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


def damage_of(
    layer: Layer, methods: Iterable[Method], table: SensitivityTable | None, facts: Facts | None = None
) -> float | None:
    """Expected damage of the methods on a layer: the sum over what each tells from the options of the table.

    None where the table cannot tell.
    """
    if table is None:
        return None
    rows = [(option.method, table.row(layer.name, option.id)) for option in OPTIONS]
    known = [(method, row.damage) for method, row in rows if row is not None and row.damage is not None]
    total = 0.0
    for method in methods:
        damage = method.damage_from(known, layer, facts or Facts(channel_axis=layer.channel_axis))
        if damage is None:
            return None
        total += damage
    return total


def metric_per_damage(table: SensitivityTable | None) -> float | None:
    """By how much one of damage worsens the metric on this model: total drop ÷ total damage of the measured cells.

    Only cells that cost less than a nat: beyond that the answers are noise and the relation bends.
    """
    if table is None:
        return None
    cells = [
        (row.damage, row.metric_drop)
        for row in table.rows
        if row.measured and row.damage is not None and row.metric_drop is not None and row.damage < 1.0
    ]
    damage = sum(d for d, _ in cells)
    return max(0.0, sum(drop for _, drop in cells) / damage) if damage > 0 else None


def predict_plan(
    model: ModelDescription,
    facts: Mapping[str, Facts],
    recipe: Recipe,
    table: SensitivityTable | None,
    baseline: Evaluation | None,
    timings: Timings | None = None,
) -> Predicted:
    """Parameters, bytes of the exported file, MACs, damage and metric of the whole plan: the sum of `layer_costs`.

    Latency is predicted where `timings` are known. What training does is not. Where
    the table cannot tell the damage of one planned layer, that of the plan is None, and so is its metric: the sum over
    the others would pass for the whole.
    """
    layers = layer_costs(model, facts, recipe)
    whole = total(cost.costs for cost in layers.values())
    damage = damage_of_plan(model.layers, recipe, table, facts)
    latency = baseline.latency_ms if baseline else None
    is_there = latency is not None and timings is not None and latency.runtime == target_named(timings.target).runtime
    measured = latency.median if latency is not None and is_there else None
    trains_alone = bool(recipe.steps) and all(step.method.scope == "model" for step in recipe.final)
    return Predicted(
        params=sum(cost.params for cost in layers.values()),
        bytes=model.overhead_bytes + whole.bytes,
        macs=whole.macs,
        latency_ms=plan_ms(model, recipe, timings, measured, facts) if timings else None,
        damage=damage,
        metric=None if trains_alone else metric_after(damage, table, baseline),
    )


def damage_of_plan(
    layers: Iterable[Layer], recipe: Recipe, table: SensitivityTable | None, facts: Mapping[str, Facts]
) -> float | None:
    """Expected damage of the plan on these layers together; None where that of one of them is not known."""
    total = 0.0
    for layer in layers:
        methods = methods_of(recipe, layer) if layer.is_weighted else []
        own = damage_of(layer, methods, table, facts.get(layer.name)) if methods else 0.0
        if own is None:
            return None
        total += own
    return total


def metric_after(damage: float | None, table: SensitivityTable | None, baseline: Evaluation | None) -> float | None:
    """The metric after so much damage, before any training; None where it cannot be told."""
    if baseline is None or baseline.metric is None or damage is None:
        return None
    per_damage = metric_per_damage(table)
    if damage == 0.0:
        return baseline.metric.value
    return (
        None
        if per_damage is None
        else kind_of(baseline.metric.name).worsened(baseline.metric.value, per_damage * damage)
    )
