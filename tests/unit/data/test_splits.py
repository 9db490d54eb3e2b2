import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur.data.splits import VALIDATION_MOST, draw, make_splits

classes = st.lists(st.integers(0, 4), min_size=2, max_size=300).map(np.array)


@given(labels=classes, seed=st.integers(0, 5))
def test_every_sample_is_in_exactly_one_of_train_validation_and_test(labels, seed):
    splits = make_splits(labels, seed, stratify=True)
    together = np.concatenate([splits["train"], splits["validation"], splits["test"]])
    assert sorted(together) == list(range(len(labels)))
    assert len(splits["test"]) >= 1
    assert len(splits["train"]) >= 1


@given(labels=classes)
def test_calibration_may_take_every_training_sample(labels):
    splits = make_splits(labels, 0, stratify=True)
    np.testing.assert_array_equal(splits["calibration"], splits["train"])


@given(labels=classes, count=st.integers(0, 300), seed=st.integers(0, 5))
def test_a_draw_takes_every_class_in_proportion_to_one_sample(labels, count, seed):
    count = min(count, len(labels))
    drawn = draw(np.arange(len(labels)), labels, count, np.random.default_rng(seed))
    assert len(np.unique(drawn)) == len(drawn) == count
    for value in np.unique(labels):
        share = (labels == value).sum() * count / len(labels)
        assert abs((labels[drawn] == value).sum() - share) < 1 + 1e-9


def test_a_fifth_is_kept_for_the_test_when_the_source_keeps_none():
    splits = make_splits(np.repeat(np.arange(10), 100), 0, stratify=True)
    assert len(splits["test"]) == 200
    assert len(splits["validation"]) == 160


def test_no_more_are_held_out_to_choose_by_than_serve_it():
    splits = make_splits(np.repeat(np.arange(10), 2000), 0, stratify=True)
    assert len(splits["validation"]) == VALIDATION_MOST


def test_the_sources_own_validation_is_what_chooses():
    splits = make_splits(np.zeros(100, int), 0, stratify=True, validation=np.arange(30))
    assert sorted(splits["validation"]) == list(range(30))
    assert not set(splits["validation"]) & (set(splits["train"]) | set(splits["test"]))


def test_the_same_seed_gives_the_same_splits_and_another_gives_others():
    labels = np.repeat(np.arange(10), 100)
    first, again, other = (make_splits(labels, seed, stratify=True) for seed in (3, 3, 4))
    for split in first:
        np.testing.assert_array_equal(first[split], again[split])
    assert set(first["test"]) != set(other["test"])


def test_the_sources_own_division_is_kept():
    train, test = np.arange(0, 80), np.arange(80, 100)
    splits = make_splits(np.zeros(100, int), 0, stratify=True, train=train, test=test)
    assert sorted([*splits["train"], *splits["validation"]]) == list(train)
    assert sorted(splits["test"]) == list(test)


@pytest.mark.parametrize("split", ["train", "calibration", "validation", "test"])
def test_the_first_samples_of_a_split_are_of_many_classes(split):
    labels = np.repeat(np.arange(10), 100)
    splits = make_splits(labels, 0, stratify=True)
    assert len(np.unique(labels[splits[split][:60]])) >= 8
