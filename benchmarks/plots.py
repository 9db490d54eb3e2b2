"""How long every plot takes from new values to the painted frame: 120 layers, or the values of 4096 × 4096 weights.

    python benchmarks/plots.py [--rounds 40] [--size 1440x700]

Each plot stands alone in a window of the size of the detail area, drawn offscreen unless there is a display. An update
is what a panel does: new values by the plot's own `show_…`, then everything until the frame is painted. Every plot
gets two or more states in turns, so that none is remembered. Wanted: 16 ms, a frame of a 60 Hz screen. Beside the
time that passed stands the processor's: where the two differ much, others had the machine.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from _rounds import machine, median, quantile, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

FRAME_MS = 16.0
LAYERS = 120
SIDE = 4096
WARM_UP = 4
LONGEST_S = 2.0


@dataclass(frozen=True)
class Case:
    """A plot in a state of its own kind: `updates` are shown in turns."""

    name: str
    what: str
    widget: "QWidget"
    updates: tuple[Callable[[], object], ...]


# ---------------------------------------------------------------------- what is shown


def layer_names() -> list[str]:
    return [f"features.{n // 3}.conv.block.{('expansion', 'depthwise', 'projection')[n % 3]}" for n in range(LAYERS)]


def weights(seed: int) -> "NDArray[np.float32]":
    """A matrix of SIDE × SIDE whose rows differ in width, with a few outliers."""
    import numpy as np

    random = np.random.default_rng(seed)
    rows = random.normal(0, 0.02, (SIDE, SIDE)).astype(np.float32) * random.uniform(0.5, 2, (SIDE, 1)).astype(
        np.float32
    )
    rows[random.integers(0, SIDE, 64), random.integers(0, SIDE, 64)] *= 20
    return rows


# ---------------------------------------------------------------------- the plots


def cases() -> Iterator[Case]:
    yield from of_one_layer()
    yield from of_every_weight()
    yield from of_all_layers()
    yield from of_a_training()
    yield from of_runs()


def of_one_layer() -> Iterator[Case]:
    """What the Weights and Activations tabs show of a layer of SIDE × SIDE."""
    from secateur.model.counting import spectra_of
    from secateur.ui.plots.channel_strip import ChannelStrip
    from secateur.ui.plots.histogram import HistogramPlot
    from secateur.ui.plots.spectrum_pair import SpectrumPair
    from secateur.ui.plots.sqnr_bars import SqnrBars

    one, other = spectra_of(weights(1)), spectra_of(weights(2))
    what = f"{SIDE} × {SIDE}"
    histogram = HistogramPlot("histogram", "Histogram")
    yield Case("weight histogram, another layer", what, histogram, (
        lambda: histogram.show_spectra(one, 0.5), lambda: histogram.show_spectra(other, 0.5),
    ))  # fmt: skip
    dragged = HistogramPlot("histogram", "Histogram")
    ratios = tuple(number / 100 for number in range(30, 70))
    yield Case("weight histogram, threshold dragged", what, dragged, tuple(
        lambda ratio=ratio: dragged.show_spectra(one, ratio) for ratio in ratios
    ))  # fmt: skip
    zoomed = HistogramPlot("histogram", "Histogram")
    zoomed.show_spectra(one, 0.5)
    yield Case("weight histogram, magnified", what, zoomed, (
        lambda: zoomed.zoom(2.0, 0.01), lambda: zoomed.zoom(2.0, 0.01), lambda: zoomed.zoom(0.25, 0.01),
    ))  # fmt: skip
    outputs = HistogramPlot("activations", "Outputs")
    yield Case("activations", what, outputs, (
        lambda: outputs.show_values(one.values, "output"), lambda: outputs.show_values(other.values, "output"),
    ))  # fmt: skip
    pair = SpectrumPair("pair", "Weights before and after")
    yield Case("spectrum pair", what, pair, (
        lambda: pair.show_pair(one.values, other.values), lambda: pair.show_pair(other.values, one.values),
    ))  # fmt: skip
    strip = ChannelStrip("strip", "Range per channel")
    yield Case("range per channel", f"{SIDE} channels", strip, (
        lambda: strip.show_ranges(one.channel_ranges), lambda: strip.show_ranges(other.channel_ranges),
    ))  # fmt: skip
    bars = SqnrBars("sqnr", "SQNR")
    yield Case("SQNR by bits", "7 widths", bars, (
        lambda: bars.show_values({bits: 6.0 * bits for bits in range(2, 9)}, 8, (8, 4)),
        lambda: bars.show_values({bits: 5.5 * bits for bits in range(2, 9)}, 4, (8, 4)),
    ))  # fmt: skip


def of_every_weight() -> Iterator[Case]:
    """The views in which each weight of a matrix, and each of its channels, is seen."""
    import numpy as np

    from secateur.model.weight_views import ChannelFigures, MatrixTile
    from secateur.ui.models.channel_table import ChannelTable
    from secateur.ui.panels.weights_channels import ChannelRows
    from secateur.ui.plots.matrix_plot import MatrixPlot

    places, blocks = np.arange(SIDE, dtype=np.int32), SIDE // 1024
    edges = np.arange(0, SIDE + 1, blocks)

    def tile(seed: int) -> MatrixTile:
        weight = weights(seed)
        high = weight.reshape(1024, blocks, 1024, blocks).max((1, 3))
        after = np.where(np.abs(high) < 0.02, np.float32(0), high)
        return MatrixTile(
            (SIDE, SIDE), edges, edges, high, places, places, after, after - high, float(np.abs(weight).max()), 0.02
        )

    tiles = (tile(1), tile(2))
    matrix = MatrixPlot("matrix", "Weights")
    yield Case("matrix, another layer", f"{SIDE} × {SIDE}", matrix, tuple(
        lambda shown=shown: matrix.show_tiles(shown, None, "before", 0.1) for shown in tiles
    ))  # fmt: skip
    changed = MatrixPlot("matrix", "Weights")
    yield Case("matrix, before, after, difference", f"{SIDE} × {SIDE}", changed, tuple(
        lambda variant=variant: changed.show_tiles(tiles[0], None, variant, 0.1)
        for variant in ("before", "after", "difference")
    ))  # fmt: skip

    def figures(seed: int) -> ChannelFigures:
        weight = weights(seed)
        norm = np.sqrt((weight**2).sum(1))
        return ChannelFigures(
            norm, weight.min(1), weight.max(1), (weight == 0).sum(1), SIDE, np.argsort(-norm).astype(np.int32),
            np.zeros(SIDE, bool), np.zeros(SIDE, np.int64),
        )  # fmt: skip

    both = (figures(1), figures(2))
    table = ChannelTable()
    rows = ChannelRows(table)
    yield Case("table of channels, another layer", f"{SIDE} channels", rows, tuple(
        lambda shown=shown: table.show_figures(shown, None) for shown in both
    ))  # fmt: skip


def of_all_layers() -> Iterator[Case]:
    """What Sensitivity and Compare show of LAYERS layers."""
    from secateur.model.documents import SensitivityRow, SensitivityTable
    from secateur.recipe.options import OPTIONS
    from secateur.ui.plots.error_curve import ErrorCurve
    from secateur.ui.plots.heat_map import HeatMap

    names = layer_names()

    def scored(shift: int) -> SensitivityTable:
        rows = tuple(
            SensitivityRow(
                layer=name,
                option=option.id,
                damage=10.0 ** (-4 + column) * (1 + (row + shift) % 7),
                bytes=1000,
                macs=1000,
            )
            for row, name in enumerate(names)
            for column, option in enumerate(OPTIONS)
        )
        return SensitivityTable(
            depth="free", metric="", unit="relative error", samples=0, seconds=0.0, rank_correlation=None, rows=rows
        )

    tables = (scored(0), scored(3))
    heat = HeatMap("heat", "Sensitivity")
    yield Case("heat map", f"{LAYERS} × {len(OPTIONS)}", heat, tuple(
        lambda table=table: heat.show_table(names, OPTIONS, table, sizes=dict.fromkeys(names, 4000)) for table in tables
    ))  # fmt: skip
    selected = HeatMap("heat", "Sensitivity")
    sizes = dict.fromkeys(names, 4000)
    yield Case("heat map, another layer selected", f"{LAYERS} × {len(OPTIONS)}", selected, tuple(
        lambda name=name: selected.show_table(names, OPTIONS, tables[0], sizes=sizes, selected={name})
        for name in names[:8]
    ))  # fmt: skip
    curve = ErrorCurve("errors", "Error along the network")
    errors = [errors_of(names, shift) for shift in (0, 5)]
    yield Case("error along the network", f"{LAYERS} layers", curve, tuple(
        lambda shown=shown: curve.show_errors(shown, names[:1]) for shown in errors
    ))  # fmt: skip


def errors_of(names: list[str], shift: int) -> tuple[object, ...]:
    from secateur.model.documents import LayerError

    return tuple(
        LayerError(layer=name, weight_sqnr_db=21.0 + (n + shift) % 9, output_sqnr_db=34.0 - (n + shift) % 17)
        for n, name in enumerate(names)
    )


def of_a_training() -> Iterator[Case]:
    """What Distil shows while it trains: 10,000 steps, and answers of 1,000 classes."""
    import numpy as np

    from secateur.ui.plots.answers import AnswerBars
    from secateur.ui.plots.curves import CurvePlot, Series

    random = np.random.default_rng(0)
    curves = CurvePlot("losses", "Losses")
    epochs = np.linspace(0.0, 10.0, 10_000)
    losses = [6.0 * np.exp(-epochs) + random.normal(0, 0.1, len(epochs)) for _ in range(3)]

    def show(count: int) -> None:
        series = [
            Series(name, epochs[:count], loss[:count], role, name, raw=True, window=100)
            for name, loss, role in zip(
                ("loss", "labels", "teacher"), losses, ("result", "original", "third"), strict=True
            )
        ]
        curves.show_series(series, x_end=10.0, quantity="loss")

    yield Case("training curves", "3 × 10,000 steps", curves, tuple(
        lambda count=count: show(count) for count in range(9_000, 10_000, 100)
    ))  # fmt: skip
    answers = AnswerBars("answers", "Answers")
    classes = [f"class {n}" for n in range(1000)]
    both = random.dirichlet(np.full(1000, 0.02), 4)
    yield Case("softened answers", "1,000 classes", answers, (
        lambda: answers.show_answers(classes, both[0], both[1], "class 3"),
        lambda: answers.show_answers(classes, both[2], both[3], "class 5"),
    ))  # fmt: skip


def of_runs() -> Iterator[Case]:
    """The picture of 120 runs."""
    from secateur.engine.events import RunRecord
    from secateur.model.documents import Evaluation, Metric, RunDocument
    from secateur.ui.plots.pareto import ParetoPlot

    def evaluation(value: float, size: int) -> Evaluation:
        metric = Metric(name="top1", value=value, ci95=(value - 0.01, value + 0.01))
        return Evaluation(
            metric=metric, loss=None, samples=512, bytes=size, zip_bytes=size, params=1, nonzero_params=1, macs=1,
            latency_ms=None,
        )  # fmt: skip

    original = evaluation(0.81, 1_090_000)

    def record(number: int) -> RunRecord:
        result = evaluation(0.6 + 0.2 * (number % 17) / 17, 100_000 + 7_000 * number)
        document = RunDocument(run=f"r{number}", name=f"run {number}", original=original, result=result, files=())
        return RunRecord(f"r{number}", f"run {number}", "net", "f", "d", "", "finished", 0.0, "runs", document=document)

    records = tuple(record(number) for number in range(LAYERS))
    pareto = ParetoPlot()
    yield Case("size against metric", f"{LAYERS} runs", pareto, tuple(
        lambda shown=shown: pareto.show_runs(shown, original, None, False) for shown in (records, records[1:])
    ))  # fmt: skip


# ---------------------------------------------------------------------- measuring


class Painted:
    """Counts how often a widget, or its viewport, was painted."""

    def __init__(self, widget: "QWidget") -> None:
        from PySide6.QtCore import QEvent, QObject

        class Watcher(QObject):
            count = 0

            def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
                self.count += event.type() == QEvent.Type.Paint
                return False

        self._watcher = Watcher()
        self._canvas = widget.viewport() if hasattr(widget, "viewport") else widget
        self._canvas.installEventFilter(self._watcher)

    @property
    def count(self) -> int:
        return self._watcher.count


def milliseconds(case: Case, size: tuple[int, int], rounds: int) -> tuple[list[float], list[float]]:
    """Of each update, from the call to the end of the painted frame: what passed, and what the processor took.

    SystemExit where nothing was painted.
    """
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance()
    case.widget.resize(*size)
    case.widget.show()
    painted = Painted(case.widget)
    passed, computed = [], []
    for number in range(WARM_UP + rounds):
        application.processEvents()
        before = painted.count
        started, worked = time.perf_counter(), time.thread_time()
        case.updates[number % len(case.updates)]()
        application.processEvents()
        while painted.count == before and time.perf_counter() - started < LONGEST_S:  # the screen is asked for a frame
            application.processEvents()
        passed.append((time.perf_counter() - started) * 1e3)
        computed.append((time.thread_time() - worked) * 1e3)
        if painted.count == before:
            raise SystemExit(f"{case.name}: an update painted nothing, so nothing was measured.")
    case.widget.hide()
    return passed[WARM_UP:], computed[WARM_UP:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--size", default="1440x700", metavar="WxH", help="pixels of each plot")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from secateur.ui.theme.palette import DARK
    from secateur.ui.theme.style import apply_theme

    apply_theme(QApplication(sys.argv[:1]), DARK)
    rows, kept = [], True
    for case in cases():
        passed, computed = milliseconds(case, (width, height), options.rounds)
        good = median(passed) < FRAME_MS
        kept = kept and good
        figures = [f"{value:.1f}" for value in (median(passed), quantile(passed, 0.9), max(passed), median(computed))]
        rows.append((case.name, case.what, *figures, "yes" if good else "no"))
    print(
        f"Milliseconds from new values to the painted frame, {width} × {height} pixels, {options.rounds} updates each"
    )
    print(machine(), end="\n\n")
    print(table(("plot", "of", "median", "90 %", "longest", "processor", f"< {FRAME_MS:.0f} ms"), rows))
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
