"""Observers: ranges from spectra, checked against the values that were counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secateur.methods.quantize.observers import (
    affine_encoding,
    encode_activation,
    entropy_range,
    minmax_range,
    mse_range,
    percentile_range,
    within,
)
from secateur.model.counting import spectrum_of
from secateur.model.encoding import ActivationEncoding


def rounded(values: np.ndarray, encoding: ActivationEncoding) -> np.ndarray:
    steps = np.clip(np.rint(values / encoding.scale) + encoding.zero_point, 0, 255)
    return (steps - encoding.zero_point) * encoding.scale


def squared_error(values: np.ndarray, encoding: ActivationEncoding) -> float:
    return float(np.square(values - rounded(values, encoding)).sum())


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e4, 1e4, width=32), st.floats(-1e4, 1e4, width=32))
def test_zero_and_both_ends_stand_within_half_a_step_of_the_grid(first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    encoding = affine_encoding(low, high)
    ends = np.array([0.0, min(low, 0.0), max(high, 0.0)])
    assert rounded(ends[:1], encoding)[0] == 0.0
    assert np.abs(rounded(ends, encoding) - ends).max() <= encoding.scale * 1.001


@pytest.mark.parametrize("value", [0.0, 1e-38, -1e-38])
def test_a_range_without_width_still_gives_a_usable_grid(value: float) -> None:
    encoding = affine_encoding(value, value)
    assert encoding.scale > 1e-30
    assert 0 <= encoding.zero_point <= 255


def test_a_tensor_behind_a_relu_gets_the_zero_point_zero() -> None:
    values = np.maximum(np.random.default_rng(0).standard_normal(20_000), 0).astype(np.float32)
    for observer in ("minmax", "percentile", "mse", "entropy"):
        assert encode_activation(spectrum_of(values), observer).zero_point == 0


def test_minmax_covers_every_value_that_was_seen() -> None:
    values = np.random.default_rng(1).standard_normal(5_000).astype(np.float32) * 3
    assert minmax_range(spectrum_of(values)) == (values.min(), values.max())
    encoding = encode_activation(spectrum_of(values), "minmax")
    assert np.abs(values - rounded(values, encoding)).max() <= encoding.scale


@pytest.mark.parametrize("percentile", [90.0, 99.0, 100.0])
def test_percentile_holds_that_share_of_the_values(percentile: float) -> None:
    values = np.random.default_rng(2).standard_normal(200_000).astype(np.float32)
    low, high = percentile_range(spectrum_of(values), percentile)
    share = ((values >= low) & (values <= high)).mean()
    assert share == pytest.approx(percentile / 100, abs=0.002)


def test_percentile_cuts_a_non_negative_tensor_at_the_top_alone() -> None:
    values = np.abs(np.random.default_rng(3).standard_normal(100_000)).astype(np.float32)
    low, high = percentile_range(spectrum_of(values), 95.0)
    assert low == 0.0
    assert (values <= high).mean() == pytest.approx(0.95, abs=0.003)


@pytest.mark.parametrize("make", [np.random.Generator.standard_normal, lambda r, n: r.laplace(size=n) ** 3])
def test_mse_is_no_worse_than_minmax_on_the_values_themselves(make: object) -> None:
    values = make(np.random.default_rng(4), 100_000).astype(np.float32)  # type: ignore[operator]
    spectrum = spectrum_of(values)
    best = squared_error(values, encode_activation(spectrum, "mse"))
    assert best <= squared_error(values, encode_activation(spectrum, "minmax")) * 1.001


def test_mse_finds_the_range_that_a_search_over_the_values_finds() -> None:
    values = np.maximum(np.random.default_rng(6).laplace(size=50_000), 0).astype(np.float32)
    searched = min(squared_error(values, affine_encoding(0.0, values.max() * s)) for s in np.linspace(0.1, 1, 200))
    _, high = mse_range(spectrum_of(values))
    assert squared_error(values, affine_encoding(0.0, high)) <= searched * 1.02


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.floats(0.005, 0.2), st.integers(0, 2**32 - 1))
def test_the_error_of_a_grid_from_the_spectrum_is_that_of_the_values(zero_point: int, scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(20_000).astype(np.float32)
    expected = squared_error(values, ActivationEncoding(scale, zero_point))
    assert spectrum_of(values).affine_error(scale, zero_point) == pytest.approx(expected, rel=0.03)


def test_an_unknown_observer_is_refused() -> None:
    with pytest.raises(ValueError, match="median"):
        encode_activation(spectrum_of(np.ones(3, np.float32)), "median")


@pytest.mark.parametrize("bounds", [(0.0, 6.0), (-1.0, 1.0), (0.0, np.inf), (-0.5, 6.0)])
def test_a_grid_behind_a_clip_does_not_go_beyond_its_bounds(bounds: tuple[float, float]) -> None:
    low, high = max(bounds[0], -3.0), min(bounds[1], 8.0)
    encoding = within(affine_encoding(low, high), bounds)
    scale = np.float32(encoding.scale)
    assert scale * np.float32(255 - encoding.zero_point) <= bounds[1]
    assert -scale * np.float32(encoding.zero_point) >= bounds[0]
    assert scale == pytest.approx((high - low) / 255, rel=0.02)


def test_a_grid_without_bounds_stays_as_it_is() -> None:
    encoding = affine_encoding(-1.0, 3.0)
    assert within(encoding, None) is encoding


def divergence(values: np.ndarray, low: float, high: float, bins: int = 2048, levels: int = 256) -> float:
    """As the calibrators of the field compute it: a histogram of what is cut to the range, and of what it rounds to."""
    values = values[values != 0.0]
    edges = np.linspace(min(values.min(), 0.0), max(values.max(), 0.0), bins + 1)
    first, last = np.abs(edges - low).argmin(), np.abs(edges - high).argmin()
    counts, _ = np.histogram(values, edges)
    inside = counts[first:last].astype(float)
    wanted = inside.copy()
    wanted[0] += counts[:first].sum()
    wanted[-1] += counts[last:].sum()
    made = np.zeros_like(inside)
    for part in np.array_split(np.arange(len(inside)), levels):
        filled = part[inside[part] > 0]
        made[filled] = inside[part].sum() / max(len(filled), 1)
    p, q = wanted / wanted.sum(), np.maximum(made / made.sum(), 1e-9)
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


@pytest.mark.parametrize("tail", [4, 8])
def test_entropy_cuts_where_what_is_rounded_is_distributed_as_what_was_seen(tail: int) -> None:
    values = np.maximum(np.random.default_rng(tail).standard_t(tail, 60_000), 0).astype(np.float32)
    low, high = entropy_range(spectrum_of(values))
    assert low == 0.0
    assert high < values.max()
    ways = {share: divergence(values, 0.0, values.max() * share) for share in np.linspace(0.13, 1.0, 60)}
    assert divergence(values, low, high) <= 1.05 * min(ways.values())


def test_entropy_cuts_outliers_off_and_nothing_of_what_is_evenly_spread() -> None:
    random = np.random.default_rng(2)
    even = spectrum_of(random.uniform(-1, 1, 50_000).astype(np.float32))
    assert entropy_range(even) == pytest.approx((-1, 1), abs=1e-3)
    with_outliers = np.append(random.standard_normal(50_000), [60.0, -80.0]).astype(np.float32)
    low, high = entropy_range(spectrum_of(with_outliers))
    assert -20 < low < -3
    assert 3 < high < 20


@pytest.mark.parametrize("values", [[0.0, 0.0], [0.5, 0.5], [-1.0, -2.0]])
def test_entropy_has_a_range_for_values_that_say_little(values: list[float]) -> None:
    low, high = entropy_range(spectrum_of(np.array(values, np.float32)))
    assert low <= 0.0 <= high


def test_in_16_bits_entropy_cuts_nothing() -> None:
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert entropy_range(spectrum_of(values), bits=16) == (values.min(), values.max())
