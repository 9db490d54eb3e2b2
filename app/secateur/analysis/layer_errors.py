"""Error along the network: how far each layer's weights and outputs are from the original's, in the files that ship."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.documents import LayerError
from secateur.model.model import fixed_batch, in_batches_of
from secateur.model.spectrum import decibels

if TYPE_CHECKING:
    import onnx

MOST_DB = 200.0
"""Reported where nothing differs."""


def layer_errors(
    a: "onnx.ModelProto", b: "onnx.ModelProto", inputs: tuple[NDArray[Any], ...]
) -> tuple[LayerError, ...]:
    """SQNR in decibels of `b`'s weights and layer outputs against `a`'s, for the layers that both have by name.

    Both graphs are run by ONNX Runtime as they are written, without its fusions, on the same `inputs`. None
    where shapes differ (channels were removed) or there is no signal.
    """
    from secateur.model.onnx_layers import layer_weights

    weights_a, weights_b = layer_weights(a), layer_weights(b)
    outputs_a, outputs_b = layer_outputs(a, inputs), layer_outputs(b, inputs)
    return tuple(
        LayerError(
            layer=name,
            weight_sqnr_db=_sqnr(weights_a[name], weights_b[name]),
            output_sqnr_db=_sqnr(outputs_a.get(name), outputs_b.get(name)),
        )
        for name in weights_a
        if name in weights_b
    )


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


def _sqnr(a: NDArray[Any] | None, b: NDArray[Any] | None) -> float | None:
    if a is None or b is None or a.shape != b.shape:
        return None
    signal = float((a.astype(np.float64) ** 2).sum())
    noise = float(((a.astype(np.float64) - b) ** 2).sum())
    value = decibels(signal, noise)
    return None if value is None else min(value, MOST_DB)
