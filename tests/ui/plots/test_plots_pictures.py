"""What every plot with axes gives away and looks like: pictures, data, its menu, themes, the ring of the keyboard."""

import csv
import io

import pytest
from charts_with_data import ALL, LEFT, Make, curves, named
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from secateur.ui.plots.answers import AnswerBars
from secateur.ui.plots.channel_strip import ChannelStrip
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.curves import CurvePlot
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.plots.saving import Saving, saver
from secateur.ui.plots.spectrum_pair import SpectrumPair
from secateur.ui.plots.sqnr_bars import SqnrBars
from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme, color

# ---------------------------------------------------------------------- pictures, data, menu


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.display
def test_the_data_on_the_clipboard_are_what_is_drawn(show, make: Make) -> None:
    plot = show(make)
    texts = {action.text(): action for action in plot.make_menu().actions()}
    texts["Copy data as CSV"].trigger()
    header, *rows = csv.reader(io.StringIO(QGuiApplication.clipboard().text()))
    table = plot.table()
    assert tuple(header) == table.columns
    assert len(rows) == len(table.rows) > 1
    for row, cells in zip(rows, table.rows, strict=True):
        for text, cell in zip(row, cells, strict=True):
            assert text == "" if cell is None else text == cell or float(text) == pytest.approx(cell)


def test_the_data_of_curves_are_their_values_at_every_epoch(show) -> None:
    table = show(curves).table()
    assert table.columns == ("epoch", "total", "label")
    assert len(table.rows) == 400
    assert [row[2] for row in table.rows[:5]].count(None) == 3  # the second curve has a value at every fourth step


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.display
def test_the_menu_key_offers_picture_and_data(qtbot: QtBot, show, make: Make) -> None:
    plot = show(make)
    plot.setFocus()
    at = plot.rect().center()
    QApplication.sendEvent(plot, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, plot.mapToGlobal(at)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    texts = [action.text() for action in menu.actions() if action.isEnabled() and action.text()]
    assert texts[:4] == ["Copy picture", "Save picture…", "Copy data as CSV", "Save data as CSV…"]
    with qtbot.waitSignal(saver.wanted) as wanted:
        for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return):
            qtbot.keyClick(menu, key)
    assert wanted.args == [Saving(plot)]


@pytest.mark.parametrize("make", ALL, ids=named)
def test_a_saved_svg_holds_lines_and_text_and_no_pixels(show, tmp_path, make: Make) -> None:
    plot = show(make)
    plot.save_picture(str(tmp_path / "plot.svg"))
    content = (tmp_path / "plot.svg").read_text()
    assert "<text" in content
    assert "<path" in content or "<rect" in content or "<polyline" in content
    assert "<image" not in content


@pytest.mark.parametrize("make", ALL, ids=named)
def test_a_saved_png_is_the_plot_at_screen_resolution(show, tmp_path, make: Make) -> None:
    plot = show(make)
    plot.save_picture(str(tmp_path / "plot.png"))
    content = (tmp_path / "plot.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    size = (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    assert size == (500 * plot.devicePixelRatio(), 280 * plot.devicePixelRatio())


# ---------------------------------------------------------------------- look


@pytest.mark.parametrize("make", ALL, ids=named)
def test_another_theme_paints_every_plot_anew(qapp: QApplication, show, make: Make) -> None:
    plot = show(make)
    dark = plot.grab().toImage()
    apply_theme(qapp, LIGHT)
    light = plot.grab().toImage()
    assert light != dark
    apply_theme(qapp, DARK)
    assert plot.grab().toImage() == dark


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.display
def test_the_plot_with_the_keyboard_has_a_ring(show, make: Make) -> None:
    plot = show(make)
    plot.clearFocus()
    edge = QPoint(1, plot.height() // 2)
    assert plot.grab().toImage().pixelColor(edge) != color("accent")
    plot.setFocus()
    assert plot.hasFocus()
    assert plot.grab().toImage().pixelColor(edge) == color("accent")


@pytest.mark.parametrize("make", ALL, ids=named)
def test_every_plot_says_what_it_shows(show, make: Make) -> None:
    plot = show(make)
    assert plot.accessibleName()
    assert plot.accessibleDescription()


@pytest.mark.parametrize(
    "kind", [HistogramPlot, SpectrumPair, CurvePlot, ErrorCurve, AnswerBars, ChannelStrip, SqnrBars]
)
def test_a_plot_that_was_shown_nothing_can_be_painted_and_has_no_data(qtbot: QtBot, kind: type[Chart]) -> None:
    plot = kind("plot", "Plot")
    qtbot.addWidget(plot)
    plot.resize(300, 200)
    plot.show()
    assert not plot.grab().isNull()
    assert plot.table() is None
    qtbot.mouseClick(plot.viewport(), LEFT, pos=QPoint(150, 90))
    qtbot.keyClick(plot, Qt.Key.Key_Right)
