"""What every plot with axes does alike: a closer look by mouse and keys, the crosshair and its card, the ticks."""

from itertools import combinations

import numpy as np
import pytest
from charts_with_data import (
    CLOSER,
    LEFT,
    READ,
    SHIFT,
    STEPPED,
    Layers,
    Make,
    curves,
    drag,
    errors,
    features,
    free_place,
    histogram,
    named,
    pair,
    send,
    wheel,
)
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from secateur.model.maps import LayerMaps
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.feature_chart import FeatureChart
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.plots.spectrum_pair import SpectrumPair

# ---------------------------------------------------------------------- a closer look


@pytest.mark.parametrize("make", CLOSER, ids=named)
def test_the_wheel_magnifies_around_the_value_under_the_mouse(show, make: Make) -> None:
    plot = show(make)
    at = free_place(plot)
    before = plot.value(at).x()
    wheel(plot, at, 3)
    plot.grab()
    assert plot.magnification > 1.2
    width = plot.view[1] - plot.view[0]
    assert abs(plot.value(at).x() - before) < 0.02 * width  # the axis texts may have moved the plot by some pixels
    wheel(plot, at, -30)
    assert plot.view == pytest.approx(plot.full[0])


@pytest.mark.parametrize("make", CLOSER, ids=named)
def test_a_drag_pans_and_never_leaves_the_range(show, make: Make) -> None:
    plot = show(make)
    middle = sum(plot.full[0]) / 2
    plot.zoom(4, middle)
    plot.grab()
    before = plot.view
    drag(plot, free_place(plot, 0.35), free_place(plot, 0.25))
    assert plot.view[0] > before[0]
    assert plot.view[1] - plot.view[0] == pytest.approx(before[1] - before[0])
    for _ in range(12):
        drag(plot, free_place(plot, 0.95), free_place(plot, 0.05))
    assert plot.view[1] <= plot.full[0][1] + 1e-9
    assert plot.view[1] == pytest.approx(plot.full[0][1])


@pytest.mark.parametrize("make", CLOSER, ids=named)
def test_a_drag_with_shift_magnifies_what_is_in_the_box(show, make: Make) -> None:
    plot = show(make)
    first, last = free_place(plot, 0.3), free_place(plot, 0.45) + QPointF(0, 60)
    wanted = (plot.value(first).x(), plot.value(last).x())
    drag(plot, first, last, SHIFT)
    width = wanted[1] - wanted[0]
    assert plot.view == pytest.approx(wanted, abs=0.05 * width)


@pytest.mark.parametrize("make", CLOSER, ids=named)
def test_a_double_click_shows_the_whole_range(qtbot: QtBot, show, make: Make) -> None:
    plot = show(make)
    plot.zoom(5, sum(plot.full[0]) / 2)
    plot.grab()
    qtbot.mouseDClick(plot.viewport(), LEFT, pos=free_place(plot, 0.9).toPoint())
    assert plot.view == pytest.approx(plot.full[0])


@pytest.mark.parametrize("make", CLOSER, ids=named)
def test_plus_minus_and_nought_magnify_by_key(qtbot: QtBot, show, make: Make) -> None:
    plot = show(make)
    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    assert plot.magnification == pytest.approx(2.25)
    qtbot.keyClick(plot, Qt.Key.Key_Minus)
    assert plot.magnification == pytest.approx(1.5)
    qtbot.keyClick(plot, Qt.Key.Key_0)
    assert plot.view == pytest.approx(plot.full[0])


def test_linked_plots_show_the_same_part_whichever_is_magnified(show) -> None:
    loss, quality = show(curves), show(curves)
    quality.share_x(loss)
    loss.zoom(3, 2.0)
    assert quality.view == pytest.approx(loss.view)
    quality.show_all()
    assert loss.view == pytest.approx(loss.full[0])


# ---------------------------------------------------------------------- the crosshair


@pytest.mark.parametrize("make", READ, ids=named)
def test_the_mouse_says_what_is_under_it_and_takes_it_away(show, make: Make) -> None:
    plot = show(make)
    plain = plot.grab().toImage()
    send(plot, QEvent.Type.MouseMove, free_place(plot, 0.55))
    assert plot.reading is not None
    assert plot.reading.words.title
    assert plot.reading.words.rows
    assert plot.grab().toImage() != plain
    QApplication.sendEvent(plot, QEvent(QEvent.Type.Leave))
    assert plot.reading is None


@pytest.mark.parametrize("make", STEPPED, ids=named)
def test_arrows_take_the_crosshair_from_datum_to_datum_and_escape_away(qtbot: QtBot, show, make: Make) -> None:
    plot = show(make)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.reading.x == pytest.approx(plot.stops()[1])
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert plot.reading.x == pytest.approx(plot.stops()[0])
    qtbot.keyClick(plot, Qt.Key.Key_Escape)
    assert plot.reading is None


def test_the_crosshair_on_curves_says_all_of_them_at_that_epoch(show) -> None:
    plot = show(curves)
    send(plot, QEvent.Type.MouseMove, plot.pixel(2.0, 1.0))
    assert plot.reading.words.title == "epoch 2.00"
    assert [name for name, _ in plot.reading.words.rows] == ["total", "total, this step", "label"]


def test_a_layer_that_was_not_compared_says_why_and_an_unchanged_one_that(show) -> None:
    plot = show(errors)
    assert ("Its output has another shape.", "") in plot.reading_at(8.0, 0.0).words.rows
    assert ("layer output", "unchanged") in plot.reading_at(3.0, 0.0).words.rows


def test_an_unchanged_layer_does_not_flatten_the_scale(show) -> None:
    plot = show(errors)
    assert 30 < plot.full[1][1] < 33
    assert np.isnan(plot._line.getOriginalDataset()[1][3])


# ---------------------------------------------------------------------- ticks, and what the card is about


def test_tick_texts_never_cover_each_other_however_low_the_plot(qtbot):
    chart = Chart("low", "Low")
    qtbot.addWidget(chart)
    for height in range(60, 140, 5):
        chart.resize(300, height)
        chart.show_range((0.0, 1.0), (0.0, 40.0))
        chart.show()
        chart.grab()
        picture = QPixmap(300, 200)
        painter = QPainter(picture)
        _, _, texts = chart.left_axis.generateDrawSpecs(painter)
        painter.end()
        boxes = [box for box, _, _ in texts]
        assert not any(a.intersects(b) for a, b in combinations(boxes, 2))


def another_histogram(plot: Chart, spectra: Layers) -> None:
    assert isinstance(plot, HistogramPlot)
    plot.show_spectra(spectra["layer2.0.conv1"], 0.5)


def another_pair(plot: Chart, spectra: Layers) -> None:
    assert isinstance(plot, SpectrumPair)
    plot.show_pair(spectra["layer2.0.conv1"].values, None)


def other_features(plot: Chart, _spectra: Layers) -> None:
    assert isinstance(plot, FeatureChart)
    plot.show_maps(LayerMaps("other", "features", (4,), np.arange(4, dtype=np.float32)))


@pytest.mark.parametrize(
    ("make", "change"), [(histogram, another_histogram), (pair, another_pair), (features, other_features)]
)
def test_the_card_at_the_crosshair_goes_with_the_values_that_it_is_about(show, spectra, make, change):
    plot = show(make)
    x, y = plot.full[0]
    plot.read(plot.reading_at(0.4 * x + 0.6 * y, 0.0))
    assert plot.reading is not None
    change(plot, spectra)
    assert plot.reading is None
