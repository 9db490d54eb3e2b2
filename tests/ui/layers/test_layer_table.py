"""The layer table: what it shows, and that what a person did to it survives."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.editing import with_method
from secateur.recipe.options import option
from secateur.session.state import SessionState
from secateur.ui.models.layer_table import BINS, KEYS, LayerTable
from secateur.ui.panels.layers import LayersPanel


@pytest.fixture
def panel(qtbot: QtBot) -> LayersPanel:
    made = LayersPanel()
    qtbot.addWidget(made)
    made.set_columns(KEYS)
    made.resize(700, 500)
    made.show()
    return made


def names(panel: LayersPanel) -> list[str]:
    return [layer.name for layer in panel.visible_layers()]


def planned(state: SessionState, *layers: str, with_option: str = "int8") -> SessionState:
    method = option(with_option).method
    return state.with_(recipe=with_method(state.recipe, layers, method.family, method))


def click_heading(panel: LayersPanel, key: str, qtbot: QtBot) -> None:
    header = panel.view.horizontalHeader()
    section = KEYS.index(key)
    x = header.sectionViewportPosition(section) + header.sectionSize(section) // 2
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=header.rect().center().__class__(x, 10))


def test_the_model_keeps_qts_promises(model: ModelDescription, qtmodeltester: ModelTester) -> None:
    table = LayerTable()
    table.show_state(SessionState(model=model))
    qtmodeltester.check(table, force_py=True)


def test_rows_are_the_weighted_layers_in_network_order(panel: LayersPanel, model: ModelDescription) -> None:
    panel.show_state(SessionState(model=model))
    assert names(panel) == [layer.name for layer in model.layers]


def test_a_heading_sorts_by_largest_then_smallest_then_network_order(
    panel: LayersPanel, model: ModelDescription, qtbot: QtBot
) -> None:
    panel.show_state(SessionState(model=model))
    sizes = {layer.name: layer.size_bytes for layer in model.layers}
    orders = []
    for _ in range(3):
        click_heading(panel, "size", qtbot)
        orders.append([sizes[name] for name in names(panel)])
    assert orders[0] == sorted(sizes.values(), reverse=True)
    assert orders[1] == sorted(sizes.values())
    assert orders[2] == list(sizes.values())


def test_the_first_layer_is_selected_when_a_network_opens(panel: LayersPanel, model: ModelDescription) -> None:
    panel.show_state(SessionState(model=model))
    assert panel.selected() == ("conv1",)


def test_selection_survives_every_change_of_the_plan(panel: LayersPanel, model: ModelDescription) -> None:
    state = SessionState(model=model)
    panel.show_state(state)
    panel.select(["layer2.0.conv1", "linear"])
    panel.show_state(planned(state, "linear"))
    assert set(panel.selected()) == {"layer2.0.conv1", "linear"}


def test_selection_survives_measured_times_and_sorting(panel, model: ModelDescription, qtbot: QtBot) -> None:
    from dataclasses import replace

    panel.show_state(SessionState(model=model))
    panel.select(["layer1.0.conv2"])
    timed = replace(model, layers=tuple(replace(layer, latency_ms=0.1) for layer in model.layers))
    panel.show_state(SessionState(model=timed))
    click_heading(panel, "params", qtbot)
    assert panel.selected() == ("layer1.0.conv2",)


def test_layers_like_this_one_are_those_of_the_same_shape(panel: LayersPanel, model: ModelDescription) -> None:
    panel.show_state(SessionState(model=model))
    panel.select(["layer1.0.conv2"])
    panel.select_alike()
    assert panel.selected() == ("layer1.0.conv2", "layer1.0.conv1")


def test_the_filter_hides_rows_and_the_totals_say_so(panel: LayersPanel, model: ModelDescription, qtbot: QtBot) -> None:
    panel.show_state(SessionState(model=model))
    qtbot.keyClicks(panel.filter_box, "layer1")
    assert names(panel) == ["layer1.0.conv1", "layer1.0.conv2"]
    assert panel.totals.texts["layer"] == "2 of 6 layers"


def test_a_filter_that_makes_no_sense_is_explained_and_hides_nothing(
    panel: LayersPanel, model: ModelDescription, qtbot: QtBot
) -> None:
    panel.show_state(SessionState(model=model))
    qtbot.keyClicks(panel.filter_box, "size>huge")
    assert panel.problem.isVisible()
    assert "size>huge" in panel.problem.text()
    assert len(names(panel)) == 6


def test_the_filter_follows_the_plan_when_it_asks_for_planned_layers(
    panel: LayersPanel, model: ModelDescription
) -> None:
    state = SessionState(model=model)
    panel.show_state(state)
    panel.filter_box.setText("planned")
    panel.show_state(planned(state, "linear"))
    assert names(panel) == ["linear"]


def test_a_planned_layer_wears_the_badges_of_its_methods(panel: LayersPanel, model: ModelDescription) -> None:
    state = planned(planned(SessionState(model=model), "linear"), "linear", with_option="prune50")
    panel.show_state(state)
    row = panel.table.row_of("linear")
    badges = panel.table.row_content(row).badges
    assert [text.replace("\u00a0", " ") for _, text in badges] == ["prune 50 %", "int8"]
    assert panel.totals.texts["plan"] == "1 of 6 planned"


def test_a_sparkline_has_24_bars_of_which_the_highest_is_one(model, spectra) -> None:
    table = LayerTable()
    table.show_state(SessionState(model=model, spectra=spectra))
    bins = table.bins("conv1")
    assert bins.shape == (BINS,)
    assert bins.max() == pytest.approx(1.0)
    assert bins.min() >= 0.0


def test_sparklines_are_counted_once_per_layer(model: ModelDescription, spectra) -> None:
    table = LayerTable()
    table.show_state(SessionState(model=model, spectra=spectra))
    before = table.bins("conv1")
    table.show_state(SessionState(model=model, spectra=dict(spectra)))
    assert table.bins("conv1") is before


def test_the_table_is_copied_as_csv_with_raw_numbers(panel: LayersPanel, model: ModelDescription) -> None:
    panel.show_state(planned(SessionState(model=model), "linear"))
    panel.copy_csv()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "layer,kind,shape,params,macs,size_bytes,latency_ms,zeros,plan"
    assert lines[-1] == "linear,Linear,10x16,160,160,640,,,int8"
    assert len(lines) == 7


def test_only_the_selected_rows_are_copied_where_there_are_several(panel: LayersPanel, model: ModelDescription) -> None:
    panel.show_state(SessionState(model=model))
    panel.select(["conv1", "linear"])
    assert len(panel.to_csv().splitlines()) == 3


@pytest.mark.parametrize("width", [276, 360, 646, 900])
def test_columns_always_fill_the_table_without_a_horizontal_scroll_bar(panel, model, width: int) -> None:
    panel.show_state(SessionState(model=model))
    panel.set_columns(("layer", "size", "plan") if width < 600 else KEYS)
    panel.resize(width, 400)
    QApplication.processEvents()
    view = panel.view
    shown = sum(view.columnWidth(n) for n in range(len(KEYS)) if not view.isColumnHidden(n))
    assert shown == view.viewport().width()


def test_five_hundred_layers_change_their_plan_within_a_frame_or_two(panel, big_model: ModelDescription) -> None:
    state = SessionState(model=big_model)
    panel.show_state(state)
    all_names = [layer.name for layer in big_model.layers]
    started = time.process_time()
    for with_option in ("int8", "int4", "int8", "int4"):
        panel.show_state(planned(state, *all_names, with_option=with_option))
        QApplication.processEvents()
    assert (time.process_time() - started) / 4 < 0.1


def test_opening_another_network_forgets_the_old_rows(panel, model, big_model, table: SensitivityTable) -> None:
    panel.show_state(SessionState(model=model, tables={"free": table}))
    panel.show_state(SessionState(model=big_model))
    assert len(names(panel)) == 500
    panel.show_state(SessionState())
    assert names(panel) == []
    assert panel.selected() == ()
