"""Calibration: activation ranges of a static quantization, from spectra of exactly the tensors that will be rounded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.methods.change import Change
from secateur.model.encoding import ActivationEncoding, Encodings, WeightEncoding
from secateur.model.spectrum import Spectrum

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel
    from secateur.graph.qdq.placement import Placement
    from secateur.methods.change import Lowered
    from secateur.methods.quantize.recording import Recorded
    from secateur.methods.quantize.static_int8 import StaticInt8
    from secateur.methods.refinement import Refinement

_BIAS_LIMIT = 2.0**30


def quantize_static(model: "TorchModel", layers: Sequence[str], method: "StaticInt8", context: Context) -> "TorchModel":
    """The lowered model with encodings of these layers' weights and of all activations around them.

    Which activations is told by `secateur.graph.qdq.placement`; their ranges are the observer's, from calibration
    samples, run in float but for what was encoded before, which stays so. They are refined on the same samples.
    UserError where there is no data, or where it makes the network overflow.
    """
    from secateur.graph.lowering import lower, require_layers
    from secateur.methods.quantize.correction import chosen_layers, refined
    from secateur.methods.quantize.recording import record
    from secateur.methods.quantize.tables import with_tables_in_half

    if context.data is None:
        raise UserError(f"{method.title} needs calibration samples, and no data is open.", "Open a data set first.")
    lowered = lower(model, context)
    require_layers(lowered, layers, method.title)
    wanted = tensors_to_record(lowered, layers)
    refinement = method.refinement
    chosen = chosen_layers(lowered, [(layers, refinement)], context) if refinement else None
    once, every = (chosen.once, chosen.layers) if chosen else ((), ())
    found = record(lowered, context, method.samples, tensors=wanted, inputs=every, outputs=once)
    encoded = replace(lowered, encodings=static_encodings(lowered, layers, method, found.spectra, context.log))
    if chosen is not None:
        encoded = refined(lowered, encoded, chosen, found, context, method.samples)
    return with_tables_in_half(encoded, context.log)


def rehearse_static(model: "TorchModel", layers: Sequence[str], method: "StaticInt8") -> "TorchModel":
    """The model that `quantize_static` makes but for its ranges, which are those of noise: as fast, and no more.

    Ranges of values as they can be, for a grid that begins where an activation does is what a runtime fuses.
    """
    import torch

    from secateur.graph.layers import example_inputs
    from secateur.graph.lowering import lower, require_layers
    from secateur.methods.quantize.recorder import Recorder

    lowered = lower(model)
    require_layers(lowered, layers, method.title)
    wanted = tensors_to_record(lowered, layers)
    recorder = Recorder.of(lowered, tensors=wanted)
    with torch.inference_mode():
        recorder.take(tuple(torch.from_numpy(array) for array in example_inputs(lowered)))
    spectra = recorder.finished().spectra
    quick = method.model_copy(update={"observer": "minmax"})
    return replace(lowered, encodings=static_encodings(lowered, layers, quick, spectra))


def static_change(layer: str, method: "StaticInt8", network: "Lowered") -> Change:
    """What static quantization makes of one layer alone: weight, bias, and the tensors around it in 8 bits.

    The ranges and means of all layers of `network` are recorded when the first is asked for.
    """
    from secateur.graph.biases import as_added
    from secateur.graph.simulation import input_scales
    from secateur.methods.quantize.correction import corrected_alone, why_not

    model = network.model
    found = recorded(network, method.samples, ranges=True)
    encodings = _encodings_alone(layer, method, network, found.spectra)
    rounded = {name: e for name, e in encodings.activations.items() if name not in model.encodings.activations}
    weight = rounded_alone(layer, encodings.weights[layer], method.refinement, network)
    bias: NDArray[np.float32] | None = None
    if method.bias_correction:
        if reason := why_not(network.context):
            network.say(reason)
        else:
            bias = corrected_alone(layer, weight, network, found.inputs)
    own: Any = model.module.get_submodule(layer).bias
    scales = input_scales(model.module, encodings)  # type: ignore[arg-type]
    if own is not None and layer in scales:
        bias = as_added(own.detach().float().numpy() if bias is None else bias, layer, encodings, scales)
    return Change(weight, bias, rounded)


def _encodings_alone(
    layer: str, method: "StaticInt8", network: "Lowered", spectra: Mapping[str, Spectrum]
) -> Encodings:
    """As `static_encodings` of one layer; what is rounded around it is found once for all widths of its weights."""
    key = (layer, method.model_dump_json(exclude={"weight_bits"}))
    known = network.grids.get(key)
    if known is None:
        known = network.grids[key] = static_encodings(network.model, [layer], method, spectra)
        return known
    inputs = [known.activations[source] for source in network.sources[layer] if source in known.activations]
    bias = network.model.module.get_submodule(layer).bias
    own = _encode_weight(network.weights[layer], network.axes[layer], bias, inputs, method)
    return known.with_weights({layer: own})


def recorded(network: "Lowered", samples: int, *, ranges: bool = False, moments: bool = False) -> "Recorded":
    """What is recorded of a network whose layers are asked about one at a time: in one pass for all of its methods.

    The mean inputs of its layers, with `ranges` the spectra of what is rounded around them, and with `moments` those of
    their inputs. UserError where there are no samples.
    """
    from secateur.methods.quantize.correction import why_not
    from secateur.methods.quantize.recording import record
    from secateur.methods.quantize.static_int8 import StaticInt8

    known, model = network.recorded.get(samples), network.model
    if known is not None and (known.has_ranges or not ranges) and (known.has_moments or not moments):
        return known
    of_these = [method for method in network.methods if method.refinement and method.refinement.samples == samples]
    ranges = ranges or any(isinstance(method, StaticInt8) for method in of_these)
    if known is not None:  # what was asked for before is asked for again
        ranges, moments = ranges or known.has_ranges, moments or known.has_moments
    moments = moments or any(method.refinement.rounding != "nearest" for method in of_these if method.refinement)
    wanted: set[str] = set()
    if ranges:
        for done, name in enumerate(network.layers):
            network.context.progress(done, len(network.layers), "Placing the rounding of int8")
            wanted |= tensors_to_record(model, [name])
    is_told = why_not(network.context) is None
    means = {name for name in network.layers if name in network.biases} if is_told else set()
    rounded = _told_by_moments(network) if is_told and moments else []
    found = record(model, network.context, samples, tensors=wanted, inputs=means, moments=rounded)
    network.recorded[samples] = replace(found, has_ranges=ranges, has_moments=moments)
    return network.recorded[samples]


def _told_by_moments(network: "Lowered") -> list[str]:
    from secateur.methods.quantize.rounding.moments import why_untold

    module = network.model.module
    return [name for name in network.layers if why_untold(module.get_submodule(name)) is None]


def rounded_alone(
    layer: str, encoding: WeightEncoding, refinement: "Refinement | None", network: "Lowered"
) -> NDArray[np.float32]:
    """A layer's weight as it is rounded by itself, all before it being as it was; float32 in its shape."""
    from secateur.methods.quantize.correction import why_not

    weight = network.weights[layer]
    if refinement is None or refinement.rounding == "nearest" or why_not(network.context) is not None:
        return encoding.round_trip(weight)
    rounder = network.rounder(layer, recorded(network, refinement.samples, moments=True))
    return encoding.round_trip(weight) if rounder is None else rounder.rounded(encoding).values


