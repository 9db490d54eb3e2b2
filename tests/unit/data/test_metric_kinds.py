"""Every metric says which way is better and in what unit, and all that is compared or written follows it."""

import pytest

from secateur.data.metrics import METRIC_KINDS, kind_of, metrics_of_task
from secateur.figures import SPACE


def plain(text: str) -> str:
    return text.replace(SPACE, " ")


@pytest.mark.parametrize("kind", METRIC_KINDS, ids=lambda kind: kind.name)
def test_a_worsened_value_is_worse_and_stays_possible(kind):
    worse = kind.worsened(0.5, 0.2)
    assert kind.gain(0.5, worse) == pytest.approx(-0.2)
    assert not kind.is_better(worse, than=0.5)
    far = kind.worsened(0.5, 10.0)
    assert kind.low is None or far >= kind.low
    assert kind.high is None or far <= kind.high


@pytest.mark.parametrize("kind", METRIC_KINDS, ids=lambda kind: kind.name)
def test_only_a_change_for_the_worse_is_beyond_the_noise(kind):
    interval = (0.45, 0.55)
    assert kind.is_beyond_noise(kind.worsened(0.5, 0.2), interval)
    assert not kind.is_beyond_noise(kind.worsened(0.5, -0.2), interval)
    assert not kind.is_beyond_noise(kind.worsened(0.5, 0.04), interval)
    assert kind.is_beyond_noise(float("nan"), interval)


@pytest.mark.parametrize("kind", METRIC_KINDS, ids=lambda kind: kind.name)
def test_percent_and_points_are_written_of_shares_alone(kind):
    words = " ".join((kind.write(0.3), *kind.write_pair(0.3, 0.2), kind.write_change(0.3, 0.2)))
    assert ("%" in words) == ("pt" in words) == kind.is_share


def test_an_error_is_written_in_its_own_units():
    error = kind_of("mse")
    assert not error.is_higher_better
    assert plain(error.write(0.00734)) == "0.00734"
    assert error.write_change(0.00734, 3.83) == "+3.82"
    assert error.write_change(3.83, 0.00734) == "−3.82"
    assert kind_of("spearman").write_change(0.867163, 0.867170) == "0"  # no digit of 0.867 moves
    assert kind_of("spearman").write_change(0.867163, 0.866717) == "−0.000446"
    assert kind_of("spearman").write_change(0.0, 0.0004) == "+0.000400"
    assert error.write_spread((0.8, 1.2)) == "±0.200"


def test_a_metric_of_an_older_run_is_a_number_with_a_title():
    assert (kind_of("own.py:f_score").title, kind_of("own.py:f_score").write(0.5)) == ("F score", "0.500")
    assert (kind_of("top1").title, kind_of("").title) == ("Top-1", "Metric")


def test_the_usual_metric_of_a_task_comes_first():
    assert [metrics_of_task(task)[0] for task in ("classification", "regression", "none")] == [
        "top1",
        "mse",
        "agreement",
    ]


def test_titles_keep_their_capitals_in_a_sentence_where_they_are_names():
    nouns = [kind_of(name).noun for name in ("top1", "mean_iou", "f1", "auc", "spearman", "average_precision")]
    assert nouns == ["top-1", "mean IoU", "F1", "AUC", "Spearman", "average precision"]


@pytest.mark.parametrize(
    ("name", "ends", "wanted"),
    [
        ("top1", (0.799, 0.81), "79.9 … 81.0 %"),
        ("top1", (0.81, 0.8100001), "81.0 %"),
        ("spearman", (0.7, 0.82), "0.700 … 0.820"),
        ("mse", (0.25, 0.25), "0.250"),
    ],
)
def test_the_ends_of_an_interval_are_written_with_their_unit_once(name, ends, wanted) -> None:
    assert kind_of(name).write_range(*ends).replace("\u00a0", " ") == wanted
