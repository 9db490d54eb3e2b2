"""Files that compute in integers: imported as float simulations, and opened as what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.lowering import graph_of
from secateur.graph.network import OnnxModel
from secateur.graph.onnx_import.check import run_file, run_module
from secateur.graph.onnx_import.importer import import_model, quantized_reason
from secateur.graph.qdq.placing import encode
from secateur.graph.qdq.standard import in_standard_form
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource

node = helper.make_node
EVERY = ["conv1", "conv2", "fc"]


@pytest.fixture
def int8_file(lowered_network: Any, noise_data: Any) -> onnx.ModelProto:
    model = StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data))
    return encode(graph_of(model), model.encodings)


def test_a_static_int8_file_is_simulated_in_floats(int8_file: onnx.ModelProto, noise_data: Any) -> None:
    expected = run_file(int8_file, [noise_data.inputs])[0]
    given = run_module(import_model(int8_file), [noise_data.inputs])[0]
    # ONNX Runtime computes in integers and rounds a few values to the step beside
    assert np.abs(given - expected).max() <= 0.02 * np.abs(expected).max()
    assert (given.argmax(1) == expected.argmax(1)).mean() >= 0.97


def test_its_layers_are_float_layers_under_their_names(int8_file: onnx.ModelProto) -> None:
    module = import_model(int8_file)
    kinds = {name: type(module.get_submodule(name)) for name in EVERY}
    assert kinds == {"conv1": nn.Conv2d, "conv2": nn.Conv2d, "fc": nn.Linear}
    assert all(parameter.is_floating_point() for parameter in module.parameters())
    assert {name.rpartition(".")[0] for name, _ in module.named_parameters()} == set(EVERY)


def test_gradients_pass_through_the_rounding(int8_file: onnx.ModelProto, noise_data: Any) -> None:
    module = import_model(int8_file)
    module(torch.from_numpy(noise_data.inputs)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in module.parameters())


@pytest.mark.parametrize("bits", [8, 4])
def test_stored_integers_become_the_weights_that_they_stand_for(lowered_network: Any, bits: int) -> None:
    model = WeightOnly(bits=bits).apply(lowered_network, EVERY, Context())
    module = import_model(in_standard_form(encode(graph_of(model), model.encodings)))
    for name in EVERY:
        expected = model.encodings.weights[name].round_trip(model.weights()[name])
        np.testing.assert_allclose(module.get_submodule(name).weight.detach(), expected, rtol=1e-6, atol=1e-8)


def test_an_integer_file_is_opened_as_it_is_and_says_why(int8_file: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    onnx.save(int8_file, path)
    model = open_model(ModelSource(str(path)))
    assert isinstance(model, OnnxModel)
    assert "quantized already (DequantizeLinear, QuantizeLinear)" in model.reason
    assert model.source_bytes == path.stat().st_size


def test_a_float_file_has_no_reason_to_stay_as_it_is(network: onnx.ModelProto) -> None:
    assert quantized_reason(network) == ""


def test_a_dynamically_quantized_product_gives_what_onnx_runtime_gives(graph: Callable[..., onnx.ModelProto]) -> None:
    generator = np.random.default_rng(2)
    weight = generator.integers(-128, 128, (6, 4)).astype(np.int8)
    proto = graph(
        [
            node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
            node("MatMulInteger", ["q", "w", "zero"], ["p"]),
            node("Cast", ["p"], ["f"], to=onnx.TensorProto.FLOAT),
            node("Mul", ["scale", "w_scale"], ["step"]),
            node("Mul", ["f", "step"], ["y"]),
        ],
        {"w": weight, "w_scale": np.float32(0.01)},
        {"x": ("N", 6)},
    )
    inputs = [generator.standard_normal((3, 6)).astype(np.float32)]
    np.testing.assert_allclose(run_module(import_model(proto), inputs)[0], run_file(proto, inputs)[0], rtol=1e-5)
