"""Autopilot in the window: asked for by mouse, told trial by trial, stopped, gone on with, its best taken along."""

from dataclasses import replace
from pathlib import Path

import pytest
from piloted_searches import search, trial
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from secateur.engine.autopilot import HALVES, AutopilotEnded, AutopilotFound, TrialsTold
from secateur.engine.events import Finished, Partial, Started, Stopped
from secateur.engine.requests import Autopilot, DataSource, FindAutopilot
from secateur.recipe.autopilot import Goal
from secateur.session.piloted import Piloted
from secateur.session.state import SessionState
from secateur.ui.dialogs.export import ExportDialog
from secateur.ui.panels.autopilot import AutopilotPanel
from secateur.ui.panels.trials import TrialsTable
from secateur.ui.panels.trials_model import COLUMNS

TRIALS = (
    trial(1),
    trial(2),
    trial(3, keeps=False, drop=0.034, test_drop=0.041),
    trial(4, keeps=False, is_proven=False),
    trial(5, keeps=False, drop=0.002, test_drop=0.02),
    trial(
        6, state="failed", keeps=False, drop=None, test_drop=None, size=None, latency=None, error="The disk is full."
    ),
    trial(7, state="running", keeps=False, drop=None, test_drop=None, size=None, latency=None),
)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.fixture
def panel(qtbot: QtBot) -> AutopilotPanel:
    made = AutopilotPanel()
    qtbot.addWidget(made)
    made.resize(1440, made.height())
    made.show()
    return made


def cells(panel: AutopilotPanel, column: str) -> list[str]:
    model = panel.table.trials
    return [plain(model.index(row, COLUMNS.index(column)).data() or "") for row in range(model.rowCount())]


# ------------------------------------------------------------------ the panel


def test_the_heads_say_by_which_samples_is_chosen_and_judged(panel: AutopilotPanel) -> None:
    def heads() -> list[str]:
        model, across = panel.table.trials, Qt.Orientation.Horizontal
        return [model.headerData(COLUMNS.index(name), across, Qt.ItemDataRole.DisplayRole) for name in ("lost", "test")]

    assert heads() == ["Validation", "Test"]
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS, splits=HALVES))))
    assert heads() == ["Half of test", "Other half"]


def test_every_trial_says_what_it_came_to(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS, state="running"))))
    assert cells(panel, "number") == ["1", "2", "3", "4", "5", "6", "7"]
    assert cells(panel, "verdict") == [
        "kept, proven", "best, proven", "loses too much", "not proven", "too much on test", "came to nothing",
        "being tried",
    ]  # fmt: skip
    assert cells(panel, "size")[:2] == ["4.0×", "8.0×"]
    assert cells(panel, "speed")[5:] == cells(panel, "lost")[5:] == ["–", "–"]
    assert cells(panel, "lost")[2] == "−3.4 pt"
    assert cells(panel, "test")[2] == "−4.1 pt"
    assert cells(panel, "compare") == ["Compare"] * 5 + ["", ""]
    tip = panel.table.trials.index(5, COLUMNS.index("verdict")).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "The disk is full."


def test_a_trial_of_a_search_that_was_stopped_is_broken_off_and_not_being_tried(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS))))
    assert cells(panel, "verdict")[-1] == "broken off"


def test_what_an_error_loses_is_written_as_a_rise(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(trial(1, drop=0.25), metric="mse"))))
    assert cells(panel, "lost") == ["+0.250"]


def test_a_narrow_panel_leaves_out_the_reasons_which_the_tooltips_say(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS))))
    assert not panel.table.isColumnHidden(COLUMNS.index("why"))
    panel.resize(1024, panel.height())
    assert panel.table.isColumnHidden(COLUMNS.index("why"))
    tip = panel.table.trials.index(0, COLUMNS.index("plan")).data(Qt.ItemDataRole.ToolTipRole)
    assert TRIALS[0].why in tip


