"""What goes wrong, and what is stopped: a notice with a way out, a report of a bug, a run that goes on."""

import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton

from secateur.engine.events import EngineDied, Failed, Finished, Progress, RunRecord, RunsListed, Started
from secateur.engine.requests import Compress, DataSource, ListRuns, OpenModel, ScoreSensitivity
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe
from secateur.session.state import Notice
from secateur.ui.dialogs.report_bug import ReportBugDialog

pytestmark = pytest.mark.display

CONTROL = Qt.KeyboardModifier.ControlModifier


def test_a_failure_is_a_notice_with_a_way_out(shown) -> None:
    shown.session.open_model(ModelSource("gone.onnx"))
    job = shown.engine.job_of(OpenModel)
    shown.engine.say(
        Started(job, OpenModel(ModelSource("gone.onnx"))), Failed(job, "There is no gone.onnx.", "Check the path.")
    )
    shown.until(lambda: shown.window.notices.bars)
    assert "There is no gone.onnx." in shown.window.notices.bars[0].accessibleName()


def test_a_dismissed_notice_is_gone(shown) -> None:
    shown.session.notify(Notice("info", "Something to know."))
    shown.until(lambda: shown.window.notices.bars)
    shown.qtbot.mouseClick(shown.find(QPushButton, "notice_dismiss"), Qt.MouseButton.LeftButton)
    shown.until(lambda: not shown.window.notices.isVisible())


def test_a_killed_engine_offers_to_resume_the_run(shown, model, data, previews, evaluation) -> None:
    shown.open(model)
    shown.session.open_data(DataSource("sample:mnist"))
    shown.open_data(data, previews, evaluation)
    lost = Compress(model.source, DataSource("sample:mnist"), Recipe(), "run-1")
    shown.engine.say(EngineDied("The engine was ended by the system.", (lost,)))
    shown.until(lambda: shown.window.notices.bars)
    shown.qtbot.mouseClick(shown.find(QPushButton, "notice_remedy"), Qt.MouseButton.LeftButton)
    assert shown.engine.asked(Compress) == []  # the new engine has not said yet what runs there are
    yaml = Recipe().to_yaml()
    record = RunRecord("run-1", "int8", model.name, model.fingerprint, "digits", yaml, "interrupted", 0.0, "")
    shown.engine.say(Finished(shown.engine.job_of(ListRuns), RunsListed((record,))))
    shown.until(lambda: shown.engine.asked(Compress))
    assert [(request.run, request.resume) for request in shown.engine.asked(Compress)] == [("run-1", True)]


def test_a_bug_in_a_job_can_be_looked_at_and_copied(shown) -> None:
    shown.session.notify(Notice("error", "Something broke.", details="Traceback: boom"))
    shown.until(lambda: shown.window.notices.bars)
    shown.qtbot.mouseClick(shown.find(QPushButton, "notice_details"), Qt.MouseButton.LeftButton)
    dialog = shown.window.findChild(ReportBugDialog)
    shown.qtbot.mouseClick(dialog.findChild(QPushButton, "bug_copy"), Qt.MouseButton.LeftButton)
    assert "Traceback: boom" in QApplication.clipboard().text()


def test_an_error_in_a_slot_is_reported_and_the_session_survives(shown, model, monkeypatch) -> None:
    shown.open(model)
    shown.session.choose_option(["linear"], "int8")
    monkeypatch.setattr(shown.session, "undo", lambda: 1 / 0)
    monkeypatch.setattr(shown.assembly, "_hook", lambda *error: None)  # pytest-qt's own, which fails the test
    monkeypatch.setattr(sys, "excepthook", shown.assembly.on_exception)
    shown.press(Qt.Key.Key_Z, CONTROL)
    assert "ZeroDivisionError" in shown.window.findChild(ReportBugDialog).report
    assert shown.state.planned_layers == ("linear",)


def test_escape_stops_the_running_job(shown, model) -> None:
    shown.open(model)
    shown.session.score("free")
    job = shown.engine.job_of(ScoreSensitivity)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]), Progress(job, 1, 10, "layer 1"))
    shown.until(lambda: shown.state.running is not None)
    shown.press(Qt.Key.Key_Escape)
    assert shown.engine.cancelled == [job]


def test_progress_events_are_shown_at_most_once_a_frame(shown, model) -> None:
    shown.open(model)
    shown.session.score("free")
    job = shown.engine.job_of(ScoreSensitivity)
    frames = []
    shown.assembly.display.shown.connect(frames.append)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]), *(Progress(job, n, 500, "") for n in range(500)))
    shown.until(lambda: shown.state.running and shown.state.running.done == 499)
    assert len(frames) < 100
