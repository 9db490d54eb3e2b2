"""Rounding by second order: a layer gives more nearly what it gave than with the nearest integers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from secateur.data.batch import Batch
from secateur.graph.context import Context
from secateur.graph.products import MatrixProduct
from secateur.graph.simulation import executable
from secateur.methods.change import Lowered
from secateur.methods.quantize.rounding.moments import MOST_PLACES, MomentSums, why_untold
from secateur.methods.quantize.rounding.second_order import Rounder
from secateur.methods.quantize.scales import encode_weight
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly

EVERY = ["conv1", "conv2", "fc"]
torch.manual_seed(0)
LAYERS = {
    "convolution": (nn.Conv2d(6, 8, 3, padding=1, stride=2), (64, 6, 9, 9)),
    "along one axis": (nn.Conv1d(6, 8, 3, dilation=2), (64, 6, 20)),
    "padded with what is there": (nn.Conv2d(4, 8, 3, padding="same", padding_mode="reflect"), (32, 4, 9, 9)),
    "in groups": (nn.Conv2d(8, 8, 3, groups=4), (64, 8, 9, 9)),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8, padding=1), (64, 8, 9, 9)),
    "linear": (nn.Linear(40, 12), (500, 40)),
    "of tokens": (nn.Linear(40, 12), (20, 25, 40)),
    "a product as it is stored": (MatrixProduct(nn.Parameter(torch.randn(40, 12)), (0, 1), 1), (500, 40)),
    "on the left": (MatrixProduct(nn.Parameter(torch.randn(12, 40)), (0, 1), 0, is_left=True), (8, 40, 30)),
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(1)


def correlated(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Inputs that go together, as those of real layers do."""
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=random)
    axis = 1 if len(shape) > 2 and shape[1] != 25 else -1
    size = values.shape[axis]
    mixed = torch.randn(size, size, generator=random) / size**0.5
    return torch.tensordot(values, mixed, dims=([axis], [0])).movedim(-1, axis) + 0.5


def rounder(layer: Any, inputs: torch.Tensor, axis: int | None = None) -> Rounder:
    sums = MomentSums(layer, 1)
    sums.add(inputs)
    moments = sums.moments(centred=False)
    assert moments is not None
    return Rounder(layer.weight.detach().numpy(), axis_of(layer) if axis is None else axis, moments)


def axis_of(layer: Any) -> int:
    return layer.channel_axis if isinstance(layer, MatrixProduct) else 0


def squared_error(layer: Any, weight: np.ndarray, inputs: torch.Tensor) -> float:
    with torch.no_grad():
        made = functional_call(layer, {"weight": torch.from_numpy(weight)}, (inputs,))
        return float((made - layer(inputs)).square().sum())


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("settings", [{"bits": 4}, {"bits": 2}, {"bits": 3, "is_affine": True}], ids=str)
def test_a_layer_gives_more_nearly_what_it_gave_than_with_the_nearest_integers(kind: str, settings: Any) -> None:
    layer, shape = LAYERS[kind]
    weight, inputs = layer.weight.detach().numpy(), correlated(shape)
    nearest = encode_weight(weight, axis=axis_of(layer), observer="mse", **settings)
    found = rounder(layer, inputs).rounded(nearest)
    assert squared_error(layer, found.values, inputs) < 0.97 * squared_error(layer, nearest.round_trip(weight), inputs)


def test_it_keeps_within_groups_and_leaves_their_scales() -> None:
    layer, shape = LAYERS["linear"]
    weight, inputs = layer.weight.detach().numpy(), correlated(shape)
    grouped = encode_weight(weight, 4, 0, "mse", group_size=32)
    found = rounder(layer, inputs).rounded(grouped)
    assert found.encoding is grouped
    assert squared_error(layer, found.values, inputs) < 0.8 * squared_error(layer, grouped.round_trip(weight), inputs)


