"""What is opened in the window: by key, by a drop, before the session is there; and what is remembered of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton
from recording_engine import RecordingEngine

from secateur.engine.requests import OpenModel
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe
from secateur.session.preferences import load_preferences

pytestmark = pytest.mark.display

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_nothing_open_shows_the_empty_panel_and_says_what_is_missing(shown) -> None:
    assert shown.window.stack.currentWidget() is shown.window.empty
    export = shown.find(QPushButton, "export_button")
    assert not export.isEnabled()
    assert "Open a model first." in export.toolTip()


def test_ctrl_shift_o_opens_the_sample(shown) -> None:
    shown.press(Qt.Key.Key_O, CONTROL | SHIFT)
    assert shown.engine.asked(OpenModel) == [OpenModel(ModelSource("sample:model"))]
    shown.until(lambda: shown.window.toolbar.empty.text() == "Opening sample:model…")


def test_an_opened_network_fills_the_table_and_the_title(shown, model, spectra) -> None:
    shown.open(model, spectra)
    assert shown.window.stack.currentWidget() is shown.workspace
    assert shown.window.windowTitle() == "small.onnx – Secateur"
    assert shown.layers.order.rowCount() == 6
    assert shown.find(QPushButton, "export_button").isEnabled()


def test_what_was_asked_for_before_the_session_was_there_is_done_then(qtbot, tmp_path, monkeypatch) -> None:
    from secateur.ui.app import build_window
    from secateur.ui.assembly import Assembly

    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    engines = []

    def make_engine(on_event) -> RecordingEngine:
        engines.append(RecordingEngine(on_event))
        return engines[-1]

    window = build_window(engine=make_engine)
    window.show()
    window.action_wanted.emit("open_sample")
    assembly = window.findChild(Assembly)
    qtbot.waitUntil(lambda: assembly.is_ready and bool(engines[0].requests), timeout=60_000)
    assert engines[0].requests == [OpenModel(ModelSource("sample:model"))]
    qtbot.waitUntil(lambda: assembly.startup.is_done, timeout=60_000)
    window.close()
    window.deleteLater()


def test_closing_before_the_panels_are_there_leaves_nothing_behind(qtbot, tmp_path, monkeypatch) -> None:
    from secateur.ui.app import build_window

    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    window = build_window(engine=lambda on_event: pytest.fail("the engine was started after the window was closed"))
    window.show()
    QApplication.processEvents()
    window.close()
    window.deleteLater()


def drop(shown, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    shown.window.dropEvent(event)


def test_a_dropped_onnx_file_is_opened(shown, tmp_path: Path) -> None:
    drop(shown, tmp_path / "net.onnx")
    assert shown.engine.asked(OpenModel) == [OpenModel(ModelSource(str(tmp_path / "net.onnx")))]


def test_dropped_weights_are_opened_and_their_network_can_be_named(shown, model, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    drop(shown, path)
    assert shown.engine.asked(OpenModel) == [OpenModel(ModelSource(str(path)))]
    shown.open(
        replace(model, source=ModelSource(str(path)), trainable=False, runnable=False, reason="It holds weights alone.")
    )
    assert [notice.remedy for notice in shown.state.notices] == ["open_code"]
    shown.assembly.commands.trigger("open_code")
    assert shown.find(QLineEdit, "weights_field").text() == str(path)


def test_a_dropped_recipe_becomes_the_plan(shown, model, tmp_path: Path) -> None:
    shown.open(model)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text('schema: 1\nsteps:\n  - {method: static_int8, layers: ["layer1*"]}\n')
    drop(shown, recipe)
    assert shown.state.planned_layers == ("layer1.0.conv1", "layer1.0.conv2")


def test_a_dropped_recipe_that_is_wrong_is_explained(shown, model, tmp_path: Path) -> None:
    shown.open(model)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("schema: 1\nsteps:\n  - {method: shrink_ray}\n")
    drop(shown, recipe)
    assert "shrink_ray" in shown.state.notices[-1].sentence
    assert shown.state.recipe == Recipe()


def test_an_opened_model_is_remembered_as_a_recent_one(shown, model) -> None:
    shown.open(replace(model, source=ModelSource("/models/small.onnx")))
    shown.window.close()
    assert [recent.path for recent in load_preferences().recent] == ["/models/small.onnx"]
