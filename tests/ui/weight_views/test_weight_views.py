"""A layer's weights in the window: which view is shown, what it asks the engine, one channel selected for all."""

import pytest
from looked_weights import LOOKS
from painted_texts import texts_of
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QTableView
from text_findings import findings_in

from secateur.engine.events import EngineDied, Failed, Started
from secateur.engine.requests import Compress, ReadChannels
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.ui.panels.weights_channels import ChannelRows
from secateur.ui.panels.weights_distribution import channel_markers
from secateur.ui.plots.channel_strip import ChannelStrip
from secateur.ui.plots.kernel_grid import KernelGrid
from secateur.ui.plots.matrix_plot import MatrixPlot

LEFT, ALT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier

# ---------------------------------------------------------------------- the four views


def test_alt_and_a_number_choose_the_view_and_it_stays_for_other_layers(looked):
    looked.shown.layers.select(["conv"])
    stack = looked.tab.stack
    for key, name in ((2, "kernels"), (3, "matrix"), (4, "channels"), (1, "distribution"), (3, "matrix")):
        looked.shown.qtbot.keyClick(looked.shown.window, Qt.Key(Qt.Key.Key_0 + key), ALT)
        assert stack.currentWidget().objectName() == f"weights_{name}"
        assert looked.tab.views.value() == name
    looked.shown.layers.select(["head"])
    looked.answer()
    assert stack.currentWidget().objectName() == "weights_matrix"
    assert looked.find(MatrixPlot, "weight_matrix").place_of(0) == 0


def test_views_are_built_when_they_are_first_shown(looked):
    assert looked.shown.window.findChild(KernelGrid) is None
    looked.show("kernels")
    assert looked.shown.window.findChild(KernelGrid) is not None
    assert looked.shown.window.findChild(ChannelRows) is None


def test_nothing_is_asked_for_the_distribution(looked):
    looked.shown.layers.select(["conv"])
    looked.answer()
    assert not [request for request in looked.shown.engine.requests if isinstance(request, LOOKS)]


def test_a_newer_layer_takes_the_place_of_a_question_that_is_not_answered(looked):
    looked.show("matrix", "conv")
    before = len(looked.shown.engine.requests)
    looked.shown.layers.select(["deep"])
    looked.shown.layers.select(["head"])
    engine = looked.shown.engine
    asked = {job: request for job, request in enumerate(engine.requests, 1) if job > before}
    waiting = [request.layer for job, request in asked.items() if job not in engine.cancelled]
    assert {request.layer for request in asked.values()} == {"deep", "head"}
    assert waiting == ["head"]
    looked.answer()
    assert looked.find(MatrixPlot, "weight_matrix").part == ((0, 10), (0, 64))


def test_looks_are_no_jobs_and_do_not_wait_for_one(looked):
    running = Compress(looked.model.source, None, None, "run")
    looked.shown.engine.say(Started(999, running))
    looked.show("matrix")
    assert [job.job for job in looked.shown.state.jobs] == [999]
    assert looked.find(MatrixPlot, "weight_matrix").part == ((0, 12), (0, 45))


def test_a_look_that_failed_says_why_in_its_place(looked):
    looked.shown.layers.select(["conv"])
    looked.tab.show_view("channels")
    job = looked.shown.engine.job_of(ReadChannels)
    looked.answered.add(job)
    looked.shown.engine.say(Failed(job, "The file is gone.", "Open it again."))
    looked.shown.until(lambda: "The file is gone." in looked.tab.view("channels").missing.accessibleName())
    assert not looked.shown.state.notices


def test_what_was_lost_with_the_engine_is_asked_again(looked):
    looked.shown.layers.select(["conv"])
    looked.tab.show_view("channels")
    job = looked.shown.engine.job_of(ReadChannels)
    looked.answered.add(job)
    looked.shown.engine.say(EngineDied("It died.", (looked.shown.engine.requests[job - 1],), jobs=(job,)))
    looked.shown.until(lambda: looked.shown.engine.job_of(ReadChannels) != job)
    looked.answer()
    assert looked.tab.view("channels").table.rowCount() == 12


# ---------------------------------------------------------------------- one channel for all


def test_a_click_on_a_filter_selects_the_channel_everywhere(looked):
    looked.show("kernels")
    grid = looked.find(KernelGrid, "kernel_grid")
    looked.shown.qtbot.mouseClick(grid.viewport(), LEFT, pos=grid.cell_of(4).center())
    looked.answer()
    assert (looked.channel.layer, looked.channel.channel) == ("conv", 4)
    looked.shown.until(lambda: "ch 4" in looked.find(QLabel, "kernels_words").text())
    looked.show("channels")
    assert (
        looked.tab.view("channels").table.channel_at(looked.find(QTableView, "channel_table").currentIndex().row()) == 4
    )
    looked.show("matrix")
    assert "channel 4" in looked.find(MatrixPlot, "weight_matrix").accessibleDescription()
    looked.show("distribution")
    assert looked.find(ChannelStrip, "channel_ranges").channel == 4
    ranges = looked.shown.state.spectra["conv"].channel_ranges
    marks = channel_markers(looked.shown.state.spectra["conv"], 4)
    assert [mark.value for mark in marks] == [pytest.approx(ranges[4, 0]), pytest.approx(ranges[4, 3])]
    assert looked.tab.distribution.histogram.reading_at(0, 0) is not None


def test_a_channel_of_one_layer_is_not_selected_in_another(looked):
    looked.show("channels", "conv")
    looked.shown.session.looking.choose_channel("conv", 4)
    looked.show("channels", "head")
    assert not looked.find(QTableView, "channel_table").currentIndex().isValid()


def test_the_strip_of_ranges_selects_by_click_and_arrows(looked):
    looked.show("distribution")
    strip = looked.find(ChannelStrip, "channel_ranges")
    looked.shown.window.grab()
    at = strip.area.left() + strip.area.width() * 7.5 / 12
    looked.shown.qtbot.mouseClick(strip.viewport(), LEFT, pos=QPoint(round(at), round(strip.area.center().y())))
    looked.shown.until(lambda: strip.channel == 7)
    looked.shown.qtbot.keyClick(strip, Qt.Key.Key_Right)
    looked.shown.until(lambda: strip.channel == 8)
    looked.shown.qtbot.keyClick(strip, Qt.Key.Key_Home)
    looked.shown.until(lambda: strip.channel == 0)


# ---------------------------------------------------------------------- texts


@pytest.mark.parametrize("size", [(1024, 700), (1440, 900), (2560, 1440)])
@pytest.mark.parametrize("view", ["kernels", "matrix", "channels"])
def test_no_text_of_a_filled_view_is_cut_or_lies_on_another(looked, view, size):
    looked.shown.window.resize(*size)
    looked.show(view)
    looked.plan("conv", MagnitudePruning(ratio=0.5))
    looked.shown.session.looking.choose_channel("conv", 4)
    looked.answer()
    looked.shown.qtbot.wait(100)  # the layout settles
    looked.answer()
    seen = texts_of(looked.tab)
    assert len(seen) > 10
    found = [str(finding) for finding in findings_in(seen, looked.tab)]
    assert not found, "\n".join(found)
