"""Every task against definitions, and against what the libraries of the field say."""

import numpy as np
import pytest
import torch

from secateur.data import metric_values
from secateur.data.batch import Batch
from secateur.data.metrics import TASK_IDS, kind_of, metrics_of_task
from secateur.data.reading import Reading
from secateur.data.task import damage_of
from secateur.data.tasks import TASKS, task_of
from secateur.data.tasks.similarity import Similarity
from secateur.errors import UserError

RANDOM = np.random.default_rng(5)
SCORES = RANDOM.standard_normal((120, 4)).astype(np.float32)
LABELS = RANDOM.integers(0, 4, 120)
MASKS = RANDOM.integers(0, 3, (20, 6, 5))
PIXELS = (RANDOM.standard_normal((20, 3, 6, 5)) + 2 * (MASKS[:, None] == np.arange(3)[:, None, None])).astype(
    np.float32
)
HAS = (RANDOM.random((120, 4)) < 0.4).astype(np.float32)
TARGETS = RANDOM.standard_normal((120, 4)).astype(np.float32)
HIDDEN = RANDOM.standard_normal((60, 5, 8)).astype(np.float32)
MASK = (np.arange(5) < RANDOM.integers(1, 6, 60)[:, None]).astype(np.int64)
ALIKE = RANDOM.random(30).astype(np.float32) * 5