@pytest.mark.parametrize("settings", [{}, {"group_size": 32}, {"is_affine": True}], ids=str)
def test_the_weight_is_as_near_to_what_it_was_as_its_integers_allow(settings: Any) -> None:
    layer, shape = LAYERS["linear"]
    weight = layer.weight.detach().numpy()
    found = rounder(layer, correlated(shape)).rounded(encode_weight(weight, 3, 0, "mse", **settings))
    codes, nearest = found.encoding.quantize(found.weight), found.encoding.quantize(weight)
    np.testing.assert_array_equal(found.encoding.dequantize(codes), found.values)
    np.testing.assert_array_equal(found.encoding.round_trip(found.values), found.values)
    assert (codes != nearest).any()
    far, moved = np.abs(found.values - weight), np.abs(found.weight - weight)
    assert (moved <= far + 1e-7).all()
    assert moved.sum() < 0.6 * far.sum()


def test_no_other_integer_for_one_weight_alone_is_better() -> None:
    layer, inputs = nn.Linear(10, 3), correlated((300, 10))
    found = rounder(layer, inputs).rounded(encode_weight(layer.weight.detach().numpy(), 4, 0, "mse"))
    moments = MomentSums(layer, 1)
    moments.add(inputs)
    told = moments.moments(centred=False)
    assert told is not None
    damped = told.given[0] + 0.05 * np.diagonal(told.given[0]).mean() * np.eye(10)

    def error(weight: np.ndarray) -> float:
        off = weight - layer.weight.detach().numpy()
        return float(np.einsum("ri,ij,rj->", off, damped, off))

    least = error(found.values)
    codes = found.encoding.quantize(found.weight)
    for row, column in np.ndindex(codes.shape):
        for step in (-1, 1):
            other = codes.astype(np.int16)
            other[row, column] += step
            if found.encoding.lowest <= other[row, column] <= found.encoding.highest:
                assert error(found.encoding.dequantize(other.astype(np.int8))) >= least * (1 - 1e-5)


def test_what_is_wanted_is_what_the_layer_gave_for_the_inputs_that_it_had() -> None:
    layer = nn.Linear(20, 6)
    before = correlated((4000, 20))
    now = before + 0.3 * correlated((4000, 20), seed=5) - 0.2
    weight = layer.weight.detach().numpy()
    encoding = encode_weight(weight, 4, 0, "mse")
    made = {}
    for way, wanted in (("now", None), ("before", before)):
        sums = MomentSums(layer, 1)
        sums.add(now, wanted)
        moments = sums.moments(centred=True)
        assert moments is not None
        made[way] = Rounder(weight, 0, moments).rounded(encoding).values

    def off(rounded: np.ndarray) -> float:
        wrong = now @ torch.from_numpy(rounded).T - before @ layer.weight.detach().T
        return float(wrong.var(0).sum())

    assert off(made["before"]) < 0.9 * off(made["now"])


def test_a_mean_that_a_bias_takes_back_does_not_count() -> None:
    layer, inputs = nn.Linear(20, 6), correlated((2000, 20)) + 30
    sums = MomentSums(layer, 1)
    sums.add(inputs)
    moments = sums.moments(centred=True)
    assert moments is not None
    np.testing.assert_allclose(moments.given[0], np.cov(inputs.numpy().T, bias=True), atol=0.02)


def test_inputs_that_are_all_zero_leave_integers_as_near_to_the_weights_as_any() -> None:
    layer = nn.Linear(10, 4)
    weight = layer.weight.detach().numpy()
    encoding = encode_weight(weight, 4, 0, "minmax")
    found = rounder(layer, torch.zeros(50, 10)).rounded(encoding)
    np.testing.assert_array_equal(found.encoding.quantize(found.weight), found.encoding.quantize(weight))
    assert np.square(found.values - weight).sum() <= np.square(encoding.round_trip(weight) - weight).sum()


def test_a_large_map_is_looked_at_in_places_that_are_drawn_alike_each_time() -> None:
    layer = nn.Conv2d(2, 2, 3)
    inputs = correlated((6, 2, 80, 80))
    sums = [MomentSums(layer, 1) for _ in range(2)]
    for one in sums:
        one.add(inputs)
    assert MOST_PLACES < 6 * 78 * 78
    first, second = (one.moments(centred=False) for one in sums)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.given, second.given)


def test_numbers_that_are_none_tell_nothing() -> None:
    sums = MomentSums(nn.Linear(3, 2), 1)
    assert sums.moments(centred=True) is None
    sums.add(torch.full((4, 3), float("nan")))
    assert sums.moments(centred=True) is None


