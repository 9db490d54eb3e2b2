"""Images with masks: which belong together, how classes are numbered, and that both are cut and moved alike."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from secateur.data.dataset import Dataset
from secateur.data.preview import previews
from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.errors import UserError
from secateur.model.description import Port

SIDE = 16


def ports(classes: int = 3) -> dict[str, tuple[Port, ...]]:
    return {
        "inputs": (Port("x", "float32", (None, 3, SIDE, SIDE)),),
        "outputs": (Port("y", "float32", (None, classes, SIDE, SIDE)),),
    }


def square(number: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """A grey image with a white square, and the mask of it."""
    image, mask = np.full((side, side, 3), 40, np.uint8), np.zeros((side, side), np.uint8)
    place = slice(number % 6, number % 6 + 5)
    image[place, 2:8], mask[place, 2:8] = 250, 1 + number % 2
    return image, mask


def fill(folder: Path, count: int = 10, inner: str = "", value=lambda mask: mask) -> Path:
    for kind in ("images", "masks"):
        (folder / inner / kind).mkdir(parents=True)
    for number in range(count):
        image, mask = square(number)
        Image.fromarray(image).save(folder / inner / "images" / f"s{number}.png")
        Image.fromarray(value(mask)).save(folder / inner / "masks" / f"s{number}_mask.png")
    return folder


def opened(path: Path, classes: int = 3, **said: object) -> Dataset:
    given = ports(classes)
    return open_data(DataSource(str(path), {"mean": [0], "std": [1]}, said), given["inputs"], outputs=given["outputs"])


def opened_ready(path: Path) -> Dataset:
    given = ports(2)
    return open_data(DataSource(str(path)), given["inputs"], outputs=given["outputs"])


def test_a_folder_of_images_and_masks_is_a_segmentation(tmp_path: Path) -> None:
    data = opened(fill(tmp_path / "shapes"))
    assert (data.task.id, data.metric, data.classes) == ("segmentation", "mean_iou", ("0", "1", "2"))
    batch = data.batch("test", [0, 1])
    assert batch.targets.dtype == np.int64
    assert batch.targets.shape == (2, SIDE, SIDE)
    bright = batch.first.mean(axis=1) > 0.5
    assert (bright == (batch.targets > 0)).all()


def test_a_zip_of_them_is_read_in_place(tmp_path: Path) -> None:
    folder = fill(tmp_path / "shapes")
    with ZipFile(tmp_path / "shapes.zip", "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path).as_posix())
    data, same = opened(tmp_path / "shapes.zip"), opened(folder)
    assert (data.batch("test", [0]).targets == same.batch("test", [0]).targets).all()


def test_train_and_test_folders_are_the_division(tmp_path: Path) -> None:
    fill(tmp_path, 6, "train")
    fill(tmp_path, 3, "test")
    data = opened(tmp_path)
    assert (data.size("train") + data.size("validation"), data.size("test")) == (6, 3)


def test_image_and_mask_are_moved_alike_and_what_comes_in_is_not_judged(tmp_path: Path) -> None:
    data = opened(fill(tmp_path / "shapes", 20))
    batch = data.training_batch(range(8), np.random.default_rng(0))
    judged = batch.targets != 255
    assert not judged.all()
    bright = batch.first.mean(axis=1) > 0.5
    assert (bright[judged] == (batch.targets > 0)[judged]).all()
    assert not bright[~judged].any()


def test_masks_of_black_and_white_are_two_classes(tmp_path: Path) -> None:
    data = opened(fill(tmp_path / "shapes", value=lambda mask: np.where(mask > 0, 255, 0).astype(np.uint8)), 1)
    assert set(np.unique(data.batch("test", [0]).targets)) == {0, 1}
    assert data.classes == ("0", "1")
    assert any("255 is read as class 1" in note for note in data.told)


def test_masks_are_cut_as_their_images_to_the_nearest_pixel(tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(6):
        image, mask = square(number, 32)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    data = opened(tmp_path)
    targets = data.batch("test", [0]).targets
    assert targets.shape[1:] == (SIDE, SIDE)
    assert set(np.unique(targets)) <= {0, 1, 2}


def test_the_preview_has_the_mask_that_is_judged(tmp_path: Path) -> None:
    shown = previews(opened(fill(tmp_path / "shapes")), 1)[0]
    assert shown.mask is not None
    assert shown.mask.shape == shown.image.shape[:2]
    assert shown.label in {"0, 1", "0, 2"}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (lambda mask: np.stack([mask, 255 - mask, mask], axis=-1), "in colour"),
        (lambda mask: mask * 4, "holds the class|hold the class"),
        (lambda mask: mask[:-2], "16 × 14"),
    ],
)
def test_masks_that_fit_nothing_are_refused(tmp_path: Path, value, word: str) -> None:
    with pytest.raises(UserError, match=word) as caught:
        opened(fill(tmp_path / "shapes", value=value))
    assert caught.value.hint


def test_images_without_a_mask_are_left_out_and_told(tmp_path: Path) -> None:
    folder = fill(tmp_path / "shapes")
    (folder / "masks" / "s3_mask.png").unlink()
    data = opened(folder)
    assert sum(data.size(split) for split in ("train", "validation", "test")) == 9
    assert any("1 image without a mask left out: s3" in note for note in data.told)


def test_nothing_that_fits_together_is_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "shapes", 3)
    for number in range(3):
        (folder / "masks" / f"s{number}_mask.png").rename(folder / "masks" / f"other{number}.png")
    with pytest.raises(UserError, match="same name"):
        opened(folder)


# ---------------------------------------------------------------------- arrays


def arrays(count: int = 12, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    pairs = [square(number, side) for number in range(count)]
    return np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])


@pytest.mark.parametrize(("key", "shape"), [("masks", ()), ("labels", (1,)), ("targets", ())])
def test_an_array_of_masks_beside_images_is_a_segmentation_and_says_why(tmp_path: Path, key: str, shape) -> None:
    images, masks = arrays()
    np.savez(tmp_path / "shapes.npz", **{"images": images, key: masks.reshape(*masks.shape, *shape)})
    data = opened(tmp_path / "shapes.npz")
    assert (data.task.id, data.metric, data.classes) == ("segmentation", "mean_iou", ("0", "1", "2"))
    assert any("each input of shapes.npz has a mask" in note for note in data.guessed)
    batch = data.batch("test", [0, 1])
    assert batch.targets.dtype == np.int64
    assert ((batch.first.mean(axis=1) > 0.5) == (batch.targets > 0)).all()
    shown = previews(data, 1)[0]
    assert shown.mask is not None
    assert shown.mask.shape == shown.image.shape[:2]


def test_images_and_their_array_of_masks_are_cut_and_moved_alike(tmp_path: Path) -> None:
    images, masks = arrays(20, 32)
    np.savez(tmp_path / "shapes.npz", images=images, masks=masks)
    data = opened(tmp_path / "shapes.npz")  # twice as large as the network's input
    batch = data.training_batch(range(8), np.random.default_rng(0))
    assert batch.targets.shape[1:] == (SIDE, SIDE)
    judged = batch.targets != 255
    assert not judged.all()
    assert ((batch.first.mean(axis=1) > 0.5) == (batch.targets > 0))[judged].mean() > 0.97  # edges are interpolated


def test_masks_of_ready_inputs_are_compared_as_they_are(tmp_path: Path) -> None:
    images, masks = arrays()
    inputs = images.astype(np.float32).transpose(0, 3, 1, 2) / 255
    np.savez(tmp_path / "shapes.npz", x=inputs, masks=np.where(masks > 0, 255, 0).astype(np.int64))
    data = opened_ready(tmp_path / "shapes.npz")
    batch = data.batch("test", [0, 1])
    assert data.task.id == "segmentation"
    assert set(np.unique(batch.targets)) == {0, 1}
    assert ((batch.first.mean(axis=1) > 0.5) == (batch.targets > 0)).all()
    np.savez(tmp_path / "floats.npz", x=inputs, masks=(masks > 0).astype(np.float32))
    assert opened_ready(tmp_path / "floats.npz").task.id == "segmentation"


def test_pixels_that_are_not_judged_may_have_another_number(tmp_path: Path) -> None:
    images, masks = arrays()
    numbers = masks.astype(np.int64)
    numbers[:, 0] = -1
    np.savez(tmp_path / "shapes.npz", images=images, masks=numbers)
    (tmp_path / "data.yaml").write_text("source: shapes.npz\ntask: segmentation\nignore: -1\n")
    targets = opened(tmp_path / "data.yaml").batch("test", [0]).targets
    assert (targets[:, 0] == -1).all()
    assert set(np.unique(targets)) <= {-1, 0, 1, 2}


def test_train_and_test_arrays_are_the_division(tmp_path: Path) -> None:
    images, masks = arrays(9)
    parts = {"train_images": images[:6], "train_masks": masks[:6], "test_images": images[6:], "test_masks": masks[6:]}
    np.savez(tmp_path / "shapes.npz", **parts)
    data = opened(tmp_path / "shapes.npz")
    assert (data.size("train") + data.size("validation"), data.size("test")) == (6, 3)


@pytest.mark.parametrize(
    ("change", "word"),
    [(lambda masks: masks * 4, "hold the class"), (lambda masks: masks[:, :-2], "16 × 14"), (lambda m: m[1:], "12")],
)
def test_arrays_of_masks_that_fit_nothing_are_refused(tmp_path: Path, change, word: str) -> None:
    images, masks = arrays()
    np.savez(tmp_path / "shapes.npz", images=images, masks=change(masks))
    with pytest.raises(UserError, match=word) as caught:
        opened(tmp_path / "shapes.npz")
    assert caught.value.hint


def test_whole_numbers_that_are_asked_for_as_targets_stay_targets(tmp_path: Path) -> None:
    images, masks = arrays()
    np.savez(tmp_path / "shapes.npz", images=images, targets=masks)
    assert opened(tmp_path / "shapes.npz", task="regression").task.id == "regression"
