"""Axes and ticks: the mapping is its own inverse, ticks are few and round, numbers are written as LOOK says."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur.ui.plots.axes import Axis
from secateur.ui.plots.groups import layer_groups, short_name
from secateur.ui.plots.ticks import damage_text, decade_text, decade_ticks, nice_step, nice_ticks, tick_text


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_few_and_inside_the_range(low, span, most):
    ticks = nice_ticks(low, low + span, most)
    assert len(ticks) <= most + 1
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in ticks)


@given(st.floats(1e-6, 1e9), st.integers(1, 8))
def test_a_tick_step_is_one_two_or_five_times_a_power_of_ten(span, most):
    step = nice_step(span, most)
    mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(mantissa - nice) for nice in (1, 2, 5, 10)) < 1e-6


@pytest.mark.parametrize("log", [False, True])
@given(value=st.floats(0.5, 900.0))
def test_the_value_under_a_values_pixel_is_that_value(log, value):
    axis = Axis(0.1, 1000.0, 400.0, 20.0, log=log)
    assert axis.value(axis.pixel(value)) == pytest.approx(value, rel=1e-6)


def test_values_below_a_log_axis_stand_at_its_foot():
    axis = Axis(0.5, 100.0, 300.0, 0.0, log=True)
    assert axis.pixel(0.0) == 300.0
    assert list(axis.pixel(np.array([0.0, 0.1]))) == [300.0, 300.0]


def test_an_axis_without_a_range_has_no_ticks():
    assert Axis(1.0, 1.0, 0.0, 100.0).ticks() == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (1000.0, "1,000"), (0.01, "0.01"), (1e-5, "10⁻⁵"), (1e5, "10⁵")],
)
def test_decades_are_plain_near_one_and_powers_far_from_it(value, text):
    assert decade_text(value) == text


def test_negative_ticks_carry_a_real_minus_and_the_decimals_of_their_step():
    assert tick_text(-0.4, 0.2) == "\u22120.4"
    assert tick_text(-1200.0, 200.0) == "\u22121,200"
    assert tick_text(1e-17, 0.2) == "0"


def test_decades_are_thinned_evenly():
    ticks = decade_ticks(1e-8, 1e4, 5)
    ratios = {round(np.log10(b / a)) for a, b in pairwise(ticks)}
    assert len(ticks) <= 5
    assert len(ratios) == 1


@pytest.mark.parametrize(
    ("damage", "text"),
    [(0.0, "0"), (1e-6, "<0.0001"), (0.0004, "0.0004"), (0.0213, "0.021"), (3.14159, "3.142"), (47.13, "47.1")],
)
def test_a_damage_is_zero_only_where_it_was_measured_as_zero(damage, text):
    assert damage_text(damage) == text


def test_layers_are_grouped_by_the_first_part_that_differs():
    names = ["net.conv1", "net.layer1.0.conv1", "net.layer1.0.conv2", "net.layer2.0.conv1", "net.fc"]
    groups = layer_groups(names)
    assert [group for group, _ in groups] == ["conv1", "layer1", "layer2", "fc"]
    assert groups[1][1] == [1, 2]


def test_a_short_name_is_its_numbers_where_every_part_has_one():
    assert short_name("layer2.1.conv1", "layer2") == "1.1"
    assert short_name("encoder.attention.query", "encoder") == "query"
    assert short_name("conv1", "conv1") == "conv1"
