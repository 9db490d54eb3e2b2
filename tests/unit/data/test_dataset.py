import numpy as np
import pytest
from PIL import Image

from secateur.data.augment import mirrored, shifted
from secateur.data.batch import ArrayFeed
from secateur.data.dataset import Dataset, PixelCache
from secateur.data.preprocessing import Preprocessing
from secateur.data.samples import ArrayInputs
from secateur.data.splits import make_splits
from secateur.data.tasks.classification import Classification
from secateur.data.tasks.regression import Regression
from secateur.errors import Cancelled, UserError

RULE = Preprocessing(resize=(8, 8), mean=(0.5,) * 3, std=(0.25,) * 3, layout="nchw")


class CountingImages:
    """Random 8 × 8 images that remember how often each was decoded."""

    def __init__(self, count: int) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        self.decoded = np.zeros(count, int)

    def __len__(self) -> int:
        return len(self.pixels)

    def image(self, index: int) -> Image.Image:
        self.decoded[index] += 1
        return Image.fromarray(self.pixels[index])


def image_data(count: int = 50, *, limit: int = 10**9, mirror: bool = True) -> Dataset:
    reader, labels = CountingImages(count), np.arange(count, dtype=np.int64) % 5
    return Dataset(
        name="noise",
        source="noise",
        task=Classification("top1"),
        classes=("a", "b", "c", "d", "e"),
        labels=labels,
        splits=make_splits(labels, 0, stratify=True),
        images=reader,
        preprocessing=RULE,
        mirror=mirror,
        cache=PixelCache(reader, RULE, limit=limit),
    )


def ready_data() -> Dataset:
    values = np.random.default_rng(0).standard_normal((40, 6))
    labels = values.sum(axis=1).astype(np.float32)
    return Dataset(
        name="table",
        source="table.npz",
        task=Regression("mse"),
        classes=(),
        labels=labels,
        splits=make_splits(labels, 0, stratify=False),
        inputs=ArrayFeed({"input": ArrayInputs(values, np.dtype(np.float32))}),
    )


@pytest.mark.parametrize("data", [image_data(), ready_data()], ids=["images", "ready inputs"])
@pytest.mark.parametrize("split", ["train", "calibration", "test"])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_together_are_the_split_whatever_their_size(data, split, batch_size):
    parts = list(data.batches(split, batch_size))
    whole, labels = data.batch(split, range(data.size(split))), np.concatenate([part.targets for part in parts])
    np.testing.assert_array_equal(np.concatenate([part.first for part in parts]), whole.first)
    np.testing.assert_array_equal(labels, whole.targets)
    np.testing.assert_array_equal(labels, data.labels[data.splits[split]])


def test_batches_are_float32_nchw_with_int64_labels():
    batch = next(image_data().batches("test", 4))
    inputs, labels = batch.first, batch.targets
    assert (inputs.dtype, inputs.shape, labels.dtype) == (np.float32, (4, 3, 8, 8), np.int64)


def test_a_limit_gives_the_first_samples():
    data = image_data()
    limited = np.concatenate([batch.targets for batch in data.batches("train", 8, limit=11)])
    np.testing.assert_array_equal(limited, data.batch("train", range(11)).targets)


def test_a_limit_beyond_the_split_gives_the_split():
    data = image_data()
    assert sum(len(batch) for batch in data.batches("test", 8, limit=10_000)) == data.size("test")


def test_an_image_is_decoded_once_and_only_when_asked_for():
    data = image_data()
    for _ in range(3):
        list(data.batches("test", 3))
    decoded = data.images.decoded
    assert set(decoded[data.splits["test"]]) == {1}
    assert set(decoded[data.splits["train"]]) == {0}


def test_a_set_above_the_memory_limit_is_decoded_anew_to_the_same_batches():
    kept, anew = image_data(), image_data(limit=10)
    for _ in range(2):
        np.testing.assert_array_equal(kept.batch("test", [0, 3]).first, anew.batch("test", [0, 3]).first)
    assert anew.images.decoded.max() == 2


