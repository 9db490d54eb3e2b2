"""What was lost on which class: by class where there are classes, by target where there are none."""

import numpy as np
import pytest

from secateur.data.parts import MOST, part_changes
from secateur.data.tasks import task_of
from secateur.data.tasks.segmentation import UNDECIDED

LABELS = np.repeat(np.arange(3), 20)


def scores(guesses: np.ndarray) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[guesses]


def test_the_class_that_lost_most_comes_first_with_its_samples_and_its_interval() -> None:
    after = LABELS.copy()
    after[45:60] = 0  # 15 of class 2
    after[0] = 1
    found = part_changes(task_of("classification"), scores(LABELS), scores(after), LABELS, ("cat", "dog", "owl"))
    assert [part.name for part in found] == ["owl", "cat", "dog"]
    owl, _, dog = found
    assert (owl.samples, owl.before, owl.after) == (20, 1.0, 0.25)
    assert owl.low < owl.after - owl.before < owl.high < 0
    assert owl.is_lost
    assert dog.low < 0 < dog.high  # twenty samples without a change do not prove that there is none
    assert not dog.is_lost


def test_what_the_classes_lost_adds_up_to_what_the_metric_lost() -> None:
    random = np.random.default_rng(0)
    before, after = (np.where(random.random(60) < share, LABELS, 0) for share in (0.9, 0.7))
    task = task_of("classification")
    found = part_changes(task, scores(before), scores(after), LABELS)
    whole = sum(part.samples * (part.after - part.before) for part in found) / 60
    assert whole == pytest.approx(task.score(scores(after), LABELS) - task.score(scores(before), LABELS))


def test_of_many_classes_those_are_kept_that_lost_most() -> None:
    labels = np.arange(3 * MOST)
    before = np.eye(len(labels), dtype=np.float32)
    after = before.copy()
    after[-1] = before[0]
    found = part_changes(task_of("classification"), before, after, labels)
    assert len(found) == MOST
    assert found[0].name == str(len(labels) - 1)


def test_answers_of_labels_are_those_that_are_found() -> None:
    targets = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], dtype=np.float32)
    after = targets * 2 - 1
    after[0, 0] = -1
    found = part_changes(task_of("multilabel"), targets * 2 - 1, after, targets, ("red", "blue"))
    assert [(part.name, part.samples, round(part.after, 3)) for part in found] == [("red", 3, 0.667), ("blue", 2, 1.0)]


def test_pixels_of_a_class_are_judged_in_the_images_that_have_it() -> None:
    truth = np.zeros((4, 2, 2), dtype=np.int64)
    truth[:2, 0] = 1
    after = truth.astype(np.int16)
    after[0, 0, 0] = 0
    after[3, 0, 0] = UNDECIDED
    found = {part.name: part for part in part_changes(task_of("segmentation"), truth.astype(np.int16), after, truth)}
    assert (found["1"].samples, found["1"].after) == (2, 0.75)
    assert (found["0"].samples, found["0"].after) == (4, 0.9375)


def test_where_targets_are_numbers_thirds_of_them_and_the_hardest_tenth_are_told() -> None:
    targets = np.linspace(0, 1, 90).astype(np.float32)
    before = targets + 0.01
    before[5:14] += 1.0
    after = before.copy()
    after[60:] += 0.5
    found = part_changes(task_of("regression"), before, after, targets)
    assert found[0].name == "highest third of the targets"
    assert found[0].after - found[0].before == pytest.approx(0.5, abs=1e-6)
    assert found[0].is_lost
    hardest = next(part for part in found if part.name.startswith("tenth"))
    assert (hardest.samples, hardest.before) == (9, pytest.approx(1.01, abs=1e-6))


@pytest.mark.parametrize("task", ["none", "regression"])
def test_without_classes_and_without_enough_targets_there_are_no_parts(task: str) -> None:
    few = np.ones((5, 1), dtype=np.float32)
    assert part_changes(task_of(task), few, few, few) == ()


def test_answers_of_another_form_have_nothing_in_common() -> None:
    assert part_changes(task_of("classification"), scores(LABELS), scores(LABELS)[:, :2], LABELS) == ()
