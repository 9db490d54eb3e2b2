"""How labels are read: as classes or targets, from nought or one, and that it is said where it could be otherwise."""

import numpy as np
import pytest

from secateur.data.description_file import Wish
from secateur.data.labels import labels_for
from secateur.errors import UserError
from secateur.model.description import Port

CLASSES = np.array([0, 3, 1, 2, 3, 0])
FOUR = (Port("y", "float32", (None, 4)),)
ONE = (Port("y", "float32", (None, 1)),)


def read(labels, outputs=FOUR, classes=(), task=None):
    return labels_for("data", len(labels), labels, classes, Wish("data", task=task), outputs)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (CLASSES, ""),
        (CLASSES[:, None], "column"),
        (CLASSES.astype(np.float64), "float64, but whole numbers"),
        (CLASSES.astype(np.float32)[:, None], "float32, but whole numbers"),
        (np.eye(4, dtype=np.float32)[CLASSES], "one-hot rows of 4"),
        (np.eye(4, dtype=np.int64)[CLASSES], "one-hot rows of 4"),
        (CLASSES + 1, "counting from 1"),
        ((CLASSES + 1).astype(np.float32), "counting from 1"),
    ],
)
def test_class_numbers_are_recognised_in_every_form_and_it_is_said(labels, said):
    found = read(labels)
    assert found.task == "classification"
    assert found.values.dtype == np.int64
    np.testing.assert_array_equal(found.values, CLASSES)
    assert bool(found.notes) == bool(said)
    assert said in " ".join(found.notes)


@pytest.mark.parametrize(
    ("labels", "outputs"),
    [
        (CLASSES.astype(np.float32), ONE),
        (CLASSES.astype(np.float32), ()),
        (CLASSES + 0.5, FOUR),
        (np.eye(4, dtype=np.float32)[CLASSES] * 0.5, FOUR),
        (np.eye(5, dtype=np.float32)[CLASSES], FOUR),
        (-CLASSES.astype(np.float32), FOUR),
    ],
)
def test_other_numbers_are_targets(labels, outputs):
    found = read(labels, outputs)
    assert (found.task, found.notes) == ("regression", ())
    np.testing.assert_array_equal(found.values, labels.astype(np.float32))


def test_what_a_person_says_goes_before_what_labels_look_like():
    assert read(np.eye(4, dtype=np.float32)[CLASSES], task="regression").task == "regression"
    assert read(CLASSES.astype(np.float32), ONE, task="classification").task == "classification"


def test_labels_from_one_are_only_read_so_where_they_cannot_count_from_nought():
    fewer = np.array([1, 2, 3, 1])
    np.testing.assert_array_equal(read(fewer).values, fewer)
    named = read(np.array([1, 2, 3, 1]), (), ("a", "b", "c"))
    np.testing.assert_array_equal(named.values, [0, 1, 2, 0])
    with pytest.raises(UserError, match="label 4"):
        read(np.array([0, 4]), (), ("a", "b", "c", "d"))
