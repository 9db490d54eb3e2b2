"""Small networks of every kind of neighbourhood, looked at in the graph that the runtime makes of them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from secateur.data.batch import Batch
from secateur.graph.context import Context
from secateur.graph.homes import shipped
from secateur.graph.lowering import graph_of
from secateur.graph.network import TorchModel
from secateur.graph.onnx_files.computed import float_layers, optimized_graph
from secateur.graph.onnx_import.importer import import_model
from secateur.graph.onnx_layers import session_of
from secateur.graph.qdq.placing import encode, static_layers
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import Port

Graph = Callable[..., onnx.ModelProto]
node = helper.make_node


class Noise:
    """Calibration samples of any shape."""

    def __init__(self, *shape: int) -> None:
        self.inputs = np.random.default_rng(3).standard_normal((24, *shape)).astype(np.float32)

    def size(self, split: str) -> int:
        return len(self.inputs)

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        for start in range(0, limit or len(self.inputs), batch_size):
            part = self.inputs[start : start + batch_size]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


def quantized(proto: onnx.ModelProto, noise: Noise) -> TorchModel:
    ports = (Port("x", "float32", (None, *noise.inputs.shape[1:])),), (Port("y", "float32", (None,)),)
    module = import_model(proto)
    model = TorchModel("net", module, *ports, lowered=shipped(proto, module))
    return StaticInt8().apply(model, list(model.weights()), Context(data=noise))


def runtime_graph(proto: onnx.ModelProto, noise: Noise) -> tuple[Counter[str], tuple[str, ...]]:
    """Operators in the graph that runs, and the layers of the plan that it computes in float; file = simulation."""
    model = quantized(proto, noise)
    assert set(static_layers(proto, model.encodings)) == set(model.weights())
    written = encode(proto, model.encodings)
    onnx.shape_inference.infer_shapes(written, check_type=True, strict_mode=True)
    actual, expected = session_of(written).run(None, {"x": noise.inputs})[0], model.run(noise.inputs)
    assert np.sqrt(np.square(actual - expected).mean()) < 0.03 * np.sqrt(np.square(expected).mean())
    kinds = Counter(item.op_type for item in optimized_graph(written).graph.node)
    return kinds, float_layers(written, list(model.weights()))


def test_a_classifier_is_computed_in_integers_to_its_float_answers(graph: Graph, random: Any) -> None:
    stored = {"a.weight": random(16, 3, 3, 3), "a.bias": random(16), "b.weight": random(5, 16), "b.bias": random(5)}
    nodes = [
        node("Conv", ["x", "a.weight", "a.bias"], ["c"]), node("Relu", ["c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]), node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "b.weight", "b.bias"], ["y"], transB=1),
    ]  # fmt: skip
    kinds, floats = runtime_graph(graph(nodes, stored), Noise(3, 8, 8))
    assert (kinds["QLinearConv"], kinds["QGemm"], kinds["QLinearGlobalAveragePool"]) == (1, 1, 1)
    assert not floats
    assert not kinds["Relu"]


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
@pytest.mark.parametrize("transposed", [0, 1])
def test_hidden_linear_layers_take_their_activation_in(
    graph: Graph, random: Any, activation: str, transposed: int
) -> None:
    first, second = random(12, 20), random(20, 6)
    stored = {
        "a.weight": first.T if transposed else first, "a.bias": random(20),
        "b.weight": second.T if transposed else second, "low": np.float32(0), "high": np.float32(1),
    }  # fmt: skip
    bounds = ["low", "high"] if activation == "Clip" else []
    nodes = [
        node("Gemm", ["x", "a.weight", "a.bias"], ["h"], transB=transposed), node(activation, ["h", *bounds], ["r"]),
        node("Gemm", ["r", "b.weight"], ["y"], transB=transposed),
    ]  # fmt: skip
    kinds, floats = runtime_graph(graph(nodes, stored, {"x": ("N", 12)}), Noise(12))
    assert kinds["QGemm"] == 2
    assert not kinds[activation]
    assert not floats


def test_a_relu6_vanishes_in_the_convolution_whatever_its_range(graph: Graph, random: Any) -> None:
    stored = {
        "a.weight": random(8, 3, 3, 3) * 40, "b.weight": random(8, 1, 3, 3), "low": np.float32(0), "high": np.float32(6)
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "a.weight"], ["c"]), node("Clip", ["c", "low", "high"], ["r"]),
        node("Conv", ["r", "b.weight"], ["d"], group=8), node("Clip", ["d", "low", "high"], ["y"]),
    ]  # fmt: skip
    kinds, floats = runtime_graph(graph(nodes, stored), Noise(3, 8, 8))
    assert kinds["QLinearConv"] == 2
    assert not kinds["Clip"]
    assert not floats


@pytest.mark.parametrize(
    ("operators", "kernel"),
    [
        ([("Add", ["r", "s"])], "QLinearAdd"),
        ([("Mul", ["r", "s"])], "QLinearMul"),
        ([("Concat", ["r", "s"], {"axis": 1})], "QLinearConcat"),
        ([("AveragePool", ["r"], {"kernel_shape": [2, 2]})], "QLinearAveragePool"),
        ([("Sigmoid", ["r"])], "QLinearSigmoid"),
        ([("LeakyRelu", ["r"])], "QLinearLeakyRelu"),
        ([("MaxPool", ["r"], {"kernel_shape": [2, 2]})], "NhwcMaxPool"),
    ],
)
def test_what_lies_between_layers_is_computed_in_integers_too(
    graph: Graph, random: Any, operators: list[Any], kernel: str
) -> None:
    ((operator, inputs, *attributes),) = operators
    width = 16 if operator == "Concat" else 8
    stored = {"a.weight": random(8, 3, 3, 3), "b.weight": random(8, 3, 3, 3), "c.weight": random(4, width, 1, 1)}
    nodes = [
        node("Conv", ["x", "a.weight"], ["r"]), node("Conv", ["x", "b.weight"], ["s"]),
        node(operator, inputs, ["m"], **(attributes[0] if attributes else {})), node("Conv", ["m", "c.weight"], ["t"]),
    ]  # fmt: skip
    kinds, floats = runtime_graph(graph(nodes, stored, outputs=("t", "s")), Noise(3, 8, 8))
    assert kinds["QLinearConv"] == 3
    assert kinds[kernel] == 1
    assert not floats
    assert kinds["DequantizeLinear"] == 2  # the network's answers


def test_layers_that_the_runtime_has_no_integer_kernel_for_are_named(graph: Graph, random: Any) -> None:
    stored = {"a.weight": random(8, 3, 3, 3), "b.weight": random(8, 4, 2, 2)}
    nodes = [
        node("Conv", ["x", "a.weight"], ["c"]), node("Relu", ["c"], ["r"]),
        node("ConvTranspose", ["r", "b.weight"], ["y"]),
    ]  # fmt: skip
    _, floats = runtime_graph(graph(nodes, stored), Noise(3, 8, 8))
    assert floats == ("b",)


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("name", ["onnx::Conv_97", "net/conv/ReadVariableOp:0", "W"])
def test_layers_named_after_their_nodes_are_all_quantized(graph: Graph, random: Any, opset: int, name: str) -> None:
    """As older exporters and hand-written graphs call their weights, with no bias to take a name from."""
    stored = {name: random(8, 3, 3, 3), "V": random(8, 4)}
    nodes = [
        node("Conv", ["x", name], ["c"], name="/layer1/layer1.0/conv/Conv"), node("Relu", ["c"], ["r"], name="act"),
        node("GlobalAveragePool", ["r"], ["p"]), node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "V"], ["y"]),
    ]  # fmt: skip
    proto = graph(nodes, stored, opset=opset)
    proto.ir_version = 8
    kinds, floats = runtime_graph(proto, Noise(3, 8, 8))
    assert kinds["QLinearConv"] == 1
    assert not floats


def test_layers_that_share_a_bias_round_it_each_to_their_own_step(graph: Graph, random: Any) -> None:
    stored = {"a.weight": random(8, 3, 3, 3), "b.weight": random(8, 8, 3, 3) * 30, "shared": random(8)}
    nodes = [
        node("Conv", ["x", "a.weight", "shared"], ["c"]), node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "b.weight", "shared"], ["y"]),
    ]  # fmt: skip
    noise = Noise(3, 8, 8)
    model = quantized(graph(nodes, stored), noise)
    biases = {
        item.input[2]: numpy_helper.to_array(tensor)
        for written in [encode(graph_of(model), model.encodings)]
        for item in written.graph.node if item.op_type == "Conv"
        for tensor in written.graph.initializer if tensor.name == item.input[2]
    }  # fmt: skip
    assert len(biases) == 2
    for (layer, source), bias in zip((("a", "x"), ("b", "r")), biases.values(), strict=True):
        step = model.encodings.activations[source].scale * model.encodings.weights[layer].scale
        np.testing.assert_allclose(bias / step, np.rint(bias / step), atol=1e-2)


def test_a_weight_that_serves_two_layers_is_stored_once(graph: Graph, random: Any) -> None:
    stored = {"a.weight": random(3, 3, 3, 3)}
    nodes = [
        node("Conv", ["x", "a.weight"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "a.weight"], ["y"], pads=[1, 1, 1, 1]),
    ]  # fmt: skip
    noise = Noise(3, 8, 8)
    model = quantized(graph(nodes, stored), noise)
    written = encode(graph_of(model), model.encodings)
    assert [tensor.name for tensor in written.graph.initializer if len(tensor.dims) == 4] == ["a.weight"]
