"""The weights as a matrix: reading, sorting, zooming, the scale of its colours; by mouse and keys."""

import numpy as np
import pytest
from looked_weights import SHAPES
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QLabel

from secateur.engine.requests import ReadMatrix
from secateur.figures import number
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.ui.panels.weights_matrix import MatrixView
from secateur.ui.plots.levels_plot import LevelsPlot
from secateur.ui.plots.matrix_plot import MatrixPlot

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier


def test_the_matrix_reads_out_a_weight_by_channel_input_and_place(looked):
    looked.show("matrix")
    plot = looked.find(MatrixPlot, "weight_matrix")
    reading = plot.reading_at(20.2, 3.1)  # input 2, the third of its nine weights
    assert reading.words.title == "channel 3 · input 2, at 0, 2"
    value = looked.weights["conv"].reshape(12, 45)[3, 20]
    assert reading.words.rows[0][1] == number(float(value))


def test_d_shows_the_difference_and_goes_back(looked):
    looked.show("matrix")
    looked.plan("conv", WeightOnly(bits=4, observer="minmax"))
    plot, view = looked.find(MatrixPlot, "weight_matrix"), looked.tab.view("matrix")
    keys = looked.shown.qtbot.keyClick
    keys(plot, Qt.Key.Key_P)
    assert view.variant.value() == "after"
    keys(plot, Qt.Key.Key_D)
    assert view.variant.value() == "difference"
    assert "difference" in plot.accessibleDescription()
    names = [name for name, _ in plot.reading_at(0, 0).words.rows]
    assert names == ["before", "after", "difference"]
    keys(plot, Qt.Key.Key_D)
    assert view.variant.value() == "after"


def test_with_nothing_planned_there_is_no_after_and_it_says_so(looked):
    view = looked.show("matrix")
    after = view.variant.findChild(QAbstractButton, "segment_after")
    assert not after.isEnabled()
    assert "Nothing is planned" in after.toolTip()
    looked.shown.qtbot.keyClick(looked.find(MatrixPlot, "weight_matrix"), Qt.Key.Key_D)
    assert view.variant.value() == "before"


def test_a_click_on_a_row_and_the_arrows_select_its_channel(looked):
    looked.show("matrix")
    plot = looked.find(MatrixPlot, "weight_matrix")
    looked.shown.qtbot.keyClick(plot, Qt.Key.Key_S)
    looked.answer()
    assert looked.find(QComboBox, "matrix_rows").currentData() == "norm"
    order = np.argsort(-np.linalg.norm(looked.weights["conv"].reshape(12, 45), axis=1))
    looked.shown.qtbot.mouseClick(plot.viewport(), LEFT, pos=plot.pixel(10, 5).toPoint())
    looked.shown.until(lambda: looked.channel is not None and looked.channel.channel == order[5])
    looked.shown.qtbot.keyClick(plot, Qt.Key.Key_Down)
    looked.shown.until(lambda: looked.channel.channel == order[6])
    looked.shown.qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.reading.words.title.startswith(f"channel {order[6]} ")


def test_columns_are_sorted_with_shift_and_s(looked):
    looked.show("matrix")
    looked.shown.qtbot.keyClick(looked.find(MatrixPlot, "weight_matrix"), Qt.Key.Key_S, SHIFT)
    looked.answer()
    strongest = np.argmax(np.linalg.norm(looked.weights["conv"].reshape(12, 45), axis=0))
    title = looked.find(MatrixPlot, "weight_matrix").reading_at(0, 0).words.title
    assert title == f"channel 0 · input {strongest // 9}, at {strongest % 9 // 3}, {strongest % 3}"


