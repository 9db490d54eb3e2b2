"""How wide layers are once channels were pruned: counted from what can leave together, without the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secateur.methods.prune.channel import ChannelPruning, removed_channels
from secateur.model.description import ChannelBundle, Layer, ModelDescription
from secateur.recipe.recipe import Recipe


@dataclass(frozen=True)
class Shares:
    """Share of a layer's outputs and of its inputs that is left, 0 to 1."""

    outputs: float = 1.0
    inputs: float = 1.0

    @property
    def both(self) -> float:
        """Share of its weights and multiplications."""
        return self.outputs * self.inputs


def shares_left(model: ModelDescription, recipe: Recipe) -> Mapping[str, Shares]:
    """Layer → what the channel pruning of `recipe` leaves of it; layers that keep everything are not in it.

    Which channels leave is decided by their importance when it is run; how many is known here, but where some of a
    layer's channels take others along and some do not: then those that do not go first, as in the run.
    """
    steps = [step for step in recipe.steps if isinstance(step.method, ChannelPruning)]
    if not steps or not model.bundles:
        return {}
    layers = {layer.name: layer for layer in model.layers}
    widths = {name: layer.out_channels for name, layer in layers.items() if layer.is_weighted}
    left = [bundle.count for bundle in model.bundles]
    for step in steps:
        method = step.method
        assert isinstance(method, ChannelPruning)  # noqa: S101 - chosen above
        chosen = [name for name in widths if step.selects(name) and not layers[name].fixed_channels]
        goals = {name: widths[name] - removed_channels(widths[name], method.ratio, method.round_to) for name in chosen}
        for name in sorted(chosen, key=lambda name: widths[name]):
            _thin_out(name, goals[name], method.round_to, model.bundles, left, widths)
    return _shares(model.bundles, left, layers)


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


def _shares(bundles: Sequence[ChannelBundle], left: Sequence[int], layers: Mapping[str, Layer]) -> dict[str, Shares]:
    outputs: dict[str, int] = {}
    inputs: dict[str, int] = {}
    for bundle, count in zip(bundles, left, strict=True):
        gone = bundle.count - count
        for total, places in ((outputs, bundle.outputs), (inputs, bundle.inputs)):
            for name, each in places:
                total[name] = total.get(name, 0) + gone * each
    return {
        name: Shares(
            _left(outputs.get(name, 0), _made(layers[name])), _left(inputs.get(name, 0), layers[name].in_channels)
        )
        for name in {**outputs, **inputs}
        if name in layers and (outputs.get(name) or inputs.get(name))
    }


def _made(layer: Layer) -> int:
    """Channels that a layer makes; an embedding makes the columns of its table."""
    if layer.kind == "Embedding" and layer.weight is not None:
        return layer.weight.shape[-1]
    return layer.out_channels


def _left(gone: int, of: int) -> float:
    return max(0.0, 1.0 - gone / of) if of else 1.0
