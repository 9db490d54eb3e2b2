"""Runs are named, tagged, thrown away and brought back; plans come and go as recipes, and as the command for them."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from known_results import a_document, an_evaluation
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QWidget,
)

from secateur.data.source import DataSource
from secateur.engine.events import EngineDied, Finished, RunRecord, RunsListed, Stopped
from secateur.engine.requests import ChangeRun, Compress, ListRuns
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.recipe.reading import load_recipe
from secateur.recipe.recipe import Recipe, Step
from secateur.session.run_table import csv_of_runs
from secateur.ui.panels.runs import COLUMNS
from secateur.ui.widgets.elided_label import ElidedLabel

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
PLAN = Recipe((Step(StaticInt8(), ("conv1", "linear")),))


def record(run: str, folder: Path, state: str = "finished", **changes) -> RunRecord:
    made = RunRecord(
        run=run, name=f"Run {run}", model="small.onnx", fingerprint="f" * 8, data="d.npz",
        recipe_yaml=PLAN.to_yaml(), state=state, created=1.0, folder=str(folder),
        model_source=ModelSource("small.onnx"), data_source=DataSource("d.npz"), exports=("onnx", "safetensors"),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def runs(tmp_path):
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    return (record("a", tmp_path / "a"), record("b", tmp_path / "b", "stopped"))


@pytest.fixture
def history(shown, model, spectra, runs):
    """The window with two runs, and the keyboard in the list of them."""
    shown.open(model, spectra)
    answer(shown, runs)
    shown.workspace.jobs.set_open(True)
    shown.workspace.jobs.runs.setFocus()
    shown.until(shown.workspace.jobs.runs.hasFocus)
    return shown


def answer(shown, runs, deleted=(), kind=ListRuns) -> None:
    shown.engine.say(Finished(shown.engine.job_of(kind), RunsListed(tuple(runs), tuple(deleted))))
    shown.until(lambda: shown.state.runs == tuple(runs) and shown.state.deleted == tuple(deleted))
    shown.until(lambda: [table(shown).runs.run(row) for row in range(table(shown).runs.rowCount())] == list(runs))


def table(shown):
    return shown.workspace.jobs.runs


def press(shown, key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    shown.qtbot.keyClick(QApplication.focusWidget() or shown.window, key, modifiers)


def click(shown, row: int, column: str) -> None:
    view = table(shown)
    place = view.visualRect(view.model().index(row, COLUMNS.index(column))).center()
    shown.qtbot.mouseClick(view.viewport(), LEFT, pos=place)


def go_to(shown, row: int) -> None:
    table(shown).setCurrentIndex(table(shown).model().index(row, 1))


def menu_item(shown, row: int, name: str) -> QAction:
    """An item of the menu that a click on the row's dots opens."""
    click(shown, row, "more")
    shown.until(lambda: shown.window.findChild(QMenu, "run_menu"))
    found = shown.window.findChild(QMenu, "run_menu").findChild(QAction, f"run_{name}")
    assert found is not None
    return found


def choose(shown, row: int, name: str) -> None:
    item = menu_item(shown, row, name)
    menu = shown.window.findChild(QMenu, "run_menu")
    shown.qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(item).center())
    shown.until(lambda: not shown.window.findChild(QMenu, "run_menu"))
    shown.qtbot.wait(0)  # what it asks for is done in the next turn


def typed(shown, text: str) -> None:
    shown.until(lambda: table(shown).findChild(QLineEdit))
    editor = table(shown).findChild(QLineEdit)
    shown.until(editor.hasFocus)
    editor.selectAll()
    shown.qtbot.keyClicks(editor, text)
    shown.qtbot.keyClick(editor, Qt.Key.Key_Return)
    shown.until(lambda: table(shown).findChild(QLineEdit) is None)  # Qt takes it over a turn later


# ---------------------------------------------------------------------- names and tags


