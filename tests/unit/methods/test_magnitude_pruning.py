"""Magnitude pruning: as many zeros as asked, the smallest weights, the rest untouched."""

import numpy as np
import pytest

from secateur.methods.facts import Facts
from secateur.methods.prune.magnitude import MagnitudePruning


@pytest.fixture
def weight() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(16, 9, 3, 3)).astype(np.float32)


@pytest.mark.parametrize("ratio", [0.0, 0.001, 0.5, 0.75, 0.9, 1.0])
def test_the_sparsity_is_the_ratio_within_one_weight(ratio: float, weight: np.ndarray) -> None:
    pruned = MagnitudePruning(ratio=ratio).perturb(weight, Facts())
    assert abs(int((pruned == 0).sum()) - ratio * weight.size) <= 1


def test_no_weight_that_went_was_larger_than_one_that_stayed(weight: np.ndarray) -> None:
    pruned = MagnitudePruning(ratio=0.6).perturb(weight, Facts())
    assert np.abs(weight[pruned == 0]).max() <= np.abs(weight[pruned != 0]).min()


def test_weights_that_stay_keep_their_value_and_the_argument_is_not_changed(weight: np.ndarray) -> None:
    before = weight.copy()
    pruned = MagnitudePruning(ratio=0.6).perturb(weight, Facts())
    np.testing.assert_array_equal(weight, before)
    np.testing.assert_array_equal(pruned[pruned != 0], weight[pruned != 0])


def test_equal_weights_are_pruned_to_the_number_asked() -> None:
    pruned = MagnitudePruning(ratio=0.25).perturb(np.ones((4, 4), dtype=np.float32), Facts())
    assert int((pruned == 0).sum()) == 4


def test_weights_in_another_memory_order_are_pruned_alike(weight: np.ndarray) -> None:
    channels_last = np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    a, b = (MagnitudePruning(ratio=0.5).perturb(values, Facts()) for values in (weight, channels_last))
    np.testing.assert_array_equal(a, b)
