"""The curve of singular values: its cut is dragged by mouse or key, and the plan has the rank at once."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from secateur.methods import handle_for
from secateur.ui.panels.weights_rank import cut_words

LEFT = Qt.MouseButton.LeftButton
LAYER = "layer2.0.conv2"


@pytest.fixture
def values(model):
    random = np.random.default_rng(1)
    found = {}
    for layer in model.weighted_layers:
        rows = layer.weight.shape[0]
        count = min(rows, layer.weight.count // rows)
        found[layer.name] = np.sort(random.gamma(1.0, 1.0, count).astype(np.float32))[::-1].copy()
    return found


@pytest.fixture
def curve(shown, model, spectra, values):
    """The curve in the real window, with a convolution selected."""
    shown.open(model, spectra)
    shown.session.update(singular_values=values)
    shown.workspace.layers.select([LAYER])
    shown.assembly.commands.trigger("tab_weights")
    shown.assembly.commands.trigger("weights_rank")
    view = shown.workspace.detail.tab("weights").view("rank")
    shown.until(lambda: view.curve.isVisible() and view.curve._values is values[LAYER])
    view.curve.grab()
    return view.curve


def rank_of(shown):
    owner, handle = handle_for("singular_values", "cut")
    method = shown.state.step_of(LAYER, owner.family)
    return None if method is None else getattr(method, handle.field)


def test_dragging_the_cut_plans_a_rank_and_a_drag_is_one_undo(qtbot, shown, curve, model):
    start = curve.cut_pixel
    qtbot.mousePress(curve.viewport(), LEFT, pos=start.toPoint())
    for step in (10, 20, 30):
        qtbot.mouseMove(curve.viewport(), (start - QPointF(step, 0)).toPoint())
    end = (start - QPointF(30, 0)).toPoint()
    qtbot.mouseRelease(curve.viewport(), LEFT, pos=end)
    shown.until(lambda: rank_of(shown) is not None)
    assert rank_of(shown) == pytest.approx(curve.value(QPointF(end)).x(), abs=1)
    assert shown.state.model_step("distil") is None
    shown.assembly.commands.trigger("undo")
    shown.until(lambda: rank_of(shown) is None)


def test_keys_move_the_cut_and_it_stays_where_it_is_of_use(qtbot, shown, curve):
    most = curve._most
    qtbot.keyClick(curve, Qt.Key.Key_Left)
    shown.until(lambda: rank_of(shown) == most - 1)
    qtbot.keyClick(curve, Qt.Key.Key_PageDown)
    shown.until(lambda: rank_of(shown) == max(most - 9, 1))
    for _ in range(3):
        qtbot.keyClick(curve, Qt.Key.Key_PageUp)
    shown.until(lambda: rank_of(shown) == most)


def test_the_words_at_the_cut_are_those_of_the_prediction(shown, curve, model):
    words = cut_words(model.layer(LAYER), shown.state.facts[LAYER], 4)
    told = dict(words.rows)
    assert words.title.startswith("rank 4 of ")
    assert set(told) == {"energy kept", "SQNR", "size", "MACs"}
    assert "rank" in curve.accessibleDescription()


def test_a_layer_without_known_values_says_so(shown, curve):
    shown.session.update(singular_values={})
    view = shown.workspace.detail.tab("weights").view("rank")
    shown.until(view.note.isVisible)
    assert "singular values" in view.note.text()
