import pickle

import numpy as np
import pytest

from secateur.data.source import DataSource
from secateur.data.sources import RANDOM_COUNT, open_data
from secateur.errors import UserError
from secateur.model.description import Port

VECTOR = Port("x", "float32", (None, 6))


def opened(path, port):
    return open_data(DataSource(str(path)), (port,))


@pytest.fixture
def save(tmp_path):
    def save_arrays(**arrays):
        path = tmp_path / "data.npz"
        np.savez_compressed(path, **arrays)
        return path

    return save_arrays


def images(count=20, *shape):
    return np.random.default_rng(0).integers(0, 256, (count, *(shape or (8, 8, 3))), dtype=np.uint8)


@pytest.mark.parametrize("keys", [("images", "labels"), ("inputs", "targets")])
def test_images_and_labels_are_found_under_either_name(save, colour_port, keys):
    data = opened(save(**{keys[0]: images(), keys[1]: np.arange(20) % 4}), colour_port)
    assert (data.size("train"), data.size("validation"), data.size("test"), len(data.classes)) == (13, 3, 4, 4)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (1, 8, 8), (8, 8, 3), (3, 8, 8)])
def test_images_may_have_channels_first_last_or_none(save, grey_port, shape):
    data = opened(save(images=images(20, *shape), labels=np.arange(20) % 4), grey_port)
    assert data.batch("test", [0]).first.shape == (1, 1, 8, 8)


def test_ready_inputs_reach_the_network_as_they_are(save):
    values = np.random.default_rng(0).standard_normal((30, 6))
    data = opened(save(inputs=values, labels=np.arange(30) % 3), VECTOR)
    fed = data.batch("test", [0, 1]).first
    assert fed.dtype == np.float32
    np.testing.assert_allclose(fed, values[data.splits["test"][:2]], rtol=1e-6)


def test_ready_inputs_take_the_number_type_of_the_network(save):
    data = opened(save(inputs=np.ones((10, 6), np.int32), labels=np.arange(10) % 2), Port("x", "int64", (None, 6)))
    assert data.batch("test", [0]).first.dtype == np.int64


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
    ],
)
def test_a_division_in_the_file_is_kept(save, colour_port, names):
    parts = (images(12), np.arange(12) % 3, images(6), np.arange(6) % 3)
    data = opened(save(**dict(zip(names, parts, strict=True))), colour_port)
    assert sorted(data.splits["test"]) == list(range(12, 18))


def test_index_arrays_in_the_file_are_the_division(save, colour_port):
    parts = {"train": np.arange(0, 10), "validation": np.arange(10, 15), "test": np.arange(15, 20)}
    data = opened(save(images=images(), labels=np.arange(20) % 4, **parts), colour_port)
    assert sorted(data.splits["train"]) == list(range(10))
    assert sorted(data.splits["validation"]) == list(range(10, 15))
    assert sorted(data.splits["test"]) == list(range(15, 20))


def test_class_names_in_the_file_are_used(save, colour_port):
    data = opened(save(images=images(), labels=np.arange(20) % 2, classes=np.array(["cat", "dog"])), colour_port)
    assert data.classes == ("cat", "dog")


@pytest.mark.parametrize("labels", [np.eye(4, dtype=int)[np.arange(20) % 4], (np.arange(20) % 4)[:, None]])
def test_one_hot_and_column_labels_are_class_numbers(save, colour_port, labels):
    data = opened(save(images=images(), labels=labels), colour_port)
    np.testing.assert_array_equal(data.labels, np.arange(20) % 4)


def test_fractional_labels_are_a_regression(save):
    data = opened(save(inputs=np.ones((20, 6)), targets=np.linspace(0, 1, 20)), VECTOR)
    assert (data.task.id, data.metric, data.labels.dtype) == ("regression", "mse", np.float32)


def test_inputs_without_labels_serve_agreement(save):
    data = opened(save(inputs=np.ones((20, 6))), VECTOR)
    assert (data.task.id, data.metric) == ("none", "agreement")


