"""Metrics against their definitions."""

import numpy as np
import pytest

from secateur.analysis.metrics import agreement, cross_entropy, kl_divergence, metric_of, wilson

LOGITS = np.random.default_rng(3).standard_normal((200, 10)).astype(np.float32)
LABELS = np.random.default_rng(4).integers(0, 10, 200)


def test_top1_is_the_share_of_right_answers():
    metric = metric_of("top1", LOGITS, LABELS)
    assert metric.value == (LOGITS.argmax(1) == LABELS).mean()
    assert metric.ci95[0] < metric.value < metric.ci95[1]


def test_top5_is_never_below_top1():
    assert metric_of("top5", LOGITS, LABELS).value >= metric_of("top1", LOGITS, LABELS).value


def test_the_wilson_interval_stays_within_zero_and_one():
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == pytest.approx(1.0)
    assert wilson(0, 0) == (0.0, 1.0)


def test_cross_entropy_of_uniform_logits_is_the_log_of_the_classes():
    assert cross_entropy(np.zeros((5, 8), np.float32), np.arange(5)) == pytest.approx(np.log(8))


def test_kl_is_zero_only_for_the_same_answers():
    assert kl_divergence(LOGITS, LOGITS) == pytest.approx(0, abs=1e-12)
    assert kl_divergence(LOGITS, LOGITS + 3.0) == pytest.approx(0, abs=1e-6)
    assert kl_divergence(LOGITS, LOGITS[:, ::-1]) > 0.1


def test_agreement_counts_equal_decisions():
    assert agreement(LOGITS, LOGITS * 2) == 1.0
    assert agreement(LOGITS, -LOGITS) < 0.2
    assert agreement(LOGITS[:, :1], LOGITS[:, :1]) is None
