"""Keeping a layer's choice in the window: by key, menu, button; where it is marked, and what a slider then does."""

import pytest
from layers_in_rows import LEFT, ask_for_menu, click_entry, row_place
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QPushButton
from solved_budgets import newest_reach, newest_solution

from secateur.engine.requests import SolveBudget
from secateur.ui.models.layer_table import KEYS


@pytest.fixture
def solving(shown, model, spectra, table):
    """The window with a plan that the budget has made."""
    shown.open(model, spectra)
    shown.session.update(tables={"free": table})
    shown.settle()
    shown.engine.say(newest_reach(shown.engine))
    shown.until(lambda: shown.state.least is not None)
    shown.settle()
    drag(shown, 90)
    return shown


def drag(shown, x: int) -> None:
    """Click on the size slider, and let the solver answer."""
    shown.qtbot.mouseClick(shown.workspace.plan_bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(x, 12))
    while shown.session.budget.is_solving:
        asked = len(shown.engine.asked(SolveBudget))
        shown.engine.say(newest_solution(shown.engine))
        shown.until(lambda n=asked: not shown.session.budget.is_solving or len(shown.engine.asked(SolveBudget)) > n)
    shown.settle()


def plan_text(shown, layer: str) -> str:
    table = shown.layers.table
    return table.text(table.layers[table.row_of(layer)], "plan")


def test_the_key_keeps_the_selected_layers_and_lets_them_go(solving) -> None:
    solving.layers.select(["conv1", "linear"])
    before = {name: solving.state.steps_of(name) for name in ("conv1", "linear")}
    solving.layers.view.setFocus()
    solving.press(Qt.Key.Key_K, widget=solving.layers.view)
    solving.settle()
    assert solving.state.kept == {"conv1", "linear"}
    assert plan_text(solving, "conv1").endswith("kept")
    drag(solving, 40)
    solving.layers.view.setFocus()
    assert {name: solving.state.steps_of(name) for name in ("conv1", "linear")} == before
    solving.press(Qt.Key.Key_K, widget=solving.layers.view)
    assert solving.state.kept == frozenset()


def test_the_plan_panels_lock_says_what_it_does_and_does_it(solving) -> None:
    solving.layers.select(["conv1"])
    solving.settle()
    lock = solving.find(QPushButton, "plan_keep")
    assert lock.toolTip().startswith("Keep this choice")
    solving.qtbot.mouseClick(lock, LEFT)
    solving.settle()
    assert solving.state.kept == {"conv1"}
    assert lock.toolTip().startswith("Let the budget choose")


@pytest.mark.display
def test_the_menu_of_a_row_keeps_and_frees(solving) -> None:
    view = solving.layers.view
    click_entry(solving.qtbot, ask_for_menu(view.viewport(), row_place(view, 1, "layer")), "keep")
    solving.settle()
    assert solving.state.kept == {"layer1.0.conv1"}
    menu = ask_for_menu(view.viewport(), row_place(view, 1, "layer"))
    assert any(entry.text().startswith("Let the budget choose") for entry in menu.actions())
    click_entry(solving.qtbot, menu, "keep")
    assert solving.state.kept == frozenset()


def test_a_cell_that_is_clicked_in_the_map_is_kept_and_the_notice_lets_it_go(solving) -> None:
    solving.workspace.detail.show_tab("sensitivity")
    solving.settle()
    heat_map = solving.workspace.detail.tab("sensitivity").map
    heat_map.option_chosen.emit(["conv1"], "int5")
    solving.settle()
    assert solving.state.kept == {"conv1"}
    drag(solving, 60)
    assert [method.badge() for method in solving.state.steps_of("conv1")] == ["5-bit"]
    button = solving.find(QPushButton, "notice_remedy")
    assert button.text() == "Let the budget choose"
    solving.qtbot.mouseClick(button, LEFT)
    assert solving.state.kept == frozenset()
    assert solving.session.budget.is_solving


def test_kept_layers_look_otherwise_in_table_and_map_and_are_filtered(solving) -> None:
    solving.workspace.detail.show_tab("sensitivity")
    solving.layers.select(["conv1"])
    solving.settle()
    heat_map = solving.workspace.detail.tab("sensitivity").map
    before = heat_map.grab().toImage(), solving.layers.view.grab().toImage()
    solving.session.keeping.keep(["linear"])
    solving.settle()
    solving.until(lambda: solving.layers.view.grab().toImage() != before[1])
    assert heat_map.grab().toImage() != before[0]
    solving.qtbot.keyClicks(solving.layers.filter_box, "kept")
    assert [layer.name for layer in solving.layers.visible_layers()] == ["linear"]
    assert solving.layers.table.data(solving.layers.table.index(5, KEYS.index("plan"))).endswith("kept")


def test_the_limit_that_binds_is_named_in_the_plan_bar(solving) -> None:
    row = solving.workspace.plan_bar.size_budget
    assert row.caption.text() == "Size binds"
    assert "less damage" in row.caption.toolTip()
    solving.session.choose_option(["conv1"], "prune90")
    solving.settle()
    assert row.caption.text() == "Size budget"


def test_a_budget_without_a_plan_offers_the_nearest_and_the_knob_goes_there(solving) -> None:
    solving.layers.select([row.name for row in solving.state.rows[:3]])
    solving.layers.view.setFocus()
    solving.press(Qt.Key.Key_Delete, widget=solving.layers.view)
    solving.settle()
    assert len(solving.state.kept) == 3
    drag(solving, 11)
    bar, plan = solving.workspace.plan_bar, solving.state.recipe
    button = next(b for b in solving.window.findChildren(QPushButton, "notice_remedy") if "nearest" in b.text())
    unmet = bar.slider.value()
    assert bar.size_budget.caption.text() == "Size not met"
    solving.qtbot.mouseClick(button, LEFT)
    solving.settle()
    assert solving.state.recipe != plan
    assert bar.size_budget.caption.text() == "Size binds"
    assert bar.slider.value() == pytest.approx(solving.state.taken["bytes"])
    assert bar.slider.value() > unmet
    assert bar.budget_figure.text().startswith("≤")
    assert solving.session.predicted().bytes <= solving.state.taken["bytes"] * 1.01
