"""Kernels, matrix and channels of the selected layer in the window: mouse, keys, and one selected channel for all."""

from types import SimpleNamespace

import numpy as np
import pytest
from painted_texts import findings_in, texts_of
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QComboBox, QLabel, QTableView, QWidget

from secateur.engine.events import ActivationsRecorded, EngineDied, Failed, Finished, Started, Stopped
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, ReadChannels, ReadFilters, ReadMatrix, RecordActivations
from secateur.engine.weight_views import WeightLooks
from secateur.engine.worker import run_job
from secateur.figures import number, share
from secateur.methods.facts import Facts
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.weight_views import ChannelActivity
from secateur.ui.models.channel_table import KEYS
from secateur.ui.panels.weights_channels import ChannelRows
from secateur.ui.panels.weights_distribution import channel_markers
from secateur.ui.panels.weights_matrix import MatrixView
from secateur.ui.plots import kernel_grid
from secateur.ui.plots.channel_strip import ChannelStrip
from secateur.ui.plots.kernel_grid import KernelGrid
from secateur.ui.plots.levels_plot import LevelsPlot
from secateur.ui.plots.matrix_plot import MatrixPlot

LEFT, ALT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
SHAPES = {"first": (6, 3, 3, 3), "conv": (12, 5, 3, 3), "deep": (8, 1, 3, 3), "wide": (300, 700), "head": (10, 64)}
LOOKS = (ReadChannels, ReadFilters, ReadMatrix)


class Looked:
    """The window with an engine that answers every look from arrays, when it is told to."""

    def __init__(self, shown, network, spectra_of) -> None:
        random = np.random.default_rng(5)
        self.shown, self.model = shown, network(SHAPES)
        self.weights = {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in SHAPES.items()}
        self.weights["conv"][4] = 0.9 * self.weights["conv"][9]
        self.weights["conv"][2] *= 5
        shown.open(self.model, {name: spectra_of(weight) for name, weight in self.weights.items()})
        bench = SimpleNamespace(description=self.model, tensors={}, weights=self.weights, model=None)
        self.workshop = SimpleNamespace(bench=lambda source, reporter: bench, looks=WeightLooks())
        self.answered: set[int] = set()
        self.tab = shown.workspace.detail.tab("weights")

    def answer(self) -> None:
        """Answer what was asked and not given up, until nothing more is asked."""
        for _ in range(20):
            QApplication.processEvents()
            waiting = [
                (job, request)
                for job, request in enumerate(self.shown.engine.requests, 1)
                if isinstance(request, LOOKS) and job not in self.answered
            ]
            if not waiting:
                return
            with self.shown.qtbot.waitSignal(self.shown.assembly.display.shown):
                for job, request in waiting:
                    self.answered.add(job)
                    if job in self.shown.engine.cancelled:
                        self.shown.engine.say(Stopped(job))
                    else:
                        reporter = Reporter(job, self.shown.engine.say)
                        self.shown.engine.say(run_job(request, reporter, self.workshop))
            self.shown.qtbot.wait(20)

    @property
    def unanswered(self) -> list[object]:
        asked = enumerate(self.shown.engine.requests, 1)
        return [request for job, request in asked if isinstance(request, LOOKS) and job not in self.answered]

    def show(self, view: str, layer: str = "conv") -> QWidget:
        self.shown.layers.select([layer])
        self.shown.workspace.detail.show_tab("weights")
        self.shown.qtbot.mouseClick(self.tab.views.findChild(QAbstractButton, f"segment_{view}"), LEFT)
        self.answer()
        self.shown.qtbot.wait(100)  # the view rests before it asks for a part
        self.answer()
        return self.tab.view(view)

    def plan(self, layer: str, method) -> None:
        with self.shown.qtbot.waitSignal(self.shown.assembly.display.shown):
            self.shown.session.set_method([layer], method.family, method)
        self.answer()

    def find(self, kind, name: str):
        return self.shown.find(kind, name)

    @property
    def channel(self):
        return self.shown.state.channel


@pytest.fixture
def looked(shown, make_network, make_spectra) -> Looked:
    return Looked(shown, make_network, make_spectra)


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


# ---------------------------------------------------------------------- kernels


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


# ---------------------------------------------------------------------- matrix


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


# ---------------------------------------------------------------------- channels


def heading(rows: ChannelRows, key: str) -> QPoint:
    section = KEYS.index(key)
    rows.scrollTo(rows.model().index(0, section))
    return QPoint(rows.columnViewportPosition(section) + 20, 10)


def test_a_heading_sorts_largest_first_then_smallest_then_as_the_channels_stand(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    table, header = rows.model(), rows.horizontalHeader().viewport()
    norms = np.linalg.norm(looked.weights["conv"].reshape(12, 45), axis=1)
    seen = []
    for _ in range(3):
        looked.shown.qtbot.mouseClick(header, LEFT, pos=heading(rows, "norm"))
        seen.append([table.channel_at(row) for row in range(12)])
    assert seen == [np.argsort(-norms).tolist(), np.argsort(norms).tolist(), list(range(12))]


def test_the_selected_channel_goes_with_the_sorting_and_arrows_move_on_from_it(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    rows.setFocus()
    looked.shown.qtbot.mouseClick(rows.viewport(), LEFT, pos=rows.visualRect(rows.model().index(2, 0)).center())
    looked.shown.until(lambda: looked.channel is not None and looked.channel.channel == 2)
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_S)
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_S)  # by the column of the cell, the channel itself: last first
    assert rows.model().channel_at(rows.currentIndex().row()) == 2
    here = rows.currentIndex().row()
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_Up)
    looked.shown.until(lambda: looked.channel.channel == rows.model().channel_at(here - 1))


def test_the_table_says_what_is_not_recorded_and_shows_it_once_it_is(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    table = rows.model()
    assert table.text(3, "mean") == "–"
    tip = table.data(table.index(3, KEYS.index("mean")), Qt.ItemDataRole.ToolTipRole)
    assert "Record activations" in tip
    activity = ChannelActivity(np.arange(12, dtype=np.float32), np.linspace(0, 1, 12).astype(np.float32))
    job = looked.shown.session.submit(RecordActivations(looked.model.source, None))
    looked.answered.add(job)
    looked.shown.engine.say(Finished(job, ActivationsRecorded({}, 64, {"conv": activity})))
    looked.shown.until(lambda: table.text(3, "mean") == "3.00")
    assert table.text(11, "dead") == share(1.0)


def test_similarity_and_the_nearest_channel_are_named(looked):
    looked.show("channels")
    table = looked.find(ChannelRows, "channel_table").model()
    assert (table.text(4, "similarity"), table.text(4, "nearest")) == ("1.000", "9")
    assert table.text(9, "nearest") == "4"


@pytest.mark.display
def test_ctrl_c_copies_all_channels_as_csv_in_the_order_shown(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    rows.setFocus()
    rows.sort_by("norm")
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 13
    assert lines[1].split(",")[0] == "2"
    assert float(lines[1].split(",")[1]) == pytest.approx(np.linalg.norm(looked.weights["conv"][2]), rel=1e-5)


def test_what_the_plan_prunes_stands_in_the_table(looked):
    looked.show("channels")
    looked.plan("conv", MagnitudePruning(ratio=0.5))
    table = looked.find(ChannelRows, "channel_table").model()
    after = MagnitudePruning(ratio=0.5).perturb(looked.weights["conv"], Facts())[7]
    assert table.text(7, "plan") == f"{share(float((after == 0).mean()))} pruned"


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
