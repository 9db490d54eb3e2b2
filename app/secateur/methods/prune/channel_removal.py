"""Channel pruning at work: choose the least important channels of each group, and take them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from secateur.errors import UserError
from secateur.graph.context import Context, LeftOut
from secateur.graph.coupling.channels import ChannelGraph, example_tensors
from secateur.graph.coupling.units import ChannelGroup, ChannelUnit
from secateur.graph.kept import kept_after
from secateur.graph.network import TorchModel, weighted_modules, width_of
from secateur.methods.change import Lowered, Narrowed
from secateur.methods.prune.channel import removed_channels
from secateur.methods.prune.importance import Scores, channel_scores
from secateur.methods.prune.repair import calibration_batches, can_repair, repaired

if TYPE_CHECKING:
    from secateur.methods.prune.channel import ChannelPruning


@dataclass(frozen=True)
class Move:
    """Units that leave together: one, or one of each part of a group. `gain` is what the layer in question loses."""

    units: tuple[ChannelUnit, ...]
    gain: int
    importance: float


def remove_channels(model: TorchModel, layers: Sequence[str], method: "ChannelPruning", context: Context) -> TorchModel:
    """A copy of `model` without the least important channels of `layers` and what is coupled to them.

    Every layer of `layers` loses `removed_channels(...)` of its channels, or as many fewer as its blocks ask for;
    those that lose none are left out with a reason. `model` is not changed. UserError where a layer is unknown,
    cannot lose channels, or is quantized already.
    """
    if model.encodings:
        raise UserError(
            f"Channel pruning changes float weights, and {model.name} is quantized already.",
            "Put the channel pruning step before the quantization step.",
        )
    graph = _graph(model, layers)
    scores = channel_scores(model.module, method, context)
    original = {name: graph.width(name) for name in graph.outputs}
    counted = _counted_from(original, method, context)
    for done, name in enumerate(sorted(layers, key=lambda name: original[name])):
        context.progress(done, len(layers), f"{method.title}: {name}")
        _thin_out(graph, name, scores, method, counted[name])
    module, kept, parts = graph.finish()
    _report(graph, original, layers, context)
    if method.ratio > 0:
        whole = [name for name in layers if graph.width(name) == original[name]]
        context.leave_out([LeftOut(n, method.why_whole(original[n], graph.coupling(n).block)) for n in whole])
    shrunk = any(graph.width(name) < width for name, width in original.items())
    if method.repair and shrunk and can_repair(context.data):
        context.progress(len(layers), len(layers), f"{method.title}: statistics")
        module = repaired(module, model.module, kept, calibration_batches(context.data))
    return replace(model, module=module, lowered=None, kept=kept_after(model.kept, parts))


def narrowed(network: Lowered, layer: str, method: "ChannelPruning") -> Narrowed:
    """What is left of a lowered network without channels of a layer and of all that is coupled to it.

    The same channels leave as by `remove_channels`, and nothing is repaired. UserError where none can.
    """
    graph = network.channels
    coupling = graph.coupling(layer)
    if coupling.reason:
        raise UserError(coupling.reason)
    scores = channel_scores(network.model.module, method, network.context)
    with graph.trying():
        before = {name: graph.width(name) for name in (layer, *coupling.together)}
        for name in sorted(before, key=graph.width):
            _thin_out(graph, name, scores, method, before[name])
        if graph.width(layer) == before[layer]:
            raise UserError(method.why_whole(before[layer], coupling.block))
        return Narrowed(graph.narrowed())


def _graph(model: TorchModel, layers: Sequence[str]) -> ChannelGraph:
    known = {name for name, _ in weighted_modules(model.module)}
    for name in layers:
        if name not in known:
            raise UserError(
                f"{model.name} has no layer {name} whose channels could be removed.",
                "Check the layer's name.",
            )
    graph = ChannelGraph(model.module, example_tensors(model))
    for name in layers:
        if reason := graph.coupling(name).reason:
            raise UserError(f"Channels of {name} cannot be removed: {reason}", "Take it out of the step.")
    return graph


def _counted_from(now: Mapping[str, int], method: "ChannelPruning", context: Context) -> Mapping[str, int]:
    """The width of every layer that the ratio is a share of."""
    if method.ratio_of == "present" or not isinstance(context.original, TorchModel):
        return now
    opened = {name: width_of(layer) for name, layer in weighted_modules(context.original.module)}
    return {name: opened.get(name, width) for name, width in now.items()}


def _thin_out(graph: ChannelGraph, layer: str, scores: Scores, method: "ChannelPruning", counted: int) -> None:
    """Remove units until `layer` has lost its share, coupled losses counted in, and is a multiple as was asked for.

    The share is that of `counted` channels, which are as many as it has or had before earlier steps.
    """
    wanted = removed_channels(counted, method.ratio, method.round_to) - counted + graph.width(layer)
    chosen: list[Move] = []
    spare = {name: graph.width(name) - 1 for name in graph.outputs}
    for move in _moves(graph, layer, scores):
        losses = _losses(move)
        if move.gain <= wanted and all(spare[name] >= count for name, count in losses.items()):
            chosen.append(move)
            wanted -= move.gain
            for name, count in losses.items():
                spare[name] -= count
    while chosen and (graph.width(layer) - sum(move.gain for move in chosen)) % method.round_to:
        chosen.pop()
    for move in chosen:
        graph.remove(move.units)


def _moves(graph: ChannelGraph, layer: str, scores: Scores) -> list[Move]:
    """What can be done about a layer, the least important first; before that, what costs no narrower layer anything."""
    moves = [move for group in graph.groups if layer in group.layers for move in _moves_of(graph, group, layer, scores)]
    width = graph.width(layer)

    def order(place: int) -> tuple[bool, float, int]:
        names = {name for unit in moves[place].units for name in unit.channels}
        return any(graph.width(name) < width for name in names), moves[place].importance, place

    return [moves[place] for place in sorted(range(len(moves)), key=order)]


def _moves_of(graph: ChannelGraph, group: ChannelGroup, layer: str, scores: Scores) -> list[Move]:
    def importance(unit: ChannelUnit) -> float:
        return float(sum(scores[name][list(channels)].sum() for name, channels in unit.channels.items()))

    parts = [[unit for unit in part if not graph.is_gone(unit)] for part in group.parts]
    if len(parts) == 1:
        together = [(unit,) for unit in parts[0] if layer in unit.channels]
    else:
        ordered = [sorted(part, key=importance) for part in parts]
        together = list(zip(*(part[: min(map(len, parts)) - 1] for part in ordered), strict=True))
    return [
        Move(units, sum(len(unit.channels.get(layer, ())) for unit in units), sum(map(importance, units)))
        for units in together
    ]


def _losses(move: Move) -> dict[str, int]:
    losses: dict[str, int] = {}
    for unit in move.units:
        for name, channels in unit.channels.items():
            losses[name] = losses.get(name, 0) + len(channels)
    return losses


def _report(graph: ChannelGraph, original: dict[str, int], layers: Sequence[str], context: Context) -> None:
    """Say in the log what became of each group, and which layers shrank although they were not chosen."""
    told: set[str] = set()
    for name, before in original.items():
        after = graph.width(name)
        if name in told or after == before:
            continue
        mates = [n for n in graph.coupling(name).together if (original[n], graph.width(n)) == (before, after)]
        told.update(mates)
        context.log(f"{', '.join((name, *mates))}: {before} → {after} channels")
    also = [n for n in original if n not in layers and graph.width(n) < original[n]]
    if also:
        context.log(f"Coupled to them, so these shrank too: {', '.join(also)}")