def example(name: str) -> tuple[list[np.ndarray], Batch]:
    """Outputs of a network for a batch of the task."""
    made = {
        "classification": ([SCORES], SCORES, LABELS, 1),
        "multilabel": ([SCORES], SCORES, HAS, 1),
        "regression": ([SCORES], SCORES, TARGETS, 1),
        "similarity": ([HIDDEN, HIDDEN[:, 0]], HIDDEN, ALIKE, 2),
        "segmentation": ([PIXELS], PIXELS, MASKS, 1),
        "none": ([SCORES], SCORES, np.zeros(120, np.int64), 1),
    }
    outputs, fed, targets, passes = made[name]
    inputs = {"ids": fed, "attention_mask": MASK} if name == "similarity" else {"x": fed}
    return outputs, Batch(inputs, targets, passes)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from 60 bootstrap samples: what is said of them here holds for so many, too."""
    monkeypatch.setattr(metric_values, "RESAMPLES", 60)


def test_every_task_of_the_metrics_is_there() -> None:
    assert tuple(task.id for task in TASKS) == TASK_IDS


@pytest.mark.parametrize("name", TASK_IDS)
def test_a_task_reads_a_row_for_each_sample_and_keeps_one(name: str) -> None:
    task, (outputs, batch) = task_of(name), example(name)
    scores = task.scores(outputs, batch)
    assert len(scores) == len(task.answers(scores)) == len(batch)
    assert scores.dtype == np.float32


@pytest.mark.parametrize("name", TASK_IDS)
def test_the_torch_form_reads_what_the_numpy_form_reads(name: str) -> None:
    task, (outputs, batch) = task_of(name), example(name)
    inputs = {port: torch.from_numpy(values) for port, values in batch.inputs.items()}
    read = task.torch_scores([torch.from_numpy(output) for output in outputs], inputs, batch.passes)
    np.testing.assert_allclose(read.numpy(), task.scores(outputs, batch), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in TASK_IDS if name != "none"])
def test_the_loss_that_is_told_is_the_loss_that_is_learned(name: str) -> None:
    task, (outputs, batch) = task_of(name), example(name)
    scores = task.scores(outputs, batch)
    told = task.loss(scores, batch.targets)
    assert told is not None
    learned = task.torch_loss(torch.from_numpy(scores), torch.from_numpy(batch.targets))
    assert told[0] / told[1] == pytest.approx(float(learned), rel=1e-4)


@pytest.mark.parametrize("name", [name for name in TASK_IDS if name != "none"])
def test_a_loss_is_in_nats_where_answers_are_likelihoods(name: str) -> None:
    task, (outputs, batch) = task_of(name), example(name)
    scores = task.scores(outputs, batch)
    unit, _, _ = task.damage(scores, scores)
    assert task.loss_unit == ("nats" if unit == "nats" else "")


@pytest.mark.parametrize("name", TASK_IDS)
def test_a_network_does_itself_no_damage_and_agrees_with_itself(name: str) -> None:
    task, (outputs, batch) = task_of(name), example(name)
    scores = task.scores(outputs, batch)
    other = scores + RANDOM.normal(0, 0.3, scores.shape).astype(np.float32)
    assert damage_of(task, scores, scores) == pytest.approx(0, abs=1e-9)
    assert damage_of(task, scores, other) > 1e-4
    share = task.agreement(task.answers(scores), task.answers(scores))
    assert share in (None, pytest.approx(1.0))
    distance = task.torch_distance(torch.from_numpy(other), torch.from_numpy(scores), 2.0)
    assert float(distance) > 1e-4
    same = task.torch_distance(torch.from_numpy(scores), torch.from_numpy(scores), 2.0)
    assert float(same) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", TASK_IDS)
def test_damage_of_batches_adds_up_to_that_of_all(name: str) -> None:
    task, (outputs, batch) = task_of(name), example(name)
    scores = task.scores(outputs, batch)
    other, half = scores * 1.1, len(scores) // 2
    _, error, weight = task.damage(scores, other)
    parts = [task.damage(scores[rows], other[rows]) for rows in (slice(half), slice(half, None))]
    assert error == pytest.approx(sum(part[1] for part in parts), rel=1e-5, abs=1e-9)
    assert weight == pytest.approx(sum(part[2] for part in parts), rel=1e-5)


def scored() -> list[tuple[str, str]]:
    return [(task, name) for task in TASK_IDS for name in metrics_of_task(task) if name != "agreement"]


@pytest.mark.parametrize(("task_id", "metric"), scored())
def test_every_metric_has_a_value_within_its_interval_and_bounds(task_id: str, metric: str) -> None:
    task, (outputs, batch) = task_of(task_id, metric), example(task_id)
    answers = task.answers(task.scores(outputs, batch))
    found, again = (task.measure(answers, batch.targets) for _ in range(2))
    assert found is not None
    assert found == again
    low, high = found.ci95
    kind = kind_of(metric)
    assert low <= found.value <= high
    assert low < high
    assert kind.low is None or kind.low <= low
    assert kind.high is None or high <= kind.high
    assert task.score(answers, batch.targets) == pytest.approx(found.value)


@pytest.mark.parametrize(("task_id", "metric"), scored())
def test_nothing_changes_between_equal_answers(task_id: str, metric: str) -> None:
    task, (outputs, batch) = task_of(task_id, metric), example(task_id)
    answers = task.answers(task.scores(outputs, batch))
    assert task.change(answers, answers, batch.targets) == (0.0, 0.0, 0.0)


def value(task: str, metric: str) -> float:
    chosen, (outputs, batch) = task_of(task, metric), example(task)
    found = chosen.score(chosen.answers(chosen.scores(outputs, batch)), batch.targets)
    assert found is not None
    return found


def test_metrics_are_those_of_the_libraries_of_the_field() -> None:
    from scipy.stats import pearsonr, spearmanr
    from sklearn import metrics

    shares = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    assert value("classification", "f1") == pytest.approx(metrics.f1_score(LABELS, SCORES.argmax(1), average="macro"))
    assert value("classification", "auc") == pytest.approx(
        metrics.roc_auc_score(LABELS, shares, multi_class="ovr"), abs=1e-6
    )
    assert value("multilabel", "average_precision") == pytest.approx(metrics.average_precision_score(HAS, SCORES))
    assert value("multilabel", "f1") == pytest.approx(metrics.f1_score(HAS, SCORES > 0, average="macro"))
    assert value("regression", "mae") == pytest.approx(metrics.mean_absolute_error(TARGETS, SCORES), rel=1e-5)
    assert value("regression", "mse") == pytest.approx(metrics.mean_squared_error(TARGETS, SCORES), rel=1e-5)
    assert value("regression", "pearson") == pytest.approx(pearsonr(SCORES.ravel(), TARGETS.ravel())[0], rel=1e-5)
    assert value("regression", "spearman") == pytest.approx(spearmanr(SCORES.ravel(), TARGETS.ravel())[0], rel=1e-5)
    mapped = PIXELS.argmax(1)
    assert value("segmentation", "mean_iou") == pytest.approx(
        metrics.jaccard_score(MASKS.ravel(), mapped.ravel(), average="macro")
    )
    assert value("segmentation", "pixel_accuracy") == pytest.approx((mapped == MASKS).mean())


def test_a_pair_is_compared_by_the_cosine_of_the_means_that_the_mask_lets_through() -> None:
    outputs, batch = example("similarity")
    answers = task_of("similarity").answers(task_of("similarity").scores(outputs, batch))
    for pair in range(3):
        one, two = (HIDDEN[row][MASK[row] == 1].mean(axis=0) for row in (2 * pair, 2 * pair + 1))
        assert answers[pair] == pytest.approx(one @ two / np.linalg.norm(one) / np.linalg.norm(two), rel=1e-5)


def test_pooling_may_take_the_first_position_or_an_output_that_is_a_vector() -> None:
    outputs, batch = example("similarity")
    first, given = (Similarity("spearman", pooling=how).scores(outputs, batch) for how in ("cls", "output"))
    np.testing.assert_allclose(first, given)  # the second output is the first position


def test_one_logit_is_the_score_of_the_second_class() -> None:
    logit = SCORES[:, :1]
    task, batch = task_of("classification", "auc"), Batch({"x": SCORES}, LABELS % 2)
    scores = task.scores([logit], batch)
    np.testing.assert_array_equal(scores.argmax(1), logit[:, 0] > 0)
    from sklearn.metrics import roc_auc_score

    assert task.score(scores, batch.targets) == pytest.approx(roc_auc_score(LABELS % 2, logit[:, 0]))


def test_pixels_that_are_to_be_ignored_are_not_judged() -> None:
    task = task_of("segmentation")
    answers = task.answers(PIXELS)
    hidden = np.where(answers == MASKS, MASKS, 255)
    assert task.score(answers, hidden) == 1.0


def test_a_task_names_what_it_does_not_know() -> None:
    with pytest.raises(UserError, match="top1 does not fit regression"):
        task_of("regression", "top1")
    with pytest.raises(UserError, match="'detection' is not known"):
        task_of("detection")
    with pytest.raises(UserError, match="has no pooling"):
        task_of("regression", pooling="mean")


def test_outputs_of_another_form_decide_nothing() -> None:
    outputs, batch = example("similarity")
    flat = [HIDDEN.reshape(-1)]
    assert Reading(task_of("similarity"), batch).agreement(flat, flat) is None
    assert Reading(task_of("similarity"), batch).agreement(outputs, outputs) == pytest.approx(1.0)
