"""What every plot with axes does alike: a closer look by mouse and keys, the crosshair, pictures, data, themes."""

import csv
import io
from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QMouseEvent, QPainter, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from secateur.engine.events import RunRecord
from secateur.model.documents import Evaluation, LayerError, Metric, RunDocument
from secateur.model.maps import AnswerAt, LayerMaps
from secateur.model.spectrum import Spectra
from secateur.ui.plots.answers import AnswerBars, softmax
from secateur.ui.plots.channel_strip import ChannelStrip
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.curves import CurvePlot, Series
from secateur.ui.plots.depth_charts import AnswerDepth, OutputDepth
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.plots.feature_chart import FeatureChart
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.plots.pareto import ParetoPlot
from secateur.ui.plots.saving import Saving, saver
from secateur.ui.plots.spectrum_pair import SpectrumPair
from secateur.ui.plots.sqnr_bars import SqnrBars
from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme, color

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
Layers = Mapping[str, Spectra]


def histogram(spectra: Layers) -> Chart:
    plot = HistogramPlot("histogram", "Histogram")
    plot.show_spectra(spectra["layer2.0.conv2"], 0.5)
    return plot


def values(spectra: Layers) -> Chart:
    plot = HistogramPlot("values", "Values")
    plot.show_values(spectra["layer2.0.conv2"].values, "activation")
    return plot


def pair(spectra: Layers) -> Chart:
    plot = SpectrumPair("pair", "Pair")
    plot.show_pair(spectra["layer2.0.conv2"].values, spectra["layer2.0.conv1"].values)
    return plot


def curves(_spectra: Layers) -> Chart:
    plot = CurvePlot("loss", "Loss")
    x = np.linspace(0.01, 4.0, 400)
    y = 4 * np.exp(-x) + 0.2 * np.sin(40 * x)
    series = [
        Series("total", x, y, "result", "0.07 total", raw=True, window=21),
        Series("label", x[::4], y[::4] * 2, "third", "0.15 label", dashed=True),
    ]
    plot.show_series(series, x_end=6, quantity="loss", reference=(2.0, "teacher"))
    return plot


def evaluation(metric: float, size_bytes: int) -> Evaluation:
    measured = Metric(name="top1", value=metric, ci95=(metric - 0.01, metric + 0.01))
    return Evaluation(
        metric=measured, loss=None, samples=512, bytes=size_bytes, zip_bytes=size_bytes, params=1, nonzero_params=1,
        macs=1, latency_ms=None,
    )  # fmt: skip


def record(number: int) -> RunRecord:
    original, result = evaluation(0.81, 1_090_000), evaluation(0.75 + 0.01 * number, 140_000 + 50_000 * number)
    document = RunDocument(run=f"r{number}", name="", original=original, result=result, files=())
    return RunRecord(
        run=f"r{number}", name=f"Run {number}", model="net", fingerprint="f", data="d", recipe_yaml="",
        document=document, state="finished", created=0.0, folder="runs", error="",
    )  # fmt: skip


def runs(_spectra: Layers) -> Chart:
    plot = ParetoPlot()
    plot.show_runs([record(n) for n in range(5)], evaluation(0.81, 1_090_000), None, has_plan=False)
    return plot


def errors(_spectra: Layers) -> Chart:
    plot = ErrorCurve("errors", "Errors")
    notes = {3: "unchanged", 8: "Its output has another shape."}
    made = [
        LayerError(
            layer=f"block{n // 4}.conv{n % 4}", weight_sqnr_db=20.0 + n % 7,
            output_sqnr_db=None if n in notes else 30.0 - n, output_note=notes.get(n, ""),
        )
        for n in range(12)
    ]  # fmt: skip
    plot.show_errors(made, ("block1.conv1",))
    return plot


def answers(_spectra: Layers) -> Chart:
    plot = AnswerBars("answers", "Answers")
    logits = np.arange(8, dtype=np.float32)
    plot.show_answers([f"class {n}" for n in range(8)], softmax(logits, 2), softmax(-logits, 2), "class 7")
    return plot


def channels(spectra: Layers) -> Chart:
    plot = ChannelStrip("channels", "Channels")
    plot.show_ranges(spectra["layer2.0.conv2"].channel_ranges, 4)
    return plot


def bars(_spectra: Layers) -> Chart:
    plot = SqnrBars("bars", "Bars")
    plot.show_values({8: 41.0, 7: 35.0, 6: 29.0, 5: 24.0, 4: 18.0, 3: 13.0, 2: None}, 4, (8, 4))
    return plot


def features(_spectra: Layers) -> Chart:
    plot = FeatureChart("features", "Features")
    before = np.linspace(-1, 2, 10, dtype=np.float16)
    change = before * np.float16(0.1)
    plot.show_maps(LayerMaps("linear", "features", (10,), before, before + change, change, 0, 10, sqnr_db=20.0))
    return plot


DEPTH = ("conv1", "conv2", "conv3", "linear")


def answers_by_depth(_spectra: Layers) -> Chart:
    plot = AnswerDepth("answers_by_depth", "Answer")
    said = [AnswerAt(layer, 0.9 - 0.2 * n, 2.0 - n, 7, 0.1 * n) for n, layer in enumerate(("", *DEPTH))]
    plot.show_answers(DEPTH, said, "conv2", "score")
    return plot


def outputs_by_depth(_spectra: Layers) -> Chart:
    plot = OutputDepth("outputs_by_depth", "Output")
    part = np.ones(3, np.float16)
    maps = [LayerMaps(name, "features", (3,), part, part, part, 0, 3, sqnr_db=30.0 - n) for n, name in enumerate(DEPTH)]
    plot.show_maps(DEPTH, maps, "conv2")
    return plot


