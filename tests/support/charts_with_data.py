"""Every kind of plot with axes, shown some data, and what a hand does with it: moves, drags, turns of the wheel."""

from collections.abc import Callable, Mapping

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

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
from secateur.ui.plots.spectrum_pair import SpectrumPair
from secateur.ui.plots.sqnr_bars import SqnrBars

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


def hover(plot: Chart, at: QPoint | QPointF) -> None:
    """The mouse over a pixel of a plot, wherever the screen's pointer is."""
    send(plot, QEvent.Type.MouseMove, QPointF(at), NONE, NONE)


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
