"""Closing the window while a job runs asks once, and says what of the job is kept."""

from pathlib import Path

import pytest
from PySide6.QtCore import SIGNAL, Qt
from PySide6.QtWidgets import QApplication

from secateur.engine.events import Finished, SensitivityScored, Started
from secateur.engine.requests import Compress, CountSpectra, DataSource, Export, Request, ScoreSensitivity
from secateur.recipe.reading import parse_recipe
from secateur.ui.dialogs.closing import ClosingDialog

pytestmark = pytest.mark.display

TRAINING = parse_recipe({"schema": 1, "steps": [{"method": "distillation", "epochs": 3}]})
PRUNING = parse_recipe({"schema": 1, "steps": [{"method": "magnitude_pruning", "layers": ["*"]}]})


@pytest.fixture
def running(shown, model):
    """run(request) lets the engine start a job; its number."""
    shown.open(model)

    def run(request: Request) -> int:
        job = shown.engine.submit(request)
        shown.engine.say(Started(job, request))
        shown.until(lambda: any(known.job == job for known in shown.state.jobs))
        return job

    return run


def question(shown) -> ClosingDialog:
    found = [dialog for dialog in shown.window.findChildren(ClosingDialog) if dialog.isVisible()]
    assert len(found) == 1
    return found[0]


def jobs(model) -> dict[str, tuple[Request, str]]:
    digits = DataSource("sample:mnist")
    return {
        "training": (
            Compress(model.source, digits, TRAINING, "r", name="distil"),
            "The run distil is going on. Its checkpoint is kept, and it can be resumed next time.",
        ),
        "short steps": (
            Compress(model.source, digits, PRUNING, "r", name="prune 50 %"),
            "The run prune 50 % is going on. It can be resumed next time; its steps are short, and begin again.",
        ),
        "measuring": (
            ScoreSensitivity(model.source, digits, "measure", ("int8",)),
            "Sensitivity is being measured. What was measured is kept, and it goes on from there next time.",
        ),
        "exporting": (
            Export(model.source, digits, "onnx", Path("small.onnx")),
            "small.onnx is being written. It is not there before it is proven, and has to be exported again.",
        ),
    }


@pytest.mark.parametrize("kind", ["training", "short steps", "measuring", "exporting"])
def test_closing_says_what_runs_and_what_is_kept_of_it(shown, model, running, kind: str) -> None:
    request, said = jobs(model)[kind]
    running(request)
    shown.window.close()
    assert shown.window.isVisible()
    assert question(shown).said.text() == said
    assert not shown.engine.closed


def test_keeping_on_leaves_everything_as_it_is(shown, model, running) -> None:
    running(jobs(model)["training"][0])
    shown.window.close()
    asked = question(shown)
    assert asked.stay.isDefault()
    shown.qtbot.mouseClick(asked.stay, Qt.MouseButton.LeftButton)
    shown.until(lambda: not shown.window.findChildren(ClosingDialog))
    assert shown.window.isVisible()
    assert not shown.engine.cancelled
    assert not shown.engine.closed


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Return])
def test_escape_and_enter_stay(shown, model, running, key: Qt.Key) -> None:
    running(jobs(model)["training"][0])
    shown.window.close()
    shown.qtbot.keyClick(question(shown), key)
    shown.until(lambda: not shown.window.findChildren(ClosingDialog))
    assert shown.window.isVisible()


def test_close_is_reached_by_the_keyboard_and_closes(shown, model, running) -> None:
    running(jobs(model)["training"][0])
    shown.window.close()
    asked = question(shown)
    shown.qtbot.keyClick(asked.stay, Qt.Key.Key_Tab)
    leave = asked.focusWidget()
    assert leave.objectName() == "closing_close"
    shown.qtbot.keyClick(leave, Qt.Key.Key_Space)
    shown.until(lambda: not shown.window.isVisible())
    assert shown.engine.closed


def test_quick_jobs_ask_nothing(shown, model, running) -> None:
    running(CountSpectra(model.source))
    shown.window.close()
    assert not shown.window.isVisible()


def test_the_question_ends_with_the_job_and_the_window_stays(shown, model, running, table) -> None:
    job = running(jobs(model)["measuring"][0])
    shown.window.close()
    assert question(shown)
    shown.engine.say(Finished(job, SensitivityScored(table)))
    shown.until(lambda: not shown.window.findChildren(ClosingDialog))
    assert shown.window.isVisible()


def test_the_end_of_the_systems_session_is_no_time_for_questions(shown, model, running, monkeypatch) -> None:
    from secateur.ui import app

    running(jobs(model)["training"][0])
    application = QApplication.instance()
    before = application.receivers(SIGNAL("commitDataRequest(QSessionManager&)"))
    monkeypatch.setattr(app, "build_window", lambda *_, **__: shown.window)
    monkeypatch.setattr(QApplication, "exec", lambda *_: 0)
    app.main([])
    assert application.receivers(SIGNAL("commitDataRequest(QSessionManager&)")) == before + 1
    shown.window.end()  # what it is connected to
    assert not shown.window.isVisible()
    assert not shown.window.findChildren(ClosingDialog)
    assert shown.engine.closed
