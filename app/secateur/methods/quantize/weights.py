"""Weight-only encodings of chosen layers, of networks and of weights alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.methods.change import Change
from secateur.model.encoding import WeightEncoding

if TYPE_CHECKING:
    from secateur.graph.network import OnnxModel, StoredModel, TorchModel
    from secateur.methods.change import Lowered
    from secateur.methods.quantize.weight_only import WeightOnly


def quantize_weights(
    model: "TorchModel", layers: Sequence[str], method: "WeightOnly", context: Context
) -> "TorchModel":
    """The lowered model with weight encodings for these layers; what was encoded before stays encoded.

    Where there are calibration samples, they are refined on them.
    """
    from secateur.graph.layers import channel_axes
    from secateur.graph.lowering import lower, require_layers, structure_of
    from secateur.graph.qdq.placing import settled
    from secateur.methods.quantize.correction import refined_together
    from secateur.methods.quantize.tables import with_tables_in_half

    lowered = lower(model, context)
    require_layers(lowered, layers, method.title)
    weights, axes = lowered.weights(), channel_axes(lowered)
    encoded: dict[str, WeightEncoding] = {}
    for done, name in enumerate(layers):
        context.progress(done, len(layers), f"{method.title}: {name}")
        encoded[name] = method.encoded(weights[name], axes[name])
    context.progress(len(layers), len(layers), method.title)
    encodings = lowered.encodings.with_weights(one_per_weight(lowered, encoded, context.log))
    encoded_model = replace(lowered, encodings=settled(structure_of(lowered), encodings))
    if method.refinement is not None:
        encoded_model = refined_together(lowered, encoded_model, [(layers, method.refinement)], context)
    return with_tables_in_half(encoded_model, context.log)


def weights_change(layer: str, method: "WeightOnly", network: "Lowered") -> Change:
    """What storing one layer alone in few bits makes of it, refined where there are calibration samples.

    What that takes of all layers of `network` is recorded when the first is asked for.
    """
    from secateur.methods.quantize.calibration import recorded, rounded_alone
    from secateur.methods.quantize.correction import corrected_alone, why_not

    refinement = method.refinement
    encoding = method.encoded(network.weights[layer], network.axes[layer])
    weight = rounded_alone(layer, encoding, refinement, network)
    if refinement is None or not refinement.corrects_biases:
        return Change(weight)
    if reason := why_not(network.context):
        network.say(reason)
        return Change(weight)
    return Change(weight, corrected_alone(layer, weight, network, recorded(network, refinement.samples).inputs))


def one_per_weight(
    model: "TorchModel", encoded: Mapping[str, WeightEncoding], log: Callable[[str], None] = lambda text: None
) -> dict[str, WeightEncoding]:
    """`encoded` with one encoding for each stored weight: layers that share one share its integers.

    With the same channels they get the same scales, the larger of each two. One that reads the weight along other
    channels has no encoding of its own, which is said: it computes in float with the integers of the first. UserError
    where the weight is encoded already, in a step before, by a layer that is not among these.
    """
    weights = {name: id(model.module.get_submodule(name).weight) for name in (*model.encodings.weights, *encoded)}
    earlier = {weights[name]: name for name in model.encodings.weights if name not in encoded}
    first: dict[int, str] = {}
    kept: dict[str, WeightEncoding] = {}
    for name, encoding in encoded.items():
        key = weights[name]
        if key in earlier:
            raise UserError(
                f"{name} shares its weight with {earlier[key]}, which is quantized already.",
                "Quantize both in one step, or take one of them out.",
            )
        owner = first.setdefault(key, name)
        if encoding.axis == encoded[owner].axis:
            kept[name] = encoding
        else:
            log(f"{name} shares its weight with {owner}, along other channels: it computes in float with it.")
    joint: dict[str, WeightEncoding] = {}
    for name, encoding in kept.items():
        sharers = [other.scale for key, other in kept.items() if weights[key] == weights[name]]
        is_same = all(np.array_equal(scale, encoding.scale) for scale in sharers)
        joint[name] = encoding if is_same else replace(encoding, scale=np.maximum.reduce(sharers))
    return joint


def quantize_stored(
    model: "StoredModel | OnnxModel", layers: Sequence[str], method: "WeightOnly", context: Context
) -> "StoredModel | OnnxModel":
    """Weights without a network, or of a file that is none here, with encodings for these layers, one at a time."""
    from secateur.graph.layers import channel_axes
    from secateur.methods.quantize.correction import UNREFINED

    if method.refinement is not None:
        context.log(f"{UNREFINED} that needs a network whose layers can be followed, and this is none here.")
    weights, axes = model.weights(), channel_axes(model)
    encoded: dict[str, WeightEncoding] = {}
    integers = _stored_as_integers(model)
    for done, name in enumerate(layers):
        context.progress(done, len(layers), f"{method.title}: {name}")
        if name in integers:
            context.log(f"{name} stays as it is: its weights are integers already.")
            continue
        encoded[name] = method.encoded(weights[name], axes[name])
    context.progress(len(layers), len(layers), method.title)
    return replace(model, encodings=model.encodings.with_weights(encoded))


def _stored_as_integers(model: "StoredModel | OnnxModel") -> set[str]:
    """The layers whose weights an ONNX file stores as integers."""
    from secateur.graph.network import OnnxModel

    if not isinstance(model, OnnxModel):
        return set()
    from secateur.graph.onnx_layers import GraphIndex, onnx_layers

    graph = GraphIndex(model.proto)
    return {layer.name for layer in onnx_layers(model.proto) if not graph.is_floating(layer.weight)}
