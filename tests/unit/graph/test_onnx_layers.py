"""Layers of an ONNX graph: names, weights in the file's layout, and writing them back."""

import copy

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from secateur.graph.onnx_layers import layer_weights, onnx_layers, replace_weights, session_of
from secateur.graph.onnx_names import RESERVED, layer_name, module_path

FLOAT = onnx.TensorProto.FLOAT


def graph(nodes: list[onnx.NodeProto], stored: dict[str, np.ndarray], shape: tuple[object, ...]) -> onnx.ModelProto:
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def quantized() -> onnx.ModelProto:
    """A linear layer stored as int8 with one scale for each output channel."""
    nodes = [
        helper.make_node("DequantizeLinear", ["fc.weight_quantized", "scale", "zero"], ["w"], axis=1),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    stored = {
        "fc.weight_quantized": np.asarray([[1, -2], [3, 127]], np.int8),
        "scale": np.asarray([0.5, 0.25], np.float32),
        "zero": np.zeros(2, np.int8),
    }
    return graph(nodes, stored, ("N", 2))


@pytest.fixture
def product() -> onnx.ModelProto:
    return graph(
        [helper.make_node("MatMul", ["x", "fc.weight"], ["y"])], {"fc.weight": np.eye(2, 3, dtype=np.float32)}, ("N", 2)
    )


@pytest.mark.parametrize(
    ("weight", "bias", "node", "expected"),
    [
        ("layer1.0.conv1.weight", None, "Conv_3", "layer1.0.conv1"),
        ("onnx::MatMul_31", "encoder.fc.bias", "MatMul_2", "encoder.fc"),
        ("onnx::Conv_12", "onnx::Conv_13", "/layer1/layer1.0/conv1/Conv", "layer1.0.conv1"),
        ("w", None, "my node/2", "my_node.2"),
        ("w", None, "", "conv"),
        ("conv.weight_quantized", None, "conv_quant", "conv"),
    ],
)
def test_a_layer_is_named_after_its_weight_else_its_bias_else_its_node(
    weight: str, bias: str | None, node: str, expected: str
) -> None:
    assert layer_name(weight, bias, node, "Conv", set()) == expected


def test_names_are_unique() -> None:
    used: set[str] = set()
    assert [layer_name("a.weight", None, "", "Conv", used) for _ in range(3)] == ["a", "a_1", "a_2"]


def test_no_name_hides_something_of_a_torch_module() -> None:
    from torch import fx, nn

    own = {name for name in (*dir(nn.Module), *dir(fx.GraphModule)) if not name.startswith("_")}
    assert own <= RESERVED
    assert module_path("a.forward.__class__") == "a.forward_.__class___"


def test_weights_come_in_the_layout_of_the_file(product: onnx.ModelProto) -> None:
    assert layer_weights(product)["fc"].shape == (2, 3)
    assert onnx_layers(product)[0].channel_axis == 1


def test_replacing_a_weight_leaves_the_graph_as_it_was(product: onnx.ModelProto) -> None:
    before = copy.deepcopy(product)
    changed = replace_weights(product, {"fc": np.full((2, 3), 2.0, np.float32)})
    assert product == before
    np.testing.assert_array_equal(layer_weights(changed)["fc"], np.full((2, 3), 2.0))


def test_a_weight_of_another_shape_is_refused(product: onnx.ModelProto) -> None:
    with pytest.raises(ValueError, match="fc"):
        replace_weights(product, {"fc": np.zeros((3, 3), np.float32)})


def test_quantized_weights_read_as_what_they_stand_for(quantized: onnx.ModelProto) -> None:
    np.testing.assert_array_equal(layer_weights(quantized)["fc"], [[0.5, -0.5], [1.5, 31.75]])


def test_quantized_weights_are_written_back_on_their_grid(quantized: onnx.ModelProto) -> None:
    written = replace_weights(quantized, {"fc": np.asarray([[0.0, 100.0], [0.6, -0.5]], np.float32)})
    np.testing.assert_array_equal(layer_weights(written)["fc"], [[0.0, 31.75], [0.5, -0.5]])
    stored = next(tensor for tensor in written.graph.initializer if tensor.name == "fc.weight_quantized")
    assert numpy_helper.to_array(stored).dtype == np.int8


def test_equal_normalizations_are_layers_of_their_own() -> None:
    names = ["s", "b", "m", "v"]
    stored = {name: np.ones(3, np.float32) for name in names}
    nodes = [
        helper.make_node("BatchNormalization", ["x", *names], ["a"], name="one"),
        helper.make_node("BatchNormalization", ["a", *names], ["y"], name="two"),
    ]
    assert [layer.name for layer in onnx_layers(graph(nodes, stored, ("N", 3, 4, 4)))] == ["one", "two"]


def test_a_session_is_kept_for_the_graph_it_belongs_to(product: onnx.ModelProto) -> None:
    twin = copy.deepcopy(product)
    assert session_of(product) is session_of(product)
    assert session_of(product) is not session_of(twin)
    assert session_of(product) is not session_of(product, threads=1)