def test_what_moments_do_not_tell_is_said() -> None:
    assert why_untold(nn.Linear(8, 2)) is None
    assert why_untold(nn.ConvTranspose2d(2, 2, 3)) == "transposed convolutions"
    assert why_untold(MatrixProduct(nn.Parameter(torch.ones(2, 3, 4)), (0, 1, 2), 2)) == "stacks of matrices"
    assert why_untold(nn.Linear(8193, 1, bias=False)) == "layers with more than 8,192 inputs an output"


# ---------------------------------------------------------------------- whole networks


class Images:
    """Calibration samples that are alike from place to place, as pictures are."""

    source = "images"

    def __init__(self, shape: tuple[int, ...], count: int = 96) -> None:
        values = torch.randn(count, *shape, generator=torch.Generator().manual_seed(3))
        self.values = nn.functional.avg_pool2d(values, 3, 1, 1).numpy() * 3

    def size(self, split: str) -> int:
        return len(self.values)

    def batches(self, split: str, size: int, limit: int | None = None) -> Iterator[Batch]:
        end = min(limit or len(self.values), len(self.values))
        for start in range(0, end, size):
            part = self.values[start : min(start + size, end)]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


@pytest.fixture
def images(lowered_network: Any) -> Images:
    return Images(tuple(lowered_network.inputs[0].shape[1:]))


def answers_off(model: Any, before: Any, images: Images) -> float:
    given = torch.from_numpy(images.values[:32])
    with torch.no_grad():
        return float((executable(model)(given) - executable(before)(given)).square().mean())


@pytest.mark.parametrize("method", [WeightOnly(bits=3), StaticInt8(weight_bits=3)], ids=lambda m: m.id)
def test_a_network_answers_more_nearly_what_it_answered(method: Any, lowered_network: Any, images: Images) -> None:
    log: list[str] = []
    off = {}
    for rounding in ("nearest", "gptq"):
        made = method.model_copy(update={"rounding": rounding}).apply(
            lowered_network, EVERY, Context(data=images, log=log.append)
        )
        off[rounding] = answers_off(made, lowered_network, images)
    assert off["gptq"] < 0.7 * off["nearest"]
    assert any(line.startswith("Layers are rounded by what they give") for line in log)


def test_without_samples_weights_are_rounded_to_the_nearest_and_the_log_says_it(lowered_network: Any) -> None:
    log: list[str] = []
    method = WeightOnly(bits=4, rounding="gptq")
    made = method.apply(lowered_network, EVERY, Context(log=log.append))
    plain = method.unrefined().apply(lowered_network, EVERY, Context())
    for name in EVERY:
        np.testing.assert_array_equal(made.weights()[name], plain.weights()[name])
    told = "Weights are rounded to the nearest, and biases are not corrected: that needs calibration samples"
    assert log == [f"{told}, and no data is open."]


def test_a_layer_alone_is_rounded_by_what_it_gave(lowered_network: Any, images: Images) -> None:
    method = WeightOnly(bits=3, bias_correction=False)
    network = Lowered(lowered_network, EVERY, Context(data=images), methods=[method])
    change = method.change("conv2", network)
    nearest = method.unrefined().change("conv2", network)
    encoding = method.encoded(network.weights["conv2"], 0)
    assert np.array_equal(nearest.weight, encoding.round_trip(network.weights["conv2"]))
    assert not np.array_equal(change.weight, nearest.weight)
    assert len(network.recorded) == 1


def test_what_was_rounded_by_what_it_gives_is_the_same_each_time(lowered_network: Any, images: Images) -> None:
    made = [WeightOnly(bits=3).apply(lowered_network, EVERY, Context(data=images)) for _ in range(2)]
    for name in EVERY:
        np.testing.assert_array_equal(made[0].weights()[name], made[1].weights()[name])


def test_what_was_recorded_for_one_method_is_kept_when_another_asks_for_more(
    lowered_network: Any, images: Images
) -> None:
    network = Lowered(lowered_network, EVERY, Context(data=images))
    StaticInt8(rounding="nearest").change("conv2", network)
    WeightOnly(bits=3).change("conv2", network)
    known = network.recorded[256]
    assert known.has_ranges
    assert known.has_moments
    StaticInt8(rounding="nearest").change("fc", network)
    assert network.recorded[256] is known