def tensors_to_record(lowered: "TorchModel", layers: Sequence[str]) -> set[str]:
    """The tensors of a lowered graph whose ranges these layers need and that have none yet."""
    return set(_static_placement(lowered, layers).providers.values()) - set(lowered.encodings.activations)


def static_encodings(
    lowered: "TorchModel",
    layers: Sequence[str],
    method: "StaticInt8",
    spectra: Mapping[str, Spectrum],
    log: Callable[[str], None] = lambda text: None,
) -> Encodings:
    """The encodings of a lowered model with these layers in 8 bits, besides what it has.

    `spectra` holds at least those of `tensors_to_record`, in the order in which the network computes them. UserError
    where one of these has values that are not finite.
    """
    from secateur.graph.lowering import structure_of
    from secateur.graph.qdq.placing import settled
    from secateur.methods.quantize.observers import within
    from secateur.methods.quantize.weights import one_per_weight

    before, placement = lowered.encodings, _static_placement(lowered, layers)
    providers = placement.providers
    wanted = set(providers.values()) - set(before.activations)
    found = {name: _encode(name, spectrum, method) for name, spectrum in spectra.items() if name in wanted}
    found = {name: within(encoding, placement.bounds.get(name)) for name, encoding in found.items()}
    known = {**before.activations, **found}
    activations = {name: known[provider] for name, provider in providers.items()}
    weights = one_per_weight(lowered, _encode_weights(lowered, layers, method, activations), log)
    encodings = replace(before.with_weights(weights), activations=activations)
    return settled(structure_of(lowered), encodings)


