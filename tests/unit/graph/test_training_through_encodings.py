"""A simulation that is trained: it answers as the simulation does, learns straight through, and can be shipped."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from secateur.formats.onnx_files.writing import onnx_graph
from secateur.graph.context import Context
from secateur.graph.homes import homes, shipped, with_parameters
from secateur.graph.lowering import graph_of
from secateur.graph.onnx_import.importer import import_model
from secateur.graph.onnx_layers import new_session
from secateur.graph.simulation import simulate
from secateur.graph.straight_through import rounded_bias, rounded_weight
from secateur.graph.trainable import trainable_simulation, trained_model, weights_of
from secateur.methods.quantize.scales import encode_weight
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.encoding import ActivationEncoding, Encodings, round_bias

LAYERS = ["conv1", "conv2", "fc"]


@pytest.fixture
def static(lowered_network: Any, noise_data: Any) -> Any:
    return StaticInt8().apply(lowered_network, LAYERS, Context(data=noise_data))


@pytest.fixture
def four_bits(lowered_network: Any) -> Any:
    return WeightOnly(bits=4, observer="minmax").apply(lowered_network, LAYERS, Context())


def learned(model: Any, inputs: Any, steps: int = 3) -> Any:
    """The trainable simulation of `model` after a few steps towards answers that it does not give."""
    simulated = trainable_simulation(model).train()
    optimizer = torch.optim.SGD((p for p in simulated.parameters() if p.requires_grad), lr=0.02)
    for _ in range(steps):
        loss = (simulated(torch.from_numpy(inputs)) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return simulated.eval()


def answers(module: Any, inputs: Any) -> Any:
    with torch.no_grad():
        return module(torch.from_numpy(inputs))


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_a_weight_is_rounded_as_its_encoding_does_to_the_last_bit(bits: int, axis: int | None) -> None:
    weight = np.random.default_rng(bits).standard_normal((7, 5, 3)).astype(np.float32)
    encoding = encode_weight(weight, bits, axis or 0, "mse")
    if axis is None:
        encoding = replace(encoding, scale=encoding.scale[:1], axis=None)
    rounded = rounded_weight(torch.from_numpy(weight), encoding)
    assert np.array_equal(rounded.numpy(), encoding.round_trip(weight))


def test_a_bias_is_rounded_as_integer_kernels_add_it_to_the_last_bit() -> None:
    random = np.random.default_rng(2)
    encoding = encode_weight(random.standard_normal((64, 9)).astype(np.float32), 8, 0)
    bias = random.standard_normal(64).astype(np.float32)
    assert np.array_equal(
        rounded_bias(torch.from_numpy(bias), 0.037, encoding).numpy(), round_bias(bias, 0.037, encoding.scale)
    )


def test_a_gradient_goes_straight_through_a_weight_and_stops_beyond_its_range() -> None:
    encoding = replace(encode_weight(np.ones((1, 5), np.float32), 4, 0), scale=np.array([0.5], np.float32))
    weight = torch.tensor([[-9.0, -3.6, 0.1, 3.74, 3.76]], requires_grad=True)  # the range is ± 3.5, ± half a step
    rounded = rounded_weight(weight, encoding)
    assert rounded.tolist() == [[-3.5, -3.5, 0.0, 3.5, 3.5]]
    rounded.backward(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    assert weight.grad is not None
    assert weight.grad.tolist() == [[0.0, 2.0, 3.0, 4.0, 0.0]]


def test_a_gradient_goes_straight_through_an_activation_and_stops_beyond_its_range(lowered_network: Any) -> None:
    encoded = replace(lowered_network, encodings=Encodings({}, {"image": ActivationEncoding(0.01, 128)}))
    inputs = torch.full((1, 3, 12, 12), 0.5).requires_grad_()
    with torch.no_grad():
        inputs[0, 0, 4, 4] = 5.0  # the range ends at 1.27
    trainable_simulation(encoded)(inputs).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad[0, 0, 4, 4] == 0
    assert (inputs.grad != 0).sum() == inputs.numel() - 1


@pytest.mark.parametrize("kind", ["static", "four_bits"])
def test_it_answers_as_the_simulation_to_the_last_bit(kind: str, request: Any, noise_data: Any) -> None:
    model = request.getfixturevalue(kind)
    expected = answers(simulate(model.module, model.encodings), noise_data.inputs)
    assert torch.equal(answers(trainable_simulation(model), noise_data.inputs), expected)


def test_a_rounded_weight_passes_its_gradient_on_to_the_float_one(four_bits: Any, noise_data: Any) -> None:
    """Numerically: the gradient of the float weight is that of a network which has the rounded weight as its own."""
    inputs = torch.from_numpy(noise_data.inputs[:4])
    simulated, plain = trainable_simulation(four_bits), simulate(four_bits.module, four_bits.encodings)
    for module in (simulated, plain):
        module(inputs).square().sum().backward()
    for name in LAYERS:
        own, expected = simulated.network.get_submodule(name).weight.grad, plain.get_submodule(name).weight.grad
        assert isinstance(own, torch.Tensor)
        assert own.abs().sum() > 0
        assert torch.equal(own, expected)  # minmax scales leave no weight beyond the range


def test_training_changes_neither_the_model_nor_its_encodings(static: Any, noise_data: Any) -> None:
    before = {name: tensor.clone() for name, tensor in static.module.state_dict().items()}
    trained = trained_model(static, learned(static, noise_data.inputs))
    assert all(torch.equal(before[name], tensor) for name, tensor in static.module.state_dict().items())
    assert dict(trained.encodings.activations) == dict(static.encodings.activations)
    for name, encoding in static.encodings.weights.items():
        assert np.array_equal(trained.encodings.weights[name].scale, encoding.scale)


@pytest.mark.parametrize("kind", ["static", "four_bits"])
def test_what_was_trained_is_what_is_simulated_and_what_the_file_computes(
    kind: str, request: Any, noise_data: Any
) -> None:
    model = request.getfixturevalue(kind)
    simulated = learned(model, noise_data.inputs)
    trained = trained_model(model, simulated)
    expected = answers(simulated, noise_data.inputs).numpy()
    assert np.array_equal(answers(simulate(trained.module, trained.encodings), noise_data.inputs).numpy(), expected)
    assert np.abs(expected - model.run(noise_data.inputs)).max() > 1e-3  # it learned
    (made,) = new_session(onnx_graph(trained)).run(None, {"image": noise_data.inputs})
    assert np.mean(np.abs(made - trained.run(noise_data.inputs)).max(axis=1) < 1e-4) > 0.95
    assert np.abs(made - expected).max() / np.abs(expected).max() < 0.02
    assert np.mean(made.argmax(1) == expected.argmax(1)) > 0.95


def test_the_graph_of_a_trained_model_has_its_float_parameters(static: Any, noise_data: Any) -> None:
    trained = trained_model(static, learned(static, noise_data.inputs))
    again = import_model(graph_of(trained))
    for name, value in trained.module.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
        assert not torch.equal(static.module.state_dict()[name], value), name


def test_scales_can_be_decided_anew_from_weights_that_moved(four_bits: Any, noise_data: Any) -> None:
    simulated = learned(four_bits, noise_data.inputs, steps=8)
    anew = {name: encode_weight(weight, 4, 0) for name, weight in weights_of(simulated).items()}
    simulated.encode_weights(anew)
    trained = trained_model(four_bits, simulated)
    assert not np.array_equal(trained.encodings.weights["conv2"].scale, four_bits.encodings.weights["conv2"].scale)
    assert np.array_equal(trained.run(noise_data.inputs), answers(simulated, noise_data.inputs).numpy())


def test_it_is_trained_in_half_precision_too(static: Any, noise_data: Any) -> None:
    simulated = trainable_simulation(static)
    with torch.autocast("cpu", torch.bfloat16):
        loss = simulated(torch.from_numpy(noise_data.inputs[:8])).float().square().mean()
    loss.backward()
    gradients: Iterable[Any] = (parameter.grad for parameter in simulated.parameters())
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


# ---------------------------------------------------------------------- weights that are shared


def test_a_layer_that_shares_an_encoded_weight_computes_with_its_integers(tied_network: Any) -> None:
    simulated = trainable_simulation(tied_network)
    inputs = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    expected = answers(simulate(tied_network.module, tied_network.encodings), inputs)
    assert torch.equal(answers(simulated, inputs), expected)
    trained = trained_model(tied_network, learned(tied_network, inputs))
    (first, second) = (trained.module.get_submodule(name).weight for name in ("first", "second"))
    assert first is second


def test_equal_tensors_that_a_file_stores_once_part_when_they_learn_different_things(shared_bias: Any) -> None:
    module = import_model(shared_bias)
    graph = shipped(shared_bias, module)
    places = homes(graph, module)
    assert places["first.bias"].initializer == places["second.bias"].initializer
    with torch.no_grad():
        module.get_submodule("second").bias.add_(1.0)
    again = import_model(with_parameters(graph, places, module).whole()).state_dict()
    for name, value in module.state_dict().items():
        assert torch.equal(again[name], value), name


def test_what_the_graph_holds_in_another_form_does_not_learn(recurrent_network: Any) -> None:
    simulated = trainable_simulation(recurrent_network)
    learning = {name for name, parameter in simulated.network.named_parameters() if parameter.requires_grad}
    assert learning == {"head.weight"}


@pytest.fixture
def tied_network() -> Any:
    """x → product with a stored matrix → ReLU → product with the same matrix, encoded in 4 bits."""
    from secateur.graph.network import TorchModel
    from secateur.model.description import Port

    proto = network(
        [("Gemm", ["x", "tied.weight", "first.bias"], "a"), ("Relu", ["a"], "b"),
         ("Gemm", ["b", "tied.weight", "second.bias"], "y")],
        {"tied.weight": (6, 6), "first.bias": (6,), "second.bias": (6,)},
    )  # fmt: skip
    port, module = Port("x", "float32", (None, 6)), import_model(proto)
    model = TorchModel("tied", module, (port,), (Port("y", "float32", (None, 6)),), lowered=shipped(proto, module))
    return replace(model, encodings=Encodings({"first": encode_weight(model.weights()["first"], 4, 0)}))


@pytest.fixture
def shared_bias() -> Any:
    return network(
        [("Gemm", ["x", "first.weight", "zeros"], "a"), ("Relu", ["a"], "b"),
         ("Gemm", ["b", "second.weight", "zeros"], "y")],
        {"first.weight": (6, 6), "second.weight": (6, 6), "zeros": (6,)},
    )  # fmt: skip


@pytest.fixture
def recurrent_network() -> Any:
    from torch import nn

    from secateur.graph.lowering import lower
    from secateur.graph.network import TorchModel
    from secateur.model.description import Port

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = nn.GRU(5, 8, batch_first=True)
            self.head = nn.Linear(8, 3, bias=False)

        def forward(self, x: torch.Tensor) -> Any:
            return self.head(self.cells(x)[0])

    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 7, 5)),), (Port("y", "float32", (None, 7, 3)),)
    return lower(TorchModel("reader", Reader().eval(), *ports))


def network(nodes: list[tuple[str, list[str], str]], tensors: dict[str, tuple[int, ...]]) -> Any:
    """An ONNX graph from x (batch, 6) to y; a Gemm has its matrix transposed."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(4)
    made = [
        helper.make_node(kind, inputs, [output], output, **({"transB": 1} if kind == "Gemm" else {}))
        for kind, inputs, output in nodes
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 6]) for name in ("x", "y")]
    stored = [
        numpy_helper.from_array(random.standard_normal(shape).astype(np.float32) / 3, name)
        for name, shape in tensors.items()
    ]
    graph = helper.make_graph(made, "network", ports[:1], ports[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
