"""Each model is shown as a person looked at it the last time."""

from dataclasses import replace

import pytest

from secateur.engine.events import Started
from secateur.engine.requests import DataSource, ScoreSensitivity
from secateur.session.memory import Memory
from secateur.ui import commands


@pytest.fixture
def other(model):
    return replace(model, name="other.onnx", fingerprint="e" * 8)


def test_columns_and_tab_come_back_with_their_model(shown, model, other):
    shown.open(model)
    shown.workspace.detail.show_tab("graph")
    shown.layers.columns_chosen.emit(["layer", "ms"])
    shown.open(other)
    shown.until(lambda: shown.state.model.name == "other.onnx")
    shown.workspace.detail.show_tab("weights")
    shown.open(model)
    shown.until(lambda: shown.workspace.detail.current == "graph")
    shown.until(lambda: shown.layers.shown_columns == ("layer", "ms"))


def test_what_is_remembered_is_written_down_soon_and_when_the_window_closes(shown, model):
    shown.open(model)
    shown.session.choose_option(["conv1"], "int8")
    shown.until(lambda: Memory().recall(model.fingerprint).recipe == shown.state.recipe)
    shown.session.choose_option(["linear"], "int4")
    shown.window.end()
    assert Memory().recall(model.fingerprint).recipe == shown.state.recipe


def test_a_measurement_is_stopped_without_a_question(shown, model, monkeypatch):
    monkeypatch.setattr(commands, "ASK_AFTER_S", -1.0)
    monkeypatch.setattr(commands.QMessageBox, "question", lambda *args: pytest.fail("asked"))
    shown.open(model)
    request = ScoreSensitivity(model.source, DataSource("x"), "measure", ("int8",))
    shown.engine.say(Started(77, request))
    shown.until(lambda: shown.state.running is not None)
    shown.assembly.commands.stop_job(77)
    assert shown.engine.cancelled[-1] == 77
