"""The filter box's little language."""

import pytest

from secateur.errors import UserError
from secateur.ui.models.layer_filter import LayerFacts, parse_filter

CONV = LayerFacts("layer2.1.conv1", "Conv2d", 9216, 2_360_000, 36_900, 0.11, 0.5, ("prune 50 %", "4-bit"))
LINEAR = LayerFacts("linear", "Linear", 640, 640, 2600, None, None, ())


@pytest.mark.parametrize(
    ("text", "conv", "linear"),
    [
        ("", True, True),
        ("conv", True, False),
        ("LAYER2", True, False),
        ("layer*.conv1", True, False),
        ("lin?ar", False, True),
        ("size>10k", True, False),
        ("size > 10 kB", True, False),
        ("size<=2.6k", False, True),
        ("params<1k", False, True),
        ("macs>=2.36M", True, False),
        ("ms<1", True, False),
        ("zeros>=50%", True, False),
        ("planned", True, False),
        ("not planned", False, True),
        ("-planned", False, True),
        ("!conv", False, True),
        ("4-bit", True, False),
        ("kind=linear", False, True),
        ("name=layer2*", True, False),
        ("conv size>10k planned", True, False),
        ("conv size>1M", False, False),
    ],
)
def test_a_filter_keeps_the_layers_it_describes(text: str, conv: bool, linear: bool) -> None:
    accepts = parse_filter(text)
    assert (accepts(CONV), accepts(LINEAR)) == (conv, linear)


def test_an_unknown_number_is_named_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"weight>3.*unknown.*params"):
        parse_filter("weight>3")


def test_a_comparison_without_a_number_says_how_to_write_one() -> None:
    with pytest.raises(UserError, match=r"size>big.*no number.*size>50k"):
        parse_filter("size>big")


def test_an_unmeasured_time_passes_no_comparison_either_way() -> None:
    assert not parse_filter("ms>0")(LINEAR)
    assert not parse_filter("ms<100")(LINEAR)
