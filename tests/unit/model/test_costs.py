"""Costs as one value: how they add up, and what stays unknown."""

import pytest

from secateur.model.costs import Costs, total


def test_costs_of_layers_add_up_and_their_memory_is_the_larger_need() -> None:
    assert Costs(10, 20, 0.5, 7) + Costs(1, 2, 0.25, 9) == Costs(11, 22, 0.75, 9)
    assert total([Costs(1, 2, 0.5, 3)] * 3) == Costs(3, 6, 1.5, 3)


def test_a_sum_with_something_unknown_is_unknown() -> None:
    together = Costs(10, 20, 0.5, 7) + Costs(1, 2)
    assert (together.bytes, together.macs) == (11, 22)
    assert together.latency_ms is None
    assert together.memory_bytes is None


def test_a_share_of_costs_is_one_of_each_of_them() -> None:
    assert Costs(10, 20, 0.5, 8).scaled(0.25) == Costs(2, 5, 0.125, 2)
    with pytest.raises(ValueError, match="scaled"):
        Costs(10, 20).scaled(-1.0)


def test_what_a_step_leaves_of_a_layer_is_carried_over_to_a_narrowed_one() -> None:
    halved = Costs(50, 100, 3.0)
    carried = halved.relative_to(Costs(100, 100, 5.0), Costs(30, 40, 2.0))
    assert carried == Costs(15, 40)
