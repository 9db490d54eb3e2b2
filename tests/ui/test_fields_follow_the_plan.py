"""The fields of the plan's form show what is planned, whoever changed it: plot, undo, heat map, keyboard."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QStyle, QStyleOptionFrame

from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.switch import Switch

LEFT = Qt.MouseButton.LeftButton
LAYER = "layer2.0.conv2"


@pytest.fixture
def pruned(shown, model, spectra, table):
    """The window with half of a layer's weights planned away."""
    shown.open(model, spectra)
    shown.session.update(tables={"free": table})
    shown.layers.select([LAYER])
    shown.qtbot.mouseClick(shown.find(Switch, "switch_weight_pruning"), LEFT)
    shown.until(lambda: shown.state.steps_of(LAYER) == (MagnitudePruning(),))
    return shown


def card(shown):
    return shown.workspace.plan.cards["weight_pruning"]


def field(shown):
    return card(shown).findChild(NumberField, "field_ratio")


def slider(shown):
    return card(shown).findChild(RatioSlider, "slider_ratio")


def planned(shown):
    return shown.state.step_of(LAYER, "weight_pruning").ratio


def room_in(line_edit):
    """Pixels for text within frame, padding and the two that a line edit keeps free at each side."""
    option = QStyleOptionFrame()
    line_edit.initStyleOption(option)
    inner = line_edit.style().subElementRect(QStyle.SubElement.SE_LineEditContents, option, line_edit)
    return inner.width() - 4


def follows(shown):
    """Whether field and slider show the planned ratio, and all of it can be read."""
    badge = shown.state.step_of(LAYER, "weight_pruning").badge()
    text = field(shown).text()
    whole = field(shown).fontMetrics().horizontalAdvance(text) <= room_in(field(shown))
    return f"prune {text}".replace("\u00a0", " ") == badge and slider(shown).value() == planned(shown) and whole


def drag_threshold(shown, pixels):
    shown.settle()  # the plot shows the plan's threshold a turn after the form
    histogram = shown.workspace.detail.tab("weights").findChild(HistogramPlot)
    target = histogram.viewport()
    histogram.grab()
    grip = histogram.threshold_pixel.toPoint()
    shown.qtbot.mousePress(target, LEFT, pos=grip)
    for part in (3, 2, 1):
        shown.qtbot.mouseMove(target, grip + QPoint(pixels // part, 0))
    shown.qtbot.mouseRelease(target, LEFT, pos=grip + QPoint(pixels, 0))


def test_after_the_threshold_was_dragged_the_field_shows_all_of_the_planned_ratio(pruned):
    drag_threshold(pruned, -17)
    pruned.until(lambda: planned(pruned) != 0.5)
    assert round(planned(pruned), 2) != planned(pruned)  # no round number: a plot gives what was under the grip
    pruned.until(lambda: follows(pruned))


def test_a_half_typed_number_goes_when_the_plot_says_another(pruned):
    field(pruned).setFocus()
    pruned.qtbot.keyClicks(field(pruned), "3")
    pruned.workspace.detail.tab("weights").ratio_wanted.emit(0.4136, "")
    pruned.until(lambda: planned(pruned) == 0.4136 and follows(pruned))
    pruned.layers.view.setFocus()
    pruned.until(lambda: not field(pruned).hasFocus())
    assert planned(pruned) == 0.4136


def test_undo_and_redo_by_key_reach_the_plan_from_within_the_field(pruned):
    field(pruned).setFocus()
    pruned.qtbot.keyClick(field(pruned), Qt.Key.Key_Up)
    pruned.until(lambda: planned(pruned) == 0.51 and follows(pruned))
    control = Qt.KeyboardModifier.ControlModifier
    pruned.qtbot.keyClick(field(pruned), Qt.Key.Key_Z, control)
    pruned.until(lambda: planned(pruned) == 0.5 and follows(pruned))
    pruned.qtbot.keyClick(field(pruned), Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    pruned.until(lambda: planned(pruned) == 0.51 and follows(pruned))


def test_an_edit_that_is_taken_back_before_the_next_frame_leaves_no_trace(pruned):
    field(pruned).setFocus()
    pruned.qtbot.keyClick(field(pruned), Qt.Key.Key_Up)
    assert planned(pruned) == 0.51
    pruned.session.undo()
    pruned.until(lambda: follows(pruned))
    assert field(pruned).text() == "50\u00a0%"


def test_an_edit_that_is_refused_is_not_left_in_the_form(pruned, monkeypatch):
    monkeypatch.setattr(type(pruned.session), "set_method", lambda *_args, **_kwargs: None)
    pruned.qtbot.keyClick(field(pruned), Qt.Key.Key_Up)
    pruned.until(lambda: field(pruned).text() == "50\u00a0%")


def test_a_cell_of_the_heat_map_and_another_layer_move_the_field(pruned):
    pruned.workspace.detail.show_tab("sensitivity")
    pruned.session.choose_option([LAYER], "prune75")
    pruned.until(lambda: planned(pruned) == 0.75 and follows(pruned))
    pruned.session.set_method(["conv1"], "weight_pruning", MagnitudePruning(ratio=0.123456))
    pruned.layers.select(["conv1"])
    pruned.until(lambda: field(pruned).text() == "12.3\u00a0%")
    pruned.layers.select([LAYER])
    pruned.until(lambda: follows(pruned))


def test_the_slider_by_key_moves_plan_and_field(pruned):
    slider(pruned).setFocus()
    pruned.qtbot.keyClick(slider(pruned), Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    pruned.until(lambda: abs(planned(pruned) - 0.6) < 1e-9 and follows(pruned))


def test_the_longest_ratio_fits_its_field(pruned):
    pruned.session.set_method([LAYER], "weight_pruning", MagnitudePruning(ratio=0.88888))
    pruned.until(lambda: field(pruned).text() == "88.9\u00a0%" and follows(pruned))