def test_f2_renames_a_run_where_it_stands(history, runs) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_F2)
    typed(history, "best so far")
    assert history.engine.asked(ChangeRun) == [ChangeRun("a", name="best so far", fingerprint="f" * 8)]
    answer(history, (replace(runs[0], name="best so far"), runs[1]), kind=ChangeRun)
    assert table(history).model().index(0, COLUMNS.index("name")).data() == "best so far"
    assert table(history).currentIndex().row() == 0


def test_a_run_that_went_while_its_menu_was_open_is_not_renamed(history, runs) -> None:
    item = menu_item(history, 0, "rename")
    answer(history, runs[1:])
    history.until(lambda: table(history).model().rowCount() == 1)
    item.trigger()
    history.qtbot.wait(0)
    assert table(history).findChild(QLineEdit) is None
    assert history.engine.asked(ChangeRun) == []


def test_t_tags_a_run_and_the_tags_stand_beside_its_name(history, runs) -> None:
    assert table(history).isColumnHidden(COLUMNS.index("tags"))
    assert menu_item(history, 0, "tag").text() == "Tags…\tT"
    history.window.findChild(QMenu, "run_menu").close()
    history.window.activateWindow()
    history.until(history.window.isActiveWindow)
    table(history).setFocus()
    go_to(history, 0)
    press(history, Qt.Key.Key_T)
    typed(history, "candidate,  for Anna, candidate")
    assert history.engine.asked(ChangeRun) == [ChangeRun("a", tags=("candidate", "for Anna"), fingerprint="f" * 8)]
    answer(history, (replace(runs[0], tags=("candidate", "for Anna")), runs[1]), kind=ChangeRun)
    assert table(history).model().index(0, COLUMNS.index("tags")).data() == "candidate, for Anna"
    assert not table(history).isColumnHidden(COLUMNS.index("tags"))


def test_where_there_is_no_room_for_the_tags_they_are_counted(history, runs) -> None:
    tags = ("candidate", "for Anna", "the one with the smaller head")
    answer(history, (replace(runs[0], tags=tags), runs[1]))
    history.window.resize(1024, 700)
    history.workspace.jobs.set_open(True)
    history.until(lambda: table(history).model().index(0, COLUMNS.index("tags")).data() == "3 tags")
    assert all(
        tag in table(history).model().index(0, COLUMNS.index("tags")).data(Qt.ItemDataRole.ToolTipRole) for tag in tags
    )


def test_an_empty_name_changes_nothing(history) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_F2)
    typed(history, "   ")
    assert not history.engine.asked(ChangeRun)


# ---------------------------------------------------------------------- the trash


def test_a_deleted_run_comes_back_with_control_z_in_the_list(history, runs) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_Delete)
    assert history.engine.asked(ChangeRun)[-1] == ChangeRun("a", deleted=True, fingerprint="f" * 8)
    answer(history, runs[1:], runs[:1], kind=ChangeRun)
    assert history.state.notices[-1].sentence == "Deleted the run Run a."
    history.session.choose_option(("conv1",), "int8")
    table(history).setFocus()
    press(history, Qt.Key.Key_Z, CONTROL)
    assert history.engine.asked(ChangeRun)[-1] == ChangeRun("a", deleted=False, fingerprint="f" * 8)
    assert history.state.planned_layers == ("conv1",)  # the plan's own undo was not meant
    answer(history, runs, (), kind=ChangeRun)
    assert not any(notice.remedy.startswith("bring_back") for notice in history.state.notices)


def test_a_deleted_run_comes_back_with_the_button_of_the_notice(history, runs) -> None:
    choose(history, 0, "delete")
    answer(history, runs[1:], runs[:1], kind=ChangeRun)
    button = history.find(QPushButton, "notice_remedy")
    assert button.text() == "Bring back run"
    history.qtbot.mouseClick(button, LEFT)
    assert history.engine.asked(ChangeRun)[-1] == ChangeRun("a", deleted=False, fingerprint="f" * 8)


