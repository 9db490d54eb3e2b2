"""Rows of the layer table: pins, menus, filter; by mouse and keys."""

import numpy as np
import pytest
from layers_in_rows import LEFT, ask_for_menu, click_entry, names, row_place
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QMenu, QPushButton

from secateur.session.memory import Memory
from secateur.ui.models.layer_table import COLUMNS, KEYS

# ---------------------------------------------------------------------- pins


def test_a_pinned_layer_stays_on_top_through_sort_and_filter_and_comes_back_with_its_model(shown, mobile, model, qtbot):
    shown.open(mobile)
    panel, view = shown.layers, shown.layers.view
    qtbot.mouseClick(view.viewport(), LEFT, pos=row_place(view, 4))
    pinned = panel.selected()[0]
    qtbot.keyClick(view, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert names(panel)[0] == pinned
    assert panel.selected() == (pinned,)
    view.sort_by(KEYS.index("params"), Qt.SortOrder.DescendingOrder)
    assert names(panel)[0] == pinned
    qtbot.keyClicks(panel.filter_box, "classifier")
    assert names(panel) == [pinned, "classifier.1"]
    panel.clear_filter()
    shown.until(lambda: Memory().recall(mobile.fingerprint).view.pinned == [pinned])
    shown.open(model)
    assert panel.order.pinned_count == 0
    shown.open(mobile)
    shown.until(lambda: names(panel)[0] == pinned)
    panel.select([pinned])
    panel.toggle_pins()
    assert panel.order.pinned_count == 0


def test_pinned_layers_stand_first_in_the_heat_map_too(shown, mobile):
    shown.open(mobile)
    shown.workspace.detail.show_tab("sensitivity")
    shown.layers.select(["classifier.1"])
    shown.layers.toggle_pins()
    assert shown.workspace.detail.tab("sensitivity").map.cells.layers[0] == "classifier.1"


# ---------------------------------------------------------------------- menus


@pytest.mark.display
def test_the_menu_of_a_row_copies_selects_plans_filters_and_pins(shown, mobile, qtbot):
    shown.open(mobile)
    panel, view = shown.layers, shown.layers.view
    clipboard = QGuiApplication.clipboard()
    name = names(panel)[2]

    def menu(key: str = "layer") -> QMenu:
        return ask_for_menu(view.viewport(), row_place(view, names(panel).index(name), key))

    click_entry(qtbot, menu(), "copy_name")
    assert clipboard.text() == name
    assert panel.selected() == (name,)  # the row below the mouse became the selection
    click_entry(qtbot, menu(), "copy_row")
    assert clipboard.text().splitlines()[1].startswith(f"{name},Conv2d,128x1x3x3")
    click_entry(qtbot, menu("size"), "copy_value")
    assert clipboard.text() == panel.table.text(panel.table.layers[2], "size")
    plan = menu()
    sub = next(entry.menu() for entry in plan.actions() if entry.menu())
    sub.popup(QPoint(0, 0))
    click_entry(qtbot, sub, "plan_int8")
    plan.close()
    assert [method.badge() for method in shown.state.steps_of(name)] == ["int8"]
    click_entry(qtbot, menu(), "pin")
    assert names(panel)[0] == name
    click_entry(qtbot, menu(), "filter_kind")
    assert all("depthwise" in row.name for row in panel.visible_layers())
    panel.clear_filter()
    click_entry(qtbot, menu(), "select_alike")
    assert len(panel.selected()) == 16
    click_entry(qtbot, menu(), "show_in_graph")
    assert shown.workspace.detail.current == "graph"


@pytest.mark.display
def test_the_menu_opens_by_key_for_the_current_row(shown, mobile):
    shown.open(mobile)
    view = shown.layers.view
    view.setFocus()
    menu = ask_for_menu(view.viewport(), QPoint(0, 0), QContextMenuEvent.Reason.Keyboard)
    assert menu.objectName() == "layer_menu"
    menu.close()


@pytest.mark.display
def test_the_menu_of_a_cell_plans_its_option_and_copies_its_value(shown, model, table, qtbot):
    shown.open(model)
    shown.session.update(tables={"free": table})
    shown.workspace.detail.show_tab("sensitivity")
    heat_map = shown.workspace.detail.tab("sensitivity").map
    shown.until(lambda: heat_map.cells.values.size and np.isfinite(heat_map.cells.values[:, 0]).all())
    place = heat_map.cell_box("layer2.0.conv2", "int4").center().toPoint()
    click_entry(qtbot, ask_for_menu(heat_map.viewport(), place), "copy_value")
    assert QGuiApplication.clipboard().text() == "0.010"
    assert shown.layers.selected() == ("layer2.0.conv2",)
    click_entry(qtbot, ask_for_menu(heat_map.viewport(), place), "plan_cell")
    assert [method.badge() for method in shown.state.steps_of("layer2.0.conv2")] == ["4-bit"]
    named = heat_map.geometry_now().name_box(0).center().toPoint()
    menu = ask_for_menu(heat_map.viewport(), named)
    assert "plan_cell" not in [entry.objectName() for entry in menu.actions()]
    menu.close()


def test_what_a_menu_cannot_do_says_why(shown, mobile):
    shown.open(mobile)
    view = shown.layers.view
    menus = [
        ask_for_menu(view.viewport(), row_place(view, 0)),
        *(
            ask_for_menu(view.heading.viewport(), QPoint(view.heading.sectionViewportPosition(n) + 3, 9))
            for n in (0, 1, 9)
        ),
    ]
    off = 0
    for menu in menus:
        for entry in (e for top in menu.actions() for e in (top.menu().actions() if top.menu() else [top])):
            if not entry.isEnabled() and not entry.isSeparator():
                off += 1
                assert entry.toolTip() != entry.text()
                assert entry.toolTip().endswith(".")
        assert menu.toolTipsVisible()
        menu.close()
    assert off > 3


# ---------------------------------------------------------------------- filter


def test_the_filter_acts_on_the_heat_map_too(shown, mobile, qtbot):
    shown.open(mobile)
    shown.workspace.detail.show_tab("sensitivity")
    heat_map = shown.workspace.detail.tab("sensitivity").map
    assert len(heat_map.cells.layers) == 50
    qtbot.keyClicks(shown.layers.filter_box, "project")
    assert heat_map.cells.layers == tuple(names(shown.layers))
    assert len(heat_map.cells.layers) == 16
    shown.layers.filter_box.clear()
    assert len(heat_map.cells.layers) == 50


def test_a_tab_that_is_built_later_is_filtered_as_well(shown, model, qtbot):
    shown.open(model)
    qtbot.keyClicks(shown.layers.filter_box, "layer2")
    shown.workspace.detail.show_tab("sensitivity")
    assert shown.workspace.detail.tab("sensitivity").map.cells.layers == ("layer2.0.conv1", "layer2.0.conv2")


@pytest.mark.parametrize("key", [Qt.Key.Key_Down, Qt.Key.Key_Return])
@pytest.mark.display
def test_down_and_return_enter_the_table_from_the_filter(shown, model, qtbot, key):
    shown.open(model)
    panel = shown.layers
    panel.filter_box.setFocus()
    qtbot.keyClicks(panel.filter_box, "layer2")
    qtbot.keyClick(panel.filter_box, key)
    assert panel.view.hasFocus()
    assert panel.selected() == ("layer2.0.conv1",)
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    assert panel.selected() == ("layer2.0.conv2",)


def test_an_empty_search_says_so_in_table_and_heat_map_and_is_cleared_by_a_click(shown, model, qtbot):
    shown.open(model)
    shown.workspace.detail.show_tab("sensitivity")
    for name in ("no_layer_matches", "no_cell_matches"):
        qtbot.keyClicks(shown.layers.filter_box, "nothing")
        empty = shown.find(type(shown.layers.no_match), name)
        assert empty.isVisible()
        assert empty.words.text() == "No layer matches “nothing”."
        assert not names(shown.layers)
        shown.until(lambda empty=empty: empty.clear.height() > 0)
        qtbot.mouseClick(shown.find(QPushButton, f"{name}_clear"), LEFT)
        assert not empty.isVisible()
        assert len(names(shown.layers)) == 6


def test_an_empty_search_is_told_below_the_pinned_rows(shown, mobile, qtbot):
    shown.open(mobile)
    panel = shown.layers
    panel.select([mobile.layers[3].name, mobile.layers[4].name])
    panel.toggle_pins()
    qtbot.keyClicks(panel.filter_box, "nothing")
    assert names(panel) == [mobile.layers[3].name, mobile.layers[4].name]
    assert panel.no_match.isVisible()
    assert panel.no_match.y() >= panel.view.visualRect(panel.order.index(1, 0)).bottom()


def test_selection_survives_filter_and_sort(shown, mobile, qtbot):
    shown.open(mobile)
    panel = shown.layers
    chosen = [row.name for row in panel.table.layers if "project" in row.name][:3]
    panel.select(chosen)
    qtbot.keyClicks(panel.filter_box, "project")
    assert set(panel.selected()) == set(chosen)
    panel.view.sort_by(KEYS.index("layer"), Qt.SortOrder.DescendingOrder)
    assert set(panel.selected()) == set(chosen)
    panel.clear_filter()
    assert set(panel.selected()) == set(chosen)


def test_every_column_and_control_of_the_panel_says_what_it_is(shown, model):
    shown.open(model)
    assert all(column.tooltip for column in COLUMNS)
    for button in shown.layers.findChildren(QPushButton):
        assert button.toolTip()
        assert button.objectName()
