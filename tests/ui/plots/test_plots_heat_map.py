"""The heat map: what its cells mean, and how they are chosen with mouse and keys."""

from itertools import pairwise

import numpy as np
import pytest
from painted_texts import texts_of
from PySide6.QtCore import QPoint, Qt

from secateur.recipe.options import OPTIONS
from secateur.ui.plots.heat_cells import decades, grouped, make_cells, paired
from secateur.ui.plots.heat_geometry import CELL, HEADER, ROW, arrange
from secateur.ui.plots.heat_map import HeatMap
from secateur.ui.plots.heat_paint import ink_on, map_color
from secateur.ui.plots.heat_tip import cell_read_out
from secateur.ui.theme.palette import contrast

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def names(model):
    return [layer.name for layer in model.weighted_layers]


@pytest.fixture
def sizes(model):
    return {layer.name: layer.size_bytes for layer in model.weighted_layers}


@pytest.fixture
def heat_map(qtbot, names, table, sizes):
    heat_map = HeatMap("map", "Map")
    qtbot.addWidget(heat_map)
    heat_map.resize(520, 300)
    heat_map.show_table(names, OPTIONS, table, sizes=sizes)
    with qtbot.waitExposed(heat_map):
        heat_map.show()
    return heat_map


def with_row(table, layer, option, **changes):
    rows = tuple(
        row.model_copy(update=changes) if (row.layer, row.option) == (layer, option) else row for row in table.rows
    )
    return table.model_copy(update={"rows": rows})


def column_of(option: str) -> int:
    return next(column for column, one in enumerate(OPTIONS) if one.id == option)


def middle(heat_map, layer, option) -> QPoint:
    return heat_map.cell_box(layer, option).center().toPoint()


def test_a_click_on_a_cell_chooses_its_option_for_its_layer(qtbot, heat_map):
    with (
        qtbot.waitSignal(heat_map.layer_selected) as selected,
        qtbot.waitSignal(heat_map.option_chosen) as chosen,
    ):
        qtbot.mouseClick(heat_map.viewport(), LEFT, pos=middle(heat_map, "layer1.0.conv2", "prune75"))
    assert selected.args == ["layer1.0.conv2"]
    assert chosen.args == [["layer1.0.conv2"], "prune75"]


def test_a_click_in_one_of_several_selected_rows_counts_for_all_of_them(qtbot, heat_map, names, table, sizes):
    heat_map.show_table(names, OPTIONS, table, sizes=sizes, selected={"conv1", "linear"})
    with (
        qtbot.assertNotEmitted(heat_map.layer_selected),
        qtbot.waitSignal(heat_map.option_chosen) as chosen,
    ):
        qtbot.mouseClick(heat_map.viewport(), LEFT, pos=middle(heat_map, "linear", "int8"))
    assert chosen.args == [["conv1", "linear"], "int8"]


def test_a_click_on_a_name_selects_the_layer_and_chooses_nothing(qtbot, heat_map):
    place = heat_map.geometry_now().name_box(3).center().toPoint()
    with (
        qtbot.assertNotEmitted(heat_map.option_chosen),
        qtbot.waitSignal(heat_map.layer_selected) as selected,
    ):
        qtbot.mouseClick(heat_map.viewport(), LEFT, pos=place)
    assert selected.args == ["layer2.0.conv1"]


def test_an_unavailable_cell_is_not_chosen_and_says_why(qtbot, heat_map, names, table, sizes):
    table = with_row(table, "conv1", "int4", damage=None, unavailable="The first layer stays dense.")
    heat_map.show_table(names, OPTIONS, table, sizes=sizes)
    with qtbot.assertNotEmitted(heat_map.option_chosen):
        qtbot.mouseClick(heat_map.viewport(), LEFT, pos=middle(heat_map, "conv1", "int4"))
    words = cell_read_out(heat_map.cells, (0, column_of("int4")), sizes, (table, None))
    assert "The first layer stays dense." in " ".join(text for text, _ in words.rows)


