"""Integers of 3, 5 and 6 bits in planes: packed and found again, whatever their number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secateur.model.encoding import (
    IntegerEncoding,
    lies_in_planes,
    packed_bytes,
    packed_planes,
    planes_bytes,
    unpacked_planes,
)


@settings(max_examples=150, deadline=None)
@given(bits=st.sampled_from([1, 2, 3, 4, 5, 6, 7]), count=st.integers(0, 200), seed=st.integers(0, 1 << 16))
def test_codes_in_planes_are_found_again_and_take_their_bits(bits: int, count: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1 << bits, count).astype(np.uint8)
    planes = packed_planes(codes, bits)
    assert planes.dtype == np.uint8
    assert planes.shape == (bits, -(-count // 8))
    assert planes.nbytes == planes_bytes(count, bits)
    assert np.array_equal(unpacked_planes(planes, count), codes)


@pytest.mark.parametrize("is_affine", [False, True])
@pytest.mark.parametrize("bits", [3, 5, 6])
def test_codes_of_an_encoding_count_from_its_smallest_integer(bits: int, is_affine: bool) -> None:
    zero = np.array([1, 2], np.uint8) if is_affine else None
    encoding = IntegerEncoding(bits, np.ones(2, np.float32), 0, zero)
    codes = np.resize(np.arange(encoding.lowest, encoding.highest + 1), (2, 37)).astype(encoding.dtype)
    found = unpacked_planes(encoding.planes(codes), codes.size).astype(np.int16)
    assert np.array_equal(found - (0 if is_affine else 1 << (bits - 1)), codes.reshape(-1))


def test_few_numbers_groups_and_widths_that_onnx_has_lie_in_containers() -> None:
    assert lies_in_planes(4096, 3)
    assert not lies_in_planes(200, 3)  # the nodes take more than 25 bytes
    assert lies_in_planes(200, 5)
    assert not lies_in_planes(4096, 3, 32)
    assert not any(lies_in_planes(4096, bits) for bits in (8, 4, 2))


@pytest.mark.parametrize("bits", [8, 6, 5, 4, 3, 2])
def test_a_large_weight_takes_the_bits_that_it_has(bits: int) -> None:
    encoding = IntegerEncoding(bits, np.ones(64, np.float32))
    assert encoding.size_bytes((64, 64, 3, 3)) == packed_bytes(64 * 64 * 9, bits) + 64 * 4
