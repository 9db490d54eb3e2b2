"""What is kept of parts of the samples tells the metric of all of them, of every task and metric."""

import json

import numpy as np
import pytest

from secateur.data.evidence import MOST_NUMBERS, Evidence
from secateur.data.metrics import metrics_of_task
from secateur.data.tasks import TASKS, task_of

RANDOM = np.random.default_rng(3)
N = 90
SAMPLES = {
    "classification": (RANDOM.normal(size=(N, 4)).astype(np.float32), RANDOM.integers(0, 4, N)),
    "multilabel": (RANDOM.normal(size=(N, 3)).astype(np.float32), (RANDOM.random((N, 3)) > 0.6).astype(np.float32)),
    "regression": (RANDOM.normal(size=(N, 2)).astype(np.float32), RANDOM.normal(size=(N, 2)).astype(np.float32)),
    "similarity": (RANDOM.uniform(-1, 1, N).astype(np.float32), RANDOM.uniform(0, 5, N).astype(np.float32)),
    "segmentation": (
        np.sort(RANDOM.integers(-1, 5, (N, 3 * 4)), axis=0).reshape(N, 3, 4).astype(np.int16),  # later parts: more
        RANDOM.choice([0, 1, 2, 3, 255], (N, 3, 4)),
    ),
}
EVERY = [(task.id, metric) for task in TASKS if task.id in SAMPLES for metric in metrics_of_task(task.id)]


@pytest.mark.parametrize(("name", "metric"), [pair for pair in EVERY if pair[1] != "agreement"])
def test_parts_that_were_kept_tell_the_metric_of_the_whole(name: str, metric: str) -> None:
    task, (answers, targets) = task_of(name, metric), SAMPLES[name]
    parts = [task.evidence(answers[part], targets[part]) for part in (slice(0, 40), slice(40, 50), slice(50, N))]
    again = [Evidence.from_text(json.loads(json.dumps(part.to_text()))) for part in parts if part is not None]
    assert len(again) == len(parts)
    told = task.told_by(Evidence.joined(again))
    assert told == pytest.approx(task.score(answers, targets), rel=1e-12)
    assert told is not None


def test_answers_that_are_too_large_are_not_kept() -> None:
    task = task_of("classification", "auc")
    targets = np.zeros(8, np.int64)
    assert task.evidence(np.zeros((8, MOST_NUMBERS - 1), np.float32), targets) is not None
    assert task.evidence(np.zeros((8, MOST_NUMBERS), np.float32), targets) is None
    assert task_of("classification").evidence(np.zeros((8, 1000), np.float32), targets) is not None


def test_a_metric_without_a_value_is_not_told() -> None:
    task = task_of("similarity")
    same = np.ones(8, np.float32)
    kept = task.evidence(same, np.arange(8.0))
    assert kept is not None
    assert task.told_by(kept) is None
