"""The Sensitivity tab: depths, measures, the running measurement, and what a click asks for."""

import pytest
from painted_texts import texts_of
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from secateur.engine.requests import DataSource, ScoreSensitivity
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.documents import WithinOptionCorrelation
from secateur.recipe.editing import with_method
from secateur.recipe.options import OPTIONS
from secateur.session.state import JobState, SessionState
from secateur.ui.panels.sensitivity import SensitivityTab
from secateur.ui.panels.sensitivity_cells import chosen_cells, is_option
from secateur.ui.plots.heat_tip import cell_read_out

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def measured(table):
    rows = tuple(row.model_copy(update={"measured": True, "damage": row.damage * 1.1}) for row in table.rows)
    changes = {"depth": "measure", "unit": "nats", "rows": rows, "samples": 512, "rank_correlation": 0.95}
    return table.model_copy(update=changes)


@pytest.fixture
def estimated(table):
    rows = tuple(
        row.model_copy(
            update={"measured": True, "samples": 16, "low": row.damage * 0.5, "high": row.damage * 2.0}
            | ({"weights_damage": row.damage * 0.3} if row.option == "int8" else {})
        )
        for row in table.rows
    )
    within = WithinOptionCorrelation(mean=0.88, low=0.79, high=0.93, by_option={"int8": 0.81, "int4": 0.95})
    changes = {"depth": "estimate", "unit": "nats", "rows": rows, "samples": 16, "seconds": 1.4}
    return table.model_copy(update={**changes, "within_option_correlation": within, "rank_correlation": None})


@pytest.fixture
def state(model, spectra, table):
    return SessionState(model=model, spectra=spectra, data_source=DataSource("x"), tables={"free": table})


@pytest.fixture
def tab(qtbot):
    tab = SensitivityTab()
    qtbot.addWidget(tab)
    tab.resize(940, 600)
    with qtbot.waitExposed(tab):
        tab.show()
    return tab


def choose_depth(qtbot, tab, depth):
    qtbot.mouseClick(tab.depth_choice._segments[depth], LEFT)


def test_without_a_model_it_says_what_would_fill_it(tab):
    tab.show_state(SessionState(), ())
    assert not tab.is_filled


def test_the_deepest_table_at_hand_is_shown(tab, state, table, measured):
    tab.show_state(state, ())
    assert tab.depth_choice.value() == "free"
    tab.show_state(state.with_(tables={"free": table, "measure": measured}), ())
    assert tab.depth_choice.value() == "measure"


def test_a_persons_own_depth_stays(qtbot, tab, state, table, measured):
    both = state.with_(tables={"free": table, "measure": measured})
    tab.show_state(both, ())
    choose_depth(qtbot, tab, "free")
    tab.show_state(both, ())
    assert tab.depth_choice.value() == "free"
    assert tab.map.cells.unit == "relative error"


def test_the_measured_depth_without_measurements_offers_to_measure(qtbot, tab, state):
    tab.show_state(state, ())
    choose_depth(qtbot, tab, "measure")
    assert tab.unmeasured.isVisible()
    assert not tab.map.isVisible()
    with qtbot.waitSignal(tab.score_wanted) as wanted:
        qtbot.mouseClick(tab.unmeasured.button, LEFT)
    assert wanted.args == ["measure"]


def test_the_estimated_depth_without_an_estimate_offers_one(qtbot, tab, state):
    tab.show_state(state, ())
    choose_depth(qtbot, tab, "estimate")
    assert tab.unmeasured.isVisible()
    with qtbot.waitSignal(tab.score_wanted) as wanted:
        qtbot.mouseClick(tab.unmeasured.button, LEFT)
    assert wanted.args == ["estimate"]


def test_an_estimate_is_shown_with_how_well_it_orders_layers_and_one_can_go_on_to_measure(
    qtbot, tab, state, table, estimated
):
    tab.show_state(state.with_(tables={"free": table, "estimate": estimated}), ())
    assert tab.depth_choice.value() == "estimate"
    assert tab.map.isVisible()
    assert tab.chip.kind() == "positive"
    assert "0.88 (0.79 … 0.93)" in tab.chip.text()
    assert all(said in tab.chip.toolTip() for said in ("int8 0.81", "16 samples", "splitting"))
    assert tab.measure.text() == "Measure"
    with qtbot.waitSignal(tab.score_wanted) as wanted:
        qtbot.mouseClick(tab.measure, LEFT)
    assert wanted.args == ["measure"]


