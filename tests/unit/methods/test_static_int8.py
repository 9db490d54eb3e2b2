"""Static quantization: what is calibrated, and what is left alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from secateur.errors import Cancelled, UserError
from secateur.graph.context import Context
from secateur.methods.quantize.calibration import fit_bias
from secateur.methods.quantize.recording import record
from secateur.methods.quantize.scales import encode_weight
from secateur.methods.quantize.static_int8 import StaticInt8

EVERY = ["conv1", "conv2", "fc"]


@pytest.mark.parametrize("observer", ["minmax", "percentile", "mse"])
def test_every_rounded_tensor_has_a_range_and_every_layer_a_scale(
    lowered_network: Any, noise_data: Any, observer: str
) -> None:
    result = StaticInt8(observer=observer).apply(lowered_network, EVERY, Context(data=noise_data))
    assert set(result.encodings.weights) == set(EVERY)
    assert set(result.encodings.activations) == {"image", "r1", "c2", "r2", "pooled", "flat"}
    assert not lowered_network.encodings


def test_a_tensor_that_only_moves_values_shares_the_scale_of_its_source(lowered_network: Any, noise_data: Any) -> None:
    found = StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data)).encodings.activations
    assert found["flat"] == found["pooled"]


def test_layers_that_were_not_chosen_stay_float_with_what_lies_around_them(
    lowered_network: Any, noise_data: Any
) -> None:
    result = StaticInt8().apply(lowered_network, ["conv2"], Context(data=noise_data))
    assert set(result.encodings.weights) == {"conv2"}
    assert "image" not in result.encodings.activations
    assert {"r1", "c2"} <= set(result.encodings.activations)


def test_quantizing_the_rest_later_keeps_the_ranges_found_first(lowered_network: Any, noise_data: Any) -> None:
    context = Context(data=noise_data)
    first = StaticInt8(observer="minmax").apply(lowered_network, ["conv1"], context)
    both = StaticInt8(observer="mse").apply(first, ["conv2", "fc"], context)
    for name, encoding in first.encodings.activations.items():
        assert both.encodings.activations[name] == encoding
    assert set(both.encodings.weights) == set(EVERY)


def test_the_calibration_sees_as_many_samples_as_were_asked_for(lowered_network: Any, noise_data: Any) -> None:
    spectra = record(lowered_network, Context(data=noise_data), 40, tensors={"image"}).spectra
    assert spectra["image"].size == noise_data.inputs[:40].size
    assert spectra["image"].maximum == noise_data.inputs[:40].max()


def test_without_data_the_sentence_says_what_to_open(lowered_network: Any) -> None:
    with pytest.raises(UserError, match="no data is open"):
        StaticInt8().apply(lowered_network, EVERY, Context())


def test_values_that_are_not_finite_are_reported_with_their_tensor(lowered_network: Any, noise_data: Any) -> None:
    noise_data.inputs[3, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match=r"image.*not finite"):
        StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data))


def test_a_cancel_between_batches_stops_the_calibration(lowered_network: Any, noise_data: Any) -> None:
    calls = []

    def stop_at_the_second(done: int, total: int, text: str) -> None:
        calls.append(done)
        if len(calls) > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data, progress=stop_at_the_second))
    assert not lowered_network.encodings


def test_a_bias_always_fits_in_32_bits_of_its_step() -> None:
    values = np.full((3, 4), 1e-9, np.float32)
    encoding = fit_bias(encode_weight(values, 8, 0), np.array([0.0, 1.0, 50.0], np.float32), 0.01)
    steps = np.array([0.0, 1.0, 50.0]) / (0.01 * encoding.scale.astype(np.float64))
    assert (steps <= 2**31).all()
    assert encoding.scale[0] == encode_weight(values, 8, 0).scale[0]


def test_a_bias_of_usual_size_leaves_the_scales_as_they_are() -> None:
    encoding = encode_weight(np.random.default_rng(0).standard_normal((4, 9)).astype(np.float32), 8, 0)
    assert np.array_equal(fit_bias(encoding, np.ones(4, np.float32), 0.02).scale, encoding.scale)
    assert replace(encoding).bits == 8
