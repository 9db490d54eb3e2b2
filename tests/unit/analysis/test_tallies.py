"""Spans nest, tables are put together from tallies, and an interval holds the damage as often as it says."""

import numpy as np
import pytest

from secateur.analysis.tallies import Span, interval, spans_of


def test_spans_double_up_to_a_batch_and_are_a_batch_each_from_then_on() -> None:
    assert [span.stop for span in spans_of(300)] == [4, 8, 16, 32, 64, 128, 192, 256, 300]
    assert [span.start for span in spans_of(300)] == [0, 4, 8, 16, 32, 64, 128, 192, 256]


@pytest.mark.parametrize("samples", [1, 4, 5, 64, 65])
def test_spans_hold_every_sample_once(samples: int) -> None:
    assert [place for span in spans_of(samples) for place in range(*span)] == list(range(samples))


def test_spans_of_more_samples_begin_as_those_of_fewer_do() -> None:
    assert spans_of(512)[: len(spans_of(128))] == spans_of(128) == (*spans_of(64), Span(64, 128))


def test_an_interval_holds_the_damage_in_about_95_of_100_cases() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        weights = random.lognormal(0, 0.3, 32)
        errors = weights * random.lognormal(-3, 0.8, 32)
        low, high = interval(np.stack([errors, weights]))
        held += low <= np.exp(-3 + 0.5 * 0.8**2) <= high
    assert 0.91 <= held / 2000 <= 0.97


def test_an_interval_is_as_narrow_as_its_samples_are_alike_and_any_for_one_sample() -> None:
    alike = np.stack([np.full(9, 0.2), np.full(9, 2.0)])
    assert interval(alike) == pytest.approx((0.1, 0.1))
    assert interval(alike[:, :1]) == (0.0, np.inf)
    assert interval(np.zeros((2, 5))) == (0.0, 0.0)