def test_a_cell_says_on_how_many_samples_and_within_which_bounds_its_damage_was_found(tab, state, table, estimated):
    tab.show_state(state.with_(tables={"free": table, "estimate": estimated}), ())
    lines = dict(cell_read_out(tab.map.cells, (0, 0), {}, (estimated, table)).rows)
    assert lines["samples"] == "16"
    assert " to " in lines["95 % interval"]
    assert "rounded weights alone" in lines
    other = dict(cell_read_out(tab.map.cells, (0, 1), {}, (estimated, table)).rows)
    assert "rounded weights alone" not in other


def test_a_part_of_an_estimate_says_how_much_of_it_there_is_and_goes_on(qtbot, tab, state, table, estimated):
    part = estimated.model_copy(update={"rows": estimated.rows[:3], "pending": len(estimated.rows) - 3})
    tab.show_state(state.with_(tables={"free": table, "estimate": part}), ())
    assert tab.chip.text() == f"3 of {len(estimated.rows)} cells measured"
    assert tab.measure.text() == "Estimate"
    with qtbot.waitSignal(tab.score_wanted) as wanted:
        qtbot.mouseClick(tab.measure, LEFT)
    assert wanted.args == ["estimate"]


def test_without_data_measuring_is_off_and_says_why(tab, state):
    tab.show_state(state.with_(data_source=None), ())
    assert not tab.measure.isEnabled()
    assert "data" in tab.measure.toolTip()


def test_the_button_asks_to_measure(qtbot, tab, state):
    tab.show_state(state, ())
    with qtbot.waitSignal(tab.score_wanted) as wanted:
        qtbot.mouseClick(tab.measure, LEFT)
    assert wanted.args == ["measure"]


def test_a_running_measurement_shows_its_progress_and_fills_cells_in_place(tab, state, model, table, measured):
    request = ScoreSensitivity(model.source, DataSource("x"), "measure", ("int8",))
    job = JobState(1, request, "Measuring sensitivity", 2, 6, "layer 2 of 6", 12.0)
    part = measured.model_copy(update={"rows": measured.rows[:5], "rank_correlation": None})
    tab.show_state(state.with_(tables={"free": table, "measure": part}, jobs=(job,)), ())
    assert tab.busy.isVisible()
    assert "layer 2 of 6" in tab.busy_text.text()
    assert tab.busy_line.share() == pytest.approx(1 / 3)
    assert tab.map.isVisible()
    known = tab.map.cells.values == tab.map.cells.values
    assert known.sum() == 5
    tab.grab()


@pytest.mark.parametrize(
    ("mean", "low", "kind"),
    [(0.95, 0.9, "positive"), (0.7, 0.55, "positive"), (0.69, 0.55, "warn"), (0.8, 0.45, "warn")],
)
def test_an_estimate_that_does_not_surely_order_the_layers_is_a_warning(tab, state, table, measured, mean, low, kind):
    within = WithinOptionCorrelation(mean=mean, low=low, high=0.97, by_option={"int8": 0.31, "int4": 0.47})
    measured = measured.model_copy(update={"rank_correlation": 0.94, "within_option_correlation": within})
    tab.show_state(state.with_(tables={"free": table, "measure": measured}), ())
    assert tab.chip.kind() == kind
    assert f"{mean:.2f} ({low:.2f} … 0.97)" in tab.chip.text()
    assert "0.94" not in tab.chip.text()
    said = tab.chip.toolTip()
    assert ("measure before you decide" in said) == (kind == "warn")
    assert all(figure in said for figure in ("0.94", "int8 0.31", "int4 0.47"))


def test_a_part_of_a_measurement_is_marked_as_one_and_offers_to_continue(qtbot, tab, state, table, measured):
    part = measured.model_copy(update={"rows": measured.rows[:4], "pending": len(measured.rows) - 4})
    tab.show_state(state.with_(tables={"free": table, "measure": part}), ())
    assert tab.measure.text() == "Continue"
    assert tab.chip.text() == f"4 of {len(measured.rows)} cells measured"
    assert tab.map.isVisible()
    with qtbot.waitSignal(tab.score_wanted) as wanted:
        qtbot.mouseClick(tab.measure, LEFT)
    assert wanted.args == ["measure"]


