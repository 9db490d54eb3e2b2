import os
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from PIL import Image

from secateur.data import folders
from secateur.data.folders import arrange, listing_of
from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.errors import UserError


def opened(path, port, **preprocessing):
    return open_data(DataSource(str(path), preprocessing), (port,))


def test_classes_are_the_folders_in_alphabetical_order(make_folder, colour_port):
    data = opened(make_folder({"dog": 5, "ant": 5, "cat": 5}), colour_port)
    assert data.classes == ("ant", "cat", "dog")
    assert (data.task.id, data.metric) == ("classification", "top1")


def test_an_archive_and_its_folder_are_the_same_data(make_folder, make_zip, colour_port):
    counts = {"train/cat": 8, "train/dog": 6, "test/cat": 3, "test/dog": 4}
    from_folder, from_zip = opened(make_folder(counts), colour_port), opened(make_zip(counts), colour_port)
    for split in ("train", "calibration", "validation", "test"):
        for ours, theirs in zip(from_folder.batches(split, 4), from_zip.batches(split, 4), strict=True):
            np.testing.assert_array_equal(ours.first, theirs.first)
            np.testing.assert_array_equal(ours.targets, theirs.targets)


@pytest.mark.parametrize("test_name", ["test", "Test", "val", "validation"])
def test_train_and_test_folders_are_the_splits(make_folder, colour_port, test_name):
    data = opened(
        make_folder({"train/cat": 8, "train/dog": 6, f"{test_name}/cat": 3, f"{test_name}/dog": 4}),
        colour_port,
    )
    assert (data.size("train") + data.size("validation"), data.size("test")) == (14, 7)
    names = {data.images.paths[n].parts[-3] for n in data.splits["test"]}
    assert names == {test_name}


def test_val_beside_train_and_test_is_what_chooses(make_folder, colour_port):
    counts = {f"{part}/{name}": 3 for part in ("train", "val", "test") for name in ("cat", "dog")}
    data = opened(make_folder(counts), colour_port)
    assert (data.size("train"), data.size("validation"), data.size("test")) == (6, 6, 6)
    assert {data.images.paths[n].parts[-3] for n in data.splits["validation"]} == {"val"}
    assert not any("Drawn at random" in note for note in data.notes)


def test_only_a_test_folder_is_divided_and_said(make_folder, colour_port):
    data = opened(make_folder({"test/cat": 10, "test/dog": 10}), colour_port)
    assert (data.size("train"), data.size("validation"), data.size("test")) == (13, 3, 4)
    assert any("no train folder" in note for note in data.notes)


def test_a_class_may_be_called_train(make_folder, colour_port):
    data = opened(make_folder({"car": 5, "train": 5}), colour_port)
    assert data.classes == ("car", "train")


def test_a_folder_around_everything_does_not_matter(make_zip, colour_port):
    data = opened(make_zip({"train/cat": 4, "train/dog": 4, "test/cat": 2, "test/dog": 2}, "pets-1.0"), colour_port)
    assert data.classes == ("cat", "dog")
    assert data.size("test") == 4


def test_labels_follow_the_folders(make_folder, colour_port):
    data = opened(make_folder({"cat": 9, "dog": 7}), colour_port)
    for split in ("train", "test"):
        for sample in data.splits[split]:
            assert data.images.paths[sample].parent.name == data.classes[data.labels[sample]]


def test_housekeeping_files_are_no_images(make_folder, colour_port):
    root = make_folder({"cat": 4, "dog": 4})
    (root / "cat" / ".hidden.png").write_bytes(b"no image")
    (root / "__MACOSX" / "cat").mkdir(parents=True)
    (root / "__MACOSX" / "cat" / "0.png").write_bytes(b"no image")
    (root / "cat" / "readme.txt").write_text("no image")
    assert len(opened(root, colour_port).labels) == 8


def test_images_outside_the_class_folders_are_left_out_and_said(make_folder, colour_port):
    root = make_folder({"cat": 4, "dog": 4})
    Image.new("RGB", (4, 4)).save(root / "cover.png")
    data = opened(root, colour_port)
    assert len(data.labels) == 8
    assert any("1 image outside" in note for note in data.notes)


def test_opening_reads_no_image_but_the_first(make_folder, colour_port):
    root = make_folder({"cat": 40, "dog": 40})
    data = opened(root, colour_port)
    first = data.splits["train"][0]
    for number, path in enumerate(data.images.paths):
        if number != first:
            path.unlink()
    data.batch("train", [0])
    with pytest.raises(UserError, match="has gone"):
        data.batch("train", [1])


def test_a_damaged_image_is_named(make_folder, colour_port):
    data = opened(make_folder({"cat": 4, "dog": 4}), colour_port)
    victim = data.images.paths[data.splits["test"][0]]
    victim.write_bytes(victim.read_bytes()[:60])
    with pytest.raises(UserError, match=victim.name) as caught:
        list(data.batches("test", 2))
    assert caught.value.hint


def test_a_damaged_member_is_named_with_its_archive(make_zip, colour_port):
    path = make_zip({"cat": 4, "dog": 4})
    content = bytearray(path.read_bytes())
    content[150:400] = bytes(250)
    path.write_bytes(content)
    data = opened(path, colour_port)
    with pytest.raises(UserError, match=r"0000\.png in images\.zip"):
        [list(data.batches(split, 4)) for split in ("train", "validation", "test")]


