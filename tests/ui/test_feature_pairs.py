"""Feature pairs in the Distil tab: chosen by pointing at layers in the table, suggested, weighted, taken out."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from secateur.methods import METHODS
from secateur.methods.distil.pairs import FeaturePair, pairs_of, suggested_pairs
from secateur.recipe.editing import with_model_step
from secateur.recipe.recipe import Recipe
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.why_not import why_not_of

LEFT = Qt.MouseButton.LeftButton
EXTENTS = {"conv1": 28, "layer1.0.conv1": 14, "layer1.0.conv2": 14, "layer2.0.conv1": 7, "layer2.0.conv2": 7}


def trainer(*, with_pairs):
    """A method that trains and has, or has not, a field of pairs, with its defaults."""
    return next(m() for m in METHODS if m.family == "distil" and (pairs_of(m()) is not None) == with_pairs)


@pytest.fixture
def staged(model):
    """The network of these tests, whose layers say what comes out of them."""
    shapes = {
        layer.name: (8, EXTENTS[layer.name], EXTENTS[layer.name]) for layer in model.layers if layer.name in EXTENTS
    }
    layers = tuple(replace(layer, output_shape=shapes.get(layer.name, (10,))) for layer in model.layers)
    return replace(model, layers=layers)


@pytest.fixture
def planned(shown, staged):
    shown.open(staged)
    shown.session.plan(with_model_step(Recipe(), "distil", trainer(with_pairs=True)))
    shown.workspace.detail.show_tab("distil")
    shown.until(lambda: card(shown).isVisible())
    return shown


def card(shown):
    return shown.workspace.detail.tab("distil").pairs


def pairs(shown):
    return [(pair.teacher, pair.student) for pair in pairs_of(shown.state.model_step("distil"))]


def point_at(shown, *layers):
    shown.layers.select(list(layers))
    shown.until(lambda: tuple(shown.layers.selected()) == layers)


def test_the_layer_that_is_pointed_at_is_compared_with_itself(planned, qtbot):
    point_at(planned, "layer1.0.conv2")
    planned.until(card(planned).add.isEnabled)
    qtbot.mouseClick(card(planned).add, LEFT)
    planned.until(lambda: pairs(planned) == [("layer1.0.conv2", "layer1.0.conv2")])
    planned.until(lambda: "compared already" in why_not_of(card(planned).add))
    planned.session.undo()
    planned.until(lambda: not card(planned).pairs)


def test_of_two_layers_the_first_is_the_teachers(planned):
    point_at(planned, "layer2.0.conv1", "layer2.0.conv2")
    planned.until(card(planned).add.isEnabled)
    card(planned).add.setFocus()
    QTest.keyClick(card(planned).add, Qt.Key.Key_Space)
    planned.until(lambda: pairs(planned) == [("layer2.0.conv1", "layer2.0.conv2")])


def test_without_a_layer_pointed_at_it_says_what_to_select(planned):
    point_at(planned, "conv1", "layer1.0.conv1", "layer1.0.conv2")
    planned.until(lambda: "Select one layer" in why_not_of(card(planned).add))


def test_pairs_are_suggested_weighted_and_taken_out(planned, staged, qtbot):
    qtbot.mouseClick(card(planned).suggest, LEFT)
    expected = suggested_pairs(staged.layers, staged.layers)
    assert [pair.student for pair in expected] == ["conv1", "layer1.0.conv2", "layer2.0.conv2"]
    planned.until(lambda: card(planned).pairs == expected)
    field = card(planned).findChild(NumberField, "pair_weight_2")
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "0.5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    planned.until(lambda: card(planned).pairs[1].weight == 0.5)
    qtbot.mouseClick(card(planned).findChild(QPushButton, "pair_remove_1"), LEFT)
    wanted = (FeaturePair(teacher="layer1.0.conv2", student="layer1.0.conv2", weight=0.5), expected[2])
    planned.until(lambda: card(planned).pairs == wanted)
    assert pairs_of(planned.state.model_step("distil")) == wanted
    assert not planned.window.grab().isNull()
