"""Merging spectra of batches."""

import numpy as np
import pytest

from secateur.model.counting import spectrum_of
from secateur.model.spectrum import merge


def test_merged_batches_are_the_spectrum_of_all_values() -> None:
    values = (np.random.default_rng(0).standard_normal(30_000) * 4).astype(np.float32)
    values[:100] = 0.0
    whole = spectrum_of(values)
    parts = merge(merge(spectrum_of(values[:50]), spectrum_of(values[50:9_000])), spectrum_of(values[9_000:]))
    assert np.array_equal(whole.keys, parts.keys)
    assert np.array_equal(whole.counts, parts.counts)
    assert (whole.size, whole.minimum, whole.maximum, whole.zeros) == (
        parts.size,
        parts.minimum,
        parts.maximum,
        parts.zeros,
    )
    assert parts.total_squares == pytest.approx(whole.total_squares)


def test_merging_with_nothing_changes_nothing() -> None:
    spectrum, nothing = spectrum_of(np.ones(4, np.float32)), spectrum_of(np.zeros(0, np.float32))
    assert merge(spectrum, nothing) is spectrum
    assert merge(nothing, spectrum) is spectrum


def test_a_batch_of_nothing_but_nan_does_not_move_the_extremes() -> None:
    merged = merge(spectrum_of(np.full(3, np.nan, np.float32)), spectrum_of(np.array([2, 5], np.float32)))
    assert (merged.minimum, merged.maximum, merged.non_finite) == (2.0, 5.0, 3)