def test_a_run_that_goes_on_is_not_deleted(history, runs) -> None:
    answer(history, (replace(runs[0], state="running"), runs[1]))
    go_to(history, 0)
    press(history, Qt.Key.Key_Delete)
    assert not history.engine.asked(ChangeRun)
    assert history.state.notices[-1].hint == "Stop it, then delete it."


# ---------------------------------------------------------------------- a resumed run


def test_a_resumed_run_offers_no_second_resume_from_its_first_moment_on(history, runs) -> None:
    history.session.update(data_source=DataSource("d.npz"))
    click(history, 1, "compare")
    job = history.engine.job_of(Compress)
    assert history.engine.requests[job - 1].resume
    history.until(lambda: table(history).runs.run(1).state == "running")
    assert table(history).runs.action(1, COLUMNS.index("compare")) == ""
    history.engine.say(Finished(history.engine.job_of(ListRuns), RunsListed(runs)))  # it has not begun in the store yet
    history.qtbot.wait(0)
    assert table(history).runs.action(1, COLUMNS.index("compare")) == ""
    click(history, 1, "compare")
    assert len(history.engine.asked(Compress)) == 1
    history.engine.say(Stopped(job))
    history.until(lambda: not history.state.jobs)
    answer(history, runs)
    history.until(lambda: table(history).runs.action(1, COLUMNS.index("compare")) == "resume")


def test_after_the_engine_died_a_run_can_be_resumed_again(history, runs) -> None:
    history.session.update(data_source=DataSource("d.npz"))
    click(history, 1, "compare")
    job = history.engine.job_of(Compress)
    history.engine.say(EngineDied("It died.", (history.engine.requests[job - 1],), jobs=(job,)))
    history.until(lambda: not history.state.jobs)
    answer(history, runs)
    history.until(lambda: table(history).runs.action(1, COLUMNS.index("compare")) == "resume")


# ---------------------------------------------------------------------- folder, recipe, command


def test_a_run_is_shown_in_its_folder(history, tmp_path, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())))
    choose(history, 0, "folder")
    assert opened == [tmp_path / "a"]


def test_where_the_folder_is_gone_it_says_so(history, tmp_path) -> None:
    (tmp_path / "a").rmdir()
    choose(history, 0, "folder")
    assert "is not there any more" in history.state.notices[-1].sentence


def test_a_run_is_copied_as_its_recipe(history) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_C, CONTROL)
    assert yaml.safe_load(QGuiApplication.clipboard().text()) == PLAN.to_document()


def test_a_run_is_shown_as_the_command_that_does_it_again(history) -> None:
    choose(history, 0, "show_command")
    words = shlex.split(history.find(QPlainTextEdit, "command_text").toPlainText())
    assert words[:5] == ["secateur", "compress", "small.onnx", "--data", "d.npz"]
    assert load_recipe(Path(words[words.index("--recipe") + 1])) == PLAN
    assert words[words.index("--export") + 1] == "safetensors"


def test_a_run_whose_recipe_is_not_known_any_more_says_so_instead_of_its_command(shown, model, tmp_path) -> None:
    shown.open(model)
    answer(shown, (record("a", tmp_path, recipe_yaml="schema: 1\nsteps:\n- {method: shrinking}\n"),))
    shown.workspace.jobs.set_open(True)
    choose(shown, 0, "show_command")
    assert "shrinking" in shown.state.notices[-1].sentence
    assert shown.window.findChild(QDialog, "command_dialog") is None


def test_the_plan_is_shown_as_a_command_and_copied(history) -> None:
    history.session.choose_option(("conv1",), "int8")
    press(history, Qt.Key.Key_K, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    history.until(lambda: history.window.findChild(QDialog, "command_dialog"))
    history.qtbot.mouseClick(history.find(QPushButton, "command_copy"), LEFT)
    words = shlex.split(QGuiApplication.clipboard().text())
    assert load_recipe(Path(words[words.index("--recipe") + 1])) == history.state.recipe
    assert history.find(QLabel, "command_said").text() == "Copied."


def test_a_plan_is_saved_with_control_s_and_loaded_with_control_l(history, tmp_path, monkeypatch) -> None:
    saved = tmp_path / "mine.yaml"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(saved), ""))
    history.session.choose_option(("conv1", "linear"), "int8")
    plan = history.state.recipe
    press(history, Qt.Key.Key_S, CONTROL)
    assert load_recipe(saved) == plan
    history.session.reset_plan()
    press(history, Qt.Key.Key_L, CONTROL)
    assert history.state.recipe == plan
    assert not history.window.findChild(QDialog, "recipe_report")
    press(history, Qt.Key.Key_Z, CONTROL)
    assert not history.state.recipe.steps


