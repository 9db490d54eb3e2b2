"""What a result says of its metric: worse is worse in the metric's own direction, and what is no number is said."""

import pytest

from secateur.engine.report import rows_of
from secateur.engine.verdict import warnings_of
from secateur.model.documents import Evaluation, Metric, RunDocument


def evaluation(metric: Metric | None, warnings: tuple[str, ...] = ()) -> Evaluation:
    return Evaluation(
        metric=metric, loss=None, samples=150, bytes=900, zip_bytes=800, params=10, nonzero_params=10, macs=10,
        latency_ms=None, warnings=warnings,
    )  # fmt: skip


def run(before: Evaluation, after: Evaluation) -> RunDocument:
    return RunDocument(run="r", name="r", original=before, result=after, files=())


def metric(name: str, value: float, half: float) -> Metric:
    return Metric(name=name, value=value, ci95=(value - half, value + half))


@pytest.mark.parametrize(
    ("name", "before", "after", "verb"),
    [("mse", 0.007, 3.83, "rose"), ("top1", 0.9, 0.5, "fell"), ("mse", 3.83, 0.007, ""), ("top1", 0.5, 0.9, "")],
)
def test_a_warning_is_given_of_what_became_worse_and_only_of_that(name, before, after, verb):
    warnings = warnings_of(run(evaluation(metric(name, before, 0.001)), evaluation(metric(name, after, 0.001))))
    assert len(warnings) == bool(verb)
    assert not verb or warnings[0].startswith(f"{name} {verb} by more than its sampling noise")
    assert not ("%" in "".join(warnings) and name == "mse")


def test_answers_that_are_no_numbers_are_told_of_the_one_that_gives_them():
    broken = evaluation(None, ("All 150 answers are not finite (NaN or infinity).",))
    assert warnings_of(run(evaluation(metric("mse", 0.1, 0.01)), broken)) == (
        "Result: All 150 answers are not finite (NaN or infinity).",
    )


def test_a_row_of_the_report_stays_where_one_side_has_no_metric():
    name, before, after, change = rows_of(evaluation(metric("mse", 0.1, 0.01)), evaluation(None))[0]
    assert (name, after, change) == ("mse", "–", "")
    assert before.startswith("0.100 (0.0900")
