"""Channel pruning at work: choose the least important channels of each group, and take them out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.methods.base import Context
from secateur.methods.prune.channel import removed_channels
from secateur.methods.prune.coupling import (
    ChannelGraph,
    ChannelGroup,
    couplings,
    example_tensors,
)
from secateur.methods.prune.importance import Scores, channel_scores
from secateur.methods.prune.repair import calibration_batches, can_repair, repaired
from secateur.model.model import TorchModel

if TYPE_CHECKING:
    from secateur.methods.prune.channel import ChannelPruning


def remove_channels(model: TorchModel, layers: Sequence[str], method: "ChannelPruning", context: Context) -> TorchModel:
    """A copy of `model` without the least important channels of `layers` and what is coupled to them.

    Every layer of `layers` loses `removed_channels(...)` of its channels. `model` is not changed. UserError
    where a layer is unknown, cannot lose channels, or is quantized already.
    """
    _check(model, layers)
    inputs = example_tensors(model)
    scores = channel_scores(model.module, method, context)
    graph = ChannelGraph(model.module, inputs)
    expected = [tensor.shape for tensor in graph.run()]
    original = {name: graph.width(name) for name in graph.layers if graph.reaches(name)}
    chosen = [group for group in graph.groups() if set(group.layers) & set(layers)]
    for done, group in enumerate(sorted(chosen, key=lambda group: group.channels)):
        context.progress(done, len(chosen), f"{method.title}: {group.root}")
        _thin_out(graph, group.root, scores, method, original)
    if [tensor.shape for tensor in graph.run()] != expected:
        raise UserError(
            f"{model.name} answers in another shape once channels are removed.",
            "Leave out the layers near its outputs.",
        )
    _report(graph, original, layers, context)
    module = graph.finish()
    shrunk = any(graph.width(name) < width for name, width in original.items())
    if method.repair and shrunk and can_repair(context.data):
        context.progress(len(chosen), len(chosen), f"{method.title}: statistics")
        module = repaired(module, model.module, graph.kept, calibration_batches(context.data))
    return replace(model, module=module, lowered=None)


def _check(model: TorchModel, layers: Sequence[str]) -> None:
    if model.encodings:
        raise UserError(
            f"Channel pruning changes float weights, and {model.name} is quantized already.",
            "Put the channel pruning step before the quantization step.",
        )
    coupled = couplings(model)
    for name in layers:
        if name not in coupled:
            raise UserError(
                f"{model.name} has no layer {name} whose channels could be removed.",
                "Check the layer's name.",
            )
        reason = coupled[name][1]
        if reason:
            raise UserError(f"Channels of {name} cannot be removed: {reason}", "Take it out of the step.")


def _thin_out(
    graph: ChannelGraph, root: str, scores: Scores, method: "ChannelPruning", original: dict[str, int]
) -> None:
    """Remove channels of one group until the layer `root` has lost its share, coupled losses counted in."""
    group = graph.group(root)
    wanted = removed_channels(original[root], method.ratio, method.round_to) - (original[root] - group.channels)
    if wanted <= 0:
        return
    gone = _choice(graph, group, _importance(group, scores), wanted)
    for name, tie in group.ties.items():
        lost = [tie[channel] for channel in gone if channel in tie]
        scores[name] = np.delete(scores[name], lost)
    graph.remove(root, gone)


def _importance(group: ChannelGroup, scores: Scores) -> NDArray[np.float64]:
    """The coupled layers' scores, summed for each channel of the group's root."""
    total = np.zeros(group.channels)
    for name, tie in group.ties.items():
        for channel, own in tie.items():
            total[channel] += scores[name][own]
    return total


def _choice(graph: ChannelGraph, group: ChannelGroup, importance: NDArray[np.float64], wanted: int) -> list[int]:
    """The `wanted` least important channels, first among those that no narrower layer would lose with them.

    No layer loses its last channel.
    """
    narrower = [group.ties[name] for name in group.others if graph.width(name) < group.channels]
    shared = {channel for tie in narrower for channel in tie}
    spare = {name: graph.width(name) - 1 for name in group.ties}
    chosen: list[int] = []
    for channel in sorted(range(group.channels), key=lambda c: (c in shared, importance[c], c)):
        touched = [name for name, tie in group.ties.items() if channel in tie]
        if len(chosen) < wanted and all(spare[name] > 0 for name in touched):
            chosen.append(channel)
            for name in touched:
                spare[name] -= 1
    return chosen


def _report(graph: ChannelGraph, original: dict[str, int], layers: Sequence[str], context: Context) -> None:
    """Say in the log what became of each group, and which layers shrank although they were not chosen."""
    for group in graph.groups():
        before = original[group.root]
        if group.channels < before:
            context.log(f"{', '.join(group.layers)}: {before} → {group.channels} channels")
    also = [n for n in original if n not in layers and graph.width(n) < original[n]]
    if also:
        context.log(f"Coupled to them, so these shrank too: {', '.join(also)}")