def test_a_loaded_recipe_tells_layer_by_layer_what_did_not_fit(shown, model, tmp_path, monkeypatch) -> None:
    last = replace(model.layers[-1], fixed_channels="The last layer.")
    shown.open(replace(model, layers=(*model.layers[:-1], last)))
    history = shown
    path = tmp_path / "other.yaml"
    path.write_text(
        "schema: 1\nsteps:\n- {method: channel_pruning, layers: [conv1, linear, layer9.conv1]}\n"
        "- {method: static_int8, layers: [conv1]}\n"
    )
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    history.qtbot.mouseClick(history.find(QWidget, "more_button"), LEFT)
    menu = history.find(QMenu, "more_menu")
    item = menu.findChild(QAction, "more_open_recipe")
    history.qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(item).center())
    report = history.find(QTableWidget, "recipe_misfits")
    rows = [[report.item(row, column).text() for column in range(4)] for row in range(report.rowCount())]
    assert {(row[0], row[1], row[2]) for row in rows} >= {
        ("1", "Channel pruning", "linear"),
        ("1", "Channel pruning", "layer9.conv1"),
    }
    assert all(row[3].endswith(".") for row in rows)
    assert "conv1" in history.state.planned_layers


def test_a_recipe_that_cannot_be_read_leaves_the_plan_as_it_is(history, tmp_path, monkeypatch) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("schema: 1\nsteps:\n- {method: shrinking}\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    history.session.choose_option(("conv1",), "int8")
    press(history, Qt.Key.Key_L, CONTROL)
    assert history.state.planned_layers == ("conv1",)
    assert "shrinking" in history.state.notices[-1].sentence


def test_what_the_menu_cannot_do_now_says_why(shown) -> None:
    shown.qtbot.mouseClick(shown.find(QWidget, "more_button"), LEFT)
    menu = shown.find(QMenu, "more_menu")
    item = menu.findChild(QAction, "more_save_recipe")
    assert not item.isEnabled()
    assert item.toolTip().endswith("Open a model first.")
    menu.close()


# ---------------------------------------------------------------------- notes, the filter, two side by side, the table


def with_result(run: RunRecord, value: float = 0.8, size_bytes: int = 200_000) -> RunRecord:
    document = a_document(run.run).model_copy(update={"result": an_evaluation(value, size_bytes)})
    return replace(run, state="finished", document=document)


def test_n_writes_notes_that_stand_beside_the_name(history, runs) -> None:
    assert table(history).isColumnHidden(COLUMNS.index("notes"))
    go_to(history, 0)
    press(history, Qt.Key.Key_N)
    typed(history, "for the phone, not the watch")
    notes = "for the phone, not the watch"
    assert history.engine.asked(ChangeRun) == [ChangeRun("a", notes=notes, fingerprint="f" * 8)]
    answer(history, (replace(runs[0], notes=notes), runs[1]), kind=ChangeRun)
    index = table(history).model().index(0, COLUMNS.index("notes"))
    assert index.data() == notes
    assert notes in index.data(Qt.ItemDataRole.ToolTipRole)
    assert not table(history).isColumnHidden(index.column())


def test_the_filter_leaves_runs_with_its_words_in_list_and_picture(history, runs) -> None:
    shown = tuple(replace(with_result(run), notes=notes) for run, notes in zip(runs, ("phone", "watch"), strict=True))
    answer(history, shown)
    box = history.find(QLineEdit, "runs_filter")
    history.qtbot.keyClicks(box, "WATCH")
    history.until(lambda: table(history).model().rowCount() == 1)
    assert table(history).runs.run(0).run == "b"
    with pytest.raises(KeyError):
        history.workspace.jobs.plot.place_of("a")
    assert history.find(ElidedLabel, "jobs_words").text() == "1 of 2 runs shown"
    history.qtbot.keyClicks(box, " nowhere")
    history.until(lambda: history.find(QLabel, "no_runs").isVisible())
    assert "Esc" in history.find(QLabel, "no_runs").text()
    history.qtbot.keyClick(box, Qt.Key.Key_Escape)
    history.until(lambda: table(history).model().rowCount() == 2)


def test_two_runs_are_compared_by_keyboard(history, runs) -> None:
    answer(history, tuple(with_result(run) for run in runs))
    go_to(history, 0)
    press(history, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert table(history).selected_runs() == ("a", "b")
    press(history, Qt.Key.Key_B)
    history.until(lambda: history.state.right is not None)
    assert (history.state.left.run, history.state.right.run) == ("b", "a")
    history.until(lambda: history.workspace.detail.current == "compare")


def test_two_runs_are_compared_by_mouse_and_a_selecting_click_does_nothing_else(history, runs) -> None:
    answer(history, tuple(with_result(run) for run in runs))
    view = table(history)
    planned = history.state.recipe
    for row, held in ((0, Qt.KeyboardModifier.NoModifier), (1, CONTROL)):
        column = "name" if row == 0 else "restore"
        place = view.visualRect(view.model().index(row, COLUMNS.index(column))).center()
        history.qtbot.mouseClick(view.viewport(), LEFT, held, place)
    assert view.selected_runs() == ("a", "b")
    assert history.state.recipe == planned
    view._show_menu(1, view.viewport().mapToGlobal(place))
    menu = history.window.findChild(QMenu, "run_menu")
    history.qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(menu.findChild(QAction, "run_compare_two")).center())
    history.until(lambda: history.state.right is not None and history.state.right.run == "a")


def test_a_run_without_a_result_is_not_offered_for_a_comparison_of_two(history, runs) -> None:
    answer(history, (with_result(runs[0]), runs[1]))
    go_to(history, 0)
    press(history, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    press(history, Qt.Key.Key_B)
    assert history.state.right is None


def test_a_selection_of_two_outlives_news_of_the_history(history, runs) -> None:
    answer(history, tuple(with_result(run) for run in runs))
    go_to(history, 0)
    press(history, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    answer(history, tuple(replace(with_result(run), tags=("new",)) for run in runs))
    assert table(history).selected_runs() == ("a", "b")


def test_the_runs_that_are_shown_are_copied_and_saved_as_csv(history, runs, tmp_path, monkeypatch) -> None:
    answer(history, tuple(with_result(run) for run in runs))
    history.qtbot.mouseClick(history.find(QPushButton, "copy_runs"), LEFT)
    text = QGuiApplication.clipboard().text()
    assert text == csv_of_runs(history.state.runs)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    history.qtbot.mouseClick(history.find(QPushButton, "save_runs"), LEFT)
    assert (tmp_path / "mine.csv").read_bytes().decode() == text


def test_the_axes_of_the_picture_are_chosen_and_remembered(history, runs) -> None:
    answer(history, (with_result(runs[0], 0.8, 100_000), with_result(runs[1], 0.7, 300_000)))
    across = history.find(QComboBox, "pareto_across")
    across.setFocus()
    history.until(across.hasFocus)
    history.qtbot.keyClick(across, Qt.Key.Key_Down)
    history.until(lambda: history.workspace.jobs.plot.axes == ("latency", "metric"))
    assert history.window.current_preferences().pareto == {"across": "latency", "upwards": "metric"}
    history.workspace.jobs.axes.choose("nothing", "known")
    assert history.workspace.jobs.plot.axes == ("size", "metric")
