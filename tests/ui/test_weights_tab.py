"""The Weights tab: what it shows of a layer, and what a person can do there."""

import pytest
from PySide6.QtCore import QPointF, Qt

from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Layer, TensorInfo
from secateur.recipe.editing import with_method
from secateur.session.state import SessionState
from secateur.ui.models.layer_words import heading_words
from secateur.ui.panels.weights import WeightsTab
from secateur.ui.panels.weights_distribution import planned_bits, statistics

LEFT = Qt.MouseButton.LeftButton
LAYER = "layer2.0.conv2"


@pytest.fixture
def state(model, spectra):
    return SessionState(model=model, spectra=spectra)


def planned(state, *methods):
    recipe = state.recipe
    for method in methods:
        recipe = with_method(recipe, [LAYER], method.family, method)
    return state.with_(recipe=recipe)


@pytest.fixture
def tab(qtbot, state):
    tab = WeightsTab()
    qtbot.addWidget(tab)
    tab.resize(504, 600)
    with qtbot.waitExposed(tab):
        tab.show()
    tab.show_state(state, (LAYER,))
    qtbot.waitUntil(lambda: bool(tab.distribution.bars.accessibleDescription()))
    tab.grab()
    return tab


def test_nothing_open_says_so_and_paints(qtbot):
    tab = WeightsTab()
    qtbot.addWidget(tab)
    tab.show_state(SessionState(), ())
    assert not tab.is_filled
    assert "No model open" in tab.missing.accessibleName()


def test_a_layer_whose_weights_are_not_counted_yet_is_named(tab, state):
    tab.show_state(state.with_(spectra={}), (LAYER,))
    assert not tab.is_filled
    assert LAYER in tab.missing.accessibleName()


def test_the_planned_ratio_is_the_threshold_of_the_histogram(tab, state):
    tab.show_state(planned(state, MagnitudePruning(ratio=0.7)), (LAYER,))
    assert tab.distribution.histogram.ratio == 0.7
    tab.show_state(state, (LAYER,))
    assert tab.distribution.histogram.ratio is None


def test_a_drag_asks_for_ratios_under_one_name_and_the_next_drag_under_another(qtbot, tab, state):
    tab.show_state(planned(state, MagnitudePruning(ratio=0.4)), (LAYER,))
    tab.grab()
    asked = []
    tab.ratio_wanted.connect(lambda ratio, merge: asked.append((ratio, merge)))
    for _ in range(2):
        grip = tab.distribution.histogram.threshold_pixel
        qtbot.mousePress(tab.distribution.histogram.viewport(), LEFT, pos=grip.toPoint())
        qtbot.mouseMove(tab.distribution.histogram.viewport(), (grip + QPointF(12, 0)).toPoint())
        qtbot.mouseRelease(tab.distribution.histogram.viewport(), LEFT, pos=(grip + QPointF(12, 0)).toPoint())
    names = [merge for _, merge in asked]
    assert len(names) == 4
    assert names[0] == names[1]
    assert names[2] == names[3]
    assert names[0] != names[2]


def test_a_bar_click_asks_for_its_bits(qtbot, tab):
    with qtbot.waitSignal(tab.bits_wanted) as wanted:
        bars = tab.distribution.bars
        qtbot.mouseClick(bars.viewport(), LEFT, pos=bars.column(8).center().toPoint())
    assert wanted.args == [8]


def test_the_grid_follows_the_planned_bits_until_a_person_decides(qtbot, tab, state):
    assert not tab.distribution.grid_box.isChecked()
    tab.show_state(planned(state, WeightOnly(bits=4)), (LAYER,))
    assert tab.distribution.grid_box.isChecked()
    assert tab.distribution.grid_box.text() == "4-bit grid"
    tab.show_state(planned(state, StaticInt8()), (LAYER,))
    assert tab.distribution.grid_box.text() == "8-bit grid"
    qtbot.mouseClick(tab.distribution.grid_box, LEFT, pos=tab.distribution.grid_box.rect().center())
    wanted = tab.distribution.grid_box.isChecked()
    tab.show_state(state, (LAYER,))
    assert tab.distribution.grid_box.isChecked() == wanted


def test_several_selected_layers_say_that_edits_are_for_all(tab, state):
    assert tab.more.isHidden()
    tab.show_state(state, (LAYER, "conv1", "linear"))
    assert not tab.more.isHidden()
    assert "2 more" in tab.more.text()


@pytest.mark.parametrize(("method", "bits"), [(None, None), (StaticInt8(), 8), (WeightOnly(bits=4), 4)])
def test_planned_bits_come_from_the_method(method, bits):
    assert planned_bits(method) == bits


def test_weights_that_are_not_finite_are_said_first(spectra):
    from dataclasses import replace

    broken = replace(spectra[LAYER], values=replace(spectra[LAYER].values, non_finite=3))
    assert statistics(broken)[0] == ("not finite", "3")


@pytest.mark.parametrize(
    ("kind", "shape", "kernel", "groups", "words"),
    [
        ("Conv2d", (32, 16, 3, 3), (3, 3), 1, "Conv2d 3×3 · 16 → 32"),
        ("Conv2d", (32, 1, 3, 3), (3, 3), 32, "Depthwise Conv2d 3×3 · 32 → 32"),
        ("Conv2d", (32, 8, 3, 3), (3, 3), 4, "Conv2d 3×3, 4 groups · 32 → 32"),
        ("Linear", (10, 64), (), 1, "Linear · 64 → 10"),
    ],
)
def test_a_layer_is_described_by_kind_kernel_and_channels(kind, shape, kernel, groups, words):
    weight = TensorInfo("w", "float32", shape, 4)
    assert heading_words(Layer("a", kind, weight, kernel=kernel, groups=groups))[0] == words


def test_the_tab_does_not_widen_the_window(tab):
    assert tab.minimumSizeHint().width() <= 380


@pytest.mark.parametrize("size", [(380, 300), (412, 524), (1800, 1200)])
def test_it_can_be_painted_at_every_size(tab, state, size):
    tab.show_state(planned(state, MagnitudePruning(ratio=0.5), WeightOnly(bits=4)), (LAYER,))
    tab.resize(*size)
    assert not tab.grab().isNull()
