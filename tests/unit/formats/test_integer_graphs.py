"""Quantized networks as the compilers for phones take them: int8 throughout, and the very values of the simulation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from secateur.formats.devices.encoded_layers import computed_layers, float_results, stored_layers
from secateur.formats.devices.executorch_write import dynamic_layers, static_layers
from secateur.formats.torch_files.int8_graph import int8_module
from secateur.graph.context import Context
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.encoding import Encodings


@pytest.fixture
def static(lowered_network: Any, noise_data: Any) -> Any:
    names = list(lowered_network.weights())
    return StaticInt8(samples=32).apply(lowered_network, names, Context(data=noise_data))


@pytest.fixture
def four_bits(lowered_network: Any) -> Any:
    return WeightOnly(bits=4).apply(lowered_network, list(lowered_network.weights()), Context())


def answers(module: Any, data: Any) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(data.inputs)).numpy())


@pytest.mark.parametrize("unfolded", [False, True])
def test_the_int8_graph_answers_as_the_simulation(static: Any, noise_data: Any, unfolded: bool) -> None:
    module = int8_module(static, computed_layers(static), unfolded=unfolded)
    expected = static.run(noise_data.inputs)
    # the simulation multiplies by a scale, the operators by its inverse: a value on the edge may fall to either side
    assert np.abs(answers(module, noise_data) - expected).max() < 0.02 * np.abs(expected).max()


def test_folded_and_unfolded_weights_are_the_same_values(static: Any, noise_data: Any) -> None:
    folded, unfolded = (int8_module(static, computed_layers(static), unfolded=value) for value in (False, True))
    np.testing.assert_array_equal(answers(folded, noise_data), answers(unfolded, noise_data))


def test_every_grid_is_int8(static: Any) -> None:
    module = int8_module(static, computed_layers(static))
    assert isinstance(module, fx.GraphModule)
    grids = [node.args for node in module.graph.nodes if "per_tensor" in str(node.target)]
    assert grids
    assert all(grid[3:] == (-128, 127, torch.int8) and -128 <= grid[2] <= 127 for grid in grids)


def test_layers_that_are_not_wanted_get_rounded_floats(static: Any) -> None:
    module = int8_module(static, ["conv1"])
    assert module.get_buffer("conv1.weight").dtype == torch.int8
    expected = static.encodings.weights["conv2"].round_trip(static.weights()["conv2"])
    np.testing.assert_array_equal(module.get_parameter("conv2.weight").detach().numpy(), expected)


def test_a_float_network_stays_its_own_module(lowered_network: Any) -> None:
    assert int8_module(lowered_network, []) is lowered_network.module


def test_the_model_itself_is_not_changed(static: Any, noise_data: Any) -> None:
    before = static.run(noise_data.inputs)
    int8_module(static, computed_layers(static), unfolded=True)
    np.testing.assert_array_equal(replace(static).run(noise_data.inputs), before)


def test_layers_are_told_apart_by_what_is_encoded(static: Any, four_bits: Any) -> None:
    assert set(computed_layers(static)) == {"conv1", "conv2", "fc"}
    assert float_results(static) == ("fc",)
    assert stored_layers(static) == ()
    assert computed_layers(four_bits) == ()
    assert set(stored_layers(four_bits)) == {"conv1", "conv2", "fc"}


def test_a_layer_that_nothing_rounds_keeps_its_integers_where_inputs_are_rounded_as_they_come(
    static: Any, four_bits: Any
) -> None:
    assert set(static_layers(static)) == {"conv1", "conv2"}
    assert dynamic_layers(static) == ("fc",)
    assert dynamic_layers(four_bits) == ("fc",)  # convolutions have no such kernel


def test_without_activations_no_layer_is_computed_in_integers(static: Any) -> None:
    bare = replace(static, encodings=Encodings(static.encodings.weights))
    assert computed_layers(bare) == ()