def test_zooming_in_asks_for_the_part_in_view_and_shows_single_weights(looked, monkeypatch):
    monkeypatch.setattr(MatrixView, "_pixels", lambda self: (64, 64))
    looked.show("matrix", "wide")
    plot = looked.find(MatrixPlot, "weight_matrix")
    assert plot.reading_at(100, 100).words.rows[-1][0] == "greatest of 5 × 11 weights"
    for _ in range(8):
        plot.zoom(1.5, 350)
    looked.shown.until(lambda: looked.shown.engine.asked(ReadMatrix)[-1].rows != (0, 1 << 40))
    asked = looked.shown.engine.asked(ReadMatrix)[-1]
    (top, bottom), (left, right) = plot.part
    assert asked.rows[0] <= top < bottom <= asked.rows[1]
    assert asked.columns[0] <= left < right <= asked.columns[1]
    looked.answer()
    row, column = (top + bottom) // 2, (left + right) // 2
    value = looked.weights["wide"][row, column]
    assert plot.reading_at(column, row).words.rows == (("before", number(float(value))),)


def test_m_shows_the_mean_of_each_block(looked, monkeypatch):
    monkeypatch.setattr(MatrixView, "_pixels", lambda self: (64, 64))
    looked.show("matrix", "wide")
    plot, box = looked.find(MatrixPlot, "weight_matrix"), looked.find(QCheckBox, "matrix_mean")
    assert "greatest magnitude" in looked.find(QLabel, "matrix_words").text()
    looked.shown.qtbot.keyClick(plot, Qt.Key.Key_M)
    looked.answer()
    assert box.isChecked()
    assert "the mean of its block" in looked.find(QLabel, "matrix_words").text()
    rows = plot.reading_at(0, 0).words.rows
    assert rows[0][1] == number(float(looked.weights["wide"][:5, :11].mean()))
    assert rows[-1][0] == "mean of 5 × 11 weights"
    looked.show("matrix", "conv")
    assert not box.isVisible()  # every weight has a pixel


@pytest.mark.display
def test_the_scale_of_the_colours_is_dragged_stepped_and_reset(looked):
    looked.show("matrix")
    bar = looked.find(LevelsPlot, "matrix_levels")
    usual = bar.limit
    end, half = (bar.pixel(value, 0.3).toPoint() for value in (usual, usual / 2))
    mouse, view = looked.shown.qtbot, bar.viewport()
    mouse.mousePress(view, LEFT, pos=end)
    for step in range(1, 5):
        mouse.mouseMove(view, end + (half - end) * (step / 4))
    mouse.mouseRelease(view, LEFT, pos=half)
    assert bar.limit == pytest.approx(usual / 2, rel=0.05)
    mouse.mouseClick(view, LEFT, pos=bar.pixel(-usual / 4, 0.3).toPoint())
    assert bar.limit == pytest.approx(usual / 4, rel=0.05)
    looked.shown.qtbot.keyClick(bar, Qt.Key.Key_Right)
    assert bar.limit > usual / 4
    mouse.mouseDClick(view, LEFT, pos=half)
    assert bar.limit == pytest.approx(usual)
    looked.shown.qtbot.keyClick(bar, Qt.Key.Key_End)
    assert bar.limit == pytest.approx(np.abs(looked.weights["conv"]).max())


def test_a_scale_that_was_dragged_does_not_go_on_to_another_model(looked, make_network, make_spectra):
    looked.show("matrix")
    bar = looked.find(LevelsPlot, "matrix_levels")
    usual = bar.limit
    looked.shown.qtbot.keyClick(bar, Qt.Key.Key_Left)
    assert bar.limit < usual
    other = make_network(SHAPES, name="other")
    looked.shown.open(other, {name: make_spectra(weight) for name, weight in looked.weights.items()})
    looked.show("matrix")
    assert bar.limit == pytest.approx(usual)


def test_the_matrix_is_copied_as_csv(looked):
    looked.show("matrix", "head")
    lines = looked.find(MatrixPlot, "weight_matrix").table().csv().splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("channel,column 0,column 1")
    assert float(lines[3].split(",")[1]) == pytest.approx(looked.weights["head"][2, 0])
