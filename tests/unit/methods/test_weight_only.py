"""Weight-only quantization: scales, selection, and what it leaves alone."""

from typing import Any

import numpy as np
import pytest

from secateur.errors import Cancelled, UserError
from secateur.graph.context import Context
from secateur.methods.quantize.scales import encode_weight
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly


def weight(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
@pytest.mark.parametrize("axis", [0, 1])
def test_no_weight_is_further_than_half_a_step_from_its_integer(bits: int, axis: int) -> None:
    values = weight(6, 5, 3, 3)
    encoding = encode_weight(values, bits, axis)
    step = encoding.scale.reshape([-1 if i == axis else 1 for i in range(4)])
    assert len(encoding.scale) == values.shape[axis]
    assert (np.abs(values - encoding.round_trip(values)) <= step * 0.5001).all()


@pytest.mark.parametrize("bits", [8, 4, 3])
def test_the_mse_observer_is_no_worse_than_the_maximum_in_any_channel(bits: int) -> None:
    values = np.random.default_rng(1).laplace(size=(12, 64)).astype(np.float32)

    def errors(observer: str) -> np.ndarray:
        return np.square(values - encode_weight(values, bits, 0, observer).round_trip(values)).sum(axis=1)

    assert (errors("mse") <= errors("minmax") * (1 + 1e-6)).all()


def test_a_channel_of_zeros_stays_zero_and_gets_a_usable_scale() -> None:
    values = weight(4, 10)
    values[2] = 0
    encoding = encode_weight(values, 8, 0, "mse")
    assert (encoding.scale > 0).all()
    assert not encoding.round_trip(values)[2].any()
    assert (encode_weight(np.zeros((3, 4), np.float32), 4, 0).scale > 0).all()


def test_only_the_chosen_layers_are_encoded_and_the_model_is_not_changed(lowered_network: Any) -> None:
    before = {name: values.copy() for name, values in lowered_network.weights().items()}
    result = WeightOnly(bits=4).apply(lowered_network, ["conv2"], Context())
    assert set(result.encodings.weights) == {"conv2"}
    assert not lowered_network.encodings
    assert all(np.array_equal(before[name], values) for name, values in lowered_network.weights().items())


def test_a_second_step_keeps_what_the_first_encoded(lowered_network: Any) -> None:
    once = WeightOnly(bits=4).apply(lowered_network, ["conv2"], Context())
    twice = WeightOnly(bits=8).apply(once, ["fc"], Context())
    assert {name: encoding.bits for name, encoding in twice.encodings.weights.items()} == {"conv2": 4, "fc": 8}


def test_storing_a_static_layer_in_few_bits_takes_its_activations_back(lowered_network: Any, noise_data: Any) -> None:
    static = StaticInt8().apply(lowered_network, ["conv1"], Context(data=noise_data))
    assert static.encodings.activations
    assert not WeightOnly(bits=4).apply(static, ["conv1"], Context()).encodings.activations


def test_a_layer_that_the_graph_lacks_is_named(lowered_network: Any) -> None:
    with pytest.raises(UserError, match="conv9"):
        WeightOnly().apply(lowered_network, ["conv9"], Context())


def test_it_stops_where_the_person_cancels(lowered_network: Any) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        WeightOnly().apply(lowered_network, ["conv1"], Context(progress=stop))
