"""Weight encodings in an ONNX file that is no network here: its graph stays as it is, branches included."""

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.onnx_layers import OnnxLayer, onnx_layers
from secateur.graph.qdq.functions import add_functions
from secateur.graph.qdq.once import unpacked_once
from secateur.graph.qdq.placing import with_opset
from secateur.graph.qdq.planes import in_planes, paying
from secateur.graph.qdq.weights import dequantizer, in_file_layout, integer_tensor, opset_for
from secateur.model.encoding import Encodings, WeightEncoding


def encode_stored(proto: onnx.ModelProto, encodings: Encodings, *, packs: bool = True) -> onnx.ModelProto:
    """A copy of `proto` with these layers' weights as integers behind a DequantizeLinear; all else stays as it is.

    Those of 3, 5 and 6 bits are packed in planes unless ONNX's own integers are asked for. Inner graphs read the weight
    under its old name from the main graph. UserError where the graph would have to be converted to a later operator set
    and cannot be.
    """
    raised = with_opset(proto, opset_for(encodings)[0])
    result = onnx.ModelProto()
    result.CopyFrom(raised)
    layers = {layer.name: layer for layer in onnx_layers(result)}
    done: set[str] = set()
    planes: dict[str, str] = {}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in result.graph.initializer}
    known = {name: one for name, one in encodings.weights.items() if name in layers}
    packed = paying({name: (one, shapes[layers[name].weight]) for name, one in known.items()}) if packs else frozenset()
    for name, encoding in encodings.weights.items():
        if name not in layers:
            raise UserError(f"The graph has no layer {name} to encode.", "Quantize the file again.")
        if layers[name].weight not in done:  # tied weights are stored once
            stored = store_weight(result, layers[name], encoding)
            done.add(layers[name].weight)
            if name in packed:
                planes[stored] = f"int{encoding.bits}"
    result = in_planes(result, planes)
    if packs:
        unpacked_once(result)
        add_functions(result)
    return result


def store_weight(proto: onnx.ModelProto, layer: OnnxLayer, encoding: WeightEncoding) -> str:
    """Replace, in place, a float weight by integers and a DequantizeLinear that gives it back under its old name.

    The name of the integers.
    """
    graph = proto.graph
    index, tensor = next((i, item) for i, item in enumerate(graph.initializer) if item.name == layer.weight)
    stored = in_file_layout(encoding, layer, proto)
    values = stored.quantize(np.asarray(numpy_helper.to_array(tensor), np.float32))
    inputs = [f"{layer.weight}_quantized", f"{layer.weight}_scale"]
    kind = tensor.data_type
    del graph.initializer[index]
    graph.initializer.append(integer_tensor(inputs[0], values, stored))
    graph.initializer.append(numpy_helper.from_array(stored.scale.astype(np.float32), inputs[1]))
    if stored.zero_point is not None:
        inputs.append(f"{layer.weight}_zero_point")
        graph.initializer.append(integer_tensor(inputs[-1], stored.zero_point, stored))
    is_float32 = kind == onnx.TensorProto.FLOAT
    made = layer.weight if is_float32 else f"{layer.weight}_float"
    if not is_float32:
        graph.node.insert(0, helper.make_node("Cast", [made], [layer.weight], f"{layer.weight}_cast", to=kind))
    graph.node.insert(0, dequantizer(inputs, made, stored, f"{layer.weight}_dequantize"))
    return inputs[0]
