"""Plans come and go as recipes, runs as their folder, their recipe and the command that does them again."""

import shlex
from dataclasses import replace
from pathlib import Path

import yaml
from listed_runs import CONTROL, LEFT, PLAN, answer, choose, go_to, press, record
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QMenu, QPlainTextEdit, QPushButton, QTableWidget, QWidget

from secateur.recipe.reading import load_recipe


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