def test_a_whole_measurement_is_kept_and_needs_no_other(tab, state, table, measured):
    tab.show_state(state.with_(tables={"free": table, "measure": measured}), ())
    assert not tab.measure.isEnabled()
    assert "kept" in tab.measure.toolTip()


def test_a_cell_click_asks_for_the_option(qtbot, tab, state):
    tab.show_state(state, ("conv1",))
    tab.grab()
    place = tab.map.cell_box("conv1", "prune50").center().toPoint()
    with qtbot.waitSignal(tab.option_chosen) as chosen:
        qtbot.mouseClick(tab.map.viewport(), LEFT, pos=place)
    assert chosen.args == [["conv1"], "prune50"]


def test_damage_per_kilobyte_can_be_looked_at(qtbot, tab, state):
    tab.show_state(state, ())
    qtbot.mouseClick(tab.measure_of._segments["per_kb"], LEFT)
    assert "per kB" in tab.map.cells.unit
    assert tab.map.cells.reasons


def test_planned_methods_are_chosen_cells_whatever_their_other_parameters(state):
    recipe = with_method(state.recipe, ["conv1"], "quantize", StaticInt8(observer="minmax"))
    recipe = with_method(recipe, ["linear"], "quantize", WeightOnly(bits=4))
    recipe = with_method(recipe, ["linear"], "weight_pruning", MagnitudePruning(ratio=0.33))
    assert chosen_cells(state.with_(recipe=recipe)) == {("conv1", "int8"), ("linear", "int4")}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: o.id)
def test_every_option_is_itself_and_no_other(option):
    assert [o.id for o in OPTIONS if is_option(o, option.method)] == [option.id]


def test_the_legend_stands_beside_the_map_where_there_is_room_and_below_where_not(qtbot, tab, state):
    tab.resize(1800, 600)
    tab.show_state(state, ())
    tab.grab()
    assert tab.legend.x() > tab.map.x()
    tab.resize(520, 600)
    tab.grab()
    qtbot.waitUntil(lambda: tab.legend.y() > tab.map.y())
    assert tab.legend.x() == tab.map.x()


def test_the_tooltip_carries_the_methods_own_verdict(tab, state):
    tab.show_state(state, ())
    rows = dict(tab.map._read_out((0, 0)).rows)
    assert rows["here"] in {"smaller, faster", "not smaller, faster"}


def test_the_verdict_on_speed_is_told_of_the_target_that_is_chosen(tab, state):
    tab.show_state(state.with_(target="coreml"), ())
    rows = dict(tab.map._read_out((0, 0)).rows)
    assert "in Core ML" in rows
    assert "here" not in rows


def test_five_hundred_layers_are_shown(tab, big_model):
    tab.show_state(SessionState(model=big_model), (big_model.layers[300].name,))
    assert len(tab.map.cells.layers) == 500
    assert not tab.grab().isNull()


def test_the_number_of_samples_is_chosen_with_the_keys(qtbot, tab, state, table, measured):
    tab.show_state(state.with_(tables={"free": table}), ())
    assert not tab.samples.isVisible()  # nothing is measured there
    choose_depth(qtbot, tab, "measure")
    assert tab.samples.currentText() == tab.samples.shown_text() == "n = 512"
    tab.samples.setFocus()
    with qtbot.waitSignal(tab.samples_wanted) as wanted:
        qtbot.keyClick(tab.samples, Qt.Key.Key_Home)
    assert wanted.args == [64]
    tab.show_state(state.with_(measured_on=64), ())
    assert any("runs 64 samples" in part.text() for part in tab.unmeasured.findChildren(QLabel))
    job = JobState(1, ScoreSensitivity(state.model.source, None, "measure", ()), "Measuring")
    tab.show_state(state.with_(measured_on=64, jobs=(job,)), ())
    assert not tab.samples.isEnabled()
    assert "running" in tab.samples.toolTip()


@pytest.mark.parametrize(("unit", "said"), [("nats", "KL divergence in nats"), ("relative error", "relative error")])
def test_the_legend_of_a_part_says_in_what_the_damage_is(tab, state, table, measured, unit, said):
    part = measured.model_copy(update={"rows": measured.rows[:3], "pending": 5, "unit": unit})
    tab.show_state(state.with_(tables={"free": table, "measure": part}), ())
    assert any(said in text.text for text in texts_of(tab.legend))
