"""Spectra that are streamed from a file are those of the values in it, whatever their type and layout."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from secateur.errors import Cancelled, UserError
from secateur.model.counting import spectra_of
from secateur.model.stored import STORED_TYPES, StoredTensor, read_values
from secateur.model.streaming import count_all, count_one
from secateur.model.tally_parts import count_of_tensor

RANDOM = np.random.default_rng(11)
SHAPES = [((300, 700), 0), ((300, 700), 1), ((40, 60, 5, 9), 1), ((70001,), 0), ((9, 7), 0), ((3, 5, 3), 1), ((1,), 0)]
FLOATS = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
WHOLE = ["int64", "int32", "int16", "int8", "uint8", "bool", "int4", "uint4"]


@pytest.fixture
def stored(tmp_path):
    """make(dtype, shape) → a tensor of normal values (or any bytes) in a file, at an odd offset."""

    def make(dtype, shape, raw=None):
        kind = STORED_TYPES[dtype]
        count = int(np.prod(shape))
        if raw is None:
            values = (RANDOM.standard_normal(count) * 0.1 * np.exp(RANDOM.standard_normal(count))).astype(np.float32)
            match dtype:
                case "float64" | "float32" | "float16":
                    raw = values.astype(dtype).tobytes()
                case "bfloat16":
                    raw = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
                case "int64" | "int32" | "int16":
                    raw = (values * 1000).astype(dtype).tobytes()
                case _:
                    raw = RANDOM.integers(0, 120, -(-count // kind.values), np.uint8).tobytes()
        path = tmp_path / f"{dtype}.bin"
        path.write_bytes(b"odd" + raw)
        return StoredTensor("weight", dtype, shape, len(raw), path, 3)

    return make


def keys_of(values):
    return np.bincount(np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32) >> 16, minlength=65536)


def scaled_of(values, axis):
    """The weighted spectrum by numpy alone: |value| ÷ channel peak, weighted by the peak's square."""
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    peaks = np.abs(rows).max(axis=1, keepdims=True)
    table = np.zeros(65536)
    for row, peak in zip(rows, peaks[:, 0], strict=True):
        if peak > 0:
            shares = np.minimum(np.abs(row) * (np.float32(1) / peak), np.float32(1)).astype(np.float32)
            table += np.bincount(shares.view(np.uint32) >> 16, minlength=65536) * float(peak) ** 2
    return table