def test_arrows_move_and_space_chooses(qtbot, heat_map):
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right):
        qtbot.keyClick(heat_map, key)
    with qtbot.waitSignal(heat_map.option_chosen) as chosen:
        qtbot.keyClick(heat_map, Qt.Key.Key_Space)
    assert chosen.args == [["layer1.0.conv2"], "w7a8"]


@pytest.mark.parametrize(
    ("key", "option"),
    [
        (Qt.Key.Key_8, "int8"),
        (Qt.Key.Key_7, "w7a8"),
        (Qt.Key.Key_6, "w6a8"),
        (Qt.Key.Key_5, "w5a8"),
        (Qt.Key.Key_4, "w4a8"),
        (Qt.Key.Key_3, "w3a8"),
        (Qt.Key.Key_2, "w2a8"),
    ],
)
def test_a_digit_chooses_that_bit_width_in_the_row_of_the_cursor(qtbot, heat_map, key, option):
    qtbot.keyClick(heat_map, Qt.Key.Key_Down)
    with qtbot.waitSignal(heat_map.option_chosen) as chosen:
        qtbot.keyClick(heat_map, key)
    assert chosen.args == [["layer1.0.conv1"], option]


def test_keys_on_an_empty_map_do_nothing(qtbot):
    heat_map = HeatMap("map", "Map")
    qtbot.addWidget(heat_map)
    heat_map.show()
    with qtbot.assertNotEmitted(heat_map.option_chosen):
        qtbot.keyClick(heat_map, Qt.Key.Key_Space)
        qtbot.keyClick(heat_map, Qt.Key.Key_Down)
    heat_map.grab()


def test_five_hundred_layers_scroll_and_the_selected_one_comes_into_view(qtbot, big_model):
    names = [layer.name for layer in big_model.weighted_layers]
    heat_map = HeatMap("map", "Map")
    qtbot.addWidget(heat_map)
    heat_map.resize(520, 300)
    with qtbot.waitExposed(heat_map):
        heat_map.show()
    heat_map.show_table(names, OPTIONS, None, selected={names[400]})
    box = heat_map.cell_box(names[400], "int8")
    assert box.top() >= HEADER
    assert box.bottom() <= heat_map.viewport().height()
    heat_map.grab()


def test_only_the_rows_in_view_are_painted(qtbot, big_model, monkeypatch):
    painted = []
    heat_map = HeatMap("map", "Map")
    monkeypatch.setattr(heat_map, "_paint_row", lambda painter, geometry, row, *rest: painted.append(row))
    qtbot.addWidget(heat_map)
    heat_map.resize(520, 300)
    heat_map.show_table([layer.name for layer in big_model.weighted_layers], OPTIONS, None)
    heat_map.grab()
    assert 0 < len(set(painted)) < 30


def test_the_colour_range_does_not_shrink_while_results_come_in(heat_map, names, table, sizes):
    heat_map.show_table(names, OPTIONS, table, sizes=sizes, range_key="a")
    low, high = heat_map.cells.range
    part = table.model_copy(update={"rows": table.rows[:1]})
    heat_map.show_table(names, OPTIONS, part, sizes=sizes, range_key="a")
    assert heat_map.cells.range == (low, high)
    heat_map.show_table(names, OPTIONS, part, sizes=sizes, range_key="b")
    assert heat_map.cells.range != (low, high)


def test_the_range_is_whole_decades_around_nearly_all_values():
    values = np.concatenate([np.full(500, 0.02), np.full(500, 0.3), [1e-12]])
    low, high = decades(values)
    assert (low, high) == (pytest.approx(0.01), pytest.approx(1.0))


def test_a_range_without_values_is_still_a_range():
    low, high = decades(np.full((3, 2), np.nan))
    assert 0 < low < high


def test_damage_per_kilobyte_is_damage_over_what_is_saved(names, table, sizes):
    cells = make_cells(names, OPTIONS, table, sizes, per_kilobyte=True)
    row = table.row("conv1", "int8")
    assert cells.values[0, 0] == pytest.approx(row.damage / ((sizes["conv1"] - row.bytes) / 1000))