def test_objects_that_could_run_code_are_refused_unread(tmp_path, colour_port):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "trap.npz"
    np.savez(path, images=np.array([Trap(), Trap()], dtype=object), labels=np.array([0, 1]))
    with pytest.raises(UserError, match="could run code"):
        opened(path, colour_port)
    assert not (tmp_path / "ran").exists()
    assert pickle.dumps(Trap())  # the trap is a real one


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"pictures": images(), "labels": np.zeros(20, int)}, "no array named images"),
        ({"images": images(), "labels": np.zeros(19, int)}, "20 inputs and 19 labels"),
        ({"images": images(0), "labels": np.zeros(0, int)}, "holds no inputs"),
        ({"images": images(), "labels": np.arange(20) - 1}, "label -1"),
        ({"images": images(), "labels": np.array(["cat"] * 20)}, "not numbers"),
        ({"images": images(1), "labels": np.zeros(1, int)}, "single sample"),
        ({"inputs": np.full((20, 6), np.nan), "labels": np.zeros(20, int)}, "NaN"),
        ({"images": images(), "labels": np.arange(20) % 4, "classes": np.array(["a", "b"])}, "label 3"),
        ({"images": images(), "labels": np.arange(20) % 4, "test": np.array([99])}, "beyond"),
    ],
)
def test_arrays_that_are_no_data_are_refused_in_a_sentence(save, colour_port, arrays, said):
    with pytest.raises(UserError, match=said) as caught:
        opened(save(**arrays), colour_port)
    assert caught.value.hint


def test_a_damaged_file_is_named(save, colour_port):
    path = save(images=images(), labels=np.arange(20) % 4)
    content = bytearray(path.read_bytes())
    content[200:900] = bytes(700)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"data\.npz"):
        opened(path, colour_port)


def test_preprocessing_of_ready_inputs_is_refused(save):
    path = save(inputs=np.ones((20, 6)), labels=np.arange(20) % 2)
    with pytest.raises(UserError, match="ready inputs"):
        open_data(DataSource(str(path), {"mean": [0.5]}), (VECTOR,))


def test_random_inputs_have_the_shape_of_the_network_and_no_labels(colour_port):
    data = opened("random", colour_port)
    batch = data.batch("test", [0, 1])
    inputs, labels = batch.first, batch.targets
    assert inputs.shape == (2, 3, 8, 8)
    assert not labels.any()
    assert (data.task.id, len(data.labels)) == ("none", RANDOM_COUNT)


def test_random_inputs_are_the_same_every_time(colour_port):
    first, again = opened("random", colour_port), opened("random", colour_port)
    np.testing.assert_array_equal(first.batch("test", [3]).first, again.batch("test", [3]).first)


def test_random_inputs_choose_lengths_that_the_network_leaves_open_and_say_so():
    data = opened("random", Port("x", "float32", (None, 3, None, None)))
    assert data.batch("test", [0]).first.shape == (1, 3, 224, 224)
    assert any("224" in note for note in data.notes)


def test_random_inputs_are_made_for_every_port(colour_port):
    data = open_data(DataSource("random"), (colour_port, VECTOR))
    shapes = {name: values.shape for name, values in data.batch("test", [0, 1]).inputs.items()}
    assert shapes == {colour_port.name: (2, 3, 8, 8), VECTOR.name: (2, 6)}


def test_arrays_are_fed_to_the_ports_of_their_names(save, colour_port):
    rows = np.random.default_rng(1).standard_normal((20, 6))
    path = save(**{VECTOR.name.upper(): rows, colour_port.name: np.ones((20, 3, 8, 8)), "labels": np.arange(20) % 4})
    data = open_data(DataSource(str(path)), (colour_port, VECTOR))
    batch = data.batch("test", range(4))
    assert list(batch.inputs) == [colour_port.name, VECTOR.name]
    np.testing.assert_array_equal(batch.inputs[VECTOR.name], rows[data.splits["test"]].astype(np.float32))
    np.testing.assert_array_equal(batch.targets, (np.arange(20) % 4)[data.splits["test"]])


def test_arrays_of_other_names_are_fed_in_their_order(save, colour_port):
    path = save(first=np.ones((20, 3, 8, 8)), second=np.zeros((20, 6)), targets=np.linspace(0, 1, 20))
    batch = open_data(DataSource(str(path)), (colour_port, VECTOR)).batch("test", [0])
    assert {name: values.shape for name, values in batch.inputs.items()} == {
        colour_port.name: (1, 3, 8, 8),
        VECTOR.name: (1, 6),
    }


def test_one_array_for_a_network_of_two_inputs_is_refused(save, colour_port):
    with pytest.raises(UserError, match="2 inputs"):
        open_data(DataSource(str(save(inputs=np.ones((20, 6)), targets=np.arange(20)))), (colour_port, VECTOR))


def test_the_bundled_data_are_five_thousand_digits(grey_port):
    data = opened("sample:mnist", Port("image", "float32", (None, 1, 28, 28)))
    assert [data.size(split) for split in ("train", "calibration", "validation", "test")] == [3200, 3200, 800, 1000]
    assert not data.mirror
    assert np.bincount(data.batch("test", range(1000)).targets).tolist() == [100] * 10


def test_unknown_bundled_data_name_what_there_is(grey_port):
    with pytest.raises(UserError, match="sample:cifar") as caught:
        opened("sample:cifar", grey_port)
    assert "sample:mnist" in caught.value.hint
