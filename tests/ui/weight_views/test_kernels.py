"""Filters as pictures: their colours, their order, the plan in them; by mouse and keys."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox

from secateur.engine.requests import ReadChannels, ReadFilters
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.ui.plots import kernel_grid
from secateur.ui.plots.kernel_grid import KernelGrid

LEFT = Qt.MouseButton.LeftButton


@pytest.mark.display
def test_filters_are_drawn_in_the_colours_of_their_weights(looked):
    looked.show("kernels")
    grid = looked.find(KernelGrid, "kernel_grid")
    pictures = [grid.picture_of(channel) for channel in range(12)]
    assert all(picture is not None for picture in pictures)
    strong, weak = pictures[2].toImage(), pictures[3].toImage()
    assert strong != weak
    looked.shown.qtbot.mouseClick(looked.find(QCheckBox, "kernels_own_scale"), LEFT)
    assert grid.picture_of(3).toImage() != weak


def test_the_pictures_of_one_layer_are_never_shown_for_another(looked):
    looked.show("kernels")
    grid = looked.find(KernelGrid, "kernel_grid")
    assert grid.picture_of(0) is not None
    looked.shown.layers.select(["first"])
    looked.shown.until(lambda: ReadChannels in {type(request) for request in looked.unanswered})
    assert grid.picture_of(0) is None
    assert not [request for request in looked.unanswered if isinstance(request, ReadFilters)]
    looked.answer()
    assert grid.picture_of(0) is not None


def test_arrows_move_through_the_filters_in_the_order_that_s_changes(looked):
    looked.show("kernels")
    grid = looked.find(KernelGrid, "kernel_grid")
    keys = looked.shown.qtbot.keyClick
    keys(grid, Qt.Key.Key_Home)
    looked.shown.until(lambda: looked.channel is not None and looked.channel.channel == 0)
    keys(grid, Qt.Key.Key_S)
    looked.answer()
    keys(grid, Qt.Key.Key_Home)
    looked.shown.until(lambda: looked.channel.channel == 2)  # the largest norm
    keys(grid, Qt.Key.Key_S)
    looked.answer()
    assert looked.tab.view("kernels").order.value() == "similarity"
    four, nine = (grid.cell_of(channel).topLeft() for channel in (4, 9))
    assert abs(four.x() - nine.x()) + abs(four.y() - nine.y()) > 0
    figures = looked.shown.state.looks["channels"].answer
    assert np.diff(np.flatnonzero(np.isin(figures.by_similarity, (4, 9)))).tolist() == [1]
    keys(grid, Qt.Key.Key_End)
    looked.shown.until(lambda: looked.channel.channel == figures.by_similarity[-1])


def test_plus_and_minus_change_the_size_of_the_pictures(looked):
    looked.show("kernels")
    grid = looked.find(KernelGrid, "kernel_grid")
    side = grid.side
    looked.shown.qtbot.keyClick(grid, Qt.Key.Key_Plus)
    assert grid.side > side
    looked.shown.qtbot.keyClick(grid, Qt.Key.Key_0)
    assert grid.side == side


def test_a_copied_picture_holds_every_filter_in_view(looked, monkeypatch):
    monkeypatch.setattr(kernel_grid, "BUDGET_S", -1.0)  # nothing is made while painting
    looked.show("kernels")
    grid = looked.find(KernelGrid, "kernel_grid")
    grid.set_size(6)
    assert not grid._pixmaps
    looked.shown.workspace.detail.picture()
    assert len(grid._pixmaps) == np.diff(grid.in_view)[0] > 0


def test_what_the_plan_makes_zero_is_marked_and_shown_after(looked):
    looked.weights["conv"][6] *= 1e-3
    looked.show("kernels")
    looked.plan("conv", MagnitudePruning(ratio=0.2))
    grid = looked.find(KernelGrid, "kernel_grid")
    assert np.flatnonzero(grid._content.empty).tolist() == [6]
    assert "45 of 45 pruned" in grid._words(6)
    before = grid.picture_of(0).toImage()
    looked.shown.qtbot.keyClick(grid, Qt.Key.Key_P)
    looked.answer()
    assert looked.tab.view("kernels").variant.value() == "after"
    assert grid.picture_of(0).toImage() != before


def test_three_inputs_can_be_seen_as_colours(looked):
    looked.show("kernels", "first")
    grid, box = looked.find(KernelGrid, "kernel_grid"), looked.find(QCheckBox, "kernels_rgb")
    assert box.isVisible()
    apart = grid.picture_of(0).toImage()
    looked.shown.qtbot.mouseClick(box, LEFT)
    assert grid.picture_of(0).toImage() != apart
    looked.show("kernels", "conv")
    assert not box.isVisible()


def test_a_linear_layer_says_that_it_has_no_kernels(looked):
    view = looked.show("kernels", "head")
    assert "No kernels in head" in view.missing.accessibleName()
    assert view.missing.isVisible()


def test_a_filter_says_its_norm_its_range_and_its_nearest(looked):
    looked.show("kernels")
    words = looked.find(KernelGrid, "kernel_grid")._words(4)
    assert f"norm {np.linalg.norm(looked.weights['conv'][4]):.3g}" in words
    assert "1.00 like ch 9" in words
