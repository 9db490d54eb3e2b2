"""Metrics against their definitions."""

import numpy as np
import pytest

from secateur.data.metric_values import kl_divergence, wilson
from secateur.data.task import answers_warning
from secateur.data.tasks import task_of

LOGITS = np.random.default_rng(3).standard_normal((200, 10)).astype(np.float32)
LABELS = np.random.default_rng(4).integers(0, 10, 200)
CLASSES = task_of("classification")


def test_top1_is_the_share_of_right_answers():
    metric = task_of("classification", "top1").measure(LOGITS, LABELS)
    assert metric.value == (LOGITS.argmax(1) == LABELS).mean()
    assert metric.ci95[0] < metric.value < metric.ci95[1]


def test_top5_is_never_below_top1():
    assert (
        task_of("classification", "top5").measure(LOGITS, LABELS).value
        >= task_of("classification", "top1").measure(LOGITS, LABELS).value
    )


def test_the_wilson_interval_stays_within_zero_and_one():
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == pytest.approx(1.0)
    assert wilson(0, 0) == (0.0, 1.0)


def test_cross_entropy_of_uniform_logits_is_the_log_of_the_classes():
    total, count = CLASSES.loss(np.zeros((5, 8), np.float32), np.arange(5))
    assert total / count == pytest.approx(np.log(8))


def test_kl_is_zero_only_for_the_same_answers():
    assert kl_divergence(LOGITS, LOGITS) == pytest.approx(0, abs=1e-12)
    assert kl_divergence(LOGITS, LOGITS + 3.0) == pytest.approx(0, abs=1e-6)
    assert kl_divergence(LOGITS, LOGITS[:, ::-1]) > 0.1


def test_agreement_counts_equal_decisions():
    assert CLASSES.agreement(LOGITS, LOGITS * 2) == 1.0
    assert CLASSES.agreement(LOGITS, -LOGITS) < 0.2
    assert CLASSES.agreement(LOGITS[:, :1], LOGITS[:, :1]) is None


# ------------------------------------------------------------------ answers that are no numbers


@pytest.mark.parametrize("name", ["top1", "top5"])
def test_answers_that_are_not_finite_are_wrong(name):
    outputs = LOGITS.copy()
    outputs[:50, 3] = np.nan
    right = task_of("classification", name).measure(outputs[50:], LABELS[50:])
    assert task_of("classification", name).measure(outputs, LABELS).value == pytest.approx(right.value * 150 / 200)
    assert task_of("classification", name).measure(np.full_like(LOGITS, np.nan), np.zeros(200, np.int64)).value == 0.0


def test_an_error_with_answers_that_are_not_finite_is_no_number():
    outputs = LOGITS.copy()
    assert task_of("regression", "mse").measure(outputs, LOGITS).value == 0.0
    outputs[0, 0] = np.inf
    assert task_of("regression", "mse").measure(outputs, LOGITS) is None


def test_a_class_that_is_ruled_out_leaves_the_answer_finite():
    outputs = LOGITS.copy()
    outputs[:, 9] = -np.inf
    assert not answers_warning(CLASSES, outputs)
    assert task_of("classification", "top1").measure(outputs, outputs.argmax(1)).value == 1.0
    assert kl_divergence(outputs, outputs) == 0.0


def test_how_many_answers_are_not_finite_is_said():
    outputs = LOGITS.copy()
    assert answers_warning(CLASSES, outputs) == ""
    outputs[:7] = np.nan
    assert answers_warning(CLASSES, outputs).startswith("7 of 200 answers are not finite")
    assert answers_warning(task_of("regression"), np.full((4, 1), np.inf, np.float32)).startswith(
        "All 4 answers are not finite"
    )


def test_nothing_agrees_with_an_answer_that_is_not_finite():
    broken = np.full_like(LOGITS, np.nan)
    assert CLASSES.agreement(broken, broken) == 0.0
    assert np.isnan(kl_divergence(LOGITS, broken))


def test_the_interval_of_an_error_does_not_reach_below_zero():
    outputs = np.zeros((10, 1), np.float32)
    outputs[0] = 5.0
    assert task_of("regression", "mse").measure(outputs, np.zeros(10)).ci95[0] == 0.0