def test_no_row_is_cut_in_half_at_the_foot(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(*(trial(number) for number in range(1, 12))))))
    table = panel.table
    assert table.viewport().height() % table.rowHeight(0) == 0


def test_a_row_that_a_person_is_at_stays_while_trials_come(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS[:2]))))
    panel.table.setCurrentIndex(panel.table.trials.index(1, 0))
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS))))
    assert panel.table.currentIndex().row() == 1


@pytest.mark.parametrize(("key", "wish"), [(Qt.Key.Key_Return, "take_wanted"), (Qt.Key.Key_Space, "compare_wanted")])
def test_the_keys_of_the_list_take_and_compare(qtbot: QtBot, panel: AutopilotPanel, key: Qt.Key, wish: str) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(*TRIALS))))
    panel.table.setCurrentIndex(panel.table.trials.index(1, 0))
    with qtbot.waitSignal(getattr(panel, wish), timeout=10_000) as asked:
        qtbot.keyClick(panel.table, key)
    assert asked.args == [2 if wish == "take_wanted" else "p-02"]


def test_what_going_on_would_cost_is_said_where_it_can_go_on(panel: AutopilotPanel) -> None:
    panel.show_state(SessionState(pilot=Piloted(document=search(trial(1)))))
    assert "torch" not in panel.reason.text()
    assert not panel.resume.isEnabled(), "nothing is open in this state"
    assert panel.reason.text() == "Open a model first."


# ------------------------------------------------------------------ in the window


@pytest.fixture
def ready(shown, model, spectra, data, previews, evaluation):
    """The window with a network and data that scores it, autopilot's panel open."""
    shown.open(model, spectra)
    shown.session.open_data(DataSource("digits.npz"))
    shown.session.update(data_source=DataSource("digits.npz"))
    shown.open_data(data, previews, evaluation)
    shown.qtbot.mouseClick(shown.find(QPushButton, "autopilot_button"), Qt.MouseButton.LeftButton)
    shown.until(lambda: shown.state.pilot.is_open)
    shown.settle()
    return shown


def click(shown, name: str) -> None:
    shown.qtbot.mouseClick(shown.find(QPushButton, name), Qt.MouseButton.LeftButton)
    shown.settle()


def click_cell(shown, row: int, column: str) -> None:
    table = shown.find(TrialsTable, "trials_table")
    place = table.visualRect(table.model().index(row, COLUMNS.index(column))).center()
    shown.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
    shown.settle()


def begun(shown) -> int:
    """Start, and let the engine begin with it; the job's number."""
    click(shown, "autopilot_start")
    job = shown.engine.job_of(Autopilot)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]))
    shown.settle()
    return job


def stopped(shown, *trials) -> None:
    """A search with these trials that was stopped, as the engine finds it."""
    job = begun(shown)
    shown.engine.say(Stopped(job))
    shown.until(lambda: not shown.state.jobs)
    asked = shown.engine.job_of(FindAutopilot)
    shown.engine.say(Finished(asked, AutopilotFound(search(*trials), "/runs/p")))
    shown.until(lambda: shown.state.pilot.document is not None)
    shown.settle()


def test_the_button_opens_the_panel_and_closes_it(ready) -> None:
    panel = ready.workspace.autopilot
    assert panel.isVisible()
    assert panel.drop.hasFocus()
    click(ready, "autopilot_close")
    assert not panel.isVisible()


def test_without_data_the_button_says_what_it_needs(shown, model, spectra) -> None:
    shown.open(model, spectra)
    button = shown.find(QPushButton, "autopilot_button")
    assert not button.isEnabled()
    assert "Choose data first" in button.toolTip()


def test_what_is_typed_is_what_is_asked_for(ready) -> None:
    for name, text in (("autopilot_drop", "2.5"), ("autopilot_size", "20"), ("autopilot_latency", "50")):
        field = ready.find(QLineEdit, name)
        field.setFocus()
        field.selectAll()
        ready.qtbot.keyClicks(field, text)
        ready.qtbot.keyClick(field, Qt.Key.Key_Return)
    begun(ready)
    request = ready.engine.asked(Autopilot)[-1]
    assert (request.drop, request.size, request.latency) == (pytest.approx(0.025), 0.2, 0.5)