Make = Callable[[Layers], Chart]
DEEP: tuple[Make, ...] = (features, answers_by_depth, outputs_by_depth)
ALL: tuple[Make, ...] = (histogram, values, pair, curves, runs, errors, answers, channels, bars, *DEEP)
CLOSER: tuple[Make, ...] = (histogram, values, pair, curves, runs, errors, channels, *DEEP)
READ: tuple[Make, ...] = (histogram, values, pair, curves, errors, answers, channels)
STEPPED: tuple[Make, ...] = (curves, answers)


def named(make: Make) -> str:
    return make.__name__


@pytest.fixture
def show(qtbot: QtBot, qapp: QApplication, spectra: Layers) -> Callable[[Make], Chart]:
    holders = []  # else nobody holds them

    def made(make: Make) -> Chart:
        apply_theme(qapp, DARK)
        plot = make(spectra)
        holder = QWidget()  # so that the plot is no window of its own, as in the program
        qtbot.addWidget(holder)
        holders.append(holder)
        plot.setParent(holder)
        holder.resize(520, 300)
        plot.setGeometry(10, 10, 500, 280)
        holder.show()
        qtbot.waitExposed(holder)
        holder.activateWindow()
        qtbot.waitUntil(holder.isActiveWindow)
        plot.grab()
        return plot

    return made


def send(
    plot: Chart,
    kind: QEvent.Type,
    at: QPointF,
    button: Qt.MouseButton = NONE,
    buttons: Qt.MouseButton = NONE,
    held: Qt.KeyboardModifier = PLAIN,
) -> None:
    to = plot.viewport().mapToGlobal(at)
    QApplication.sendEvent(plot.viewport(), QMouseEvent(kind, at, to, button, buttons, held))


def drag(plot: Chart, start: QPointF, end: QPointF, held: Qt.KeyboardModifier = PLAIN) -> None:
    """Press, move in steps and let go, with a key held or without."""
    send(plot, QEvent.Type.MouseButtonPress, start, LEFT, LEFT, held)
    for part in np.linspace(0.2, 1.0, 5):
        send(plot, QEvent.Type.MouseMove, start + (end - start) * float(part), NONE, LEFT, held)
    send(plot, QEvent.Type.MouseButtonRelease, end, LEFT, NONE, held)


def wheel(plot: Chart, at: QPointF, steps: int) -> None:
    place = plot.viewport().mapToGlobal(at)
    phase, inverted = Qt.ScrollPhase.NoScrollPhase, False
    event = QWheelEvent(at, place, QPoint(), QPoint(0, 120 * steps), NONE, PLAIN, phase, inverted)
    QApplication.sendEvent(plot.viewport(), event)


def free_place(plot: Chart, share: float = 0.3) -> QPointF:
    """A place in the plot where nothing can be dragged."""
    return QPointF(plot.area.left() + share * plot.area.width(), plot.area.top() + 0.3 * plot.area.height())


# ------------------------------------------------------------------ a closer look


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


# ------------------------------------------------------------------ the crosshair


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


# ------------------------------------------------------------------ pictures, data, menu


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


# ------------------------------------------------------------------ look


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


def test_an_axis_without_data_has_no_ticks(qtbot):
    chart = AnswerDepth("depth", "Depth")
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    chart.show_answers(("a", "b"), (), "a", "score")
    chart.show()
    chart.grab()
    assert chart.left_axis.is_blank


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


def test_the_card_of_a_chart_of_depth_speaks_of_the_sample_that_is_shown(qtbot):
    chart = AnswerDepth("depth", "Depth")
    qtbot.addWidget(chart)
    chart.show_answers(("a",), [AnswerAt("", 0.9, 2.0, 3), AnswerAt("a", 0.5, 1.0, 3)], "a", "score")
    chart.read(chart.reading_at(0.0, 0.0))
    before = chart.reading
    chart.show_answers(("a",), [AnswerAt("", 0.9, 2.0, 3), AnswerAt("a", 0.7, 1.0, 3)], "a", "score")
    assert chart.reading == chart.reading_at(0.0, 0.0) != before


def test_a_click_in_a_chart_of_depth_selects_the_layer_and_a_lone_release_of_the_button_does_not(qtbot):
    chart, chosen = AnswerDepth("depth", "Depth"), []
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    chart.layer_selected.connect(chosen.append)
    chart.show_answers(("a", "b"), [AnswerAt("", 0.9, 2.0, 3), AnswerAt("a", 0.5, 1.0, 3)], "a", "score")
    chart.show()
    place = QPoint(round(chart.pixel(1.0, 0.0).x()), round(chart.area.center().y()))
    qtbot.mouseRelease(chart.viewport(), LEFT, pos=place)
    assert chosen == []
    qtbot.mouseClick(chart.viewport(), LEFT, pos=place)
    assert chosen == ["b"]


def test_an_answer_without_bounds_is_left_out_of_its_chart(qtbot):
    chart = AnswerDepth("depth", "Depth")
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    answers = [AnswerAt("", 1.0, np.inf, 3), AnswerAt("a", 0.5, 4.0, 3), AnswerAt("b", 0.5, np.nan, 3)]
    chart.show_answers(("a", "b"), answers, "", "margin")
    chart.show()
    assert not chart.grab().isNull()
    assert chart.full[1] == pytest.approx((0.0, 4.24))
