"""A Hugging Face folder is opened by itself or by any file in it; what it lacks to be a network is one command."""

import json
from dataclasses import replace

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton

from secateur.engine.requests import OpenModel
from secateur.formats.kinds.hugging_face import HuggingFaceFormat
from secateur.installing import install_command
from secateur.model.description import ModelSource

pytestmark = pytest.mark.display

LEFT = Qt.MouseButton.LeftButton
CONTROL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
FILES = ("config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bert"
    made.mkdir()
    for name in FILES:
        (made / name).write_text("{}")
    (made / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return made


def opened(shown) -> list[ModelSource]:
    return [request.source for request in shown.engine.asked(OpenModel)]


@pytest.mark.parametrize("name", FILES)
def test_any_file_in_the_folder_opens_the_folder(shown, folder, monkeypatch, name) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(folder / name), ""))
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_O, CONTROL)
    assert opened(shown) == [ModelSource(str(folder))]


def test_the_open_dialog_shows_the_configuration_among_the_models(shown, folder, monkeypatch) -> None:
    offered = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *said: (offered.append(said[3]), ("", ""))[1])
    shown.qtbot.mouseClick(shown.find(QPushButton, "open_button"), LEFT)
    assert "config.json" in offered[0].split(";;")[0]


@pytest.mark.parametrize("way", ["key", "button"])
def test_the_folder_itself_is_opened(shown, folder, monkeypatch, way) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    if way == "key":
        shown.qtbot.keyClick(shown.window, Qt.Key.Key_O, CONTROL | ALT)
    else:
        shown.qtbot.mouseClick(shown.find(QPushButton, "open_folder"), LEFT)
    assert opened(shown) == [ModelSource(str(folder))]


def test_a_file_of_the_folder_that_is_dropped_opens_the_folder(shown, folder) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(folder / "config.json"))])
    copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(shown.window, QDragEnterEvent(QPoint(500, 300), copy, mime, LEFT, none))
    QApplication.sendEvent(shown.window, QDropEvent(QPointF(500, 300), copy, mime, LEFT, none))
    assert opened(shown) == [ModelSource(str(folder))]


def test_a_file_beside_no_configuration_is_opened_itself(shown, tmp_path, monkeypatch) -> None:
    path = tmp_path / "model.safetensors"
    path.touch()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_O, CONTROL)
    assert opened(shown) == [ModelSource(str(path))]


# ---------------------------------------------------------------------- a library that is missing


def test_where_transformers_is_missing_the_one_command_is_copied(shown, model, monkeypatch) -> None:
    monkeypatch.setattr(HuggingFaceFormat, "modules", ("transformers_that_is_not_there",))
    reason = HuggingFaceFormat().missing()
    shown.open(replace(model, format="huggingface", runnable=False, trainable=False, reason=reason))
    assert install_command("transformers") in shown.state.notices[-1].sentence
    button = shown.find(QPushButton, "notice_remedy")
    assert button.text() == "Copy command"
    shown.qtbot.mouseClick(button, LEFT)
    assert QGuiApplication.clipboard().text() == install_command("transformers")
    assert shown.state.notices[-1].hint == "Run it in a terminal, then open the model again."


def test_weights_that_lack_nothing_but_their_code_are_offered_the_code(shown, model) -> None:
    shown.open(replace(model, format="safetensors", runnable=False, trainable=False, reason="No network came along."))
    assert shown.find(QPushButton, "notice_remedy").text() == "From Python code"
