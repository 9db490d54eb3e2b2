"""The numbers of a network are in memory once: its graph has those of its layers, and a copy those that it kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from secateur.formats.reading import open_model
from secateur.graph.homes import shipped
from secateur.graph.lowering import graph_of, lower
from secateur.graph.network import TorchModel, weighted_modules
from secateur.graph.onnx_import.importer import import_model
from secateur.graph.onnx_layers import kept_sessions, onnx_layers
from secateur.graph.simulation import executable
from secateur.graph.trainable import trainable_simulation, trained_model
from secateur.methods.quantize.scales import encode_weight
from secateur.model.description import ModelSource, Port
from secateur.model.encoding import Encodings


@pytest.fixture
def opened(network_file: Path) -> TorchModel:
    """A file of convolutions and a Gemm, opened and lowered (its batch norm folded)."""
    model = open_model(ModelSource(str(network_file)))
    assert isinstance(model, TorchModel)
    return model


@pytest.fixture
def turned(random: Callable[..., np.ndarray], graph: Callable[..., onnx.ModelProto]) -> TorchModel:
    """Products with matrices that torch keeps the other way round than the file."""
    nodes = [
        helper.make_node("MatMul", ["x", "one.weight"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "two.weight"], ["y"]),
    ]
    proto = graph(nodes, {"one.weight": random(6, 8), "two.weight": random(8, 3)}, {"x": ("N", 6)})
    module = import_model(proto)
    ports = (Port("x", "float32", (None, 6)),), (Port("y", "float32", (None, 3)),)
    return TorchModel("turned", module, *ports, lowered=shipped(proto, module))


def places(model: TorchModel) -> dict[str, int]:
    """Parameter → where its numbers lie."""
    return {name: value.data_ptr() for name, value in model.module.named_parameters()}


def stored(model: TorchModel) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph_of(model).graph.initializer}


def test_the_graph_of_an_opened_file_has_the_numbers_of_its_network(opened: TorchModel) -> None:
    assert opened.lowered is not None
    shared = opened.lowered.weights
    for layer in onnx_layers(opened.lowered.structure):
        part = opened.module.get_submodule(layer.name)
        assert np.shares_memory(shared[layer.weight], part.weight.detach().numpy())
        if layer.bias is not None:
            assert np.shares_memory(shared[layer.bias], part.bias.detach().numpy())
    inline = sum(len(tensor.raw_data) for tensor in opened.lowered.structure.graph.initializer)
    assert inline == 0
    assert sum(values.nbytes for values in shared.values()) == sum(
        value.numel() * 4 for name, value in opened.module.state_dict().items() if "num_batches" not in name
    )


def test_a_turned_matrix_is_a_view_of_the_layers(turned: TorchModel) -> None:
    assert turned.lowered is not None
    for name in ("one", "two"):
        values = turned.lowered.weights[f"{name}.weight"]
        weight = turned.module.get_submodule(name).weight.detach().numpy()
        assert np.shares_memory(values, weight)
        assert np.array_equal(values, weight.T)


def test_the_whole_graph_is_the_one_that_was_read(opened: TorchModel, network: onnx.ModelProto) -> None:
    assert opened.lowered is not None
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in network.graph.initializer}
    whole = graph_of(opened)
    onnx.checker.check_model(whole)
    again = stored(opened)
    assert set(again) == set(before)
    assert all(np.array_equal(values, before[name]) for name, values in again.items())
    whole.graph.initializer[0].raw_data = b""  # it is the caller's own
    assert np.array_equal(stored(opened)[whole.graph.initializer[0].name], before[whole.graph.initializer[0].name])


def test_a_lowered_network_shares_what_lowering_did_not_change() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 2, 3)).eval()
    module[1].running_var.fill_(2.0)
    ports = (Port("x", "float32", (None, 3, 8, 8)),), (Port("y", "float32", (None, 2, 4, 4)),)
    model = TorchModel("net", module, *ports)
    lowered = lower(model)
    before, after = places(model), places(lowered)
    assert after["2.weight"] == before["2.weight"]
    assert after["2.bias"] == before["2.bias"]
    assert after["0.weight"] != before["0.weight"]  # the norm went into it
    assert lowered.lowered is not None
    assert np.shares_memory(lowered.lowered.weights["2.weight"], module[2].weight.detach().numpy())


@pytest.mark.parametrize("which", ["opened", "turned"])
def test_new_weights_of_one_layer_leave_all_others_where_they_are(which: str, request: pytest.FixtureRequest) -> None:
    model: TorchModel = lower(request.getfixturevalue(which))
    before, answers = places(model), {name: value.copy() for name, value in stored(model).items()}
    layer = onnx_layers(graph_of(model))[0]
    weight = model.weights()[layer.name].copy()

    made = model.with_weights({layer.name: weight * 0.5})

    changed = {name for name, place in places(made).items() if place != before[name]}
    assert changed == {f"{layer.name}.weight"}
    assert np.array_equal(made.weights()[layer.name], weight * 0.5)
    assert np.array_equal(model.weights()[layer.name], weight)
    assert all(np.array_equal(values, answers[name]) for name, values in stored(model).items())
    for name, values in stored(made).items():
        assert np.array_equal(values, answers[name] * (0.5 if name == layer.weight else 1.0))
    assert made.lowered is not None
    assert np.shares_memory(
        made.lowered.weights[layer.weight], made.module.get_submodule(layer.name).weight.detach().numpy()
    )


def test_a_simulation_has_numbers_of_its_own_only_for_what_it_rounds(turned: TorchModel) -> None:
    encoding = encode_weight(turned.weights()["one"], 4, 0)
    encoded = TorchModel("turned", turned.module, turned.inputs, turned.outputs, encodings=Encodings({"one": encoding}))
    before = turned.weights()["one"].copy()
    simulated = executable(encoded)
    assert simulated.get_submodule("two").weight.data_ptr() == turned.module.get_submodule("two").weight.data_ptr()
    assert simulated.get_submodule("one").weight.data_ptr() != turned.module.get_submodule("one").weight.data_ptr()
    assert np.array_equal(simulated.get_submodule("one").weight.detach().numpy(), encoding.round_trip(before))
    assert np.array_equal(turned.weights()["one"], before)


def test_tied_layers_stay_tied_in_a_copy(turned: TorchModel) -> None:
    turned.module.get_submodule("two").weight = torch.nn.Parameter(torch.zeros(3, 8))
    tied = torch.nn.Module()
    tied.one, tied.two = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    tied.two.weight = tied.one.weight
    ports = (Port("x", "float32", (None, 4)),), (Port("y", "float32", (None, 4)),)
    made = TorchModel("tied", tied, *ports).with_weights({"one": np.eye(4, dtype=np.float32)}).module
    assert made.one.weight is made.two.weight
    assert torch.equal(made.one.weight, torch.eye(4))
    assert not torch.equal(tied.one.weight, torch.eye(4))


def test_training_writes_into_numbers_of_its_own(turned: TorchModel) -> None:
    model = turned.with_weights({"two": turned.weights()["two"].copy()})  # shares the first layer with `turned`
    before, graph = turned.weights()["one"].copy(), graph_of(turned).SerializeToString()
    simulated = trainable_simulation(model)
    optimizer = torch.optim.SGD(simulated.parameters(), lr=0.5)
    simulated(torch.ones(5, 6)).pow(2).sum().backward()
    optimizer.step()
    trained = trained_model(model, simulated)

    assert not np.array_equal(trained.weights()["one"], before)
    assert np.array_equal(turned.weights()["one"], before)
    assert graph_of(turned).SerializeToString() == graph
    assert trained.lowered is not None
    for name in ("one", "two"):
        values = trained.lowered.weights[f"{name}.weight"]
        assert np.shares_memory(values, trained.module.get_submodule(name).weight.detach().numpy())
        assert not np.shares_memory(values, simulated.network.get_submodule(name).weight.detach().numpy())


def test_gradients_of_one_model_are_not_those_of_another(turned: TorchModel) -> None:
    made = turned.with_weights({"two": turned.weights()["two"].copy()})
    one, other = (dict(model.module.named_parameters())["one.weight"] for model in (turned, made))
    assert one.data_ptr() == other.data_ptr()
    one.requires_grad_(False)
    assert other.requires_grad
    assert other.grad is None


def test_a_network_that_was_read_keeps_no_session_of_its_file(network_file: Path) -> None:
    before = kept_sessions()
    model: Any = open_model(ModelSource(str(network_file)))
    assert [name for name, _ in weighted_modules(model.module)]
    assert kept_sessions() == before
