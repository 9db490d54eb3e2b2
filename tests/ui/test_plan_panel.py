"""The plan panel: what is planned moves the cards, the cards say what a person wants."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from secateur.methods import METHODS
from secateur.methods.base import Effect, Family, Method
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.recipe.editing import with_method, with_model_step
from secateur.session.session import LayerEffect
from secateur.session.state import SessionState
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.panels.plan_families import families, variants
from secateur.ui.panels.plan_form import MethodForm
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.switch import Switch
from secateur.ui.workspace import PLAN_WIDTHS

REASON = "Its outputs are the model's answers: removing one would remove a class."


def conv(name: str, coupled: tuple[str, ...] = ()) -> Layer:
    weight = TensorInfo(f"{name}.weight", "float32", (32, 32, 3, 3), 36_864)
    return Layer(name, "Conv2d", weight, params=9216, macs=2_359_296, size_bytes=36_864, coupled=coupled)


@pytest.fixture
def state() -> SessionState:
    head = Layer("fc", "Linear", TensorInfo("fc.weight", "float32", (10, 64), 2560), fixed_channels=REASON)
    layers = (conv("conv1", ("block.conv2",)), conv("block.conv1"), conv("block.conv2"), head)
    return SessionState(model=ModelDescription("net", ModelSource("net.onnx"), "onnx", 113_000, layers, (), ()))


@pytest.fixture
def effect() -> LayerEffect:
    sentence = "ONNX Runtime here unpacks 4-bit weights to float before it computes."
    one = Effect(Costs(4700, 2_359_296), 13.0, smaller=True, faster=False, sentence=sentence)
    return LayerEffect(
        bytes_before=36_900,
        bytes_after=4700,
        macs_before=2_359_296,
        macs_after=2_359_296,
        latency_before_ms=0.11,
        latency_after_ms=0.11,
        sqnr_db=13.0,
        metric_before=0.81,
        metric_after=0.806,
        effects=((WeightOnly(), one),),
    )


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> PlanPanel:
    apply_theme(qapp, DARK)
    made = PlanPanel()
    qtbot.addWidget(made)
    made.resize(288, 700)
    made.show()
    return made


Wishes = list[tuple[str, Method | None, str]]


@pytest.fixture
def wishes(panel: PlanPanel) -> Wishes:
    heard: Wishes = []
    panel.method_wanted.connect(lambda family, method, merge: heard.append((family, method, merge)))
    return heard


def find(panel: QWidget, kind: type, name: str) -> QWidget:
    """The shown widget of this name."""
    found = [widget for widget in panel.findChildren(kind, name) if widget.isVisibleTo(panel)]
    assert len(found) == 1, name
    return found[0]


# ------------------------------------------------------------------ the plan moves the cards


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


# ------------------------------------------------------------------ the cards move the plan


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


# ------------------------------------------------------------------ predicted effect


def test_the_effect_card_says_what_gets_smaller_and_what_does_not_get_faster(
    panel: PlanPanel, effect: LayerEffect
) -> None:
    panel.effect.show_effect(effect, "instant, from spectrum", "top1", is_selected=True)
    assert panel.effect.size_chip.text() == "Smaller, 7.9×"
    assert panel.effect.size_chip.kind() == "positive"
    assert panel.effect.speed_chip.kind() == "negative"
    assert "unpacks 4-bit" in panel.effect.sentence.text()
    assert panel.effect.rows["Metric"].accessibleDescription() == "81.0 to 80.6\u00a0%, −0.4\u00a0pt"


def test_an_error_that_rises_is_negative_and_in_its_own_units(panel: PlanPanel, effect: LayerEffect) -> None:
    from dataclasses import replace

    worse = replace(effect, metric_before=0.007, metric_after=0.5)
    panel.effect.show_effect(worse, "instant", "mse", is_selected=True)
    assert panel.effect.rows["Metric"].accessibleDescription() == "0.00700 to 0.500, +0.493"


def test_a_layer_that_grows_is_said_to_grow(panel: PlanPanel, effect: LayerEffect) -> None:
    from dataclasses import replace

    panel.show_effect(replace(effect, bytes_after=44_280), "instant")
    assert panel.effect.size_chip.text() == "Larger, 1.20×"
    assert panel.effect.size_chip.kind() == "negative"


def test_nothing_planned_is_no_verdict(panel: PlanPanel, effect: LayerEffect) -> None:
    from dataclasses import replace

    panel.show_effect(replace(effect, effects=()), "instant")
    assert not panel.effect.size_chip.isVisible()
    assert panel.effect.sentence.text().startswith("Stays float")


# ------------------------------------------------------------------ room and rail


@pytest.mark.parametrize("width", [264, 288])
@pytest.mark.parametrize(
    "plan",
    [
        lambda r: with_method(r, ["conv1"], "quantize", StaticInt8(observer="percentile")),
        lambda r: with_method(r, ["conv1"], "quantize", WeightOnly(bits=8)),
        lambda r: with_method(r, ["conv1"], "channel_pruning", ChannelPruning(criterion="taylor")),
        lambda r: with_model_step(r, "distil", Distillation()),
    ],
)
def test_nothing_is_wider_than_its_box(
    panel: PlanPanel, state: SessionState, effect: LayerEffect, qapp: QApplication, width: int, plan: Callable
) -> None:  # type: ignore[type-arg]
    panel.resize(width, 700)
    panel.show_state(state.with_(recipe=plan(state.recipe)), ["conv1"])
    panel.show_effect(effect, "instant, from spectrum")
    qapp.processEvents()
    for label in panel.findChildren(QLabel):
        if label.isVisibleTo(panel) and label.text():
            assert label.width() <= panel.width()
            if not label.wordWrap():
                assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width(), label.text()
            else:
                assert label.heightForWidth(label.width()) <= label.height() + 1, label.text()
    for button in panel.findChildren(QPushButton):
        if button.isVisibleTo(panel):
            assert button.fontMetrics().horizontalAdvance(button.text()) <= button.width(), button.text()
    for segments in panel.findChildren(Segmented):
        for segment in segments.findChildren(QWidget):
            if segment.isVisibleTo(panel):
                metrics = QFontMetrics(segment.font())
                assert metrics.horizontalAdvance(segment.accessibleName()) <= segment.width()
    for combo in panel.findChildren(QComboBox):
        if combo.isVisibleTo(panel):
            longest = max(combo.fontMetrics().horizontalAdvance(combo.itemText(i)) for i in range(combo.count()))
            assert longest + 28 <= combo.width()
    for elided in panel.findChildren(ElidedLabel):
        assert not (elided.isVisibleTo(panel) and elided.is_elided()), elided.text()


def test_the_panel_folds_to_a_rail_that_opens_on_a_click(qtbot: QtBot, panel: PlanPanel, state: SessionState) -> None:
    panel.show_state(state, ["conv1"])
    panel.set_rail(True)
    assert panel.maximumWidth() == 40
    assert panel.rail.accessibleDescription() == "conv1"
    with qtbot.waitSignal(panel.rail_opened, timeout=10_000):
        qtbot.mouseClick(panel.rail, Qt.MouseButton.LeftButton)
    panel.set_rail(False)
    assert panel.minimumWidth() == 264


def test_an_effect_that_is_not_known_yet_says_what_is_waited_for(panel: PlanPanel, state: SessionState) -> None:
    panel.show_state(state, ["conv1"])
    panel.show_effect(None, "")
    assert "as soon as the weights" in panel.effect.sentence.text()
    panel.show_state(state, [])
    panel.show_effect(None, "")
    assert panel.effect.sentence.text().startswith("Select a layer")