def test_sixteen_bit_grey_keeps_its_shades(tmp_path, grey_port):
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    for name in ("dark", "light"):
        for number in range(3):
            Image.fromarray(ramp).save(tmp_path / name / f"{number}.png")
    fed = opened(tmp_path, grey_port).batch("train", [0]).first
    np.testing.assert_allclose(fed[0, 0], ramp / 65535, atol=1 / 255)


@pytest.mark.parametrize(
    ("counts", "said"),
    [({}, "no image"), ({"cat": 3}, "only one class folder"), ({".": 3}, "no class folders")],
)
def test_a_folder_that_is_no_classification_data_says_why(make_folder, colour_port, tmp_path, counts, said):
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match=said) as caught:
        opened(make_folder(counts), colour_port)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "cat/../../evil.png", "C:/evil.png", "..\\evil.png"])
def test_an_archive_whose_names_point_outside_is_refused(tmp_path, colour_port, name):
    path = tmp_path / "evil.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("cat/0.png", b"")
        archive.writestr(name, b"")
    with pytest.raises(UserError, match="points outside"):
        opened(path, colour_port)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, colour_port, monkeypatch):
    monkeypatch.setattr(folders, "MEMBER_RATIO_FROM_BYTES", 1_000_000)
    path = tmp_path / "bomb.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("cat/0.png", bytes(2_000_000))
    with pytest.raises(UserError, match=r"cat/0\.png.*200 times"):
        opened(path, colour_port)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, colour_port, monkeypatch):
    monkeypatch.setattr(folders, "ARCHIVE_LIMIT_BYTES", 1000)
    path = tmp_path / "large.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("cat/0.png", bytes(2000))
    with pytest.raises(UserError, match="would unpack"):
        opened(path, colour_port)


def test_an_encrypted_archive_is_refused(make_zip, colour_port):
    path = make_zip({"cat": 2, "dog": 2})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the flag bit in the last entry of the directory
    path.write_bytes(content)
    with pytest.raises(UserError, match="encrypted"):
        opened(path, colour_port)


def test_a_truncated_archive_is_refused(make_zip, colour_port):
    path = make_zip({"cat": 4, "dog": 4})
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="truncated zip"):
        opened(path, colour_port)


def test_given_classes_set_the_order():
    paths = [("cat", "0.png"), ("dog", "0.png"), ("cat", "1.png")]
    arrangement = arrange(listing_of(paths), "pets", ("dog", "cat", "cow"))
    assert arrangement.classes == ("dog", "cat", "cow")
    assert list(arrangement.labels) == [1, 1, 0]


def test_a_class_folder_that_is_not_among_the_given_classes_is_named():
    with pytest.raises(UserError, match="cat"):
        arrange(listing_of([("cat", "0.png"), ("dog", "0.png")]), "pets", ("dog", "cow"))


def test_a_missing_path_lists_what_is_known(colour_port, tmp_path):
    with pytest.raises(UserError, match="no data at") as caught:
        opened(tmp_path / "nothing", colour_port)
    assert "image folder" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x89PNG"])
def test_a_foreign_file_lists_what_is_known(colour_port, tmp_path, content):
    path = Path(tmp_path / "table.dat")
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        opened(path, colour_port)
    assert ".npz" in caught.value.hint


# ------------------------------------------------------------------ what is left out is said, and keeps its number


def test_an_empty_class_folder_is_a_class_and_is_told(make_folder, colour_port):
    root = make_folder({"ant": 5, "dog": 5})
    (root / "cat").mkdir()
    data = opened(root, colour_port)
    assert data.classes == ("ant", "cat", "dog")
    assert set(data.labels) == {0, 2}
    assert any("cat holds no image: it is class 1" in note for note in data.told)


def test_an_empty_class_folder_of_an_archive_or_a_division_is_a_class_too(make_folder, colour_port, tmp_path):
    divided = make_folder({"train/ant": 5, "train/dog": 5, "test/ant": 2, "test/dog": 2})
    (divided / "train" / "cat").mkdir()
    assert opened(divided, colour_port).classes == ("ant", "cat", "dog")
    path = tmp_path / "images.zip"
    with ZipFile(path, "w") as archive:
        archive.mkdir("photos/cat")
        for file in sorted((divided / "train").rglob("*.png")):
            archive.write(file, Path("photos") / file.relative_to(divided / "train"))
    assert opened(path, colour_port).classes == ("ant", "cat", "dog")


def test_a_folder_of_hidden_files_is_no_class(make_folder, colour_port):
    root = make_folder({"ant": 5, "dog": 5, ".cache": 3, "__MACOSX": 2})
    data = opened(root, colour_port)
    assert data.classes == ("ant", "dog")
    assert "5 files are not read: 5 hidden." in data.told


def test_files_that_are_not_read_are_counted_with_their_kinds(make_folder, colour_port):
    root = make_folder({"ant": 5, "dog": 5})
    for name in ("readme.txt", "ant/a.heic", "dog/b.heic", "dog/.hidden"):
        (root / name).write_text("x")
    told = opened(root, colour_port).told
    assert "4 files are not read: 1 hidden and 3 no image by name (.heic, .txt)." in told


def test_a_folder_that_is_none_of_the_given_classes_is_told():
    listing = listing_of([("cat", "0.png"), ("dog", "0.png")], [("old",), ("cow",)])
    arrangement = arrange(listing, "pets", ("dog", "cow", "cat"))
    assert arrangement.classes == ("dog", "cow", "cat")
    assert [note for note in arrangement.notes if "old holds no image and is none" in note]
    assert [note for note in arrangement.notes if "cow holds no image: it is class 1" in note]
