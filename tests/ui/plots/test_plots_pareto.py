"""The picture of all runs: texts that are whole, what the mouse says of a run, and a closer look."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from charts_with_data import hover
from PySide6.QtCore import QPointF, QRectF, Qt

from secateur.engine.events import RunRecord
from secateur.model.documents import Evaluation, Latency, Metric, Predicted, RunDocument
from secateur.ui.plots import pareto
from secateur.ui.plots.pareto import ParetoPlot, SizeAxis, size_texts
from secateur.ui.plots.pareto_axes import ACROSS, UPWARDS
from secateur.ui.plots.pareto_points import plan_words


def evaluation(metric: float, size_bytes: int, name: str = "top1") -> Evaluation:
    measured = Metric(name=name, value=metric, ci95=(metric - 0.01, metric + 0.01))
    return Evaluation(
        metric=measured, loss=None, samples=512, bytes=size_bytes, zip_bytes=size_bytes, params=1, nonzero_params=1,
        macs=1, latency_ms=None,
    )  # fmt: skip


def record(name: str, metric: float, size_bytes: int, kind: str = "top1") -> RunRecord:
    original, result = evaluation(0.81, 1_090_000, kind), evaluation(metric, size_bytes, kind)
    document = RunDocument(run=name, name=name, original=original, result=result, files=())
    return RunRecord(
        run=name, name=f"Run {name}", model="net", fingerprint="f", data="d", recipe_yaml="schema: 1\nsteps: []\n",
        state="finished", created=0.0, folder="runs", error="", document=document,
    )  # fmt: skip


RUNS = tuple(record(f"r{n}", 0.75 + 0.01 * n, 140_000 + 30_000 * n) for n in range(6))


@pytest.fixture
def plot(qtbot) -> ParetoPlot:
    plot = ParetoPlot()
    qtbot.addWidget(plot)
    plot.resize(500, 118)
    with qtbot.waitExposed(plot):
        plot.show()
    plot.show_runs(RUNS, evaluation(0.81, 1_090_000), None, has_plan=False)
    plot.grab()
    return plot


def predicted(size_bytes: int, metric: float | None) -> Predicted:
    return Predicted(bytes=size_bytes, macs=1, latency_ms=None, damage=0.1, metric=metric)


def texts_of(axis) -> list[str]:
    levels = axis.tickValues(*axis.range, axis.width())
    return [text.replace("\u00a0", " ") for spacing, values in levels for text in axis.tickStrings(values, 1, spacing)]


def test_sizes_say_the_unit_where_it_begins(plot: ParetoPlot) -> None:
    assert [text.replace("\u00a0", " ") for text in size_texts([1e5, 2e5, 5e5, 1e6])] == [
        "100 kB",
        "200",
        "500",
        "1 MB",
    ]
    assert texts_of(plot.bottom_axis) == ["200 kB", "500", "1 MB"]


def test_a_run_whose_metric_is_no_number_has_no_place_and_the_others_keep_theirs(plot: ParetoPlot) -> None:
    before = plot.place_of("r0"), plot.full
    plot.show_runs((*RUNS, record("broken", float("nan"), 200_000)), evaluation(0.81, 1_090_000), None, has_plan=False)
    plot.grab()
    assert (plot.place_of("r0"), plot.full) == before
    with pytest.raises(KeyError):
        plot.place_of("broken")


def test_the_sizes_have_their_room_once_there_are_runs(qtbot) -> None:
    plot = ParetoPlot()
    qtbot.addWidget(plot)
    plot.resize(500, 118)
    plot.show_runs((), None, None, has_plan=False)
    plot.show()
    plot.grab()
    plot.show_runs(RUNS, evaluation(0.81, 1_090_000), None, has_plan=False)
    plot.grab()
    assert 15 <= plot.bottom_axis.geometry().height() <= 30
    assert plot.bottom_axis.geometry().bottom() <= plot.height()


@pytest.mark.parametrize(("low", "high"), [(140e3, 160e3), (9e5, 1.1e6), (1e3, 5e9), (220e3, 260e3)])
def test_sizes_have_distinct_texts_at_any_magnification(qapp, low: float, high: float) -> None:
    axis = SizeAxis("bottom")
    axis.set_log(True)
    ((_, places),) = axis.tickValues(np.log10(low), np.log10(high), 400)
    sizes = [10**place for place in places]
    assert len(places) >= 2
    assert all(low * 0.999 <= size <= high * 1.001 for size in sizes)
    assert len({text for size in sizes for text in size_texts([size])}) == len(sizes)


@pytest.mark.parametrize("metric", [0.815, 0.0995, 1.0])
def test_the_metrics_texts_are_whole(qtbot, plot: ParetoPlot, metric: float) -> None:
    """Never `31.5 %` for `81.5 %`: the axis is as wide as its widest text."""
    plot.show_runs((record("a", metric, 90_000),), evaluation(metric - 0.005, 1_090_000), None, has_plan=False)
    plot.grab()
    axis = plot.left_axis
    words = axis.tickStrings(axis.tickValues(*axis.range, axis.height())[0][1], 1.0, 0.1)
    assert words
    assert pareto.caption_width(words) <= axis.width()


@pytest.mark.parametrize("metric", [None, 0.70, 0.79, 0.812])
@pytest.mark.parametrize("size_bytes", [120_000, 300_000, 1_080_000])
@pytest.mark.parametrize("width", [240, 500])
def test_labels_lie_inside_and_never_over_each_other(plot, monkeypatch, metric, size_bytes, width) -> None:
    boxes: dict[str, QRectF] = {}
    paint = pareto.paint_label

    def kept(painter, places, taken, text) -> None:
        paint(painter, places, taken, text)
        if places:
            boxes[text] = taken[-1].box

    monkeypatch.setattr(pareto, "paint_label", kept)
    plot.resize(width, 118)
    plot.show_runs(RUNS, evaluation(0.81, 1_090_000), predicted(size_bytes, metric), has_plan=True)
    plot.grab()
    assert {"original", "this plan"} <= set(boxes)
    boxes["quantity"] = QRectF(plot.area.left(), plot.area.top() - 22, pareto.caption_width([plot.quantity]), 15)
    assert all(QRectF(plot.rect()).contains(box) for box in boxes.values())
    assert not [pair for pair in combinations(boxes, 2) if boxes[pair[0]].intersects(boxes[pair[1]])]


def test_the_mouse_over_a_run_says_what_it_is(plot: ParetoPlot) -> None:
    hover(plot, plot.place_of("r2"))
    assert plot.chosen == "r2"
    assert plot.reading.words.title == "Run r2"
    assert "77.0" in plot.reading.words.rows[0][0]
    hover(plot, plot.place_of("r2") + QPointF(0, 28))
    assert plot.chosen == ""


def test_both_axes_can_be_magnified_and_a_click_still_restores(qtbot, plot: ParetoPlot) -> None:
    at = plot.box.mapFromScene(plot.place_of("r3"))
    assert plot.box.boundingRect().contains(at)
    before = plot.box.viewRange()
    plot.zoom(2.0, plot.value(plot.place_of("r3")).x())
    after = plot.box.viewRange()
    for axis in (0, 1):
        assert after[axis][1] - after[axis][0] == pytest.approx((before[axis][1] - before[axis][0]) / 2)
    plot.grab()
    with qtbot.waitSignal(plot.restore_wanted) as wish:
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.place_of("r3").toPoint())
    assert wish.args == ["r3"]


def test_a_magnified_picture_stays_as_it_is_when_a_run_says_something_else(plot: ParetoPlot) -> None:
    plot.zoom(3.0, 5.3)
    view = plot.view
    plot.show_runs(RUNS[:5], evaluation(0.81, 1_090_000), None, has_plan=False)
    plot.grab()
    assert plot.view == pytest.approx(view)


def test_where_less_is_better_the_axis_is_upside_down(qtbot, plot: ParetoPlot) -> None:
    runs = (record("good", 0.5, 100_000, "mse"), record("bad", 3.8, 200_000, "mse"))
    plot.show_runs(runs, None, None, has_plan=False)
    plot.grab()
    assert plot.box.yInverted()
    assert plot.place_of("good").y() < plot.place_of("bad").y()
    plot.show_runs(RUNS, evaluation(0.81, 1_090_000), None, has_plan=False)
    plot.grab()
    assert not plot.box.yInverted()


# ---------------------------------------------------------------------- other axes


def costly(name: str, metric: float, size_bytes: int, ms: float, macs: int) -> RunRecord:
    made = record(name, metric, size_bytes)
    latency = Latency(median=ms, p10=ms, p90=ms, runtime="ONNX Runtime", threads=1)
    changed = {"latency_ms": latency, "macs": macs, "peak_memory_bytes": 10 * size_bytes}
    result = made.document.result.model_copy(update=changed)
    return replace(made, document=made.document.model_copy(update={"original": result, "result": result}))


MIXED = (costly("small", 0.8, 100_000, 0.02, 9_000_000), costly("fast", 0.7, 300_000, 0.005, 4_000_000))


@pytest.mark.parametrize("across", ACROSS)
@pytest.mark.parametrize("upwards", UPWARDS)
def test_any_two_can_stand_on_the_axes_and_better_is_left_and_above(plot: ParetoPlot, across, upwards) -> None:
    plot.set_axes(across, upwards)
    plot.show_runs(MIXED, None, None, has_plan=False)
    plot.grab()
    better_across = "fast" if across in ("latency", "macs") else "small"
    shown = plot.axes[1]
    better_upwards = "fast" if shown in ("latency", "macs") else "small"
    places = {name: plot.place_of(name) for name in ("small", "fast")}
    assert min(places, key=lambda name: places[name].x()) == better_across
    assert min(places, key=lambda name: places[name].y()) == better_upwards
    assert plot.area.adjusted(-1, -1, 1, 1).contains(places["small"])
    assert len(set(texts_of(plot.bottom_axis))) >= 2


def test_a_run_without_what_an_axis_is_of_has_no_place(plot: ParetoPlot) -> None:
    plot.set_axes("latency", "metric")
    plot.show_runs((*RUNS, *MIXED), None, None, has_plan=False)
    plot.grab()
    plot.place_of("fast")
    with pytest.raises(KeyError):
        plot.place_of("r0")


def test_a_run_that_another_one_beats_is_faded_and_says_by_which(plot: ParetoPlot) -> None:
    runs = (costly("good", 0.8, 100_000, 1, 1), costly("beaten", 0.7, 200_000, 1, 1))
    plot.show_runs(runs, evaluation(0.81, 1_090_000), None, has_plan=False)
    plot.grab()
    opacity = {spot.pos().y(): spot.pen().color().alphaF() for spot in plot._dots.points()}
    assert opacity[70.0] < opacity[80.0] == 1.0
    hover(plot, plot.place_of("beaten"))
    assert "beaten by Run good" in [row[0] for row in plot.reading.words.rows]
    hover(plot, plot.place_of("good"))
    assert not any("beaten" in row[0] for row in plot.reading.words.rows)


def test_the_mouse_over_a_run_tells_its_plan_in_words(plot: ParetoPlot) -> None:
    recipe = "schema: 1\nsteps:\n- {method: static_int8, layers: [conv1, conv2, fc]}\n- {method: distillation}\n"
    plot.show_runs((replace(RUNS[0], recipe_yaml=recipe),), None, None, has_plan=False)
    plot.grab()
    hover(plot, plot.place_of("r0"))
    rows = [row[0] for row in plot.reading.words.rows]
    assert "int8 on conv1, conv2 and 1 more" in rows
    assert plan_words("schema: 1\nsteps:\n- {method: of_a_later_version}\n") == ()
