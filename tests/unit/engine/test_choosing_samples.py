"""Autopilot chooses by validation samples; by half of the test samples where the original was trained on the former."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from secateur.analysis.evaluation import Predictions
from secateur.data.tasks import task_of
from secateur.engine.autopilot import HALVES, OWN_SPLITS
from secateur.engine.jobs import choosing
from secateur.engine.jobs.choosing import Chooser
from secateur.model.documents import Metric

COUNT = 400
TASK = task_of("classification")


def predictions(right: Any) -> Predictions:
    """Answers to ten classes of which these are right."""
    targets = np.arange(COUNT) % 10
    named = np.where(right, targets, (targets + 1) % 10)
    return Predictions(np.eye(10, dtype=np.float32)[named], targets)


def share(of: float) -> Any:
    return np.arange(COUNT) < of * COUNT


def but(right: Any, wrong: slice, count: int) -> Any:
    """Some of these samples are answered wrongly, too."""
    places = np.flatnonzero(right)[wrong]
    changed = right.copy()
    changed[places[:count]] = False
    return changed


@pytest.fixture
def chooser(monkeypatch: pytest.MonkeyPatch) -> Any:
    """(validation, test) of the original and of a result, by which is right → the chooser and the result's run."""

    def made(original: tuple[Any, Any], result: tuple[Any, Any]) -> tuple[Chooser, Any]:
        answers = {"original.onnx": original, "result.onnx": result}

        def predict(run: str, _data: Any, _progress: Any, *, text: str, split: str) -> Predictions:
            assert split in text
            return predictions(answers[run][split == "test"])

        monkeypatch.setattr(choosing, "predict", predict)
        workshop = SimpleNamespace(file=lambda bench: Path("original.onnx"), session=lambda path: path.name)
        before, after = (predictions(right[1]) for right in (original, result))
        metrics = [TASK.measure(one.answers, one.targets) for one in (before, after)]
        baseline = SimpleNamespace(evaluation=SimpleNamespace(metric=metrics[0]), predictions=before)
        told = [SimpleNamespace(metric=metric) for metric in metrics]
        run = SimpleNamespace(files=[SimpleNamespace(path="result.onnx")], original=told[0], result=told[1])
        data = SimpleNamespace(task=TASK)
        return Chooser.of(None, data, baseline, workshop, lambda: lambda *_: None), run  # type: ignore[arg-type]

    return made


def test_validation_chooses_and_test_judges(chooser: Any) -> None:
    found, run = chooser((share(0.8), share(0.78)), (share(0.7), share(0.75)))
    assert found.splits == OWN_SPLITS
    assert not found.sentence
    fall = found.fall(run, "a result")
    assert (fall.drop, fall.judged) == pytest.approx((0.1, 0.03))
    assert fall.interval[0] < 0.1 < fall.interval[1]


def test_where_the_original_knows_the_validation_samples_halves_of_test_choose_and_judge(chooser: Any) -> None:
    known, test = share(0.99), share(0.8)
    found, run = chooser((known, test), (share(0.5), but(test, slice(0, None, 2), 20)))  # what is lost is even
    assert found.splits == HALVES
    assert "99.0\u00a0% on the validation samples and 80.0\u00a0% on the test samples" in found.sentence
    fall = found.fall(run, "a result")
    assert (fall.drop, fall.judged) == pytest.approx((0.1, 0.0)), "of 200 samples twenty, and none"
    found, run = chooser((known, test), (share(0.99), but(test, slice(1, None, 2), 8)))
    fall = found.fall(run, "a result")
    assert (fall.drop, fall.judged) == pytest.approx((0.0, 0.04))


def test_a_result_that_is_not_to_be_run_has_no_known_drop(chooser: Any) -> None:
    found, run = chooser((share(0.8), share(0.8)), (share(0.8), share(0.8)))
    fall = found.unknown(run)
    assert np.isnan(fall.drop)
    assert fall.interval is None
    assert fall.judged == 0.0


@pytest.mark.parametrize(
    ("name", "one", "other", "is_better"),
    [
        ("top1", (0.95, 0.97), (0.80, 0.84), True),
        ("top1", (0.80, 0.84), (0.95, 0.97), False),
        ("top1", (0.82, 0.86), (0.80, 0.84), False),
        ("mse", (0.1, 0.2), (0.4, 0.6), True),
        ("mse", (0.4, 0.6), (0.1, 0.2), False),
    ],
)
def test_better_is_what_lies_apart_on_the_better_side(name: str, one: Any, other: Any, is_better: bool) -> None:
    values = [Metric(name=name, value=sum(ends) / 2, ci95=ends) for ends in (one, other)]
    assert choosing._is_surely_better(*values) is is_better
