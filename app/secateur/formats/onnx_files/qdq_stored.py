"""Weight encodings in an ONNX file that is no network here: its graph stays as it is, branches included."""

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.onnx_layers import OnnxLayer, onnx_layers
from secateur.graph.qdq.placing import with_opset
from secateur.graph.qdq.weights import in_file_layout, integer_tensor
from secateur.model.encoding import Encodings, WeightEncoding

_PER_CHANNEL_OPSET = 13
_INT4_OPSET = 21


def encode_stored(proto: onnx.ModelProto, encodings: Encodings) -> onnx.ModelProto:
    """A copy of `proto` with these layers' weights as integers behind a DequantizeLinear; all else stays as it is.

    Inner graphs read the weight under its old name from the main graph. UserError where the graph would have to be
    converted to a later operator set and cannot be.
    """
    bits = {encoding.bits for encoding in encodings.weights.values()}
    raised = with_opset(proto, _PER_CHANNEL_OPSET if min(bits, default=8) == 8 else _INT4_OPSET)
    result = onnx.ModelProto()
    result.CopyFrom(raised)
    layers = {layer.name: layer for layer in onnx_layers(result)}
    done: set[str] = set()
    for name, encoding in encodings.weights.items():
        if name not in layers:
            raise UserError(f"The graph has no layer {name} to encode.", "Quantize the file again.")
        if layers[name].weight not in done:  # tied weights are stored once
            store_weight(result, layers[name], encoding)
            done.add(layers[name].weight)
    return result


def store_weight(proto: onnx.ModelProto, layer: OnnxLayer, encoding: WeightEncoding) -> None:
    """Replace, in place, a float weight by integers and a DequantizeLinear that gives it back under its old name."""
    graph = proto.graph
    index, tensor = next((i, item) for i, item in enumerate(graph.initializer) if item.name == layer.weight)
    stored = in_file_layout(encoding, layer, proto)
    values = stored.quantize(np.asarray(numpy_helper.to_array(tensor), np.float32))
    integers, scale = f"{layer.weight}_quantized", f"{layer.weight}_scale"
    shape, kind = list(tensor.dims), tensor.data_type
    del graph.initializer[index]
    graph.initializer.append(integer_tensor(integers, values, shape, stored.bits))
    graph.initializer.append(numpy_helper.from_array(stored.scale.astype(np.float32), scale))
    is_float32 = kind == onnx.TensorProto.FLOAT
    made = layer.weight if is_float32 else f"{layer.weight}_float"
    if not is_float32:
        graph.node.insert(0, helper.make_node("Cast", [made], [layer.weight], f"{layer.weight}_cast", to=kind))
    node = helper.make_node(
        "DequantizeLinear", [integers, scale], [made], f"{layer.weight}_dequantize", axis=stored.axis
    )
    graph.node.insert(0, node)
