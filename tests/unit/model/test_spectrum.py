"""The spectrum answers from its counters what numpy answers from the values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from secateur.model.counting import spectra_of, spectrum_of
from secateur.model.spectrum import merge

RANDOM = np.random.default_rng(7)
WEIGHT = (RANDOM.standard_normal((32, 16, 3, 3)) * 0.1).astype(np.float32)


def sqnr(weight, bits, axis):
    limit = 2 ** (bits - 1) - 1
    step = np.abs(weight).max(axis=axis, keepdims=True) / limit
    error = (weight - np.rint(weight / step) * step).astype(np.float64)
    return 10 * np.log10((weight.astype(np.float64) ** 2).sum() / (error**2).sum())


@given(arrays(np.float32, st.integers(1, 300), elements=st.floats(-1e6, 1e6, width=32)))
@settings(max_examples=60, deadline=None)
def test_moments_extremes_and_zeros_are_exact(values):
    spectrum = spectrum_of(values)
    assert spectrum.counts.sum() == values.size
    assert (spectrum.minimum, spectrum.maximum) == (values.min(), values.max())
    assert spectrum.zeros == np.count_nonzero(values == 0)
    assert spectrum.total == pytest.approx(values.astype(np.float64).sum(), rel=1e-9, abs=1e-6)
    assert spectrum.total_squares == pytest.approx((values.astype(np.float64) ** 2).sum(), rel=1e-9, abs=1e-12)


def test_threads_do_not_change_the_counts():
    values = RANDOM.standard_normal(600_001).astype(np.float32)
    one, four = spectrum_of(values, threads=1), spectrum_of(values, threads=4)
    assert np.array_equal(one.keys, four.keys)
    assert np.array_equal(one.counts, four.counts)
    assert one.total == pytest.approx(four.total)


@pytest.mark.parametrize("kind", ["normal", "bf16", "fp16", "positive", "negative", "sparse", "tiny"])
def test_the_moments_of_large_tensors_of_every_kind(kind):
    values = RANDOM.standard_normal(300_000).astype(np.float32)
    match kind:
        case "bf16":
            values = (values.view(np.uint32) & 0xFFFF0000).view(np.float32)
        case "fp16":
            values = values.astype(np.float16).astype(np.float32)
        case "positive":
            values = np.abs(values)
        case "negative":
            values = -np.abs(values)
        case "sparse":
            values[RANDOM.random(values.size) < 0.9] = 0.0
        case "tiny":
            values = (values * 1e-39).astype(np.float32)
    spectrum, exact = spectrum_of(values), values.astype(np.float64)
    assert spectrum.total == pytest.approx(exact.sum(), rel=1e-9, abs=1e-9 * np.abs(exact).sum())
    assert spectrum.total_squares == pytest.approx((exact**2).sum(), rel=1e-9)
    assert (spectrum.minimum, spectrum.maximum) == (values.min(), values.max())
    assert spectrum.zeros == np.count_nonzero(values == 0)


def test_values_that_are_not_finite_are_counted_apart():
    spectrum = spectrum_of(np.array([1.0, np.nan, -2.0, np.inf, -np.inf], dtype=np.float32))
    assert spectrum.non_finite == 3
    assert (spectrum.minimum, spectrum.maximum) == (-2.0, 1.0)
    assert spectrum.total == -1.0


@pytest.mark.parametrize("bits", [8, 6, 4, 3, 2])
def test_per_channel_sqnr_is_that_of_rounding_the_values(bits):
    assert spectra_of(WEIGHT).sqnr_db(bits) == pytest.approx(sqnr(WEIGHT, bits, (1, 2, 3)), abs=0.1)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_per_tensor_sqnr_is_that_of_rounding_the_values(bits):
    assert spectra_of(WEIGHT).values.sqnr_db(bits) == pytest.approx(sqnr(WEIGHT, bits, None), abs=0.1)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_pruned_sqnr_is_that_of_removing_the_smallest_weights(ratio):
    ordered = np.sort(np.abs(WEIGHT).ravel()).astype(np.float64) ** 2
    removed = ordered[: round(ratio * ordered.size)].sum()
    expected = 10 * np.log10(ordered.sum() / removed)
    assert spectra_of(WEIGHT).pruned_sqnr_db(ratio) == pytest.approx(expected, abs=0.05)


def test_histogram_holds_every_value_at_any_zoom():
    spectrum = spectrum_of(WEIGHT)
    for bins in (5, 40, 333):
        edges = np.linspace(-0.6, 0.6, bins + 1)
        counts = spectrum.histogram(edges)
        assert counts.sum() == pytest.approx(WEIGHT.size, rel=1e-6)
        exact = np.histogram(WEIGHT, edges)[0]
        # a bucket is at most 1/128 of its value wide: only its share near an edge can land beside it
        assert np.abs(counts - exact).sum() / WEIGHT.size < 0.02 * bins / 40 + 0.005


def test_histogram_counts_exact_zeros_in_one_bin():
    values = np.concatenate([np.zeros(500), RANDOM.standard_normal(500)]).astype(np.float32)
    counts = spectrum_of(values).histogram(np.array([-5.0, -1e-6, 1e-6, 5.0]))
    assert counts[1] >= 499.5
    assert counts.sum() == pytest.approx(1000)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.99])
def test_percentiles_are_within_a_bucket(share):
    spectrum = spectrum_of(WEIGHT)
    assert spectrum.percentile(share) == pytest.approx(np.quantile(WEIGHT, share), rel=0.02, abs=1e-3)
    threshold = spectrum.magnitude_percentile(share)
    assert spectrum.share_below(threshold) == pytest.approx(share, abs=1e-3)


def test_the_best_clip_errs_no_more_than_no_clip():
    spectra = spectra_of(WEIGHT)
    for bits in (8, 4, 3):
        assert spectra.channel_error(bits, spectra.best_clip(bits)) <= spectra.channel_error(bits)


def test_a_layer_of_zeros_has_no_sqnr_and_full_sparsity():
    spectra = spectra_of(np.zeros((4, 3), np.float32))
    assert spectra.sqnr_db(8) is None
    assert spectra.values.sparsity == 1.0


def test_merged_spectra_are_the_spectrum_of_all_values():
    halves = WEIGHT[:16], WEIGHT[16:]
    merged, whole = merge(spectrum_of(halves[0]), spectrum_of(halves[1])), spectrum_of(WEIGHT)
    assert np.array_equal(merged.keys, whole.keys)
    assert np.array_equal(merged.counts, whole.counts)
    assert merged.total_squares == pytest.approx(whole.total_squares)
