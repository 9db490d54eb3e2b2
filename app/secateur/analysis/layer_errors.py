"""Error along the network: how far each layer's weights and outputs are from the original's, in the files that ship."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from secateur.graph.factors import parts_of
from secateur.graph.kept import Kept
from secateur.graph.layer_outputs import layer_outputs
from secateur.model.deviation import Deviation, deviation_between
from secateur.model.documents import LayerError

if TYPE_CHECKING:
    import onnx

Inputs = tuple[NDArray[Any], ...]
ABSENT = "There is no layer of this name in the other model."


def layer_errors(
    a: "onnx.ModelProto",
    b: "onnx.ModelProto",
    inputs: Inputs,
    kept: Mapping[str, Kept] | None = None,
    inputs_b: Inputs | None = None,
) -> tuple[LayerError, ...]:
    """SQNR in decibels of `b`'s weights and layer outputs against `a`'s, for the layers of `a`, matched by name.

    Both graphs are run by ONNX Runtime as they are written, without its fusions, on the same `inputs` (`b` on
    `inputs_b`, where it takes another form of the same samples). Of a layer that lost channels, `kept` says which of
    `a`'s are left: those are compared. A layer that was split in two is compared with both together. Where there is
    nothing to compare, the layer says why.
    """
    from secateur.graph.onnx_layers import layer_weights, onnx_layers
    from secateur.graph.qdq.standard import in_standard_form

    read_a, read_b = in_standard_form(a), in_standard_form(b)
    weights_a, weights_b = layer_weights(read_a), layer_weights(read_b)
    outputs_a, outputs_b = layer_outputs(a, inputs), layer_outputs(b, inputs if inputs_b is None else inputs_b)
    layers = {layer.name: layer for layer in onnx_layers(read_a)}
    axes_b = {layer.name: layer.channel_axis for layer in onnx_layers(read_b)}
    errors = []
    for name in weights_a:
        parts = parts_of(name, weights_b)
        if not parts:
            errors.append(LayerError.of(name, Deviation(note=ABSENT), Deviation(note=ABSENT)))
            continue
        part = (kept or {}).get(name, Kept())
        axis = layers[name].channel_axis
        output_axis = -1 if layers[name].operator in ("Gemm", "MatMul") else 1
        own = joined([weights_b[each] for each in parts], weights_a[name].shape)
        if len(parts) == 1 and own.ndim == 2 and axes_b[parts[0]] != axis:
            own = own.T  # the same matrix, stored the other way round: of a Gemm and of a MatMul
        weight = _weight_deviation(weights_a[name], own, part, axis)
        output = _output_deviation(outputs_a.get(name), outputs_b.get(parts[-1]), part, output_axis)
        errors.append(LayerError.of(name, weight, output))
    return tuple(errors)


def joined(weights: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    """The weight that stands for a layer: its own, or of two factors their product, in this shape where it fits.

    The factors have their output channels on the first axis, as the layers that are split do.
    """
    if len(weights) == 1:
        return weights[0]
    first, second = weights
    product: NDArray[Any] = second.reshape(second.shape[0], -1) @ first.reshape(first.shape[0], -1)
    if product.size == prod(shape):
        product = product.reshape(shape)
    return product


def _weight_deviation(a: NDArray[Any], b: NDArray[Any], part: Kept, axis: int) -> Deviation:
    if a.shape == b.shape:
        return deviation_between(a, b)
    left = part.part_of(a, axis)
    if left.shape != b.shape:
        return Deviation(note=other_shape("Its weights have", a.shape, b.shape))
    return deviation_between(left, b, _of_what(part, a.shape[axis], "inputs" if part.outputs is None else "channels"))


def _output_deviation(a: NDArray[Any] | None, b: NDArray[Any] | None, part: Kept, axis: int) -> Deviation:
    if a is None or b is None:
        return Deviation(note="Its output is computed inside a branch, and is not to be had.")
    if a.shape == b.shape:
        return deviation_between(a, b)
    left = a if part.outputs is None else a.take(part.outputs, axis)
    if left.shape != b.shape:
        return Deviation(note=other_shape("Its output has", a.shape[1:], b.shape[1:]))
    return deviation_between(left, b, _of_what(part, a.shape[axis], "channels"))


def other_shape(what: str, a: Sequence[int], b: Sequence[int]) -> str:
    """Why two arrays cannot be compared; `what` begins the sentence."""
    return f"{what} another shape, {'×'.join(map(str, a))} against {'×'.join(map(str, b))}."


def _of_what(part: Kept, whole: int, what: str) -> str:
    if what == "inputs" or part.outputs is None:
        return "Over the inputs that are left."
    return f"Over the {len(part.outputs)} of {whole} channels that are left."
