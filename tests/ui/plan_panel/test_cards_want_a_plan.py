"""The cards of the plan panel say what a person wants, in forms that are made from the methods."""

import pytest
from plan_cards import Wishes, find
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from secateur.methods import METHODS
from secateur.methods.base import Family, Method
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.recipe.editing import with_method, with_model_step
from secateur.session.state import SessionState
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.panels.plan_families import families, variants
from secateur.ui.panels.plan_form import MethodForm
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.switch import Switch
from secateur.ui.workspace import PLAN_WIDTHS


def test_switching_a_card_on_wants_its_method_and_off_takes_it_out(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    panel.show_state(state, ["conv1"])
    switch = find(panel, Switch, "switch_weight_pruning")
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    assert wishes == [("weight_pruning", MagnitudePruning(), ""), ("weight_pruning", None, "")]


def test_a_step_switched_off_and_on_again_keeps_its_parameters(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    recipe = with_method(state.recipe, ["conv1"], "weight_pruning", MagnitudePruning(ratio=0.8))
    panel.show_state(state.with_(recipe=recipe), ["conv1"])
    panel.show_state(state, ["conv1"])
    qtbot.mouseClick(find(panel, Switch, "switch_weight_pruning"), Qt.MouseButton.LeftButton)
    assert wishes == [("weight_pruning", MagnitudePruning(ratio=0.8), "")]


def test_choosing_four_bits_wants_weight_only_four_bits(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    panel.show_state(state.with_(recipe=with_method(state.recipe, ["conv1"], "quantize", StaticInt8())), ["conv1"])
    segments = find(panel, Segmented, "variants_quantize")
    qtbot.mouseClick(find(segments, QWidget, "segment_weight_only"), Qt.MouseButton.LeftButton)
    assert wishes == [("quantize", WeightOnly(bits=4), "")]


@pytest.mark.parametrize("family", families("layer"))
def test_no_card_is_wider_than_the_panel_of_a_small_window(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, family: Family
) -> None:
    panel.resize(PLAN_WIDTHS[0], 700)
    area = panel.findChild(QScrollArea)
    for variant in variants(family):
        recipe = with_method(state.recipe, ["block.conv1"], family, variant.method)
        panel.show_state(state.with_(recipe=recipe), ["block.conv1"])
        form = find(panel, MethodForm, f"form_{variant.key}")
        qtbot.waitUntil(lambda form=form: form.height() > 20)
        assert area.widget().minimumSizeHint().width() <= area.viewport().width()


def test_the_bits_of_weights_are_chosen_in_the_form(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    panel.show_state(state.with_(recipe=with_method(state.recipe, ["conv1"], "quantize", WeightOnly())), ["conv1"])
    bits = find(find(panel, MethodForm, "form_weight_only"), QComboBox, "field_bits")
    assert bits.currentText() == "4"
    place = bits.findText("3")
    bits.setCurrentIndex(place)
    bits.activated.emit(place)
    assert wishes == [("quantize", WeightOnly(bits=3), "")]


def test_one_drag_has_one_name_and_the_next_drag_another(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    recipe = with_method(state.recipe, ["conv1"], "weight_pruning", MagnitudePruning())
    panel.show_state(state.with_(recipe=recipe), ["conv1"])
    slider = find(panel, RatioSlider, "slider_ratio")
    for places in ((20, 30, 40), (60, 50)):
        qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(places[0], 12))
        for x in places[1:]:
            qtbot.mouseMove(slider, QPoint(x, 12))
        qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(places[-1], 12))
    names = [merge for _, _, merge in wishes]
    assert len(names) == 5
    assert len(set(names[:3])) == len(set(names[3:])) == 1
    assert names[0] != names[-1]


def test_a_combo_box_wants_the_chosen_observer(
    qtbot: QtBot, panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    panel.show_state(state.with_(recipe=with_method(state.recipe, ["conv1"], "quantize", StaticInt8())), ["conv1"])
    combo = find(panel, QComboBox, "field_observer")
    assert isinstance(combo, QComboBox)
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Up)
    assert wishes == [("quantize", StaticInt8(observer="percentile"), "")]


def test_the_percentile_is_asked_for_only_with_the_percentile_observer(panel: PlanPanel, state: SessionState) -> None:
    def shown(method: Method) -> bool:
        panel.show_state(state.with_(recipe=with_method(state.recipe, ["conv1"], "quantize", method)), ["conv1"])
        return any(w.isVisibleTo(panel) for w in panel.findChildren(NumberField, "field_percentile"))

    assert not shown(StaticInt8(observer="mse"))
    assert shown(StaticInt8(observer="percentile"))


def test_the_distillation_card_concerns_the_whole_model(qtbot: QtBot, panel: PlanPanel, state: SessionState) -> None:
    heard: list[tuple[str, Method | None]] = []
    panel.model_method_wanted.connect(lambda family, method: heard.append((family, method)))
    panel.show_state(state, [])
    qtbot.mouseClick(find(panel, Switch, "switch_distil"), Qt.MouseButton.LeftButton)
    assert heard == [("distil", Distillation())]
    panel.show_state(state.with_(recipe=with_model_step(state.recipe, "distil", Distillation(epochs=9))), [])
    assert "9 epochs" in find(panel, QLabel, "summary_distil").text()
    qtbot.mouseClick(find(panel, QWidget, "segment_fine_tuning"), Qt.MouseButton.LeftButton)
    (_, other) = heard[-1]
    assert (other.id, other.epochs) == ("fine_tuning", 9), "what was set stays"
    with qtbot.waitSignal(panel.tab_wanted, timeout=10_000) as wish:
        find(panel, QPushButton, "link_distil").click()  # type: ignore[attr-defined]
    assert wish.args == ["distil"]


def test_back_to_float_is_offered_only_where_something_is_planned(panel: PlanPanel, state: SessionState) -> None:
    panel.show_state(state, ["conv1"])
    assert not panel.clear.isEnabled()
    panel.show_state(state.with_(recipe=with_method(state.recipe, ["conv1"], "quantize", StaticInt8())), ["conv1"])
    assert panel.clear.isEnabled()


# ------------------------------------------------------------------ forms are made from the methods


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.id)
def test_every_method_has_a_form_that_shows_and_keeps_its_parameters(
    qtbot: QtBot, qapp: QApplication, method: type[Method]
) -> None:
    form = MethodForm(method)
    qtbot.addWidget(form)
    heard: list[Method] = []
    form.edited.connect(lambda changed, _: heard.append(changed))
    form.show_method(method())
    assert form.method == method()
    assert heard == []
    for editor in (*form.findChildren(NumberField), *form.findChildren(QComboBox), *form.findChildren(Switch)):
        assert editor.accessibleName()


def test_every_method_stands_in_one_family_of_one_scope() -> None:
    offered = [variant.method for scope in ("layer", "model") for f in families(scope) for variant in variants(f)]
    assert {type(method) for method in offered} == set(METHODS)
