"""Encodings: integers and back, in NumPy and in torch, whatever the width, the granularity and the scheme."""

from itertools import product

import numpy as np
import pytest
import torch

from secateur.methods.quantize.scales import encode_weight
from secateur.model.encoding import ActivationEncoding, IntegerEncoding, scales_in

SHAPES = ((12, 70), (6, 40, 3, 3))
KINDS = [
    pytest.param(bits, group, is_affine, observer, id=f"{bits}-{group}-{is_affine}-{observer}")
    for bits, group, is_affine, observer in product((8, 4, 3, 2), (None, 32), (False, True), ("minmax", "mse"))
]  # fmt: skip


def weight(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).laplace(scale=0.1, size=shape).astype(np.float32)


def both_layouts(shape: tuple[int, ...]) -> list[tuple[np.ndarray, int]]:
    """A weight with its output channels on its first axis, and on its second."""
    values = weight(shape)
    return [(values, 0), (np.ascontiguousarray(values.swapaxes(0, 1)), 1)]


@pytest.mark.parametrize(("bits", "group", "is_affine", "observer"), KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_are_within_their_bits_and_stand_for_numbers_that_are_codes_again(
    shape: tuple[int, ...], bits: int, group: int | None, is_affine: bool, observer: str
) -> None:
    for values, axis in both_layouts(shape):
        encoding = encode_weight(values, bits, axis, observer, group_size=group, is_affine=is_affine)
        codes = encoding.quantize(values)
        assert codes.shape == values.shape
        assert codes.dtype == encoding.dtype
        assert codes.min() >= encoding.lowest
        assert codes.max() <= encoding.highest
        assert encoding.highest - encoding.lowest < 2**bits
        assert np.array_equal(encoding.quantize(encoding.dequantize(codes)), codes)


@pytest.mark.parametrize(("bits", "group", "is_affine", "observer"), KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_torch_form_computes_the_same_bits(
    shape: tuple[int, ...], bits: int, group: int | None, is_affine: bool, observer: str
) -> None:
    for values, axis in both_layouts(shape):
        encoding = encode_weight(values, bits, axis, observer, group_size=group, is_affine=is_affine)
        made = encoding.torch_form()(torch.from_numpy(values * 1.5)).numpy()
        assert np.array_equal(made, encoding.round_trip(values * 1.5))


@pytest.mark.parametrize("is_affine", [False, True])
@pytest.mark.parametrize("group", [None, 32])
def test_the_gradient_passes_where_a_value_is_within_the_grid_and_stops_where_it_saturates(
    group: int | None, is_affine: bool
) -> None:
    values = weight((8, 64))
    encoding = encode_weight(values, 4, 0, group_size=group, is_affine=is_affine)
    given = torch.from_numpy(values).requires_grad_()
    encoding.torch_form()(given).sum().backward()
    assert given.grad is not None
    assert float(given.grad.mean()) > 0.9
    beyond = torch.full((8, 64), 1e3).requires_grad_()
    encoding.torch_form()(beyond).sum().backward()
    assert beyond.grad is not None
    assert not beyond.grad.any()


@pytest.mark.parametrize(("group", "is_affine"), [(None, False), (32, False), (32, True)])
def test_an_encoding_of_a_turned_weight_gives_the_same_codes_turned(group: int | None, is_affine: bool) -> None:
    values = weight((12, 70))
    encoding = encode_weight(values, 4, 0, group_size=group, is_affine=is_affine)
    turned = encoding.transposed((1, 0))
    assert np.array_equal(turned.quantize(values.T), encoding.quantize(values).T)
    assert np.array_equal(turned.round_trip(values.T), encoding.round_trip(values).T)


@pytest.mark.parametrize(("group", "is_affine"), [(None, False), (None, True), (32, False), (32, True)])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("shape", [(12, 70), (5, 33)])
def test_its_bytes_are_those_of_packed_codes_scales_and_zero_points(
    shape: tuple[int, ...], bits: int, group: int | None, is_affine: bool
) -> None:
    values = weight(shape)
    encoding = encode_weight(values, bits, 0, group_size=group, is_affine=is_affine)
    parts = [encoding.pack(encoding.quantize(values)).nbytes, encoding.scale.nbytes]
    if encoding.zero_point is not None:
        parts.append(encoding.pack(encoding.zero_point).nbytes)
    assert encoding.size_bytes(shape) == sum(parts)
    assert encoding.scale.size == scales_in(shape, encoding.axis, group)


def test_two_codes_share_a_byte_the_first_in_the_lower_half() -> None:
    encoding = IntegerEncoding(4, np.ones(1, np.float32), None)
    assert encoding.pack(np.array([1, -2, 3], np.int8)).tolist() == [0xE1, 0x03]


def test_the_last_group_is_as_short_as_it_must_be() -> None:
    values = weight((4, 70))
    encoding = encode_weight(values, 4, 0, "mse", group_size=32)
    assert encoding.scale.shape == (4, 3)
    alone = encode_weight(np.ascontiguousarray(values[:, 64:]), 4, 0, "mse", group_size=32)
    assert np.array_equal(encoding.round_trip(values)[:, 64:], alone.round_trip(values[:, 64:]))


def noise(values: np.ndarray, **how: object) -> float:
    encoding = encode_weight(values, 4, 0, **how)  # type: ignore[arg-type]
    return float(np.square(values - encoding.round_trip(values)).sum())


def test_smaller_groups_follow_the_weights_more_closely_than_larger_ones_and_those_than_channels() -> None:
    values = weight((16, 512))
    errors = [noise(values, observer="mse", group_size=size) for size in (32, 128, None)]
    assert errors == sorted(errors)


def test_an_affine_grid_follows_a_lopsided_weight_more_closely() -> None:
    values = np.abs(weight((16, 256))) - np.float32(0.02)
    assert noise(values, group_size=32, is_affine=True) < noise(values, group_size=32)


def test_the_least_error_is_no_worse_than_the_maximum_in_any_group() -> None:
    values = weight((16, 256))
    for is_affine in (False, True):
        errors = []
        for observer in ("mse", "minmax"):
            encoding = encode_weight(values, 4, 0, observer, group_size=32, is_affine=is_affine)
            errors.append(np.square(values - encoding.round_trip(values)).reshape(16, 8, 32).sum(2))
        assert (errors[0] <= errors[1] * (1 + 1e-6)).all()


@pytest.mark.parametrize("factor", [1.0, 1e-3])
def test_scales_of_groups_and_their_products_with_zero_points_are_float16_numbers(factor: float) -> None:
    values = weight((16, 256)) * np.float32(factor)
    for observer in ("mse", "minmax"):
        symmetric = encode_weight(values, 4, 0, observer, group_size=32)
        affine = encode_weight(values, 4, 0, observer, group_size=32, is_affine=True)
        assert affine.zero_point is not None
        for numbers in (symmetric.scale, affine.scale, affine.scale * affine.zero_point):
            assert np.array_equal(numbers.astype(np.float16).astype(np.float32), numbers)


@pytest.mark.parametrize("is_affine", [False, True])
def test_a_group_of_zeros_stays_zero_and_tiny_weights_are_told_apart(is_affine: bool) -> None:
    values = weight((4, 64)) * np.float32(1e-9)
    values[:, :32] = 0
    encoding = encode_weight(values, 4, 0, group_size=32, is_affine=is_affine)
    assert not encoding.round_trip(values)[:, :32].any()
    error = np.abs(encoding.round_trip(values) - values).max()
    assert error < np.abs(values).max() / 4


@pytest.mark.parametrize("bits", [8, 16])
def test_an_activation_is_half_a_step_away_at_most_within_its_range(bits: int) -> None:
    encoding = ActivationEncoding(4.0 / (2**bits - 1), 2 ** (bits - 2), bits)
    values = np.linspace(-0.9, 2.9, 1001, dtype=np.float32)
    codes = encoding.quantize(values)
    assert codes.dtype == encoding.dtype
    assert codes.max() <= encoding.highest
    assert np.abs(encoding.dequantize(codes) - values).max() <= encoding.scale * 0.502
    assert encoding.quantize(np.array([1e6], np.float32))[0] == encoding.highest


def test_it_says_what_it_is() -> None:
    encoding = encode_weight(weight((4, 64)), 4, 0, group_size=32, is_affine=True)
    assert encoding.words == "4-bit integers in groups of 32, affine"
    assert not encoding.feeds_integer_kernels
    assert encode_weight(weight((4, 64)), 8, 0).feeds_integer_kernels
