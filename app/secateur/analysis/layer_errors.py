"""Error along the network: how far each layer's weights and outputs are from the original's, in the files that ship."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from secateur.analysis.deviation import Deviation, deviation_between
from secateur.analysis.documents import LayerError
from secateur.model.kept import Kept
from secateur.model.model import fixed_batch, in_batches_of

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
    `a`'s are left: those are compared. Where there is nothing to compare, the layer says why.
    """
    from secateur.model.onnx_layers import layer_weights, onnx_layers

    weights_a, weights_b = layer_weights(a), layer_weights(b)
    outputs_a, outputs_b = layer_outputs(a, inputs), layer_outputs(b, inputs if inputs_b is None else inputs_b)
    layers = {layer.name: layer for layer in onnx_layers(a)}
    errors = []
    for name in weights_a:
        if name not in weights_b:
            errors.append(LayerError.of(name, Deviation(note=ABSENT), Deviation(note=ABSENT)))
            continue
        part = (kept or {}).get(name, Kept())
        axis = layers[name].channel_axis
        output_axis = -1 if layers[name].operator in ("Gemm", "MatMul") else 1
        weight = _weight_deviation(weights_a[name], weights_b[name], part, axis)
        output = _output_deviation(outputs_a.get(name), outputs_b.get(name), part, output_axis)
        errors.append(LayerError.of(name, weight, output))
    return tuple(errors)


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


def layer_outputs(proto: "onnx.ModelProto", inputs: tuple[NDArray[Any], ...]) -> dict[str, NDArray[Any]]:
    """Output of every layer (its bias added), from a session that returns them all."""
    import onnx
    import onnxruntime as ort

    from secateur.model.onnx_layers import onnx_layers

    tensors = {}
    for layer in (layer for layer in onnx_layers(proto) if layer.nodes):  # what an If computes is not to be had
        last = layer.absorbed[-1] if layer.absorbed else layer.nodes[-1]
        tensors[layer.name] = proto.graph.node[last].output[0]
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    present = {value.name for value in exposed.graph.output}
    exposed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(tensors.values()) if name not in present
    )
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(exposed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(*batch: NDArray[Any]) -> list[NDArray[Any]]:
        return list(session.run(None, dict(zip(names, batch, strict=False))))

    outputs = in_batches_of(fixed_batch(session), run)(*inputs)
    results = dict(zip([value.name for value in session.get_outputs()], outputs, strict=True))
    return {layer: results[tensor] for layer, tensor in tensors.items()}
