"""The main window on a recording engine: layout, keys, notices, opening and closing."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget
from recording_engine import RecordingEngine

from secateur.engine.events import (
    EngineDied,
    Failed,
    Finished,
    Progress,
    RunRecord,
    RunsListed,
    SpectraCounted,
    Started,
)
from secateur.engine.requests import (
    Compress,
    CountSpectra,
    DataSource,
    ListRuns,
    OpenData,
    OpenModel,
    ScoreSensitivity,
    SolveBudget,
)
from secateur.model.description import ModelSource
from secateur.model.documents import SensitivityTable
from secateur.recipe.recipe import Recipe
from secateur.session.preferences import load_preferences
from secateur.session.state import Notice
from secateur.ui.dialogs.help import HelpDialog
from secateur.ui.dialogs.report_bug import ReportBugDialog
from secateur.ui.help_texts import HELP, help_of
from secateur.ui.moving import first_focusable
from secateur.ui.panels.layers import LayersPanel
from secateur.ui.theme.style import current_theme
from secateur.ui.workspace import ALL_COLUMNS, FEW_COLUMNS, NARROW_COLUMNS

pytestmark = pytest.mark.display

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def press(
    shown, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, widget: QWidget | None = None
):
    shown.qtbot.keyClick(widget or shown.window, key, modifiers)


# ---------------------------------------------------------------------- opening


def test_nothing_open_shows_the_empty_panel_and_says_what_is_missing(shown) -> None:
    assert shown.window.stack.currentWidget() is shown.window.empty
    export = shown.find(QPushButton, "export_button")
    assert not export.isEnabled()
    assert "Open a model first." in export.toolTip()


def test_ctrl_shift_o_opens_the_sample(shown) -> None:
    press(shown, Qt.Key.Key_O, CONTROL | SHIFT)
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


# ---------------------------------------------------------------------- layout


def test_weights_show_the_whole_table_and_sensitivity_little_of_it(shown, model) -> None:
    shown.open(model)
    assert shown.layers.shown_columns == ALL_COLUMNS
    press(shown, Qt.Key.Key_3, CONTROL)
    assert shown.layers.shown_columns == FEW_COLUMNS
    press(shown, Qt.Key.Key_1, CONTROL)
    assert shown.layers.shown_columns == ALL_COLUMNS


def test_a_persons_own_columns_win_and_are_remembered(shown, model) -> None:
    shown.open(model)
    panel: LayersPanel = shown.layers
    panel.choose_column("kind", False)
    press(shown, Qt.Key.Key_4, CONTROL)
    press(shown, Qt.Key.Key_1, CONTROL)
    assert "kind" not in panel.shown_columns
    shown.window.close()
    assert "kind" not in load_preferences().columns["weights"]


@pytest.mark.parametrize(
    ("tab", "has_plan"), [("weights", True), ("sensitivity", True), ("compare", False), ("distil", False)]
)
def test_the_plan_panel_gives_way_to_wide_pictures(shown, model, tab: str, has_plan: bool) -> None:
    shown.open(model)
    shown.workspace.detail.show_tab(tab)
    shown.until(lambda: shown.workspace.plan.isVisible() == has_plan)


def test_a_small_window_keeps_what_matters(shown, model) -> None:
    shown.open(model)
    shown.window.resize(1024, 700)
    shown.until(lambda: shown.workspace.is_narrow)
    assert shown.layers.shown_columns == NARROW_COLUMNS
    assert not shown.window.toolbar.find_box.isVisible()
    assert shown.window.width() == 1024
    shown.window.resize(1440, 900)
    shown.until(lambda: not shown.workspace.is_narrow)
    assert shown.layers.shown_columns == ALL_COLUMNS


def test_the_rail_opens_the_plan_over_the_picture_and_escape_closes_it(shown, model) -> None:
    shown.open(model)
    shown.window.resize(1024, 700)
    shown.workspace.detail.show_tab("sensitivity")
    plan = shown.workspace.plan
    shown.until(lambda: plan.width() == 40)
    width_of_picture = shown.workspace.detail.width()
    plan.rail.click()
    assert plan.width() > 250
    assert shown.workspace.detail.width() == width_of_picture
    press(shown, Qt.Key.Key_Escape, widget=shown.layers.view)
    shown.until(lambda: plan.width() == 40)


def test_a_click_beside_the_opened_plan_closes_it(shown, model) -> None:
    shown.open(model)
    shown.window.resize(1024, 700)
    shown.workspace.detail.show_tab("sensitivity")
    shown.until(lambda: shown.workspace.plan.width() == 40)
    shown.workspace.plan.rail.click()
    shown.qtbot.mouseClick(shown.layers.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 40))
    shown.until(lambda: shown.workspace.plan.width() == 40)


# ---------------------------------------------------------------------- plan


def test_8_and_4_choose_bits_for_the_selection_and_del_goes_back(shown, model) -> None:
    shown.open(model)
    shown.layers.select(["layer1.0.conv1", "linear"])
    view = shown.layers.view
    press(shown, Qt.Key.Key_8, widget=view)
    assert {m.id for name in ("layer1.0.conv1", "linear") for m in shown.state.steps_of(name)} == {"static_int8"}
    press(shown, Qt.Key.Key_4, widget=view)
    assert [m.badge() for m in shown.state.steps_of("linear")] == ["4-bit"]
    press(shown, Qt.Key.Key_Delete, widget=view)
    assert shown.state.recipe == Recipe()


def test_a_digit_typed_into_the_filter_plans_nothing(shown, model) -> None:
    shown.open(model)
    press(shown, Qt.Key.Key_F, CONTROL)
    shown.until(shown.layers.filter_box.hasFocus)
    shown.qtbot.keyClicks(shown.layers.filter_box, "size>8")
    assert shown.layers.filter_box.text() == "size>8"
    assert shown.state.recipe == Recipe()


def test_undo_and_redo_by_key(shown, model) -> None:
    shown.open(model)
    shown.session.choose_option(["linear"], "int8")
    planned = shown.state.recipe
    press(shown, Qt.Key.Key_Z, CONTROL)
    assert shown.state.recipe == Recipe()
    press(shown, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert shown.state.recipe == planned


def test_selecting_a_layer_shows_it_in_every_panel(shown, model, spectra) -> None:
    shown.open(model, spectra)
    shown.layers.select(["layer2.0.conv1"])
    assert shown.workspace.plan.subject.text() == "layer2.0.conv1"
    assert shown.workspace.detail.tab("weights").name.text() == "layer2.0.conv1"


def test_one_drag_of_the_budget_is_one_gesture_and_the_next_another(
    shown, model, spectra, table: SensitivityTable
) -> None:
    shown.open(model, spectra)
    shown.session.count_spectra()
    job = shown.engine.job_of(CountSpectra)
    shown.engine.say(Started(job, CountSpectra(model.source)), Finished(job, SpectraCounted(table)))
    shown.until(lambda: "free" in shown.state.tables)
    bar = shown.workspace.plan_bar
    merges = []
    original = shown.session.budget.set
    shown.session.budget.set = lambda size, merge="": (merges.append(merge), original(size, merge=merge))
    bar.budget_moved.emit({"bytes": 9000})
    bar.budget_settled.emit({"bytes": 8000})
    bar.budget_moved.emit({"bytes": 7000})
    assert merges[0] == merges[1] != merges[2]
    assert len(shown.engine.asked(SolveBudget)) == 1  # the others wait for its answer


# ---------------------------------------------------------------------- notices, jobs, bugs


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
    press(shown, Qt.Key.Key_Z, CONTROL)
    assert "ZeroDivisionError" in shown.window.findChild(ReportBugDialog).report
    assert shown.state.planned_layers == ("linear",)


def test_escape_stops_the_running_job(shown, model) -> None:
    shown.open(model)
    shown.session.score("free")
    job = shown.engine.job_of(ScoreSensitivity)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]), Progress(job, 1, 10, "layer 1"))
    shown.until(lambda: shown.state.running is not None)
    press(shown, Qt.Key.Key_Escape)
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


# ---------------------------------------------------------------------- moving about


def test_f6_goes_round_every_panel_and_shift_f6_back(shown, model, spectra) -> None:
    shown.open(model, spectra)
    moving = shown.assembly.commands.moving
    reachable = [panel for panel in moving.panels() if first_focusable(panel)]
    shown.layers.view.setFocus()
    seen = []
    for _ in reachable:
        press(shown, Qt.Key.Key_F6)
        seen.append(moving.focused_panel())
    assert seen[-1] is shown.layers
    assert set(seen) == set(reachable)
    assert len(seen) >= 5
    press(shown, Qt.Key.Key_F6, SHIFT)
    assert moving.focused_panel() is seen[-2]


def test_f1_explains_the_panel_with_the_keyboard(shown, model) -> None:
    shown.open(model)
    shown.layers.view.setFocus()
    press(shown, Qt.Key.Key_F1)
    assert shown.window.findChild(HelpDialog).windowTitle() == "Layers"


def test_every_panel_and_tab_has_words_of_its_own(shown) -> None:
    workspace = shown.workspace
    tabs = [workspace.detail.tab(key) for key in ("weights", "activations", "sensitivity", "compare", "distil")]
    panels = [
        shown.window.toolbar,
        shown.window.empty,
        workspace.layers,
        workspace.plan,
        workspace.plan_bar,
        workspace.jobs,
    ]
    assert {help_of(panel) for panel in [*tabs, *panels]} == {HELP[panel.objectName()] for panel in [*tabs, *panels]}


def test_the_theme_is_switched_and_remembered(shown) -> None:
    before = current_theme().name
    shown.qtbot.mouseClick(shown.find(QPushButton, "theme_button"), Qt.MouseButton.LeftButton)
    assert current_theme().name != before
    shown.window.close()
    assert load_preferences().theme == current_theme().name


def test_ctrl_j_opens_and_closes_the_jobs(shown, model) -> None:
    shown.open(model)
    before = shown.workspace.jobs.is_open
    press(shown, Qt.Key.Key_J, CONTROL)
    assert shown.workspace.jobs.is_open != before


def test_the_shown_picture_is_copied(shown, model, spectra) -> None:
    shown.open(model, spectra)
    QApplication.clipboard().clear()
    press(shown, Qt.Key.Key_C, CONTROL | SHIFT)
    assert not QApplication.clipboard().pixmap().isNull()


# ---------------------------------------------------------------------- data


def test_data_chosen_in_the_dialog_is_opened_and_shown_as_it_is_fed(shown, model, data, previews, evaluation) -> None:
    from secateur.ui.dialogs.data import DataDialog

    shown.open(model)
    press(shown, Qt.Key.Key_D, CONTROL)
    dialog = shown.window.findChild(DataDialog)
    dialog.form.set_path("sample:mnist")
    shown.qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    assert shown.engine.asked(OpenData) == [OpenData(model.source, DataSource("sample:mnist"))]
    shown.open_data(data, previews, evaluation)
    shown.until(lambda: dialog.previews.count == 4)
    assert "81.0" in dialog.baseline.text()
    assert dialog.form.fields["mean"].text() == "0.1307"
    assert not dialog.notes.isVisible()
    dialog.close()


def test_the_dialog_says_how_the_data_is_read_beside_its_warning(shown, model, data, previews, evaluation) -> None:
    from secateur.ui.dialogs.data import DataDialog

    shown.open(model)
    press(shown, Qt.Key.Key_D, CONTROL)
    dialog = shown.window.findChild(DataDialog)
    read = data.model_copy(
        update={"notes": ("2 files are not read.", "Labels are one-hot."), "warning": "Near chance."}
    )
    dialog.form.set_path("sample:mnist")
    shown.qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    shown.open_data(read, previews, evaluation)
    shown.until(lambda: dialog.previews.count == 4)
    assert dialog.problem.text() == "Near chance."
    assert dialog.notes.text().splitlines() == ["2 files are not read.", "Labels are one-hot."]
    assert dialog.notes.isVisible()
    dialog.close()


def test_closing_the_window_stops_the_engine(shown) -> None:
    shown.window.close()
    assert shown.engine.closed