def test_preparing_a_split_decodes_it_and_reports_to_the_end():
    data, reports = image_data(), []
    data.prepare("train", lambda done, total, text: reports.append((done, total)), chunk=7)
    assert set(data.images.decoded[data.splits["train"]]) == {1}
    assert reports[0] == (0, 32)
    assert reports[-1] == (32, 32)


def test_preparing_can_be_cancelled_and_taken_up_again():
    data = image_data()

    def stop(done: int, total: int, text: str) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        data.prepare("train", stop, chunk=10)
    assert data.images.decoded.sum() == 10
    data.prepare("train", lambda done, total, text: None)
    assert data.images.decoded.max() == 1


def test_training_without_augmentation_gives_the_plain_batch():
    data = image_data()
    plain = data.batch("train", [1, 5]).first
    trained = data.training_batch([1, 5], np.random.default_rng(0), augment=False).first
    np.testing.assert_array_equal(trained, plain)


def test_training_batches_follow_the_random_generator():
    data = image_data()
    first, again, other = (data.training_batch(range(8), np.random.default_rng(seed)).first for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_training_batches_keep_their_labels():
    data = image_data()
    labels = data.training_batch([4, 2, 9], np.random.default_rng(0)).targets
    np.testing.assert_array_equal(labels, data.batch("train", [4, 2, 9]).targets)


def test_ready_inputs_are_never_augmented():
    data = ready_data()
    np.testing.assert_array_equal(
        data.training_batch([0, 1], np.random.default_rng(0)).first, data.batch("train", [0, 1]).first
    )


def test_mirroring_reverses_the_columns_of_about_half_of_the_images():
    images = np.random.default_rng(0).integers(0, 256, (400, 4, 6, 3), dtype=np.uint8)
    result = mirrored(images, np.random.default_rng(1))
    same = (result == images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(result[~same], images[~same][:, :, ::-1])
    assert 150 < same.sum() < 250


def test_shifting_moves_an_image_by_at_most_an_eighth_into_black():
    images = np.full((300, 16, 16, 1), 255, np.uint8)
    result = shifted(images, np.random.default_rng(0))
    assert result.shape == images.shape
    assert (result[:, 2:14, 2:14] == 255).all()
    assert (result[:, 0] == 0).all(axis=(1, 2)).any()


def test_images_that_may_not_be_mirrored_are_only_shifted():
    data = image_data(mirror=False)
    data.images.pixels[:] = np.arange(8, dtype=np.uint8)[None, None, :, None] * 30 + 10
    fed = data.training_batch(range(32), np.random.default_rng(0)).first
    middle = RULE.denormalise(fed)[:, 4, 2:6, 0].astype(int)
    assert (np.diff(middle, axis=1) > 0).all()


def test_the_raw_image_is_the_stored_one():
    data = image_data()
    np.testing.assert_array_equal(data.raw("test", 3), data.images.pixels[data.splits["test"][3]])


def test_the_raw_picture_of_ready_inputs_spans_black_to_white():
    raw = ready_data().raw("test", 0)
    assert (raw.dtype, raw.shape, raw.min(), raw.max()) == (np.uint8, (1, 6, 1), 0, 255)


def test_labels_in_words_are_class_names_or_numbers():
    data = image_data()
    assert data.label("test", 0) == data.classes[data.labels[data.splits["test"][0]]]
    assert float(ready_data().label("test", 0)) == pytest.approx(
        ready_data().labels[ready_data().splits["test"][0]], rel=1e-3
    )


def test_another_normalisation_uses_the_decoded_images():
    data = image_data()
    data.batch("test", range(data.size("test")))
    other = data.with_preprocessing(RULE.model_copy(update={"mean": (0.0,) * 3}))
    assert other.batch("test", [0]).first.mean() > data.batch("test", [0]).first.mean()
    assert data.images.decoded.max() == 1


def test_another_size_decodes_anew_and_leaves_the_first_data_set_alone():
    data = image_data()
    other = data.with_preprocessing(RULE.model_copy(update={"resize": (4, 4)}))
    assert other.batch("test", [0]).first.shape == (1, 3, 4, 4)
    assert data.batch("test", [0]).first.shape == (1, 3, 8, 8)


def test_ready_inputs_take_no_preprocessing():
    with pytest.raises(UserError, match="ready inputs"):
        ready_data().with_preprocessing(RULE)