def test_an_option_that_saves_nothing_has_no_damage_per_kilobyte_but_a_reason(names, table, sizes):
    cells = make_cells(names, OPTIONS, table, sizes, per_kilobyte=True)
    column = next(j for j, option in enumerate(OPTIONS) if option.id == "prune50")
    assert np.isnan(cells.values[0, column])
    assert "Saves no bytes" in cells.reasons[0, column]


def test_only_a_measured_table_marks_its_estimates(names, table, sizes):
    assert not make_cells(names, OPTIONS, table, sizes).estimated.any()
    measured = table.model_copy(update={"depth": "measure", "unit": "nats"})
    scored = [option for option in OPTIONS if option.id in {row.option for row in table.rows}]
    assert make_cells(names, scored, measured, sizes).estimated.all()


def test_the_tooltip_tells_measured_from_estimated_and_gives_the_size(names, table, sizes):
    measured = with_row(table, "conv1", "int8", damage=0.124, measured=True).model_copy(
        update={"depth": "measure", "unit": "nats"}
    )
    cells = make_cells(names, OPTIONS, measured, sizes)
    rows = dict(cell_read_out(cells, (0, 0), sizes, (measured, table)).rows)
    assert rows["damage, measured"] == "0.124 nats"
    assert rows["damage, estimated"].endswith("relative error")
    assert "→" in rows["size"]


def test_a_cell_that_waits_says_so(names, sizes):
    cells = make_cells(names, OPTIONS, None, sizes)
    assert cell_read_out(cells, (0, 0), sizes, (None, None)).rows == (("not measured yet", ""),)


def test_pairs_for_the_scatter_are_cells_with_both_numbers(table):
    measured = with_row(table, "conv1", "int8", measured=True)
    estimated, truths = paired(table, measured)
    assert len(estimated) == len(truths) == 1


@pytest.mark.parametrize("width", [240, 520, 900, 3000])
@pytest.mark.parametrize("rows", [5, 20, 500])
def test_cells_keep_their_measures_at_every_size(width, rows):
    geometry = arrange(rows, OPTIONS, width, 500, 100)
    assert CELL[0] <= geometry.cell <= CELL[1]
    assert ROW[0] <= geometry.row <= ROW[1]
    assert all(b > a for a, b in pairwise(geometry.lefts))


def test_groups_stand_farther_apart_than_cells():
    geometry = arrange(5, OPTIONS, 800, 500, 100)
    (_, first), (_, second) = grouped(OPTIONS)[:2]
    inside = geometry.lefts[first[1]] - geometry.lefts[first[0]]
    between = geometry.lefts[second[0]] - geometry.lefts[first[-1]]
    assert between - inside == 12


def test_every_cell_is_found_where_it_is_drawn():
    geometry = arrange(7, OPTIONS, 700, 400, 100)
    for row in range(7):
        for column in range(len(OPTIONS)):
            assert geometry.at(geometry.cell_box(row, column).center(), 0) == (row, column)


@pytest.mark.parametrize("share", np.linspace(0, 1, 21))
def test_a_value_can_be_read_on_every_colour_of_the_map(share):
    fill = map_color(float(share))
    assert contrast(ink_on(fill).name(), fill.name()) >= 4.5


def test_the_first_row_in_view_has_its_name_also_where_rows_are_as_low_as_they_get(qtbot, big_model):
    names = [layer.name for layer in big_model.weighted_layers]
    heat_map = HeatMap("map", "Map")
    qtbot.addWidget(heat_map)
    heat_map.resize(900, 420)
    heat_map.show_table(names, OPTIONS, None, selected={names[0]})
    with qtbot.waitExposed(heat_map):
        heat_map.show()
    middle = heat_map.geometry_now().name_box(0).center().y()
    assert [text.text for text in texts_of(heat_map) if abs(text.ink.center().y() - middle) < 5]
