"""What measured plans teach of others: the factor of their damages, how sure it is, and what becomes of the metric."""

from math import exp, log

import pytest

from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.documents import Evaluation, Metric, SensitivityRow, SensitivityTable
from secateur.recipe.interaction import NOTHING_KNOWN, WIDE, interaction_of, is_same_plan
from secateur.recipe.quality import metric_after
from secateur.recipe.recipe import Recipe, Step


def test_before_anything_is_known_the_point_stays_and_the_interval_is_wide() -> None:
    assert NOTHING_KNOWN.factor == 1.0
    assert NOTHING_KNOWN.spread(0.1) == WIDE
    one = interaction_of([(0.1, 0.5)])
    assert (one.factor, one.spread(0.1)) == (1.0, WIDE)


def test_the_factor_is_the_geometric_mean_of_measured_by_predicted() -> None:
    assert interaction_of([(0.1, 0.2), (0.1, 0.8)]).factor == pytest.approx(4.0)


def test_plans_without_a_number_teach_nothing() -> None:
    assert interaction_of([(None, 0.1), (0.0, 0.1), (0.1, 0.0), (0.1, float("inf"))]) == NOTHING_KNOWN


def test_more_plans_that_agree_make_it_surer_and_plans_that_differ_less_sure() -> None:
    spreads = [interaction_of([(0.1, 0.15)] * count).spread(0.1) for count in (2, 4, 8)]
    assert WIDE > spreads[0] > spreads[1] > spreads[2] > 1.0
    assert interaction_of([(0.1, 0.05), (0.1, 0.45)]).spread(0.1) > spreads[0]


def test_it_is_less_sure_of_plans_that_do_other_damage_than_the_measured_ones() -> None:
    known = interaction_of([(0.1, 0.15), (0.12, 0.16)])
    assert known.spread(1.0) > known.spread(0.2) > known.spread(0.1)
    assert known.spread(0.01) > known.spread(0.1)


def test_most_plans_lie_within_what_others_teach() -> None:
    """Ratios that scatter by a factor of 1.5 about 2: leave one out, at least 9 of 10 within."""
    scatter = (-0.6, -0.35, -0.2, -0.1, 0.0, 0.05, 0.15, 0.25, 0.35, 0.5)
    plans = [(0.1, 0.2 * exp(each)) for each in scatter]
    inside = 0
    for number, (predicted, measured) in enumerate(plans):
        learned = interaction_of(plans[:number] + plans[number + 1 :])
        inside += abs(log(measured / (predicted * learned.factor))) <= log(learned.spread(predicted))
    assert inside >= 9


def table() -> SensitivityTable:
    rows = tuple(
        SensitivityRow(
            layer="a", option=f"o{n}", damage=0.01 * (n + 1), bytes=1, macs=1, measured=True, metric_drop=0.02 * (n + 1)
        )
        for n in range(8)
    )
    return SensitivityTable(
        depth="measure", metric="top1", unit="nats", samples=8, seconds=1.0, rank_correlation=None, rows=rows
    )


def baseline(value: float = 0.9) -> Evaluation:
    metric = Metric(name="top1", value=value, ci95=(value, value))
    return Evaluation(
        metric=metric, loss=None, samples=8, bytes=1, zip_bytes=1, params=1, nonzero_params=1, macs=1, latency_ms=None
    )  # fmt: skip


def test_the_metric_moves_by_the_factor_and_its_interval_by_the_spread() -> None:
    learned = interaction_of([(0.05, 0.1), (0.05, 0.1)])
    found, plain = metric_after(0.05, table(), baseline(), learned), metric_after(0.05, table(), baseline())
    assert plain.metric == pytest.approx(0.8)
    assert found.metric == pytest.approx(0.7)
    assert found.damage == plain.damage == 0.05
    assert found.interval is not None
    low, high = found.interval
    assert low == pytest.approx(0.9 - 0.2 * learned.spread(0.05))
    assert high == pytest.approx(0.9 - 0.2 / learned.spread(0.05))


def test_a_plan_is_the_same_whatever_its_steps_are_called() -> None:
    one = Recipe((Step(WeightOnly(bits=4), ("a", "b")),))
    assert is_same_plan(one, Recipe((Step(WeightOnly(bits=4), ("a", "b"), id="s7"),)))
    assert not is_same_plan(one, Recipe((Step(WeightOnly(bits=4), ("a",)),)))
    assert not is_same_plan(one, Recipe((Step(WeightOnly(bits=3), ("a", "b")),)))
