"""Plots in the real window, by mouse and keys: 300 layers looked at closely, linked curves, the picture of runs."""

import pytest
from known_networks import NETWORKS
from known_states import full_state
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from secateur.ui.plots.chart import Chart
from secateur.ui.plots.curves import CurvePlot
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.plots.pareto import ParetoPlot
from secateur.ui.plots.texts import caption_width

pytestmark = pytest.mark.display

LEFT, NONE, PLAIN = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier


def wheel(plot: Chart, at: QPointF, steps: int) -> None:
    phase, inverted = Qt.ScrollPhase.NoScrollPhase, False
    place = plot.viewport().mapToGlobal(at)
    event = QWheelEvent(at, place, QPoint(), QPoint(0, 120 * steps), NONE, PLAIN, phase, inverted)
    QApplication.sendEvent(plot.viewport(), event)


def hover(plot: Chart, at: QPointF) -> None:
    to = plot.viewport().mapToGlobal(at)
    QApplication.sendEvent(plot.viewport(), QMouseEvent(QEvent.Type.MouseMove, at, to, NONE, NONE, PLAIN))


@pytest.fixture
def filled(shown):
    """The window with a network of which everything is known, in one of its tabs."""

    def fill(network: str, tab: str, size: tuple[int, int] = (1440, 900)):
        model = NETWORKS[network]()
        shown.window.resize(*size)
        shown.open(model)
        shown.session.update(**full_state(model))
        shown.workspace.detail.show_tab(tab)
        shown.qtbot.wait(50)
        return shown

    return fill


def test_among_300_layers_one_is_found_named_and_selected_by_wheel_and_click(filled):
    shown = filled("300 layers", "compare")
    plot = shown.find(ErrorCurve, "error_curve")
    shown.until(lambda: plot.isVisible() and plot.table() is not None)
    assert plot.pitch < 4
    wanted = plot.table().rows[150][0]
    wheel(plot, plot.place(wanted), 40)
    shown.until(lambda: plot.pitch > 60)
    plot.grab()
    names = [text for _, text in plot._names.ticks(plot.pitch, plot.view, ())]
    assert len(names) == len(set(names)) > 2
    shown.qtbot.mouseClick(plot.viewport(), LEFT, pos=plot.place(wanted).toPoint())
    shown.until(lambda: shown.layers.selected() == (wanted,))
    shown.qtbot.keyClick(plot, Qt.Key.Key_Right)
    after = plot.table().rows[151][0]
    shown.until(lambda: shown.layers.selected() == (after,))
    assert plot.reading.words.title == after


def test_a_closer_look_at_the_loss_is_one_at_the_quality_too(filled):
    shown = filled("15 layers", "distil")
    loss, quality = shown.find(CurvePlot, "loss_curve"), shown.find(CurvePlot, "quality_curve")
    shown.until(lambda: loss.isVisible() and loss.table() is not None)
    assert quality.view == pytest.approx(loss.full[0])
    wheel(loss, loss.area.center(), 6)
    assert loss.magnification > 1.5
    assert quality.view == pytest.approx(loss.view)
    quality.setFocus()
    shown.qtbot.keyClick(quality, Qt.Key.Key_0)
    assert loss.view == pytest.approx(loss.full[0])
    hover(loss, loss.pixel(1.0, sum(loss.full[1]) / 2))
    assert {"total", "distillation", "label"} <= {name for name, _ in loss.reading.words.rows}


@pytest.mark.parametrize("size", [(1024, 700), (1440, 900), (2560, 1440)], ids=str)
def test_the_picture_of_runs_has_whole_texts_and_restores_what_is_clicked(filled, size):
    shown = filled("15 layers", "weights", size)
    plot = shown.find(ParetoPlot, "pareto")
    if not plot.isVisible():
        assert size == (1024, 700)  # there the jobs are a line
        shown.workspace.jobs.set_open(on=True)
    shown.until(lambda: plot.isVisible() and plot.table() is not None)
    shown.window.grab()
    axis = plot.left_axis
    ((spacing, values),) = axis.tickValues(*axis.range, plot.area.height())
    texts = axis.tickStrings(values, 1.0, spacing)
    assert len(texts) >= 2
    assert caption_width(texts) <= axis.width()
    assert plot.bottom_axis.geometry().bottom() <= plot.height()
    run = plot.table().rows[0][0]
    hover(plot, plot.place_of(run))
    assert plot.chosen == run
    with shown.qtbot.waitSignal(plot.restore_wanted) as wish:
        shown.qtbot.mouseClick(plot.viewport(), LEFT, pos=plot.place_of(run).toPoint())
    assert wish.args == [run]


def test_the_data_of_a_plot_are_copied_by_its_menu(filled):
    shown = filled("15 layers", "compare")
    plot = shown.find(ErrorCurve, "error_curve")
    shown.until(lambda: plot.isVisible() and plot.table() is not None)
    menu = plot.make_menu()
    next(action for action in menu.actions() if action.text() == "Copy data as CSV").trigger()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("layer,")
    assert len(lines) == 1 + len(plot.table().rows)
