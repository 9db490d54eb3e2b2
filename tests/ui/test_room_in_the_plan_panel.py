"""The plan panel with long names and little height: no card is widened, no sentence is cut."""

import pytest
from known_networks import NETWORKS
from known_states import full_state
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from secateur.methods.quantize.weight_only import WeightOnly
from secateur.recipe.editing import with_method
from secateur.recipe.recipe import Recipe
from secateur.ui.widgets.card import NO_SPACE, label

LONG = "features.15.conv.block.expansion.depthwise.conv_with_a_long_name"


@pytest.fixture
def filled(shown):
    """The small window with fifty layers of which everything is known, one of them selected."""
    model = NETWORKS["50 layers, depthwise"]()
    shown.window.resize(1024, 700)
    shown.open(model)
    shown.session.update(**{**full_state(model), "notices": ()})
    shown.layers.select([model.layers[4].name])
    shown.workspace.detail.show_tab("weights")
    shown.settle()
    return shown


def test_a_long_name_in_the_order_of_the_steps_widens_no_card(filled) -> None:
    names = [layer.name for layer in filled.state.rows]
    filled.session.update(recipe=with_method(Recipe(), names[-2:-1], "quantize", WeightOnly(bits=4)))
    filled.settle()
    plan = filled.workspace.plan
    assert any(words.text().startswith(names[-2]) for words in plan.order.findChildren(QLabel))
    area = plan.steps_area
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()


def test_a_name_goes_on_in_the_next_line_and_is_still_the_name(qtbot: QtBot) -> None:
    words = label(f"{LONG} is planned as float.", wrap=True)
    qtbot.addWidget(words)
    assert words.minimumSizeHint().width() < words.fontMetrics().horizontalAdvance(LONG) / 2
    assert words.text() == f"{LONG} is planned as float."
    whole = label('<a href="https://example.org/a.long_name/of_a.page">a page</a>', wrap=True)
    assert NO_SPACE not in QLabel.text(whole)


def test_sentences_without_room_are_told_by_the_tooltip_and_come_back(filled) -> None:
    effect = filled.workspace.plan.effect
    why = "The layer is planned as int8: nothing does less damage; 4-bit weights would save 12.3 kB."
    effect.show_why(why)
    filled.until(effect.why.isVisible)
    effect.set_room(150)
    filled.until(lambda: not effect.why.isVisible() and not effect.sentence.isVisible())
    assert why in effect.toolTip()
    assert effect.rows["Metric"].height() > 12
    assert effect.rows["Metric"].geometry().bottom() < effect.height() < 200
    effect.set_room(400)
    filled.until(effect.why.isVisible)
    assert effect.toolTip() == ""


def test_beside_autopilot_in_the_small_window_the_effect_is_whole(filled) -> None:
    filled.layers.select([layer.name for layer in filled.state.rows])
    filled.assembly.commands.trigger("autopilot")
    filled.until(filled.workspace.autopilot.isVisible)
    plan = filled.workspace.plan
    filled.until(lambda: plan.height() < 400)
    filled.until(lambda: plan.effect.geometry().bottom() <= plan.height())
