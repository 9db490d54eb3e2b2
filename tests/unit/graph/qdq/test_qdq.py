"""Encodings as an ONNX file: placement, scales, compactness, and agreement with the simulation."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.lowering import graph_of
from secateur.graph.onnx_layers import layer_weights, onnx_layers, session_of
from secateur.graph.qdq.placing import encode, static_layers, static_placement, with_opset
from secateur.methods.quantize.scales import encode_weight
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.encoding import Encodings

EVERY = ["conv1", "conv2", "fc"]


def quantized(model: Any, data: Any, layers: list[str], **parameters: Any) -> Any:
    return StaticInt8(**parameters).apply(model, layers, Context(data=data))


def tensors(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def run(proto: onnx.ModelProto, inputs: np.ndarray) -> np.ndarray:
    return np.asarray(session_of(proto).run(None, {"image": inputs})[0])


def test_a_relu_is_not_quantized_twice(residual_graph: onnx.ModelProto) -> None:
    providers = static_placement(residual_graph, EVERY).providers
    assert "c1" not in providers
    assert "sum" not in providers
    assert {"r1", "r2"} <= set(providers)


def test_logits_stay_float(residual_graph: onnx.ModelProto) -> None:
    assert "logits" not in static_placement(residual_graph, EVERY).providers


def test_an_addition_of_a_float_and_a_quantized_tensor_stays_float(residual_graph: onnx.ModelProto) -> None:
    assert "sum" not in static_placement(residual_graph, ["fc"]).providers
    assert "r2" not in static_placement(residual_graph, ["conv1"]).providers


def test_the_file_has_exactly_our_scales_and_zero_points(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(lowered_network, noise_data, EVERY)
    proto = encode(graph_of(model), model.encodings, integers="int8")
    onnx.checker.check_model(proto, full_check=True)
    stored = tensors(proto)
    pairs = {
        node.input[0]: (float(stored[node.input[1]]), int(stored[node.input[2]]))
        for node in proto.graph.node
        if node.op_type == "QuantizeLinear"
    }
    assert pairs == {name: (e.scale, e.zero_point) for name, e in model.encodings.activations.items()}
    for node in proto.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in {f"{name}.weight" for name in EVERY}:
            name = node.input[0].removesuffix(".weight")
            encoding = model.encodings.weights[name]
            assert np.array_equal(stored[node.input[1]], encoding.scale)
            assert np.array_equal(stored[node.input[0]], encoding.quantize(model.weights()[name]))


@pytest.mark.parametrize("layers", [EVERY, ["conv1"], ["conv2"], ["conv2", "fc"]])
@pytest.mark.parametrize("observer", ["minmax", "mse"])
def test_file_and_simulation_agree(lowered_network: Any, noise_data: Any, layers: list[str], observer: str) -> None:
    model = quantized(lowered_network, noise_data, layers, observer=observer)
    actual = run(encode(graph_of(model), model.encodings), noise_data.inputs)
    expected = model.run(noise_data.inputs)
    assert np.abs(actual - expected).max() <= 0.02 * np.abs(expected).max()
    assert (actual.argmax(1) == expected.argmax(1)).mean() >= 0.97


def test_a_static_network_is_computed_in_integers(lowered_network: Any, noise_data: Any, tmp_path: Any) -> None:
    model = quantized(lowered_network, noise_data, EVERY)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(encode(graph_of(model), model.encodings).SerializeToString(), options)
    kinds = Counter(node.op_type for node in onnx.load(str(tmp_path / "optimized.onnx")).graph.node)
    assert kinds["QLinearConv"] == 2
    assert kinds["QLinearAdd"] == 1
    assert not kinds["Conv"]


@pytest.mark.parametrize("bits", [8, 4])
def test_weight_only_files_give_what_the_simulation_gives(lowered_network: Any, noise_data: Any, bits: int) -> None:
    model = WeightOnly(bits=bits).apply(lowered_network, EVERY, Context())
    proto = encode(graph_of(model), model.encodings)
    np.testing.assert_allclose(run(proto, noise_data.inputs), model.run(noise_data.inputs), rtol=1e-4, atol=1e-4)
    kind = TensorProto.INT8 if bits == 8 else TensorProto.INT4
    assert [t.data_type for t in proto.graph.initializer if t.name.endswith(".weight")] == [kind] * 3


def test_int4_takes_half_a_byte_a_weight(lowered_network: Any) -> None:
    model = WeightOnly(bits=4).apply(lowered_network, ["conv2"], Context())
    proto = encode(graph_of(model), model.encodings)
    stored = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv2.weight")
    assert len(stored.raw_data) == model.weights()["conv2"].size // 2


def test_static_and_weight_only_layers_live_in_one_file(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(WeightOnly(bits=4).apply(lowered_network, ["conv2"], Context()), noise_data, ["conv1"])
    assert static_layers(graph_of(model), model.encodings) == ["conv1"]
    actual = run(encode(graph_of(model), model.encodings), noise_data.inputs)
    expected = model.run(noise_data.inputs)
    assert np.abs(actual - expected).max() <= 0.02 * np.abs(expected).max()


def test_the_layers_of_a_quantized_file_keep_their_names(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(WeightOnly(bits=4).apply(lowered_network, ["conv2"], Context()), noise_data, ["conv1", "fc"])
    proto = encode(graph_of(model), model.encodings)
    assert [layer.name for layer in onnx_layers(proto)] == EVERY
    expected = model.encodings.weights["conv2"].round_trip(model.weights()["conv2"])
    np.testing.assert_allclose(layer_weights(proto)["conv2"], expected, rtol=1e-6)


def test_nothing_unused_and_nothing_about_the_machine_is_in_the_file(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(lowered_network, noise_data, EVERY)
    proto = encode(graph_of(model), model.encodings)
    used = {name for node in proto.graph.node for name in node.input}
    assert {tensor.name for tensor in proto.graph.initializer} <= used
    assert not proto.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)


def test_the_float_graph_is_not_changed(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(lowered_network, noise_data, EVERY)
    before = graph_of(model).SerializeToString()
    encode(graph_of(model), model.encodings)
    assert graph_of(model).SerializeToString() == before


def test_an_encoding_without_its_layer_is_refused(residual_graph: onnx.ModelProto) -> None:
    with pytest.raises(UserError, match="conv9"):
        encode(residual_graph, Encodings({"conv9": encode_weight(np.ones((2, 2), np.float32), 8, 0)}))


def test_activations_that_were_lost_make_the_layer_weight_only(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(lowered_network, noise_data, ["conv1"])
    bare = replace(model.encodings, activations={})
    assert not [node for node in encode(graph_of(model), bare).graph.node if node.op_type == "QuantizeLinear"]


def test_a_matrix_product_is_quantized_along_its_output_columns() -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((5, 7)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "fc.weight"], ["p"]), helper.make_node("Add", ["p", "fc.bias"], ["y"])],
        "products",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4, 7])],
        [numpy_helper.from_array(weight, "fc.weight"), numpy_helper.from_array(np.ones(7, np.float32), "fc.bias")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    encoding = encode_weight(np.ascontiguousarray(weight.T), 4, 0)
    inputs = random.standard_normal((2, 4, 5)).astype(np.float32)
    encoded = encode(proto, Encodings({"fc": encoding}))
    expected = inputs @ encoding.round_trip(weight.T).T + 1
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(encoded.SerializeToString(), options).run(None, {"x": inputs})[0]
    np.testing.assert_allclose(plain, expected, rtol=1e-4, atol=1e-5)
    shipped = onnxruntime.InferenceSession(encoded.SerializeToString()).run(None, {"x": inputs})[0]
    noise = np.square(shipped - expected).mean() / np.square(expected).mean()  # as it ships, inputs are rounded too
    assert 1e-9 < noise < 1e-3
    assert static_placement(proto, ["fc"]).providers == {"x": "x"}


def test_an_older_opset_is_raised_only_where_four_bits_need_it(lowered_network: Any, noise_data: Any) -> None:
    model = quantized(lowered_network, noise_data, EVERY)
    assert encode(graph_of(model), model.encodings).opset_import[0].version == 20
    few = WeightOnly(bits=4).apply(lowered_network, ["fc"], Context())
    assert encode(graph_of(few), few.encodings).opset_import[0].version == 21
    proto = graph_of(model)
    assert with_opset(proto, 13) is proto


def test_the_predicted_size_is_that_of_the_file(lowered_network: Any, noise_data: Any) -> None:
    from secateur.methods.quantize.sizes import encoded_bytes
    from secateur.model.description import Layer, TensorInfo

    def described(name: str, weight: np.ndarray) -> Layer:
        return Layer(name, "Conv2d", TensorInfo(name, "float32", weight.shape, weight.nbytes))

    layers = [described(name, weight) for name, weight in lowered_network.weights().items()]
    float_tensors = sum(tensor.ByteSize() for tensor in graph_of(lowered_network).graph.initializer)
    around = graph_of(lowered_network).ByteSize() - float_tensors
    model = quantized(lowered_network, noise_data, EVERY)
    size = encode(graph_of(model), model.encodings).ByteSize()
    assert size == pytest.approx(around + sum(encoded_bytes(layer, 8, static=True) for layer in layers), rel=0.1)
