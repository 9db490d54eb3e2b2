"""How an estimate ranks: between options is easy, within an option is what counts."""

import numpy as np
import pytest

from secateur.analysis.correlation import correlated, rank_correlation, within_option_correlation
from secateur.model.documents import SensitivityRow, SensitivityTable

OPTIONS = ("int8", "int4", "prune50", "prune90")


def table(damages, depth="measure"):
    """A table of damages (layers, options); NaN is an unavailable cell."""
    rows = [
        SensitivityRow(
            layer=f"layer{i}",
            option=option,
            damage=None if np.isnan(value) else float(value),
            bytes=1,
            macs=1,
            unavailable="Not there." if np.isnan(value) else "",
        )
        for i, layer in enumerate(damages)
        for option, value in zip(OPTIONS, layer, strict=True)
    ]
    return SensitivityTable(
        depth=depth, metric="top1", unit="nats", samples=9, seconds=1, rank_correlation=None, rows=tuple(rows)
    )


def made_up(layers=40, seed=1):
    """(estimate, truth): decades between the options, and within them orders that have nothing in common."""
    random = np.random.default_rng(seed)
    level = 10.0 ** np.arange(len(OPTIONS))
    return (table(level * random.uniform(1, 3, (layers, len(OPTIONS)))) for _ in range(2))


def test_an_estimate_that_knows_the_options_alone_ranks_well_over_all_cells_and_not_within_an_option():
    estimate, truth = made_up()
    assert rank_correlation(estimate, truth) > 0.9
    within = within_option_correlation(estimate, truth)
    assert abs(within.mean) < 0.3
    assert within.low < within.mean < within.high
    assert within.low < 0 < within.high
    assert not within.tells_layers


def test_an_estimate_that_orders_the_layers_is_trusted():
    random = np.random.default_rng(0)
    layers = random.uniform(1, 100, (30, 1)) * 10.0 ** np.arange(len(OPTIONS))
    within = within_option_correlation(table(layers), table(layers**1.5 * random.uniform(0.9, 1.1, layers.shape)))
    assert within.mean > 0.95
    assert within.low > 0.9
    assert within.tells_layers


def test_the_mean_is_that_of_the_options_and_each_option_is_told():
    layers = np.arange(1.0, 21.0)[:, None] * np.ones(len(OPTIONS))
    truth = layers.copy()
    truth[:, 1] = truth[::-1, 1]
    within = within_option_correlation(table(layers), table(truth))
    assert within.by_option == pytest.approx({"int8": 1.0, "int4": -1.0, "prune50": 1.0, "prune90": 1.0})
    assert within.mean == pytest.approx(0.5)


def test_ties_take_their_mean_rank_as_scipy_has_it():
    from scipy.stats import spearmanr

    random = np.random.default_rng(5)
    x, y = (random.integers(0, 5, (25, len(OPTIONS))).astype(float) for _ in range(2))
    within = within_option_correlation(table(x), table(y))
    for place, option in enumerate(OPTIONS):
        assert within.by_option[option] == pytest.approx(spearmanr(x[:, place], y[:, place]).statistic)
    assert rank_correlation(table(x), table(y)) == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic)


def test_cells_without_a_number_take_no_part():
    random = np.random.default_rng(6)
    x, y = (random.uniform(1, 2, (12, len(OPTIONS))) for _ in range(2))
    before = within_option_correlation(table(x[1:]), table(y[1:]))
    y[0] = np.nan
    after = within_option_correlation(table(x), table(y))
    assert after.by_option == pytest.approx(before.by_option)


def test_few_layers_or_none_that_differ_have_no_correlation():
    three = np.arange(1.0, 4.0)[:, None] * np.ones(len(OPTIONS))
    assert within_option_correlation(table(three), table(three)) is None
    same = np.ones((8, len(OPTIONS)))
    assert within_option_correlation(table(same), table(same)) is None
    assert rank_correlation(table(same[:0]), table(same[:0])) is None


def test_the_interval_is_wide_where_there_are_few_layers_and_narrow_where_there_are_many():
    widths = []
    for layers in (6, 200):
        estimate, truth = made_up(layers)
        within = within_option_correlation(estimate, truth)
        widths.append(within.high - within.low)
    assert widths[0] > 3 * widths[1]


def test_the_same_tables_give_the_same_interval():
    estimate, truth = made_up()
    assert correlated(estimate, truth) == correlated(estimate, truth)
