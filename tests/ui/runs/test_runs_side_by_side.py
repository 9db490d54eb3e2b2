"""Runs among others: filtered, two of them compared, the table copied, the axes of the picture chosen."""

from dataclasses import replace

import pytest
from listed_runs import CONTROL, LEFT, answer, go_to, press, table, with_result
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QComboBox, QFileDialog, QLabel, QLineEdit, QMenu, QPushButton

from secateur.session.run_table import csv_of_runs
from secateur.ui.panels.runs import COLUMNS
from secateur.ui.widgets.elided_label import ElidedLabel


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
