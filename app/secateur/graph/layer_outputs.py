"""What every layer of an ONNX graph answers, run by ONNX Runtime as it is written."""

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from secateur.graph.network import fixed_batch, in_batches_of

if TYPE_CHECKING:
    import onnx


def layer_outputs(proto: "onnx.ModelProto", inputs: tuple[NDArray[Any], ...]) -> dict[str, NDArray[Any]]:
    """Output of every layer (its bias added), from a session that returns them all."""
    import onnx
    import onnxruntime as ort

    from secateur.graph.onnx_layers import onnx_layers
    from secateur.graph.qdq.standard import in_standard_form

    read = in_standard_form(proto)  # finds the layers; what is run is the file, whose tensors have the same names
    tensors = {}
    for layer in (layer for layer in onnx_layers(read) if layer.nodes):  # what an If computes is not to be had
        last = layer.absorbed[-1] if layer.absorbed else layer.nodes[-1]
        tensors[layer.name] = read.graph.node[last].output[0]
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