def _static_placement(lowered: "TorchModel", layers: Sequence[str]) -> "Placement":
    """Which tensors are rounded for these layers and those that are static already."""
    from secateur.graph.lowering import structure_of
    from secateur.graph.qdq.placing import static_layers, static_placement

    proto = structure_of(lowered)
    static = [*layers, *(name for name in static_layers(proto, lowered.encodings) if name not in layers)]
    return static_placement(proto, static)


def _encode(name: str, spectrum: Spectrum, method: "StaticInt8") -> ActivationEncoding:
    from secateur.methods.quantize.observers import encode_activation

    if spectrum.non_finite:
        raise UserError(
            f"The tensor {name} has {spectrum.non_finite} values that are not finite on the calibration samples.",
            "Look for NaN or huge weights in the layers before it, and check the preprocessing.",
        )
    return encode_activation(spectrum, method.observer, method.percentile, method.activation_bits)


def _encode_weights(
    lowered: "TorchModel",
    layers: Sequence[str],
    method: "StaticInt8",
    activations: Mapping[str, ActivationEncoding],
) -> dict[str, WeightEncoding]:
    from secateur.graph.layers import channel_axes
    from secateur.graph.lowering import structure_of
    from secateur.graph.qdq.placing import layer_inputs

    weights, axes, sources = lowered.weights(), channel_axes(lowered), layer_inputs(structure_of(lowered))
    encoded = {}
    for name in layers:
        inputs = [activations[source] for source in sources[name]]
        bias = lowered.module.get_submodule(name).bias
        encoded[name] = _encode_weight(weights[name], axes[name], bias, inputs, method)
    return encoded


def _encode_weight(
    weight: NDArray[np.float32], axis: int, bias: Any, inputs: Sequence[ActivationEncoding], method: "StaticInt8"
) -> WeightEncoding:
    """The encoding of a layer that reads `inputs`, and has this bias (a tensor, or None)."""
    encoding = method.encoded(weight, axis)
    if bias is None or not inputs or not all(one.feeds_integer_kernels for one in inputs):  # it is added in float
        return encoding
    return fit_bias(encoding, np.abs(bias.detach().float().numpy()), min(one.scale for one in inputs))


def fit_bias(encoding: WeightEncoding, bias: Any, input_scale: float) -> WeightEncoding:
    """The encoding with scales so large that each channel's |bias| fits in 32 bits of the step input × weight scale.

    The runtime adds biases in that step. Only channels of next to nothing but a bias are affected.
    """
    if encoding.scale.shape != bias.shape:
        return encoding
    smallest = (bias / (input_scale * _BIAS_LIMIT)).astype(np.float32)
    return replace(encoding, scale=np.maximum(encoding.scale, smallest))
