"""Calibration: activation ranges of a static quantization, from spectra of exactly the tensors that will be rounded."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.methods.change import Change
from secateur.model.encoding import ActivationEncoding, Encodings, WeightEncoding
from secateur.model.spectrum import Spectrum, merge

if TYPE_CHECKING:
    from torch import nn

    from secateur.graph.network import TorchModel
    from secateur.graph.qdq.placement import Placement
    from secateur.methods.change import Lowered
    from secateur.methods.quantize.static_int8 import StaticInt8

BATCH = 32
_BIAS_LIMIT = 2.0**30


def quantize_static(model: "TorchModel", layers: Sequence[str], method: "StaticInt8", context: Context) -> "TorchModel":
    """The lowered model with encodings of these layers' weights (8 bits) and of all activations around them.

    Which activations is told by `secateur.graph.qdq.placement`; their ranges are the observer's, from
    calibration samples run in float. What was encoded before stays encoded. UserError where there is no data, or where
    it makes the network overflow.
    """
    from secateur.graph.lowering import lower, require_layers
    from secateur.methods.quantize.tables import with_tables_in_half

    if context.data is None:
        raise UserError(f"{method.title} needs calibration samples, and no data is open.", "Open a data set first.")
    lowered = lower(model, context)
    require_layers(lowered, layers, method.title)
    wanted = tensors_to_record(lowered, layers)
    spectra = record_spectra(lowered, wanted, context, method.samples)
    encoded = replace(lowered, encodings=static_encodings(lowered, layers, method, spectra, context.log))
    return with_tables_in_half(encoded, context.log)


def rehearse_static(model: "TorchModel", layers: Sequence[str], method: "StaticInt8") -> "TorchModel":
    """The model that `quantize_static` makes but for its ranges, which are those of noise: as fast, and no more.

    Ranges of values as they can be, for a grid that begins where an activation does is what a runtime fuses.
    """
    import torch

    from secateur.graph.layers import example_inputs
    from secateur.graph.lowering import lower, require_layers

    lowered = lower(model)
    require_layers(lowered, layers, method.title)
    recorder = _recorder(lowered.module, tensors_to_record(lowered, layers))
    with torch.inference_mode():
        recorder.run(*(torch.from_numpy(array) for array in example_inputs(lowered)))
    spectra = _with_aliases(lowered.module, recorder.spectra)
    quick = method.model_copy(update={"observer": "minmax"})
    return replace(lowered, encodings=static_encodings(lowered, layers, quick, spectra))


def static_change(layer: str, method: "StaticInt8", network: "Lowered") -> Change:
    """What static quantization makes of one layer alone: weight, bias, and the tensors around it in 8 bits.

    The ranges of all layers of `network` are recorded when the first is asked for.
    """
    from secateur.graph.simulation import rounded_biases

    model = network.model
    if method.samples not in network.recorded:
        wanted: set[str] = set()
        for done, name in enumerate(network.layers):
            network.context.progress(done, len(network.layers), "Placing the rounding of int8")
            wanted |= tensors_to_record(model, [name])
        network.recorded[method.samples] = record_spectra(model, wanted, network.context, method.samples)
    encodings = static_encodings(model, [layer], method, network.recorded[method.samples])
    rounded = {name: e for name, e in encodings.activations.items() if name not in model.encodings.activations}
    biases = rounded_biases(model.module, encodings)  # type: ignore[arg-type]
    return Change(encodings.weights[layer].round_trip(network.weights[layer]), biases.get(layer), rounded)


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
    weights = one_per_weight(lowered, _encode_weights(lowered, layers, activations), log)
    encodings = replace(before.with_weights(weights), activations=activations)
    return settled(structure_of(lowered), encodings)


def _static_placement(lowered: "TorchModel", layers: Sequence[str]) -> "Placement":
    """Which tensors are rounded for these layers and those that are static already."""
    from secateur.graph.lowering import structure_of
    from secateur.graph.qdq.placing import static_layers, static_placement

    proto = structure_of(lowered)
    static = [*layers, *(name for name in static_layers(proto, lowered.encodings) if name not in layers)]
    return static_placement(proto, static)


def record_spectra(
    lowered: "TorchModel", tensors: Collection[str], context: Context, samples: int
) -> dict[str, Spectrum]:
    """The spectrum of each named tensor of a lowered graph over the first `samples` calibration samples.

    The network runs in float; encodings are not simulated. `context.progress` is called for every batch.
    """
    import torch

    recorder = _recorder(lowered.module, set(tensors))
    total = min(samples, context.data.size("calibration"))
    if not total:
        raise UserError("The data has no calibration samples.", "Open data with a training or calibration part.")
    done = 0
    for batch in context.data.batches("calibration", min(BATCH, total), total):
        context.progress(done, total, "Recording activation ranges")
        with torch.inference_mode():
            recorder.run(*(torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays))
        done += len(batch)
    context.progress(total, total, "Recording activation ranges")
    found = _with_aliases(lowered.module, recorder.spectra)
    missing = set(tensors) - set(found)
    if missing:
        raise RuntimeError(f"the imported network never computes the tensor {min(missing)} of its graph")
    return {name: spectrum for name, spectrum in found.items() if name in tensors}


def _with_aliases(module: Any, spectra: Mapping[str, Spectrum]) -> dict[str, Spectrum]:
    """The spectra under all names of their tensors: an Identity gives a second name to the same values."""
    from secateur.graph.graph_module import nodes_by_tensor

    nodes = nodes_by_tensor(module)
    counted = {nodes[name]: spectrum for name, spectrum in spectra.items()}
    return {name: counted[node] for name, node in nodes.items() if node in counted}


def _recorder(module: "nn.Module", tensors: set[str]) -> Any:
    """An interpreter of the graph that counts the named tensors as they come by."""
    from torch import fx

    from secateur.graph.graph_module import nodes_by_tensor
    from secateur.model.counting import spectrum_of

    if not isinstance(module, fx.GraphModule):
        raise TypeError("only a lowered network names its tensors")
    names = {node: name for name, node in nodes_by_tensor(module).items() if name in tensors}

    class Recorder(fx.Interpreter):
        def __init__(self, graph: fx.GraphModule) -> None:
            super().__init__(graph)
            self.spectra: dict[str, Spectrum] = {}

        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if n in names:
                seen, name = spectrum_of(result.float().numpy()), names[n]
                self.spectra[name] = merge(self.spectra[name], seen) if name in self.spectra else seen
            return result

    return Recorder(module.eval())


def _encode(name: str, spectrum: Spectrum, method: "StaticInt8") -> ActivationEncoding:
    from secateur.methods.quantize.observers import encode_activation

    if spectrum.non_finite:
        raise UserError(
            f"The tensor {name} has {spectrum.non_finite} values that are not finite on the calibration samples.",
            "Look for NaN or huge weights in the layers before it, and check the preprocessing.",
        )
    return encode_activation(spectrum, method.observer, method.percentile, method.activation_bits)


def _encode_weights(
    lowered: "TorchModel", layers: Sequence[str], activations: Mapping[str, ActivationEncoding]
) -> dict[str, WeightEncoding]:
    from secateur.graph.layers import channel_axes
    from secateur.graph.lowering import structure_of
    from secateur.graph.qdq.placing import layer_inputs
    from secateur.methods.quantize.scales import encode_weight

    weights, axes, sources = lowered.weights(), channel_axes(lowered), layer_inputs(structure_of(lowered))
    encoded = {}
    for name in layers:
        encoding = encode_weight(weights[name], 8, axes[name])
        bias = lowered.module.get_submodule(name).bias
        if bias is not None:
            inputs = [activations[source] for source in sources[name]]
            if all(one.feeds_integer_kernels for one in inputs):  # else it is added in float
                smallest = min(one.scale for one in inputs)
                encoding = fit_bias(encoding, np.abs(bias.detach().float().numpy()), smallest)  # type: ignore[operator]
        encoded[name] = encoding
    return encoded


def fit_bias(encoding: WeightEncoding, bias: Any, input_scale: float) -> WeightEncoding:
    """The encoding with scales so large that each channel's |bias| fits in 32 bits of the step input × weight scale.

    The runtime adds biases in that step. Only channels of next to nothing but a bias are affected.
    """
    if encoding.scale.shape != bias.shape:
        return encoding
    smallest = (bias / (input_scale * _BIAS_LIMIT)).astype(np.float32)
    return replace(encoding, scale=np.maximum(encoding.scale, smallest))
