"""Texts of ticks, and names under an axis."""

import pytest

from secateur.ui.plots.groups import layer_groups, short_name
from secateur.ui.plots.ticks import damage_text, decade_text, tick_text


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
