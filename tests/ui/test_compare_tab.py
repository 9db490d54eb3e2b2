"""The Compare tab: the bad news first, six figures, errors by layer, and what the buttons ask for."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPushButton

from secateur.engine.events import Compared, RunRecord
from secateur.model.documents import Comparison, ExportedFile, Latency, LayerError, Metric, RunDocument
from secateur.model.run_details import PartChange
from secateur.session.state import SessionState, Side
from secateur.ui.panels.class_changes import COLUMNS
from secateur.ui.panels.compare import PLOT_HEIGHT, CompareTab
from secateur.ui.panels.compare_figures import figures_of
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme

LEFT = Qt.MouseButton.LeftButton
SLOWER = "Slower here: 2.00 ms → 2.50 ms, +25 %."


def latency(median):
    return Latency(median=median, p10=median, p90=median * 1.1, runtime="ONNX Runtime", threads=1)


@pytest.fixture
def document(evaluation, model):
    original = evaluation.model_copy(update={"latency_ms": latency(2.0)})
    worse = original.metric.model_copy(update={"value": 0.79, "ci95": (0.78, 0.8)})
    changes = {"bytes": 4000, "latency_ms": latency(1.0), "metric": worse, "loss": 0.7}
    errors = tuple(
        LayerError(layer=layer.name, weight_sqnr_db=20.0, output_sqnr_db=30.0 - n)
        for n, layer in enumerate(model.layers)
    )
    file = ExportedFile(
        format="onnx", path="m.onnx", bytes=4000, verified=True, max_deviation=0.0, agreement=1.0, latency_ms=None
    )
    result = original.model_copy(update=changes)
    return RunDocument(
        run="r1", name="small", original=original, result=result, files=(file,), agreement=0.93, layers=errors
    )


def record(document, run="r1", name="first"):
    return RunRecord(run, name, "m", "f", "d", "", "finished", 0.0, f"/runs/{run}", document=document)


@pytest.fixture
def state(model, spectra, document):
    return SessionState(model=model, spectra=spectra, runs=(record(document), record(document, "r0", "older")))


@pytest.fixture
def tab(qtbot):
    tab = CompareTab()
    qtbot.addWidget(tab)
    tab.resize(1159, 600)
    with qtbot.waitExposed(tab):
        tab.show()
    return tab


def test_before_the_first_run_it_says_what_would_fill_it(tab, state):
    tab.show_state(state.with_(runs=()), ())
    assert tab.pending.isVisible()
    assert "Run a plan, or choose a file" in tab.pending.accessibleName()
    assert not tab.cards["file"].isVisible()


def test_a_result_without_bad_news_has_no_banner(tab, state):
    tab.show_state(state, ())
    assert not tab.banner.isVisible()


def test_bad_news_stand_in_a_negative_banner_above_everything(tab, state, document):
    bad = document.model_copy(update={"headline": SLOWER, "warnings": (SLOWER, "Weights are unpacked first.")})
    tab.show_state(state.with_(runs=(record(bad),)), ())
    assert tab.banner.isVisible()
    assert tab.banner.kind == "negative"
    assert tab.banner.accessibleName() == f"{SLOWER} Weights are unpacked first."
    top = min(card.mapTo(tab.content, card.rect().topLeft()).y() for card in tab.cards.values())
    assert tab.banner.y() < top


def test_other_warnings_are_a_warning(tab, state, document):
    warned = document.model_copy(update={"warnings": ("top1 fell by more than its sampling noise.",)})
    tab.show_state(state.with_(runs=(record(warned),)), ())
    assert tab.banner.kind == "warn"


def test_the_six_cards_show_the_result(tab, state):
    tab.show_state(state, ())
    assert tab.cards["metric"].figure() == "79.0\u00a0%"
    assert tab.cards["file"].figure() == "4.00\u00a0kB"
    assert tab.cards["latency"].figure() == "1.00\u00a0ms"
    assert tab.cards["agreement"].figure() == "93.0\u00a0%"


def test_a_drop_beyond_the_noise_is_negative_and_one_within_it_is_not(document):
    assert figures_of(document)["metric"].tone == "negative"
    near = document.result.metric.model_copy(update={"value": 0.806, "ci95": (0.79, 0.82)})
    result = document.result.model_copy(update={"metric": near})
    assert figures_of(document.model_copy(update={"result": result}))["metric"].tone == ""


def test_an_error_that_rises_is_negative_and_written_in_its_own_units(document):
    def error(value):
        return Metric(name="mse", value=value, ci95=(value * 0.9, value * 1.1))

    original = document.original.model_copy(update={"metric": error(0.007)})
    for value, tone, delta in ((3.83, "negative", "+3.82"), (0.001, "positive", "−0.00600")):
        result = document.result.model_copy(update={"metric": error(value)})
        figure = figures_of(document.model_copy(update={"original": original, "result": result}))["metric"]
        assert (figure.title, figure.tone, figure.delta) == ("Squared error", tone, delta)
        assert "%" not in figure.figure + figure.detail


@pytest.mark.parametrize(("name", "change"), [("file", {"bytes": 20_000}), ("latency", {"latency_ms": latency(2.5)})])
def test_a_larger_or_slower_result_alarms_its_card(document, name, change):
    result = document.result.model_copy(update=change)
    figure = figures_of(document.model_copy(update={"result": result}))[name]
    assert figure.alarm
    assert figure.tone == "negative"


def test_what_was_not_measured_is_a_dash(document):
    result = document.result.model_copy(update={"metric": None, "loss": None, "latency_ms": None})
    figures = figures_of(document.model_copy(update={"result": result, "agreement": None}))
    assert {figures[name].figure for name in ("metric", "loss", "latency", "agreement")} == {"–"}


def test_choosing_another_run_asks_for_it(qtbot, tab, state):
    tab.show_state(state, ())
    assert [tab.head.right.itemText(place) for place in (0, 4)] == ["Original · small.onnx", "Open file…"]
    with qtbot.waitSignal(tab.pair_wanted) as wanted:
        qtbot.keyClick(tab.head.right, Qt.Key.Key_Down)
    assert wanted.args == [Side(), Side(run="r0")]


def test_the_chooser_follows_the_shown_run(tab, state):
    tab.show_state(state.with_(shown_run="r0"), ())
    assert tab.head.right.currentText().startswith("older")
    assert tab.head.left.currentText() == "Original · small.onnx"


def test_the_report_button_asks_for_the_report_of_the_shown_run(qtbot, tab, state):
    tab.show_state(state, ())
    with qtbot.waitSignal(tab.report_wanted) as wanted:
        qtbot.mouseClick(tab.head.report, LEFT)
    assert Path(wanted.args[0]) == Path("/runs/r1/report.html")


def test_the_export_button_asks_for_an_export(qtbot, tab, state):
    tab.show_state(state, ())
    with qtbot.waitSignal(tab.export_wanted):
        qtbot.mouseClick(tab.head.export, LEFT)


def test_a_click_on_the_error_curve_selects_the_layer(qtbot, tab, state):
    tab.show_state(state, ())
    tab.grab()
    with qtbot.waitSignal(tab.layer_selected) as selected:
        qtbot.mouseClick(tab.errors.viewport(), LEFT, pos=tab.errors.place("layer2.0.conv1").toPoint())
    assert selected.args == ["layer2.0.conv1"]


def test_the_selected_layer_says_how_far_its_weights_and_output_moved(tab, state):
    tab.show_state(state, ("conv1",))
    assert "20.0\u00a0dB" in tab.pair_text.text()
    assert "30.0\u00a0dB" in tab.pair_text.text()


def test_the_results_spectrum_is_drawn_where_it_is_at_hand(tab, state, spectra):
    tab.show_state(state.with_(run_spectra={"conv1": spectra["linear"].values}), ("conv1",))
    assert "20.0" in tab.pair_text.text()
    assert not tab.grab().isNull()


def test_a_run_without_layers_says_so(tab, state, document):
    tab.show_state(state.with_(runs=(record(document.model_copy(update={"layers": ()})),)), ("conv1",))
    assert tab.no_errors.isVisible()
    assert not tab.errors.isVisible()


def part(name, gain, low, high, samples=50):
    return PartChange(
        name=name, samples=samples, before=0.8, after=0.8 + gain, low=low, high=high, measure="share of right answers"
    )


PARTS = (part("cat", -0.12, -0.2, -0.04), part("dog", -0.02, -0.06, 0.02), part("owl", 0.04, 0.01, 0.07))


def test_what_was_lost_on_which_class_stands_below_in_the_order_of_the_loss(tab, state, document):
    tab.show_state(state.with_(runs=(record(document.model_copy(update={"parts": PARTS})),)), ())
    shown = tab.classes.model()
    column = {name: number for number, name in enumerate(COLUMNS)}
    told = [[shown.index(row, column[name]).data() for name in ("part", "change")] for row in range(shown.rowCount())]
    assert told == [["cat", "−12.0\u00a0pt"], ["dog", "−2.0\u00a0pt"], ["owl", "+4.0\u00a0pt"]]
    assert tab._classes_card.isVisible()
    assert "surely worse on cat" in tab.classes.accessibleDescription()
    tip = shown.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "Surely worse" in tip
    assert "chance" in shown.index(1, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_a_run_without_parts_has_no_card_for_them(tab, state):
    tab.show_state(state, ())
    assert not tab._classes_card.isVisible()


def test_any_two_that_are_compared_tell_it_too(tab, state, document):
    made = Comparison(a=document.original, b=document.result, agreement=1.0, layers=(), parts=PARTS)
    chosen = state.with_(left=Side(run="r0"), right=Side(run="r1"), comparison=Compared(made))
    tab.show_state(chosen, ())
    assert tab.classes.model().rowCount() == 3


def test_what_was_lost_by_class_is_copied_as_plain_numbers(qtbot, tab, state, document):
    tab.show_state(state.with_(runs=(record(document.model_copy(update={"parts": PARTS})),)), ())
    qtbot.mouseClick(tab.findChild(QPushButton, "copy_classes"), LEFT)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0] == "part,samples,original,result,change,low,high,surely_worse,measure"
    assert lines[1].startswith("cat,50,0.8,0.68,-0.12,-0.2,-0.04,1,")


@pytest.mark.parametrize(("width", "has_interval"), [(1159, True), (420, False)])
def test_where_there_is_little_room_the_change_stays(tab, state, document, width, has_interval):
    tab.resize(width, 600)
    tab.show_state(state.with_(runs=(record(document.model_copy(update={"parts": PARTS})),)), ())
    tab.classes.resize(width - 60, tab.classes.height())
    assert tab.classes.isColumnHidden(COLUMNS.index("interval")) != has_interval
    assert not tab.classes.isColumnHidden(COLUMNS.index("change"))


def test_at_the_smallest_window_the_cards_stand_in_two_rows(qtbot, tab, state):
    tab.show_state(state, ("conv1",))
    tab.resize(733, 524)
    qtbot.waitUntil(lambda: len({card.y() for card in tab.cards.values()}) == 2)
    assert tab.content.width() <= 733


def test_in_the_smallest_window_the_curve_keeps_its_height_beside_the_classes(qtbot, tab, state, document):
    tab.show_state(state.with_(runs=(record(document.model_copy(update={"parts": PARTS * 4})),)), ("conv1",))
    tab.resize(733, 524)
    qtbot.waitUntil(lambda: len({card.y() for card in tab.cards.values()}) == 2)
    assert tab.errors.height() >= PLOT_HEIGHT


def test_the_table_of_classes_has_the_ground_of_its_card(qapp, tab, state, document):
    apply_theme(qapp, DARK)
    tab.show_state(state.with_(runs=(record(document.model_copy(update={"parts": PARTS})),)), ())
    card = tab._classes_card.grab().toImage()
    inside, beside = tab.classes.geometry().topLeft() + QPoint(1, 1), QPoint(4, tab.classes.geometry().top())
    assert card.pixelColor(inside) == card.pixelColor(beside)
