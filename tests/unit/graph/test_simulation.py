"""Simulation: the encoded network in torch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from secateur.graph.context import Context
from secateur.graph.simulation import executable, simulate
from secateur.methods.quantize.scales import encode_weight
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.encoding import ActivationEncoding, Encodings, round_bias


def test_a_model_without_encodings_runs_its_own_module(lowered_network: Any) -> None:
    assert executable(lowered_network) is lowered_network.module
    assert not lowered_network.module.training


def test_a_simulation_is_made_once_for_a_model(lowered_network: Any) -> None:
    encoded = replace(
        lowered_network, encodings=Encodings({"fc": encode_weight(lowered_network.weights()["fc"], 4, 0)})
    )
    assert executable(encoded) is executable(encoded)
    assert executable(replace(encoded)) is not executable(encoded)


def test_encoded_weights_are_rounded_in_the_copy_alone(lowered_network: Any) -> None:
    before = lowered_network.weights()["conv1"].copy()
    encoding = encode_weight(before, 4, 0)
    simulated = simulate(lowered_network.module, Encodings({"conv1": encoding}))
    assert np.array_equal(simulated.get_submodule("conv1").weight.detach().numpy(), encoding.round_trip(before))
    assert np.array_equal(lowered_network.weights()["conv1"], before)


def test_an_encoded_tensor_takes_only_values_of_its_grid(lowered_network: Any) -> None:
    encoding = ActivationEncoding(0.5, 0)
    simulated = simulate(
        lowered_network.module, Encodings({}, {"r2": encoding, "logits": ActivationEncoding(0.25, 128)})
    )
    outputs = simulated(torch.randn(4, 3, 12, 12)) / 0.25
    assert torch.equal(outputs, outputs.round())


def test_rounding_finely_changes_next_to_nothing(lowered_network: Any, noise_data: Any) -> None:
    float_outputs = lowered_network.run(noise_data.inputs)
    encoded = StaticInt8().apply(lowered_network, ["conv1", "conv2", "fc"], Context(data=noise_data))
    error = np.abs(encoded.run(noise_data.inputs) - float_outputs).mean() / np.abs(float_outputs).mean()
    assert 0 < error < 0.05


def test_gradients_pass_through_the_rounding(lowered_network: Any, noise_data: Any) -> None:
    encoded = StaticInt8().apply(lowered_network, ["conv1", "conv2"], Context(data=noise_data))
    inputs = torch.from_numpy(noise_data.inputs[:2]).requires_grad_()
    simulate(encoded.module, encoded.encodings)(inputs).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.abs().sum() > 0


def test_an_encoding_of_an_unknown_tensor_is_refused(lowered_network: Any) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        simulate(lowered_network.module, Encodings({}, {"nowhere": ActivationEncoding(1.0, 0)}))


def test_an_encoding_of_an_unknown_layer_is_refused(lowered_network: Any) -> None:
    with pytest.raises(ValueError, match="conv9"):
        simulate(lowered_network.module, Encodings({"conv9": encode_weight(np.ones((2, 2), np.float32), 8, 0)}))


def test_a_rounded_bias_is_a_whole_number_of_steps_and_half_a_step_away_at_most() -> None:
    bias, scale = np.array([0.3, -1.7, 0.0], np.float32), np.array([0.01, 0.02, 0.03], np.float32)
    step = 0.05 * scale.astype(np.float64)
    rounded = round_bias(bias, 0.05, scale)
    assert np.abs(rounded - bias).max() <= step.max() / 2 + 1e-7
    assert np.abs(rounded / step - np.rint(rounded / step)).max() < 1e-3
    assert np.array_equal(round_bias(rounded, 0.05, scale), rounded)
