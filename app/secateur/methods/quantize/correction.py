"""Refinement: encoded layers rounded by what they give, and what each gives on average brought back to what it gave.

Rounding a weight W to W' moves what a layer gives on average by (W' − W)·E[x], channel by channel, which its bias can
take back at no cost (Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction;
Banner et al. 2019, Post Training 4-bit Quantization of Convolutional Networks for Rapid-Deployment). Of one layer alone
that follows from its mean input. Of several it is measured, in the order of the network, for what a layer is given
has moved by what was done to the layers before it; there the spread of each output channel is brought back, too, and
integers are chosen by what they give (`rounding`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.graph.context import Context
from secateur.methods.quantize.recording import (
    BATCH,
    InputMean,
    Recorded,
    calibration_size,
    counted,
    kept_of,
    mean_output,
    record,
)
from secateur.methods.quantize.walk import Chosen, Walk, array, batches_at, tensor
from secateur.methods.refinement import Refinement

if TYPE_CHECKING:
    from torch import fx

    from secateur.graph.network import TorchModel
    from secateur.methods.change import Lowered

UNREFINED: Final = "Weights are rounded to the nearest, and biases are not corrected:"
SAMPLES: Final = 256
"""Calibration samples whose means are taken where a method has no number of its own."""
COMPARING: Final = "Comparing corrections"
_COMPARED: Final = 4
"""Batches of calibration samples on which corrections are compared."""
_NAMED: Final = 6

Part = tuple[Sequence[str], Refinement]
"""Layers, and how they are refined."""


def why_not(context: Context) -> str | None:
    """None where there are samples to refine layers with, else why there are none, as a sentence."""
    if context.data is None:
        return f"{UNREFINED} that needs calibration samples, and no data is open."
    if getattr(context.data, "source", "") == "random":
        return f"{UNREFINED} what random numbers do to a layer is not what the network will see."
    if not context.data.size("calibration"):
        return f"{UNREFINED} the data has no calibration samples."
    return None


# ---------------------------------------------------------------------- one layer alone


def corrected_alone(
    layer: str, weight: NDArray[np.float32], network: "Lowered", inputs: Mapping[str, InputMean]
) -> NDArray[np.float32] | None:
    """The bias, float32 (channels,), with which a layer gives on average what it gave, with `weight` for its own.

    `inputs`: layer → its mean input. None where the bias stays as it is, which `network` says once.
    """
    from secateur.graph.biases import as_stored

    if layer not in network.biases:
        network.say(_without_bias([layer]))
        return None
    own: Any = network.model.module.get_submodule(layer)
    moved = mean_output(own, weight - network.weights[layer], inputs[layer])
    if moved is None or not np.isfinite(moved).all():
        network.say(_untold([layer]))
        return None
    return as_stored(network.model, network.biases[layer], (array(own.bias) - moved).astype(np.float32))


def _without_bias(layers: Sequence[str]) -> str:
    return f"No bias is corrected in {_listed(layers)}: the graph that is shipped has none there."


def _untold(layers: Sequence[str]) -> str:
    return f"The bias of {_listed(layers)} stays as it is: its mean input is not known for inputs that differ in size."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


# ---------------------------------------------------------------------- all layers, in order


def chosen_layers(lowered: "TorchModel", parts: Sequence[Part], context: Context) -> Chosen | None:
    """Which biases can be corrected where these layers are encoded, and which layers can be rounded by what they give;
    None where nothing can be done. The log has the reasons.
    """
    from secateur.graph.biases import shipped_biases
    from secateur.graph.network import weighted_modules

    if reason := why_not(context):
        context.log(reason)
        return None
    layers = [name for names, refinement in parts if refinement.corrects_biases for name in names]
    rounded = [name for names, refinement in parts if refinement.rounding != "nearest" for name in names]
    encoded = {id(lowered.module.get_submodule(name).weight) for name in layers}
    found = [name for name, layer in weighted_modules(lowered.module) if id(layer.weight) in encoded]
    homes, calls = shipped_biases(lowered), _calls(lowered.module)  # type: ignore[arg-type]
    if missing := [name for name in found if name not in homes]:
        context.log(_without_bias(missing))
    found = [name for name in found if name in homes and calls.get(name)]
    once = tuple(name for name in found if calls[name] == 1)
    able = _able_to_round(lowered, rounded, calls, context)
    chosen = Chosen(once, tuple(name for name in found if calls[name] > 1), homes, able)
    return chosen if found or able else None


def _able_to_round(
    lowered: "TorchModel", layers: Sequence[str], calls: Mapping[str, int], context: Context
) -> tuple[str, ...]:
    """Those whose integers can be chosen by what they give: called once, with a weight that no other layer has."""
    from secateur.graph.network import weighted_modules
    from secateur.methods.quantize.rounding.moments import why_untold

    if not layers:
        return ()
    owners = Counter(id(layer.weight) for _, layer in weighted_modules(lowered.module))
    reasons, able = dict[str, str](), list[str]()
    for name in layers:
        layer: Any = lowered.module.get_submodule(name)
        is_own = calls.get(name, 0) == 1 and owners[id(layer.weight)] == 1
        reason = why_untold(layer) or (None if is_own else "weights that are used several times")
        if reason is None:
            able.append(name)
        else:
            reasons[name] = reason
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name, its in reasons.items() if its == reason]
        context.log(f"{_listed(names)}: {reason} are rounded to the nearest.")
    return tuple(able)


def _calls(module: "fx.GraphModule") -> dict[str, int]:
    """Layer → how many nodes call it."""
    counts: dict[str, int] = {}
    for node in module.graph.nodes:
        if node.op == "call_module":
            counts[str(node.target)] = counts.get(str(node.target), 0) + 1
    return counts


def refined_together(
    before: "TorchModel", encoded: "TorchModel", parts: Sequence[Part], context: Context
) -> "TorchModel":
    """`encoded` with these layers refined as those of one step, whatever steps they were encoded in.

    `before` is the lowered model that `encoded` was made of.
    """
    chosen = chosen_layers(before, parts, context)
    if chosen is None:
        return encoded
    samples = max(refinement.samples for _, refinement in parts)
    means = record(before, context, samples, inputs=chosen.layers, outputs=chosen.once)
    return refined(before, encoded, chosen, means, context, samples)


def refined(
    before: "TorchModel", encoded: "TorchModel", chosen: Chosen, recorded: Recorded, context: Context, samples: int
) -> "TorchModel":
    """`encoded`, refined in the way whose answers are nearest to those of `before`; the log says which.

    Layers are rounded and corrected in the order of the network; corrected in order, or each layer for itself; or left
    as they are. The order is best where rounding is all that happens. Where scales cut large weights off (`mse`), or a
    few tokens have values of their own, what a layer is given has changed in more than its mean, and bringing back the
    mean of what it gives moves all else: ResNet-20 in 3 bits with `mse` keeps 46 % without, 36 % in order and 62 % each
    for itself.

    `before` is the lowered model without this step's encodings; `recorded` has of it the outputs of the layers that are
    called once and the inputs of all of them, on the first `samples` calibration samples.
    """
    ways: dict[_Way, TorchModel] = {}
    if chosen.rounded:
        ways[_ROUNDED] = in_order(before, encoded, chosen, recorded, context, samples)
    elif chosen.layers:
        ways[_IN_ORDER] = in_order(before, encoded, chosen, recorded, context, samples)
    if chosen.layers:
        ways[_ALONE] = each_alone(before, encoded, chosen, recorded, context)
    ways[_AS_IT_IS if chosen.layers else _NEAREST] = encoded
    far = _deviations(before, tuple(ways.values()), context, samples)
    best = tuple(ways)[int(np.argmin(far))]
    told = ", ".join(f"{100 * value:.3g} % {way.word}" for value, way in zip(far, ways, strict=True))
    context.log(f"{best.sentence} (squared error of the answers: {told}).")
    return ways[best]


@dataclass(frozen=True)
class _Way:
    """Of refining layers: what the log says of the one that is taken, and what it calls it beside the others."""

    sentence: str
    word: str


_ROUNDED: Final = _Way("Layers are rounded by what they give, and corrected, in the order of the network", "rounded so")
_IN_ORDER: Final = _Way("Biases are corrected in the order of the network", "in order")
_ALONE: Final = _Way("Biases are corrected in each layer for itself", "each for itself")
_AS_IT_IS: Final = _Way("Biases stay as they are, for correcting them moves the answers further away", "without")
_NEAREST: Final = _Way(
    "Weights are rounded to the nearest, for all else moves the answers further away", "to the nearest"
)


def each_alone(
    before: "TorchModel", encoded: "TorchModel", chosen: Chosen, recorded: Recorded, context: Context
) -> "TorchModel":
    """`encoded` with what its own rounding does to each layer taken back, as if it were the only one."""
    from secateur.graph.biases import with_biases

    walk = Walk(encoded, chosen)
    if untold := walk.correct_alone(before, chosen.layers, recorded.inputs):
        context.log(_untold(untold))
    return with_biases(encoded, walk.biases)


def in_order(
    before: "TorchModel", encoded: "TorchModel", chosen: Chosen, recorded: Recorded, context: Context, samples: int
) -> "TorchModel":
    """`encoded` with the integers of the layers to be rounded chosen by what they give; with biases that bring the mean
    output of each chosen layer back to that of `before`, and scales that bring back the spread of each channel where
    they are its own.

    One pass in the order of the network, all batches side by side: each layer is given what the layers before it give
    once they are refined.
    """
    from secateur.graph.biases import with_biases

    walk = Walk(encoded, chosen)
    walk.correct_alone(before, chosen.repeated, recorded.inputs)
    walk.refine_in_order(before, recorded, context, samples)
    found = replace(encoded.with_weights(walk.weights), encodings=walk.encodings) if walk.weights else encoded
    return with_biases(found, walk.biases)


def _deviations(
    before: "TorchModel", models: "Sequence[TorchModel]", context: Context, samples: int
) -> NDArray[np.float64]:
    """How far the answers of each model are from those of `before`: squared error, relative, summed over the outputs.

    float64 (models,), infinite where answers are no numbers; on a few batches that nothing was fitted to, where the
    data has more than those, else on some of those.
    """
    import torch

    from secateur.graph.network import all_outputs
    from secateur.graph.simulation import simulate

    reference, *others = (simulate(model.module, model.encodings) for model in (before, *models))
    samples, places = _to_compare_on(context, samples)
    wrong = np.zeros(len(models))
    with torch.inference_mode():
        for batch in batches_at(context, samples, places):
            context.progress(0, 1, COMPARING)
            arrays, kept = tuple(map(tensor, batch.arrays)), kept_of(batch)
            wanted = [counted(made, kept).double() for made in all_outputs(reference(*arrays))]
            for place, other in enumerate(others):
                given = [counted(made, kept).double() for made in all_outputs(other(*arrays))]
                for one, right in zip(given, wanted, strict=True):
                    wrong[place] += float((one - right).square().sum() / right.square().sum().clamp(min=1e-30))
    return np.where(np.isfinite(wrong), wrong / max(len(places), 1), np.inf)


def _to_compare_on(context: Context, samples: int) -> tuple[int, list[int]]:
    """How many calibration samples are gone through, and which batches of them are looked at."""
    count = -(-calibration_size(context, samples) // BATCH)
    more = calibration_size(context, (count + _COMPARED) * BATCH)
    last = -(-more // BATCH)
    if last > count:
        return more, list(range(count, last))
    return samples, sorted({int(place) for place in np.linspace(0, count - 1, min(count, _COMPARED)).round()})
