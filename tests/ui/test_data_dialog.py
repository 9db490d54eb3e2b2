"""The data dialog: preprocessing in one click, and what of it stays when other data is chosen."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QLineEdit, QWidget

from secateur.data.presets import PRESETS
from secateur.engine.requests import DataSource, OpenData
from secateur.model.description import Port
from secateur.ui.dialogs.data import DataDialog

pytestmark = pytest.mark.display

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


def open_dialog(shown) -> DataDialog:
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_D, CONTROL)
    shown.until(lambda: shown.window.findChild(DataDialog))
    return shown.window.findChild(DataDialog)


def press(shown, name: str) -> None:
    button = shown.find(QWidget, "data_presets").findChild(QAbstractButton, f"segment_{name}")
    shown.qtbot.mouseClick(button, LEFT)


def said(shown) -> dict[str, str]:
    names = ("resize", "crop", "mean", "std", "scale")
    return {name: text for name in names if (text := shown.find(QLineEdit, f"data_{name}").text())}


def takes(model, *shape):
    return replace(model, inputs=(Port("input", "float32", (None, *shape)),))


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("imagenet", (3, 224, 224), {"resize": "256", "crop": "224", "mean": "0.485, 0.456, 0.406",
                                     "std": "0.229, 0.224, 0.225"}),
        ("imagenet", (3, 32, 32), {"mean": "0.485, 0.456, 0.406", "std": "0.229, 0.224, 0.225"}),
        ("imagenet", (1, None, None), {"resize": "256", "crop": "224", "mean": "0.449", "std": "0.226"}),
        ("unit", (3, 32, 32), {"mean": "0", "std": "1"}),
        ("symmetric", (3, 32, 32), {"mean": "0.5", "std": "0.5"}),
        ("mnist", (1, 28, 28), {"resize": "28", "mean": "0.1307", "std": "0.3081"}),
        ("none", (3, 32, 32), {"mean": "0", "std": "1", "scale": "1"}),
        ("automatic", (3, 32, 32), {}),
    ],
)  # fmt: skip
def test_one_click_fills_the_fields_for_what_the_network_takes(shown, model, name, shape, wanted) -> None:
    shown.open(takes(model, *shape))
    open_dialog(shown)
    press(shown, "unit" if name != "unit" else "none")
    press(shown, name)
    assert said(shown) == wanted
    assert shown.find(QWidget, "data_presets").value() == name


def test_what_was_clicked_is_what_is_asked_for(shown, model) -> None:
    shown.open(takes(model, 3, 32, 32))
    dialog = open_dialog(shown)
    dialog.form.set_path("photos.zip")
    press(shown, "symmetric")
    shown.qtbot.mouseClick(dialog.use, LEFT)
    asked = shown.engine.asked(OpenData)[-1]
    assert asked.data == DataSource("photos.zip", {"mean": [0.5], "std": [0.5]})


def test_the_arrow_keys_go_from_one_to_the_next(shown, model) -> None:
    shown.open(takes(model, 3, 32, 32))
    open_dialog(shown)
    first = shown.find(QWidget, "data_presets").findChild(QAbstractButton, f"segment_{PRESETS[0].id}")
    first.setFocus()
    shown.until(first.hasFocus)
    shown.qtbot.keyClick(first, Qt.Key.Key_Space)
    assert said(shown)["std"] == "0.229, 0.224, 0.225"
    shown.qtbot.keyClick(first, Qt.Key.Key_Right)
    assert said(shown)["std"] == "1"


def test_what_is_in_use_marks_its_preset(shown, model, data, previews, evaluation) -> None:
    shown.open(takes(model, 1, 28, 28))
    dialog = open_dialog(shown)
    dialog.form.set_path("sample:mnist")
    shown.qtbot.mouseClick(dialog.use, LEFT)
    shown.open_data(data, previews, evaluation)
    shown.until(lambda: shown.find(QWidget, "data_presets").value() == "mnist")
    shown.qtbot.keyClicks(shown.find(QLineEdit, "data_mean"), "5")
    assert shown.find(QWidget, "data_presets").value() == ""


# ---------------------------------------------------------------------- other data


def in_use(shown, model, data, previews, evaluation, **preprocessing) -> DataDialog:
    shown.open(model)
    dialog = open_dialog(shown)
    dialog.form.set_path("digits.npz")
    shown.qtbot.mouseClick(dialog.use, LEFT)
    shown.open_data(data.model_copy(update={"preprocessing": preprocessing}), previews, evaluation)
    shown.until(lambda: said(shown))
    return dialog


def choose(shown, monkeypatch, path: str) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    shown.qtbot.mouseClick(shown.find(QAbstractButton, "data_file"), LEFT)


def test_the_size_of_the_earlier_data_goes_where_the_network_takes_any(
    shown, model, data, previews, evaluation, monkeypatch
) -> None:
    used = {"resize": [28, 28], "mean": [0.2], "std": [0.3]}
    in_use(shown, takes(model, 3, None, None), data, previews, evaluation, **used)
    choose(shown, monkeypatch, "photos.zip")
    assert said(shown) == {"mean": "0.2", "std": "0.3"}
    assert "size was that of the earlier data" in shown.find(QLabel, "data_kept").text()
    choose(shown, monkeypatch, "digits.npz")
    assert said(shown) == {"resize": "28, 28", "mean": "0.2", "std": "0.3"}


def test_a_size_that_is_the_networks_own_stays(shown, model, data, previews, evaluation, monkeypatch) -> None:
    used = {"resize": 40, "crop": [32, 32], "mean": [0.2], "std": [0.3]}
    in_use(shown, takes(model, 3, 32, 32), data, previews, evaluation, **used)
    choose(shown, monkeypatch, "photos.zip")
    assert said(shown) == {"resize": "40", "crop": "32, 32", "mean": "0.2", "std": "0.3"}


@pytest.mark.parametrize("path", ["data.yaml", "sample"])
def test_data_that_says_itself_how_it_is_prepared_is_left_alone(
    shown, model, data, previews, evaluation, monkeypatch, path
) -> None:
    in_use(shown, takes(model, 3, 32, 32), data, previews, evaluation, mean=[0.2], std=[0.3])
    if path == "sample":
        sources = shown.find(QWidget, "data_source")
        shown.qtbot.mouseClick(sources.findChild(QAbstractButton, "segment_sample:mnist"), LEFT)
    else:
        choose(shown, monkeypatch, path)
    assert said(shown) == {}


def test_what_was_typed_stays(shown, model, data, previews, evaluation, monkeypatch) -> None:
    in_use(shown, takes(model, 3, None, None), data, previews, evaluation, resize=[28, 28], mean=[0.2], std=[0.3])
    field = shown.find(QLineEdit, "data_resize")
    field.selectAll()
    shown.qtbot.keyClicks(field, "64")
    choose(shown, monkeypatch, "photos.zip")
    assert said(shown)["resize"] == "64"
