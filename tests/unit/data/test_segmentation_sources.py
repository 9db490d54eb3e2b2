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


def test_images_whose_masks_are_arrays_stay_where_their_masks_are(tmp_path: Path) -> None:
    pairs = [square(number) for number in range(12)]
    images, masks = np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])
    np.savez(tmp_path / "shapes.npz", images=images, labels=masks)
    data = opened(tmp_path / "shapes.npz", task="segmentation")
    batch = data.training_batch(range(5), np.random.default_rng(0))
    assert ((batch.first.mean(axis=1) > 0.5) == (batch.targets > 0)).all()
