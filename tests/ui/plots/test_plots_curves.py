"""Curves, the error along the network, SQNR bars, channel ranges and softened answers."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from charts_with_data import hover
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt

from secateur.model.documents import LayerError
from secateur.ui.plots.answers import MOST, AnswerBars, softmax
from secateur.ui.plots.channel_strip import ChannelStrip, together
from secateur.ui.plots.curves import CurvePlot, Series, apart, moving_mean
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.plots.spectrum_pair import SpectrumPair
from secateur.ui.plots.sqnr_bars import SqnrBars
from secateur.ui.plots.texts import caption_width

LEFT = Qt.MouseButton.LeftButton


def shown(qtbot, plot, width=480, height=260):
    qtbot.addWidget(plot)
    plot.resize(width, height)
    with qtbot.waitExposed(plot):
        plot.show()
    plot.grab()
    return plot


def errors(outputs, weights=None):
    weights = weights or [20.0] * len(outputs)
    return tuple(
        LayerError(layer=f"block{n // 3}.conv{n}", weight_sqnr_db=w, output_sqnr_db=o)
        for n, (o, w) in enumerate(zip(outputs, weights, strict=True))
    )


# ------------------------------------------------------------------ training curves


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.integers(1, 41))
def test_a_running_mean_stays_within_its_values_and_keeps_their_number(values, window):
    mean = moving_mean(np.array(values), window)
    assert len(mean) == len(values)
    assert mean.min() >= min(values) - 1e-6
    assert mean.max() <= max(values) + 1e-6


def test_the_running_mean_of_a_constant_is_that_constant():
    assert moving_mean(np.full(50, 3.5), 11) == pytest.approx(np.full(50, 3.5))


def test_one_step_without_a_number_leaves_no_gap_in_the_running_mean():
    values = np.full(50, 3.5)
    values[20] = np.nan
    assert moving_mean(values, 11) == pytest.approx(np.full(50, 3.5))
    assert np.isnan(moving_mean(np.full(50, np.nan), 11)).all()


@given(st.lists(st.floats(0, 200), min_size=1, max_size=6))
def test_end_labels_never_cover_each_other(places):
    moved = apart(sorted(places), 16.0, 0.0, 200.0)
    assert all(b - a >= 16.0 - 1e-6 for a, b in pairwise(moved))
    assert max(moved) <= 200.0


def test_a_long_curve_is_drawn_by_its_extremes_per_pixel(qtbot):
    plot = shown(qtbot, CurvePlot("loss", "Loss"), width=340)
    x = np.linspace(0, 6, 100_000)
    y = np.sin(40 * x)
    plot.show_series([Series("wave", x, y, "result", "0.99 wave")], x_end=6, quantity="loss")
    plot.grab()
    drawn = plot._lines["wave", False].getData()[1]
    assert len(drawn) <= 10 * plot.width()
    assert (drawn.min(), drawn.max()) == pytest.approx((y.min(), y.max()))


def test_a_curve_plot_says_its_end_values_to_a_screen_reader(qtbot):
    plot = shown(qtbot, CurvePlot("loss", "Loss"))
    plot.show_series([Series("total", np.arange(5.0), np.ones(5), "result", "1.00 total")], x_end=6, quantity="loss")
    assert "1.00 total" in plot.accessibleDescription()
    plot.grab()


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
def test_the_end_label_of_a_curve_fits_at_any_progress(qtbot, share):
    plot = shown(qtbot, CurvePlot("loss", "Loss"), width=260)
    x = np.linspace(0, 6 * share, 20)
    plot.show_series([Series("agreement", x, x, "third", "64.5 % agreement")], x_end=6, quantity="loss")
    plot.grab()
    assert plot.end_of("agreement").x() == pytest.approx(plot.pixel(6 * share, 0.0).x())
    assert plot.end_of("agreement").x() + 9 + caption_width(["64.5 % agreement"], 600) <= plot.width() + 1


def test_a_curve_plot_without_points_can_be_painted(qtbot):
    plot = shown(qtbot, CurvePlot("loss", "Loss"))
    plot.show_series([], x_end=6, quantity="loss")
    plot.grab()
    plot.show_series([], x_end=6, quantity="share", reference=(0.8, "teacher"), percent=True)
    plot.grab()


# ------------------------------------------------------------------ error along the network


def test_the_worst_layer_is_the_one_with_the_lowest_finite_output_sqnr(qtbot):
    plot = shown(qtbot, ErrorCurve("errors", "Errors"))
    plot.show_errors(errors([math.inf, 30.0, None, 8.1, 12.0]), ())
    assert plot.worst == 3
    assert "conv3" in plot.accessibleDescription()
    plot.grab()


def test_there_is_no_worst_layer_where_nothing_was_lost_or_compared(qtbot):
    plot = shown(qtbot, ErrorCurve("errors", "Errors"))
    plot.show_errors(errors([math.inf, math.inf, None], [math.inf, None, None]), ())
    assert plot.worst is None
    plot.grab()


def test_a_click_in_a_layers_column_selects_it(qtbot):
    plot = shown(qtbot, ErrorCurve("errors", "Errors"))
    plot.show_errors(errors([30.0, 20.0, 10.0, 5.0, 8.0, 9.0]), ())
    plot.grab()
    with qtbot.waitSignal(plot.layer_selected) as selected:
        qtbot.mouseClick(plot.viewport(), LEFT, pos=plot.place("block1.conv4").toPoint())
    assert selected.args == ["block1.conv4"]


def test_arrows_go_from_the_selected_layer_to_its_neighbour(qtbot):
    plot = shown(qtbot, ErrorCurve("errors", "Errors"))
    plot.show_errors(errors([30.0, 20.0, 10.0]), ("block0.conv1",))
    with qtbot.waitSignal(plot.layer_selected) as selected:
        qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert selected.args == ["block0.conv2"]


@pytest.mark.parametrize("count", [1, 5, 500])
def test_the_error_curve_can_be_painted_with_any_number_of_layers(qtbot, count):
    plot = shown(qtbot, ErrorCurve("errors", "Errors"))
    plot.show_errors(errors([20.0 + n % 7 for n in range(count)]), ("block0.conv0",))
    assert not plot.grab().isNull()


def test_the_error_curve_without_layers_ignores_clicks(qtbot):
    plot = shown(qtbot, ErrorCurve("errors", "Errors"))
    plot.show_errors((), ())
    with qtbot.assertNotEmitted(plot.layer_selected):
        qtbot.mouseClick(plot.viewport(), LEFT, pos=QPoint(100, 100))


# ------------------------------------------------------------------ SQNR by bit width


@pytest.fixture
def bars(qtbot):
    bars = shown(qtbot, SqnrBars("bars", "Bars"), 200, 150)
    bars.show_values({8: 41.0, 7: 35.0, 6: 29.0, 5: 24.0, 4: 18.0, 3: 13.0, 2: None}, 4, (8, 4))
    bars.grab()
    return bars


@pytest.mark.parametrize("bits", [8, 4])
def test_a_click_on_an_available_bar_chooses_its_bits(qtbot, bars, bits):
    with qtbot.waitSignal(bars.bits_chosen) as chosen:
        qtbot.mouseClick(bars.viewport(), LEFT, pos=bars.column(bits).center().toPoint())
    assert chosen.args == [bits]


@pytest.mark.parametrize("bits", [7, 3, 2])
def test_a_bar_that_no_method_stores_is_not_chosen(qtbot, bars, bits):
    with qtbot.assertNotEmitted(bars.bits_chosen):
        qtbot.mouseClick(bars.viewport(), LEFT, pos=bars.column(bits).center().toPoint())
        qtbot.keyClick(bars, str(bits))


def test_arrows_skip_to_the_next_available_bits_and_space_chooses(qtbot, bars):
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    with qtbot.waitSignal(bars.bits_chosen) as chosen:
        qtbot.keyClick(bars, Qt.Key.Key_Space)
    assert chosen.args == [4]


# ------------------------------------------------------------------ ranges, pairs, answers


def test_channels_drawn_together_keep_their_outermost_values():
    random = np.random.default_rng(1)
    ranges = np.sort(random.normal(0, 1, (1000, 4)), axis=1).astype(np.float32)
    merged = together(ranges, 90)
    assert len(merged) == 90
    assert merged[:, 0].min() == ranges[:, 0].min()
    assert merged[:, 3].max() == ranges[:, 3].max()


@pytest.fixture
def strip(qtbot, spectra):
    strip = shown(qtbot, ChannelStrip("ranges", "Ranges"))
    strip.show_ranges(spectra["layer2.0.conv2"].channel_ranges)
    strip.grab()
    return strip


def test_the_widest_channel_is_named_until_another_is_selected(qtbot, spectra):
    strip = shown(qtbot, ChannelStrip("ranges", "Ranges"))
    ranges = spectra["layer2.0.conv2"].channel_ranges
    with qtbot.waitSignal(strip.named) as named:
        strip.show_ranges(ranges)
    widest = int(np.argmax(ranges[:, 3] - ranges[:, 0]))
    assert named.args[0].startswith(f"ch {widest}:")
    with qtbot.waitSignal(strip.named) as named:
        strip.show_ranges(ranges, 3)
    assert named.args[0].startswith("ch 3:")
    assert strip.accessibleDescription() == named.args[0]


def test_the_channel_under_the_mouse_says_its_range(strip):
    hover(strip, strip.pixel(5.0, 0.0))
    assert strip.reading.x == 5
    assert strip.reading.words.title == "channel 5"


def test_a_click_on_a_channel_chooses_it(qtbot, strip):
    with qtbot.waitSignal(strip.chosen) as chosen:
        qtbot.mouseClick(strip.viewport(), LEFT, pos=strip.pixel(11.0, 0.0).toPoint())
    assert chosen.args == [11]


@pytest.mark.parametrize(
    ("key", "channel"), [(Qt.Key.Key_Right, 4), (Qt.Key.Key_Left, 2), (Qt.Key.Key_Home, 0), (Qt.Key.Key_End, 15)]
)
def test_keys_go_from_the_selected_channel_to_another(qtbot, strip, spectra, key, channel):
    strip.show_ranges(spectra["layer2.0.conv2"].channel_ranges, 3)
    with qtbot.waitSignal(strip.chosen) as chosen:
        qtbot.keyClick(strip, key)
    assert chosen.args == [channel]


def test_of_thousands_of_channels_each_is_its_own_again_in_a_closer_look(qtbot):
    strip = shown(qtbot, ChannelStrip("ranges", "Ranges"))
    random = np.random.default_rng(1)
    strip.show_ranges(np.sort(random.normal(0, 1, (4096, 4)), axis=1).astype(np.float32))
    strip.grab()
    assert len(strip._all[0].opts["x0"]) < strip.width() / 2
    strip.zoom(100, 2000.0)
    strip.grab()
    seen = strip.view[1] - strip.view[0]
    assert len(strip._all[0].opts["x0"]) == pytest.approx(seen, abs=3)


@pytest.mark.parametrize("count", [1, 2, 10, 64, 2048])
def test_ticks_of_channels_are_whole_numbers(qtbot, count):
    strip = shown(qtbot, ChannelStrip("ranges", "Ranges"))
    strip.show_ranges(np.tile(np.array([-1, -0.5, 0.5, 1], np.float32), (count, 1)))
    strip.grab()
    axis = strip.bottom_axis
    ticks = [value for _, level in axis.tickValues(*axis.range, axis.width()) for value in level]
    assert 1 <= len(ticks) <= 9
    assert all(value == round(value) for value in ticks)


def test_the_spectrum_pair_says_how_many_weights_are_zero(qtbot, spectra):
    plot = shown(qtbot, SpectrumPair("pair", "Pair"))
    original = spectra["conv1"].values
    plot.show_pair(original, replace(original, zeros=12))
    plot.grab()
    before, after = plot.accessibleDescription().split("; ")
    assert before.startswith(f"original: {original.size} values from")
    assert "zeros" not in before
    assert after.endswith("12 zeros")


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=20), st.floats(1, 20))
def test_softened_answers_are_probabilities(logits, temperature):
    answers = softmax(np.array(logits, dtype=np.float32), temperature)
    assert answers.sum() == pytest.approx(1.0)
    assert (answers >= 0).all()


def test_a_higher_temperature_softens_the_answer():
    logits = np.array([5.0, 1.0, 0.0], dtype=np.float32)
    assert softmax(logits, 8.0).max() < softmax(logits, 1.0).max()


def test_of_many_classes_the_teachers_likeliest_are_shown(qtbot):
    bars = shown(qtbot, AnswerBars("answers", "Answers"))
    teacher = softmax(np.arange(1000, dtype=np.float32), 10.0)
    bars.show_answers([f"class {n}" for n in range(1000)], teacher, teacher, "class 999")
    assert len(bars._classes) == MOST
    assert "class 999" in bars._classes
    bars.grab()
