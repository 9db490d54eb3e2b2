"""Estimates from a few thousand values: near the exact spectra, told apart from them, and cheap."""

import numpy as np
import pytest

from secateur.model.sampling import PIECE, PIECES, pieces_each, sampled_spectra
from secateur.model.stored import StoredTensor

RANDOM = np.random.default_rng(3)


@pytest.fixture
def tensor(tmp_path):
    """make(values) → a float32 tensor in a file."""

    def make(values):
        path = tmp_path / "weights.bin"
        path.write_bytes(values.astype(np.float32).tobytes())
        return StoredTensor("weight", "float32", values.shape, values.nbytes, path, 0)

    return make


def test_an_estimate_is_near_and_says_that_it_is_one(tensor):
    values = RANDOM.standard_normal((500, 2000)).astype(np.float32) * np.float32(0.02)
    found = sampled_spectra(tensor(values), 0)
    assert not found.exact
    assert found.values.size == values.size
    assert found.values.counts.sum() == pytest.approx(values.size)
    assert found.values.std == pytest.approx(values.std(), rel=0.1)
    assert found.values.percentile(0.9) == pytest.approx(np.quantile(values, 0.9), rel=0.1)
    assert found.sqnr_db(8) == pytest.approx(44, abs=3)


def test_zeros_and_values_that_are_not_finite_are_scaled_up(tensor):
    values = np.ones((400, 1000), np.float32)
    values[:, ::2] = 0.0
    values[:, 1::4] = np.nan
    found = sampled_spectra(tensor(values), 1).values
    assert found.zeros == pytest.approx(values.size / 2, rel=0.02)
    assert found.non_finite == pytest.approx(values.size / 4, rel=0.02)


@pytest.mark.parametrize("shape", [(0, 4), (), (3, 5)])
def test_small_tensors_are_sampled_whole(tensor, shape):
    values = RANDOM.standard_normal(shape).astype(np.float32)
    found = sampled_spectra(tensor(np.asarray(values)), 0).values
    assert found.counts.sum() == found.size == values.size


def test_all_samples_together_stay_small():
    for tensors in (1, 300, 5000, 100_000):
        assert 1 <= pieces_each(tensors) <= PIECES
    assert pieces_each(5000) * 5000 * PIECE * 4 < 64 << 20
