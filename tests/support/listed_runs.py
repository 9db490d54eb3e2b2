"""Runs in the list of the window, and what a person does with them there: rows, menus, fields."""

from dataclasses import replace
from pathlib import Path

from known_results import a_document, an_evaluation
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu

from secateur.data.source import DataSource
from secateur.engine.events import Finished, RunRecord, RunsListed
from secateur.engine.requests import ListRuns
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe, Step
from secateur.ui.panels.runs import COLUMNS

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


def with_result(run: RunRecord, value: float = 0.8, size_bytes: int = 200_000) -> RunRecord:
    document = a_document(run.run).model_copy(update={"result": an_evaluation(value, size_bytes)})
    return replace(run, state="finished", document=document)