def table_of(spectrum):
    table = np.zeros(65536)
    table[spectrum.keys] = spectrum.counts
    return table


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", [*FLOATS, *WHOLE])
def test_streamed_counts_are_those_of_the_values(stored, dtype, shape, axis):
    tensor = stored(dtype, shape)
    values = read_values(tensor)
    spectra = count_one(count_of_tensor(tensor, axis))
    assert np.array_equal(table_of(spectra.values), keys_of(values))
    exact = values.astype(np.float64)
    assert spectra.values.total == pytest.approx(exact.sum(), rel=1e-9, abs=1e-9 * np.abs(exact).sum())
    assert spectra.values.total_squares == pytest.approx((exact**2).sum(), rel=1e-9)
    assert (spectra.values.minimum, spectra.values.maximum) == (values.min(), values.max())
    assert spectra.values.zeros == np.count_nonzero(values == 0)
    if len(shape) > 1:
        np.testing.assert_allclose(table_of(spectra.scaled), scaled_of(values, axis), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int8", "int4"])
def test_streamed_spectra_are_those_of_the_array_in_memory(stored, dtype, shape, axis):
    tensor = stored(dtype, shape)
    streamed, whole = count_one(count_of_tensor(tensor, axis)), spectra_of(read_values(tensor), axis)
    np.testing.assert_array_equal(table_of(streamed.values), table_of(whole.values))
    np.testing.assert_allclose(table_of(streamed.scaled), table_of(whole.scaled), rtol=1e-9)
    np.testing.assert_array_equal(streamed.channel_ranges[:, [0, 3]], whole.channel_ranges[:, [0, 3]])
    assert streamed.sqnr_db(8) == pytest.approx(whole.sqnr_db(8))


def test_rows_of_bfloat16_with_one_peak_are_counted_together(stored):
    tensor = stored(
        "bfloat16", (500, 4096), RANDOM.standard_normal(500 * 4096).astype(np.float32).view(np.uint16)[1::2].tobytes()
    )
    values = read_values(tensor)
    spectra = count_one(count_of_tensor(tensor, 0))
    np.testing.assert_array_equal(table_of(spectra.values), keys_of(values))
    np.testing.assert_allclose(table_of(spectra.scaled), scaled_of(values, 0), rtol=1e-9)
    np.testing.assert_array_equal(spectra.channel_ranges[:, 0], values.min(axis=1))


def test_groups_of_bfloat16_hold_what_is_subnormal_or_very_small_beside_the_peak(stored):
    values = RANDOM.standard_normal((64, 4096)).astype(np.float32)
    values *= np.exp2(-RANDOM.integers(0, 60, values.shape)).astype(np.float32)
    values[:, ::7] *= np.float32(1e-38)
    values[:, 0] = np.where(np.arange(64) % 3, 1.5, 2.75)
    values[:8] *= np.float32(1e-35)
    values[8], values[:, 5] = 0, 0
    codes = (values.view(np.uint32) >> 16).astype(np.uint16)
    assert ((codes & 0x7F80 == 0) & (codes & 0x7F > 0)).any()
    tensor = stored("bfloat16", values.shape, codes.tobytes())
    values = read_values(tensor)
    spectra = count_one(count_of_tensor(tensor, 0))
    np.testing.assert_array_equal(table_of(spectra.values), keys_of(values))
    np.testing.assert_allclose(table_of(spectra.scaled), scaled_of(values, 0), rtol=1e-9)


def test_channels_of_one_value_are_their_own_peaks(stored):
    values = RANDOM.standard_normal(4096).astype(np.float32)
    values[:5] = [0.0, 1e-38, np.nan, np.inf, -3.0]
    tensor = stored("float32", values.shape, values.tobytes())
    spectra = count_one(count_of_tensor(tensor, 0))
    np.testing.assert_array_equal(table_of(spectra.values), keys_of(values))
    clean = np.where(np.isfinite(values), values, 0).astype(np.float32)
    np.testing.assert_array_equal(spectra.channel_ranges, np.repeat(clean[:, None], 4, axis=1))
    assert spectra.scaled.keys.tolist() == [0x3F80]
    assert spectra.scaled.counts[0] == pytest.approx((clean.astype(np.float64) ** 2).sum())
    assert (spectra.values.non_finite, spectra.values.zeros) == (2, 1)


@pytest.mark.parametrize(("shape", "axis"), [((300, 700), 0), ((300, 700), 1), ((9, 7), 0), ((2, 1200000), 0)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_values_that_are_not_finite_are_counted_apart(stored, dtype, shape, axis):
    count = int(np.prod(shape))
    values = RANDOM.standard_normal(count).astype(np.float32)
    values[[0, count // 2, count - 1]] = [np.nan, np.inf, -np.inf]
    raw = (values.view(np.uint32) >> 16).astype(np.uint16) if dtype == "bfloat16" else values.astype(dtype)
    tensor = stored(dtype, shape, raw.tobytes())
    known = read_values(tensor)
    clean = np.where(np.isfinite(known), known, 0)
    spectra = count_one(count_of_tensor(tensor, axis))
    assert spectra.values.non_finite == 3
    finite = known[np.isfinite(known)]
    assert (spectra.values.minimum, spectra.values.maximum) == (finite.min(), finite.max())
    np.testing.assert_allclose(table_of(spectra.scaled), scaled_of(clean, axis), rtol=1e-9)
    others = tuple(place for place in range(len(shape)) if place != axis)
    np.testing.assert_array_equal(spectra.channel_ranges[:, 3], clean.max(axis=others))
    assert np.isfinite(spectra.channel_ranges).all()


@pytest.mark.parametrize("shape", [(), (0,), (0, 4), (4, 0), (3, 0, 2)])
def test_tensors_of_one_value_or_none_have_spectra(stored, shape):
    spectra = count_one(count_of_tensor(stored("float32", shape), 0))
    assert spectra.values.size == int(np.prod(shape))
    assert spectra.values.counts.sum() == spectra.values.size
    assert spectra.sqnr_db(8) is None or spectra.values.size == 1


def test_quantiles_of_small_tensors_are_exact(stored):
    tensor = stored("float32", (20, 500))
    ranges = count_one(count_of_tensor(tensor, 0)).channel_ranges
    np.testing.assert_allclose(ranges, np.quantile(read_values(tensor), [0, 0.05, 0.95, 1], axis=1).T, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_quantiles_of_large_tensors_are_near(stored, dtype, axis):
    values = RANDOM.standard_normal((600, 900)).astype(np.float32) * 10
    raw = (values.view(np.uint32) >> 16).astype(np.uint16) if dtype == "bfloat16" else values.astype(dtype)
    tensor = stored(dtype, values.shape, raw.tobytes())
    ranges = count_one(count_of_tensor(tensor, axis)).channel_ranges
    exact = np.quantile(read_values(tensor), [0.05, 0.95], axis=1 - axis).T
    errors = np.abs(ranges[:, 1:3] - exact) / 10
    assert errors.mean() < 0.15
    assert errors.max() < 0.7
    assert (np.diff(ranges, axis=1) >= 0).all()


def test_a_channel_longer_than_a_block_is_one_channel(stored):
    tensor = stored("float32", (2, 1_300_000))
    values = read_values(tensor)
    spectra = count_one(count_of_tensor(tensor, 0))
    np.testing.assert_allclose(table_of(spectra.scaled), scaled_of(values, 0), rtol=1e-9)
    np.testing.assert_array_equal(spectra.channel_ranges[:, 3], values.max(axis=1))


def test_all_tensors_are_counted_each_once(stored, tmp_path):
    parts = [replace(stored("float32", (n, 700)), path=tmp_path / f"{n}.bin") for n in (3, 200, 300, 1, 250)]
    for part in parts:
        part.path.write_bytes((tmp_path / "float32.bin").read_bytes()[:3] + RANDOM.bytes(part.size_bytes))
    found = dict(count_all([count_of_tensor(part, min(place, 1)) for place, part in enumerate(parts)]))
    assert sorted(found) == [0, 1, 2, 3, 4]
    for place, part in enumerate(parts):
        assert np.array_equal(table_of(found[place].values), keys_of(read_values(part)))


def test_a_cancel_ends_the_counting_at_the_end_of_a_block(stored):
    tensors = [stored("float32", (3000, 2000))] * 40
    before, looks = threading.active_count(), []

    def check(done, total):
        looks.append((done, total))
        if len(looks) > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(count_all([count_of_tensor(tensor, 0) for tensor in tensors], check))
    assert looks[-1][0] < looks[-1][1]
    assert threading.active_count() == before


def test_a_file_that_became_shorter_is_one_sentence(stored):
    tensor = stored("float32", (300, 700))
    tensor.path.write_bytes(b"short")
    with pytest.raises(UserError, match="was changed while it was open"):
        list(count_all([count_of_tensor(tensor, 0)]))
