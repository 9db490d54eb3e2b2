"""How wide layers are once channels were pruned: counted from what can leave together, without the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from secateur.model.description import ChannelBundle, Layer, ModelDescription
from secateur.recipe.recipe import Recipe


@dataclass(frozen=True)
class Lost:
    """How many of its outputs and inputs a layer loses."""

    outputs: int = 0
    inputs: int = 0


def groups_of(layers: Sequence[Layer]) -> dict[str, tuple[str, ...]]:
    """Layer → the layers that always lose channels together, itself among them, in order; single ones are not in it.

    Of layers of which one can lose channels without the other each stands for itself.
    """
    order = [layer.name for layer in layers]
    own = {layer.name: frozenset((layer.name, *layer.coupled)) & frozenset(order) for layer in layers}
    return {
        name: tuple(sorted(group, key=order.index))
        for name, group in own.items()
        if len(group) > 1 and all(own[mate] == group for mate in group)
    }


def channels_lost(model: ModelDescription, recipe: Recipe) -> Mapping[str, Lost]:
    """Layer → what the channel pruning of `recipe` takes out of it; layers that keep everything are not in it.

    Which channels leave is decided by their importance when it is run; how many is known here, but where some of a
    layer's channels take others along and some do not: then those that do not go first, as in the run.
    """
    steps = [step for _, step in recipe.unrolled if step.method.changes_widths]
    if not steps or not model.bundles:
        return {}
    layers = {layer.name: layer for layer in model.layers}
    widths = {name: layer.out_channels for name, layer in layers.items() if layer.is_weighted}
    left = [bundle.count for bundle in model.bundles]
    for step in steps:
        method = step.method
        chosen = [name for name in widths if step.selects(name) and not layers[name].fixed_channels]
        goals = {name: method.width_after(widths[name], layers[name].out_channels) for name in chosen}
        for name in sorted(chosen, key=lambda name: widths[name]):
            _thin_out(name, goals[name], method.multiple, model.bundles, left, widths)
    return _lost(model.bundles, left, layers)


def _thin_out(
    name: str,
    goal: int,
    round_to: int,
    bundles: Sequence[ChannelBundle],
    left: list[int],
    widths: dict[str, int],
) -> None:
    """Take bundles away until the layer `name` is `goal` wide, first those that no narrower layer has a part in."""
    own = [place for place, bundle in enumerate(bundles) if name in dict(bundle.outputs)]
    own.sort(key=lambda place: any(widths.get(other, 1 << 62) < widths[name] for other, _ in bundles[place].outputs))
    for place in own:
        losses = dict(bundles[place].outputs)
        spare = min((widths[other] - 1) // lost for other, lost in losses.items() if other in widths)
        count = max(0, min((widths[name] - goal) // losses[name], spare, left[place]))
        while count and (widths[name] - count * losses[name]) % round_to:
            count -= 1
        left[place] -= count
        for other, lost in losses.items():
            if other in widths:
                widths[other] -= count * lost


def _lost(bundles: Sequence[ChannelBundle], left: Sequence[int], layers: Mapping[str, Layer]) -> dict[str, Lost]:
    outputs: dict[str, int] = {}
    inputs: dict[str, int] = {}
    for bundle, count in zip(bundles, left, strict=True):
        gone = bundle.count - count
        for total, places in ((outputs, bundle.outputs), (inputs, bundle.inputs)):
            for name, each in places:
                total[name] = total.get(name, 0) + gone * each
    return {
        name: Lost(outputs.get(name, 0), inputs.get(name, 0))
        for name in {**outputs, **inputs}
        if name in layers and (outputs.get(name) or inputs.get(name))
    }


def _made(layer: Layer) -> int:
    """Channels that a layer makes; an embedding makes the columns of its table."""
    if layer.kind == "Embedding" and layer.weight is not None:
        return layer.weight.shape[-1]
    return layer.out_channels


def shrunk(layer: Layer, lost: Lost) -> Layer:
    """The layer as it is described once it lost these channels: its weight, parameters, MACs and bytes.

    What it holds besides its weight (bias, statistics) goes with its outputs.
    """
    before = _made(layer)
    if layer.weight is None or not before or not (lost.outputs or lost.inputs):
        return layer
    kept = max(before - lost.outputs, 0)
    shape, groups = _narrowed(layer, kept, max(layer.in_channels - lost.inputs, 0))
    old, new = layer.weight.count, prod(shape)
    weight = replace(layer.weight, shape=shape, size_bytes=layer.weight.size_bytes * new // max(old, 1))
    bias = layer.bias and replace(layer.bias, shape=(kept,), size_bytes=layer.bias.size_bytes * kept // before)
    return replace(
        layer,
        weight=weight,
        bias=bias,
        groups=groups,
        params=_beside(layer.params, old, new, kept, before),
        size_bytes=_beside(layer.size_bytes, layer.weight.size_bytes, weight.size_bytes, kept, before),
        macs=layer.macs * new // max(old, 1),
    )


def _beside(total: int, old: int, new: int, kept: int, before: int) -> int:
    """`total` with `new` in place of `old`, and the rest in proportion to the outputs that are kept.

    A weight that is counted with another layer is not in the total.
    """
    return new + (total - old) * kept // before if total >= old else total * kept // before


def _narrowed(layer: Layer, outputs: int, inputs: int) -> tuple[tuple[int, ...], int]:
    """Shape and groups of a layer's weight with so many channels."""
    assert layer.weight is not None  # noqa: S101 - looked at by the caller
    shape, groups = list(layer.weight.shape), layer.groups
    if layer.kind == "Embedding" or len(shape) < 2:
        return (*shape[:-1], outputs), groups
    if groups > 1 and groups == layer.in_channels:  # depthwise: a group is a channel
        groups = inputs = groups * outputs // layer.out_channels
    axis = layer.channel_axis
    shape[axis] = outputs // (groups if axis == 1 and layer.groups > 1 else 1)
    shape[1 - axis] = inputs // (groups if axis == 0 and layer.groups > 1 else 1)
    return tuple(shape), groups