def test_a_metric_that_is_a_number_is_asked_for_in_its_own_unit(ready, evaluation) -> None:
    error = evaluation.metric.model_copy(update={"name": "mse", "value": 4.0, "ci95": (3.9, 4.1)})
    ready.session.update(baseline=evaluation.model_copy(update={"metric": error}))
    ready.settle()
    assert ready.workspace.autopilot.drop.text() == "0.04"
    assert len(ready.window.findChildren(QLineEdit, "autopilot_drop")) == 1


def test_trials_appear_while_it_is_at_work_and_stop_stops_it(ready) -> None:
    job = begun(ready)
    panel = ready.workspace.autopilot
    assert not panel.start.isEnabled()
    ready.engine.say(Partial(job, TrialsTold(search(*TRIALS, state="running"))))
    ready.until(lambda: panel.table.trials.rowCount() == len(TRIALS))
    assert panel.words.text() == f"Trial 7: {TRIALS[6].title}. {TRIALS[6].why}"
    assert "at most 5 more plans" in plain(panel.reason.text())
    click(ready, "autopilot_stop")
    assert ready.engine.cancelled == [job]


def test_a_stopped_search_goes_on_with_a_click(ready) -> None:
    stopped(ready, *TRIALS[:2])
    panel = ready.workspace.autopilot
    assert panel.words.text() == "Stopped by hand: the best so far."
    assert (panel.resume.property("role"), panel.start.property("role")) == ("primary", "outline")
    click(ready, "autopilot_resume")
    request = ready.engine.asked(Autopilot)[-1]
    assert (request.run, request.resume, request.folder) == ("p", True, Path("/runs/p"))


def test_a_search_without_a_plan_left_says_what_would_let_it_go_on(ready) -> None:
    job = begun(ready)
    ready.engine.say(Finished(job, AutopilotEnded(search(trial(1), state="ended"), "/runs/p")))
    ready.until(lambda: not ready.state.jobs)
    ready.settle()
    panel = ready.workspace.autopilot
    assert not panel.resume.isEnabled()
    assert "let more be lost" in panel.reason.text()
    ready.session.piloting.ask_for(Goal(0.05))
    ready.settle()
    assert panel.resume.isEnabled()


def test_a_trials_plan_is_taken_with_a_click_and_taken_back(ready, model) -> None:
    stopped(ready, *TRIALS[:2])
    click_cell(ready, 1, "take")
    assert ready.state.step_of("conv1", "quantize").badge() == "4-bit"
    ready.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not ready.state.recipe.steps


def test_a_trial_is_compared_with_the_original(ready) -> None:
    stopped(ready, *TRIALS[:2])
    click_cell(ready, 0, "compare")
    assert ready.workspace.detail.current == "compare"
    assert ready.state.shown_run == "p-01"


def test_the_best_is_exported(ready) -> None:
    stopped(ready, *TRIALS[:2])
    click(ready, "autopilot_export")
    assert ready.state.shown_run == "p-02"
    dialog = ready.window.findChild(ExportDialog, "export_dialog")
    assert dialog is not None
    dialog.close()


def test_in_a_narrow_window_the_jobs_make_room(ready) -> None:
    click(ready, "autopilot_close")
    ready.window.resize(1024, 700)
    ready.settle()
    ready.workspace.jobs.set_open(True)
    click(ready, "autopilot_button")
    assert not ready.workspace.jobs.is_open
    assert ready.window.height() == 700


def test_another_model_closes_the_panel(ready, big_model) -> None:
    ready.open(replace(big_model, fingerprint="g" * 8))
    assert not ready.workspace.autopilot.isVisible()
