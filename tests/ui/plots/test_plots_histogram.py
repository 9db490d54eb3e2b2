"""The histogram: bins at any zoom, and the threshold that is dragged, stepped and typed."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QGuiApplication

from secateur.errors import UserError
from secateur.methods.quantize.observers import percentile_range
from secateur.ui.plots.bins import bin_spectrum, whole_range
from secateur.ui.plots.clip_lines import Clip, percentile_of, share_outside
from secateur.ui.plots.grid_levels import grid_of
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.plots.read_out import place_beside
from secateur.ui.plots.threshold import grip_box, parse_ratio, threshold_read_out
from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def layer(spectra):
    return spectra["layer2.0.conv2"]


@pytest.fixture
def plot(qtbot, qapp, layer):
    apply_theme(qapp, DARK)
    plot = HistogramPlot("histogram", "Histogram")
    qtbot.addWidget(plot)
    plot.resize(460, 320)
    plot.show_spectra(layer, 0.5)
    with qtbot.waitExposed(plot):
        plot.show()
    plot.grab()
    return plot


def at(point: QPointF) -> QPoint:
    return point.toPoint()


def test_bins_over_the_whole_range_hold_every_value(layer):
    low, high = whole_range(layer.values, symmetric=True)
    for pixels in (80, 397, 2000):
        assert bin_spectrum(layer.values, low, high, pixels).counts.sum() == pytest.approx(layer.values.size)


def test_a_bin_is_centred_on_zero_so_that_pruned_weights_are_one_bar(layer):
    bins = bin_spectrum(layer.values, -0.31, 0.47, 400)
    assert np.abs(bins.middles).min() < 1e-9


def test_zooming_in_counts_again_in_finer_bins(plot, layer):
    wide = bin_spectrum(layer.values, *plot.view, plot.area.width())
    plot.zoom(8, 0.1)
    close = bin_spectrum(layer.values, *plot.view, plot.area.width())
    assert np.diff(close.edges)[0] == pytest.approx(np.diff(wide.edges)[0] / 8, rel=1e-3)
    assert plot.view[0] < 0.1 < plot.view[1]


def test_zooming_out_never_leaves_the_full_range(plot):
    plot.zoom(4, 0.2)
    plot.zoom(0.01, 0.2)
    assert plot.view == pytest.approx(plot.full[0])


def test_a_double_click_beside_the_threshold_shows_the_whole_range(qtbot, plot):
    plot.zoom(6, 0.3)
    qtbot.mouseDClick(plot.viewport(), LEFT, pos=at(plot.area.center() + QPointF(60, 0)))
    assert plot.view == pytest.approx(plot.full[0])
    assert not plot.field.isVisible()


def test_dragging_the_grip_gives_the_share_of_weights_below_it(qtbot, plot, layer):
    moved, settled = [], []
    plot.ratio_moved.connect(moved.append)
    plot.ratio_settled.connect(settled.append)
    qtbot.mousePress(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    for step in (10, 20, 30):
        qtbot.mouseMove(plot.viewport(), at(plot.threshold_pixel + QPointF(10, 0)))
        assert len(moved) == step // 10
    assert not settled
    qtbot.mouseRelease(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    assert moved == sorted(moved)
    assert settled == [moved[-1]]
    threshold = layer.values.magnitude_percentile(moved[-1])
    assert layer.values.share_below(threshold) == pytest.approx(moved[-1], abs=0.01)  # within a bucket


def test_a_click_on_the_grip_without_a_move_changes_nothing(qtbot, plot):
    with qtbot.assertNotEmitted(plot.ratio_settled):
        qtbot.mouseClick(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))


def test_the_left_line_can_be_dragged_too(qtbot, plot):
    x = plot.pixel(-plot.threshold, 0.0).x()
    before = plot.ratio
    qtbot.mousePress(plot.viewport(), LEFT, pos=QPoint(round(x), 60))
    qtbot.mouseMove(plot.viewport(), QPoint(round(x) - 20, 60))
    qtbot.mouseRelease(plot.viewport(), LEFT, pos=QPoint(round(x) - 20, 60))
    assert plot.ratio > before


def test_without_a_plan_the_handle_at_zero_is_dragged_out(qtbot, plot, layer):
    plot.show_spectra(layer, None)
    plot.grab()
    assert plot.threshold_pixel.x() == pytest.approx(plot.pixel(0.0, 0.0).x(), abs=1)
    qtbot.mousePress(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    qtbot.mouseMove(plot.viewport(), at(plot.threshold_pixel + QPointF(40, 0)))
    with qtbot.waitSignal(plot.ratio_settled) as settled:
        qtbot.mouseRelease(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    assert settled.args[0] > 0


def test_a_state_that_arrives_during_a_drag_does_not_move_the_threshold(qtbot, plot, layer):
    qtbot.mousePress(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    qtbot.mouseMove(plot.viewport(), at(plot.threshold_pixel + QPointF(25, 0)))
    held = plot.ratio
    plot.show_spectra(layer, 0.1)
    assert plot.ratio == held
    qtbot.mouseRelease(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))


@pytest.mark.parametrize(
    ("key", "modifier", "ratio"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 0.51),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 0.49),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, 0.60),
    ],
)
def test_arrows_move_the_threshold_by_one_percent_and_with_shift_by_ten(qtbot, plot, key, modifier, ratio):
    with qtbot.waitSignal(plot.ratio_settled) as settled:
        qtbot.keyClick(plot, key, modifier)
    assert settled.args[0] == pytest.approx(ratio)


def test_keys_never_leave_zero_to_one(qtbot, plot, layer):
    plot.show_spectra(layer, 0.97)
    qtbot.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert plot.ratio == 1.0
    plot.show_spectra(layer, 0.05)
    qtbot.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert plot.ratio == 0.0


def test_a_ratio_can_be_typed_after_a_double_click_on_the_grip(qtbot, plot):
    qtbot.mouseDClick(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    assert plot.field.isVisible()
    plot.field.setText("62,5 %")
    with qtbot.waitSignal(plot.ratio_settled) as settled:
        qtbot.keyClick(plot.field, Qt.Key.Key_Return)
    assert settled.args[0] == pytest.approx(0.625)
    assert not plot.field.isVisible()


def test_escape_closes_the_field_and_keeps_the_ratio(qtbot, plot):
    qtbot.mouseDClick(plot.viewport(), LEFT, pos=at(plot.threshold_pixel))
    plot.field.setText("90")
    with qtbot.assertNotEmitted(plot.ratio_settled):
        qtbot.keyClick(plot.field, Qt.Key.Key_Escape)
    assert plot.ratio == 0.5


@pytest.mark.parametrize(
    ("text", "ratio"), [("60", 0.6), ("60 %", 0.6), ("0", 0.0), ("100%", 1.0), ("101", None), ("a", None), ("", None)]
)
def test_a_typed_ratio_is_a_percentage_of_nought_to_a_hundred(text, ratio):
    assert parse_ratio(text) == (None if ratio is None else pytest.approx(ratio))


def test_the_read_out_says_threshold_share_sqnr_and_count(layer):
    read_out = threshold_read_out(layer, 0.5, layer.values.magnitude_percentile(0.5))
    words = " ".join([read_out.title, *(text for text, _ in read_out.rows)])
    assert "|w| <" in words
    assert "50.0\u00a0%" in words
    assert "dB" in words
    assert f"of {layer.values.size:,}" in words


@pytest.mark.parametrize("x", [0, 60, 200, 399])
def test_a_read_out_stays_inside_the_plot(x):
    bounds = QRectF(50, 20, 350, 200)
    box = place_beside((120, 60), QPointF(x, 190), bounds)
    assert bounds.adjusted(-1, -1, 1, 1).contains(box)


def test_activations_have_no_threshold_to_drag(qtbot, plot, layer):
    plot.show_values(layer.values, "output")
    plot.grab()
    with qtbot.assertNotEmitted(plot.ratio_settled):
        qtbot.mouseClick(plot.viewport(), LEFT, pos=at(plot.area.center()))
        qtbot.keyClick(plot, Qt.Key.Key_Right)


def test_the_grip_stands_on_the_threshold(plot):
    box = grip_box(plot.area, plot.pixel(plot.threshold, 0.0).x())
    assert (box.width(), box.height()) == (10, 28)
    assert plot.value(box.center()).x() == pytest.approx(plot.threshold, abs=0.01)


@pytest.mark.parametrize("bits", [8, 4])
def test_a_grid_has_as_many_levels_as_its_bits_allow_and_ends_at_the_range(layer, bits):
    levels = grid_of(layer, bits, clipped=False)
    assert len(levels.values()) == levels.count == 2**bits - 1
    assert levels.values()[-1] == pytest.approx(levels.limit)
    assert levels.clipped == 0.0


def test_a_cut_grid_says_which_share_of_the_weights_it_cuts(layer):
    levels = grid_of(layer, 4, clipped=True)
    assert 0.0 < levels.clipped < 0.1
    assert levels.limit < grid_of(layer, 4, clipped=False).limit


def test_the_plot_is_drawn_again_only_when_something_changed(plot, layer, monkeypatch):
    drawn = []
    monkeypatch.setattr(type(plot), "redraw", lambda self: drawn.append(self.ratio))
    plot.show_spectra(layer, 0.5)
    plot.grab()
    assert not drawn
    plot.show_spectra(layer, 0.6)
    plot.grab()
    assert drawn == [0.6]


def test_another_theme_paints_the_plot_anew(qapp, plot):
    dark = plot.grab().toImage()
    apply_theme(qapp, LIGHT)
    assert plot.grab().toImage() != dark


@pytest.mark.parametrize(("suffix", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_picture_is_saved_as_png_and_svg(plot, tmp_path, suffix, head):
    path = tmp_path / f"plot.{suffix}"
    plot.save_picture(str(path))
    assert path.read_bytes().startswith(head)
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_svg_holds_text_and_no_pixels(plot, tmp_path):
    path = tmp_path / "plot.svg"
    plot.save_picture(str(path))
    content = path.read_text()
    assert "weight value" in content
    assert "<image" not in content


def test_a_picture_in_another_format_is_refused_with_the_way_out(plot, tmp_path):
    with pytest.raises(UserError, match=r"\.png or \.svg"):
        plot.save_picture(str(tmp_path / "plot.bmp"))


def test_a_picture_that_cannot_be_written_names_the_path(plot, tmp_path):
    with pytest.raises(UserError, match="missing"):
        plot.save_picture(str(tmp_path / "missing" / "plot.png"))


@pytest.mark.display
def test_a_copied_picture_is_on_the_clipboard(plot):
    plot.copy_picture()
    assert QGuiApplication.clipboard().pixmap().size() == plot.size() * plot.devicePixelRatioF()


# ---------------------------------------------------------------------- the range that int8 covers


def test_a_range_holds_the_percentile_that_its_end_stands_for(layer):
    for percentile in (90.0, 99.0, 99.9):
        low, high = percentile_range(layer.values, percentile)
        assert percentile_of(layer.values, high, upper=True) == pytest.approx(percentile, abs=0.5)
        assert percentile_of(layer.values, low, upper=False) == pytest.approx(percentile, abs=0.5)
        assert 100 * share_outside(layer.values, Clip(low, high)) == pytest.approx(100 - percentile, abs=0.5)


def test_a_range_beyond_all_values_cuts_nothing(layer):
    assert percentile_of(layer.values, 9.0, upper=True) == 100.0
    assert share_outside(layer.values, Clip(-9.0, 9.0)) == 0.0


@pytest.mark.parametrize("upper", [True, False])
def test_both_ends_of_the_range_can_be_dragged(qtbot, plot, layer, upper):
    clip = Clip(-0.2, 0.2)
    plot.show_values(layer.values, "output", clip=clip)
    plot.grab()
    moved, settled = [], []
    plot.clip_moved.connect(moved.append)
    plot.clip_settled.connect(settled.append)
    start = plot.pixel(clip.high if upper else clip.low, 0.0)
    start.setY(plot.area.center().y())
    end = start + QPointF(-30 if upper else 30, 0)
    qtbot.mousePress(plot.viewport(), LEFT, pos=at(start))
    qtbot.mouseMove(plot.viewport(), at(end))
    qtbot.mouseRelease(plot.viewport(), LEFT, pos=at(end))
    there = percentile_of(layer.values, plot.value(end).x(), upper=upper)
    assert moved[-1] == settled[0] == pytest.approx(there, abs=1.0)
    assert len(settled) == 1


def test_the_range_is_told_in_words_and_goes_with_the_plan(plot, layer):
    plot.show_values(layer.values, "output", clip=Clip(-0.1, 0.1))
    assert "cut" in plot.accessibleDescription()
    plot.show_values(layer.values, "output")
    assert "cut" not in plot.accessibleDescription()
