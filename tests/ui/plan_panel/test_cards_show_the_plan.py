"""What is planned moves the cards of the plan panel; what cannot be planned says why."""

from dataclasses import replace

import pytest
from plan_cards import REASON, Wishes, find
from PySide6.QtWidgets import QLabel

from secateur.methods.base import Method
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.recipe.editing import with_method
from secateur.session.state import SessionState
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.panels.plan_form import MethodForm
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.switch import Switch


def test_a_planned_step_switches_its_card_on_and_fills_its_form(panel: PlanPanel, state: SessionState) -> None:
    recipe = with_method(state.recipe, ["block.conv1"], "weight_pruning", MagnitudePruning(ratio=0.7))
    panel.show_state(state.with_(recipe=recipe), ["block.conv1"])
    assert find(panel, Switch, "switch_weight_pruning").isChecked()
    assert not find(panel, Switch, "switch_quantize").isChecked()
    assert find(panel, RatioSlider, "slider_ratio").value() == pytest.approx(0.7)
    assert find(panel, NumberField, "field_ratio").text() == "70\u00a0%"


@pytest.mark.parametrize(
    ("method", "key"),
    [(StaticInt8(), "static_int8"), (WeightOnly(bits=8), "weight_only"), (WeightOnly(bits=4), "weight_only")],
)
def test_the_quantization_card_shows_which_kind_is_planned(
    panel: PlanPanel, state: SessionState, method: Method, key: str
) -> None:
    panel.show_state(state.with_(recipe=with_method(state.recipe, ["conv1"], "quantize", method)), ["conv1"])
    assert find(panel, Segmented, "variants_quantize").value() == key
    assert find(panel, MethodForm, f"form_{key}").method == method


def test_showing_a_state_says_nothing(panel: PlanPanel, state: SessionState, wishes: Wishes) -> None:
    recipe = with_method(state.recipe, ["conv1"], "quantize", StaticInt8(observer="minmax"))
    for shown in (state.with_(recipe=recipe), state):
        panel.show_state(shown, ["conv1"])
        panel.show_state(shown, ["conv1", "block.conv1"])
    assert wishes == []


def test_what_a_layer_does_not_support_is_off_and_says_why(panel: PlanPanel, state: SessionState) -> None:
    panel.show_state(state, ["fc"])
    assert not find(panel, Switch, "switch_channel_pruning").isEnabled()
    assert find(panel, QLabel, "note_channel_pruning").text() == REASON
    assert find(panel, Switch, "switch_quantize").isEnabled()


def test_a_method_that_needs_training_says_so_for_a_fixed_file(panel: PlanPanel, state: SessionState) -> None:
    assert state.model is not None
    fixed = replace(state.model, trainable=False, reason="It holds the operator If.")
    panel.show_state(state.with_(model=fixed), ["conv1"])
    assert not find(panel, Switch, "switch_channel_pruning").isEnabled()
    assert "It holds the operator If." in find(panel, QLabel, "note_channel_pruning").text()
    assert find(panel, Switch, "switch_weight_pruning").isEnabled()


def test_a_card_offers_the_kind_that_works_here_and_the_usual_one_where_it_does(
    panel: PlanPanel, state: SessionState, wishes: Wishes
) -> None:
    """Weights without their network cannot be computed in int8, but stored in few bits."""
    assert state.model is not None
    bare = replace(state.model, runnable=False, trainable=False, reason="It holds weights alone.")
    for model in (bare, state.model):
        panel.show_state(state.with_(model=model), ["conv1"])
        find(panel, Switch, "switch_quantize").click()
    (_, stored, _), (_, computed, _) = wishes
    assert isinstance(stored, WeightOnly)
    assert isinstance(computed, StaticInt8)


def test_a_mixed_selection_says_on_how_many_layers_a_step_is(panel: PlanPanel, state: SessionState) -> None:
    recipe = with_method(state.recipe, ["conv1"], "weight_pruning", MagnitudePruning())
    panel.show_state(state.with_(recipe=recipe), ["conv1", "block.conv1", "block.conv2"])
    assert find(panel, ElidedLabel, "plan_subject").text() == "3 layers"
    shown = [w.text() for w in panel.cards["weight_pruning"].findChildren(ElidedLabel) if w.isVisibleTo(panel)]
    assert shown == ["Weight pruning", "1 of 3"]


def test_a_step_leaves_out_the_layers_that_do_not_support_it(panel: PlanPanel, state: SessionState) -> None:
    recipe = with_method(state.recipe, ["conv1"], "channel_pruning", ChannelPruning())
    panel.show_state(state.with_(recipe=recipe), ["conv1", "fc"])
    assert panel.layers_for(ChannelPruning()) == ["conv1"]
    assert "leaves 1 of 2 layers as it is, " in find(panel, QLabel, "note_channel_pruning").text()


def test_coupled_layers_are_named(panel: PlanPanel, state: SessionState) -> None:
    recipe = with_method(state.recipe, ["conv1"], "channel_pruning", ChannelPruning())
    panel.show_state(state.with_(recipe=recipe), ["conv1"])
    assert find(panel, QLabel, "note_channel_pruning").text().startswith("block.conv2 loses the same channels")


def test_without_a_selection_the_panel_says_what_to_do(panel: PlanPanel, state: SessionState) -> None:
    panel.show_state(state, [])
    assert "Select one layer" in find(panel, QLabel, "plan_nothing").text()
    assert not panel.cards["quantize"].isVisible()
