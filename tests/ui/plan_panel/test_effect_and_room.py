"""The plan panel tells the predicted effect, and all of it has room."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.recipe.editing import with_method, with_model_step
from secateur.session.session import LayerEffect
from secateur.session.state import SessionState
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented

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

    worse = replace(effect, metric_before=0.007, metric_after=0.5)
    panel.effect.show_effect(worse, "instant", "mse", is_selected=True)
    assert panel.effect.rows["Metric"].accessibleDescription() == "0.00700 to 0.500, +0.493"


def test_a_layer_that_grows_is_said_to_grow(panel: PlanPanel, effect: LayerEffect) -> None:

    panel.show_effect(replace(effect, bytes_after=44_280), "instant")
    assert panel.effect.size_chip.text() == "Larger, 1.20×"
    assert panel.effect.size_chip.kind() == "negative"


def test_nothing_planned_is_no_verdict(panel: PlanPanel, effect: LayerEffect) -> None:

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
