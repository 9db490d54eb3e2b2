"""All runs as a picture: a cost (log) against the metric or another cost, with the frontier as a step line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from secateur import figures
from secateur.data.metrics import MetricKind, kind_of
from secateur.engine.events import RunRecord
from secateur.model.documents import Evaluation, Predicted
from secateur.ui.plots.chart import Chart, Range
from secateur.ui.plots.chart_axis import ChartAxis
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.labels import HEIGHT, Taken, around, label_boxes, paint_label
from secateur.ui.plots.pareto_axes import COSTS, Cost, known_axes
from secateur.ui.plots.pareto_points import Point, beats, frontier, plan_words
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import DASHED, line_pen
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.plots.ticks import tick_text
from secateur.ui.theme.style import color

_REACH = 9.0
TINY = 1e-6
"""What a logarithm is taken of at least."""
FADED = 0.4
"""Opacity of a run that another one beats in both."""


@dataclass(frozen=True)
class RunReading(Reading):
    """What the crosshair says of a run."""

    run: str = ""


def size_texts(sizes: Sequence[float], write: Callable[[float | None], str] = figures.size) -> list[str]:
    """Ascending sizes with three digits; the unit stands where it begins."""
    texts, unit = [], ""
    for value in sizes:
        digits, _, name = write(value).partition(figures.SPACE)
        short = f"{float(digits.replace(',', '')):g}"
        texts.append(short if name == unit else f"{short}{figures.SPACE}{name}")
        unit = name
    return texts


class SizeAxis(ChartAxis):
    """Costs on a log axis, written by `write`: 1, 2 and 5 times powers of ten, within a decade what is round."""

    write: Callable[[float | None], str] = staticmethod(figures.size)

    def logTickValues(
        self, low: float, high: float, size: float, ticks: list[tuple[float, list[float]]]
    ) -> list[tuple[float | None, list[float]]]:
        parts = pg.AxisItem.logTickValues(self, low, high, size, [])
        places = [x for _, level in parts for x in level if f"{10**x:.0e}"[0] in "125"]
        if len(places) < 3:
            plain = pg.AxisItem("bottom")
            plain.setTickDensity(self._tickDensity)
            spacing, values = plain.tickValues(10**low, 10**high, size)[0]
            places = [float(np.log10(value)) for value in values if value > 0 and spacing]
        return [(None, sorted(places))]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float | None) -> list[str]:
        return size_texts([10**value for value in values], self.write)


class ParetoPlot(Chart):
    """A click on a run (or Return on the one that the arrows chose) says `restore_wanted(run)`."""

    restore_wanted = Signal(str)
    closest = 40.0
    bottom_axis_kind = SizeAxis

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("pareto", "Runs: a cost against metric or another cost", parent, zoom="xy")
        self._best: set[str] = set()
        self._points: tuple[Point, ...] = ()
        self._original: Point | None = None
        self._plan: tuple[float, float | None] | None = None
        self._kind: MetricKind = kind_of("")
        self._axes = known_axes("", "")
        self._shown: tuple[Sequence[RunRecord], Evaluation | None, Predicted | None, bool] = ((), None, None, False)
        self.bottom_axis.set_log(True)
        self._steps = pg.PlotCurveItem(antialias=True)
        self._dots = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self._plan_dot = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self._plan_line = pg.InfiniteLine(angle=90, movable=False)
        self._plan_dot.setZValue(10)
        self.add(self._steps, self._plan_line, self._dots, self._plan_dot)

    def sizeHint(self) -> QSize:
        return QSize(420, 120)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 96)

    # ------------------------------------------------------------------ what it shows

    def show_runs(
        self, runs: Sequence[RunRecord], baseline: Evaluation | None, predicted: Predicted | None, has_plan: bool
    ) -> None:
        """Show finished runs of which both axes are known, the original, and the plan where there is one."""
        self._shown = (runs, baseline, predicted, has_plan)
        results = [(run, run.document.result) for run in runs if run.document is not None]
        original = baseline or next((run.document.original for run in runs if run.document), None)
        measured = [m for e in (original, *(result for _, result in results)) if e and (m := e.metric)]
        upwards = self._axes[1]
        self._kind = COSTS[upwards] if upwards in COSTS else kind_of(measured[0].name if measured else "")
        places = [(run, place) for run, result in results if (place := self._place_on_axes(result)) is not None]
        self._points = tuple(Point(run.run, run.name, *place) for run, place in places)
        place = self._place_on_axes(original) if original is not None else None
        self._original = Point("", "original", *place) if place is not None else None
        self._plan = self._plan_on_axes(predicted) if predicted and has_plan and place is not None else None
        self._best = {point.run for point in frontier(self._all, self._kind)}
        if self.chosen not in {"", *(point.run for point in self._points)}:
            self.read(None)
        self._describe()
        self.renew(self._points, self._original, self._plan, self._kind, self._axes)
        if self.is_stale and self._all:
            self.show_range(*self._ranges(), keep=True)

    def _place_on_axes(self, evaluation: Evaluation) -> tuple[float, float] | None:
        """Where a result stands: neither another metric's values stand on the axis nor what is no number."""
        x = self._cost.of(evaluation)
        if isinstance(self._kind, Cost):
            y = self._kind.of(evaluation)
        else:
            metric = evaluation.metric
            y = metric.value if metric is not None and metric.name == self._kind.name else None
        return (float(x), float(y)) if x and y is not None and isfinite(x) and isfinite(y) else None

    def _plan_on_axes(self, predicted: Predicted) -> tuple[float, float | None] | None:
        x = self._cost.of_plan(predicted)
        y = self._kind.of_plan(predicted) if isinstance(self._kind, Cost) else predicted.metric
        return (float(x), y) if x else None

    @property
    def _cost(self) -> Cost:
        """What stands across."""
        return COSTS[self._axes[0]]

    @property
    def axes(self) -> tuple[str, str]:
        """What the axes are of: names of `pareto_axes`."""
        return self._axes

    def set_axes(self, across: str, upwards: str) -> None:
        """Show the runs on other axes; the usual ones for what is not known."""
        self._axes = known_axes(across, upwards)
        self.mark_stale()
        self.show_runs(*self._shown)
        if self._all:
            self.show_range(*self._ranges())

    def _describe(self) -> None:
        best = frontier(self._points, self._kind)
        words = [f"{p.name}: {self._cost.write(p.x)}, {self._kind.write(p.y)}" for p in best]
        self.setAccessibleDescription(f"{len(self._points)} runs. Best: {'; '.join(words)}" if words else "No runs yet")

    @property
    def _all(self) -> list[Point]:
        return [*self._points, *([self._original] if self._original else [])]

    def _ranges(self) -> tuple[Range, Range]:
        """Log sizes and the metric in the axis' unit, with a margin on each side."""
        sizes = [p.x for p in self._all] + ([self._plan[0]] if self._plan else [])
        metrics = [p.y for p in self._all]
        if self._plan and self._plan[1] is not None:
            metrics.append(self._plan[1])
        kind, factor = self._kind, self._kind.axis_factor
        low, high = min(metrics) * factor, max(metrics) * factor
        margin = max((high - low) * 0.15, 0.5 if kind.is_share else 0.05 * abs(high) or 0.5)
        bottom = low - margin if kind.low is None else max(low - margin, kind.low * factor)
        top = high + margin if kind.high is None else min(high + margin, kind.high * factor + 1.0)
        first, last = np.log10(max(min(sizes), TINY)), np.log10(max(*sizes, TINY))
        edge = max(0.08 * (last - first), 0.06)
        return (float(first - edge), float(last + edge)), (float(bottom), float(top))

    def axis_title(self) -> str:
        """The metric, and which way is better where that is down."""
        title = self._kind.noun
        return title if self._kind.is_higher_better else self.tr("{}, less is better").format(title)

    def _values(self, point: Point) -> tuple[float, float]:
        """Where a point stands on the axes."""
        return float(np.log10(max(point.x, TINY))), point.y * self._kind.axis_factor

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        shown = bool(self._all)
        self.plot.setVisible(shown)
        if not shown:
            self.quantity = ""
            return
        self.quantity = self.axis_title()
        self.box.invertY(not self._kind.is_higher_better)  # better is above, whichever way the numbers go
        unit = f"{figures.SPACE}%" if self._kind.is_share else ""
        kind, self.bottom_axis.write = self._kind, self._cost.write  # type: ignore[attr-defined]
        is_cost = isinstance(kind, Cost)
        self.left_axis.texts = lambda value, step: kind.write(value) if is_cost else tick_text(value, step) + unit
        self._draw_frontier()
        self._draw_points()
        self._draw_plan()

    def _corners(self) -> list[tuple[float, float]]:
        """The frontier as the corners of its steps."""
        best = [self._values(p) for p in frontier(self._all, self._kind)]
        corners = best[:1]
        for earlier, later in pairwise(best):
            corners += [(later[0], earlier[1]), later]
        return corners

    def _draw_frontier(self) -> None:
        self._steps.setPen(line_pen("result", 1.5, opacity=0.6))
        self._steps.setData(*np.array(self._corners(), dtype=np.float64).T)

    def _draw_points(self) -> None:
        points = [(p, "accent" if p.run == self.chosen else "secondary", p.run == self.chosen) for p in self._points]
        if self._original is not None:
            points.append((self._original, "text", False))
        points = [(p, "faded" if role == "secondary" and p.run not in self._best else role, c) for p, role, c in points]
        pens = {role: line_pen(role, 2.0 if role == "accent" else 1.5) for role in ("accent", "secondary", "text")}
        pens["faded"] = line_pen("secondary", 1.5, opacity=FADED)
        spots = [
            {
                "pos": self._values(p),
                "size": 9 if chosen else 6 if role == "faded" else 7,
                "pen": pens[role],
            }  # one pen, one dot in memory
            for p, role, chosen in points
        ]
        self._dots.setData(spots=spots, brush=color("panel"))

    def _draw_plan(self) -> None:
        size, metric = self._plan or (1.0, None)
        x = float(np.log10(max(size, TINY)))
        self._plan_line.setVisible(self._plan is not None and metric is None)  # before the run only its size is known
        self._plan_line.setValue(x)
        self._plan_line.setPen(line_pen("accent", 1.5, dashes=DASHED))
        places = [] if metric is None else [(x, metric * self._kind.axis_factor)]
        spots = [{"pos": at, "size": 10, "pen": line_pen("panel", 1.5), "brush": color("accent")} for at in places]
        self._plan_dot.setData(spots=spots)

    def paint_over(self, painter: QPainter) -> None:
        """The labels, each where it covers neither a point nor another one."""
        if not self._all:
            set_caption(painter)
            text = self.tr("Runs appear here: {} against {}.").format(self._cost.noun, self._kind.noun or "the metric")
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, text)
            return
        area = self.area
        quantity = QRectF(area.left(), area.top() - 22, caption_width([self.quantity]), HEIGHT)
        taken = [Taken(quantity), *(Taken(around(place, 5.0)) for place in self._places(self._all))]
        taken += [Taken(line, is_firm=False) for line in self._lines()]
        self._paint_plan_label(painter, area, taken)
        if self._original is not None and area.contains(self._place(self._original)):
            set_caption(painter)
            text = self.tr("original")
            paint_label(painter, label_boxes(painter, area, self._place(self._original), text), taken, text)
        self._paint_plan_line_label(painter, area, taken)
        self._paint_foot(painter, area, taken)

    def _paint_foot(self, painter: QPainter, area: QRectF, taken: list[Taken]) -> None:
        """What the axis is of, in a corner that is free; nowhere where none is: the sizes say their unit."""
        set_caption(painter)
        foot = self.tr("{}, log").format(self._cost.noun)
        width = caption_width([foot])
        places = ((area.right() - width, 17), (area.left() + 4, 17), (area.right() - width, area.height() + 21))
        corners = [QRectF(x, area.bottom() - above, width, HEIGHT) for x, above in places]
        free = [box for box in corners if not any(box.intersects(t.box) for t in taken if t.is_firm)]
        paint_label(painter, free, taken, foot)

    def _lines(self) -> list[QRectF]:
        """The pixels that the lines go through."""
        corners = [self.pixel(*at) for at in self._corners()]
        lines = [QRectF(a, b).normalized().adjusted(-1, -1, 1, 1) for a, b in pairwise(corners)]
        if self._plan_line.isVisible():
            x = self.pixel(self._plan_line.value(), 0.0).x()
            lines.append(QRectF(x - 2, self.area.top(), 4, self.area.height()))
        return lines

    def _paint_plan_label(self, painter: QPainter, area: QRectF, taken: list[Taken]) -> None:
        size, metric = self._plan or (1.0, None)
        if metric is None:
            return
        at = self.pixel(float(np.log10(max(size, TINY))), metric * self._kind.axis_factor)
        if area.contains(at):
            text = self.tr("this plan")
            set_caption(painter, "text", 600)
            taken.append(Taken(around(at, 5.0)))
            paint_label(painter, label_boxes(painter, area, at, text, "above"), taken, text)

    def _paint_plan_line_label(self, painter: QPainter, area: QRectF, taken: list[Taken]) -> None:
        """Of a plan whose metric is not known: its name beside the line, at a height that is free."""
        x = self.pixel(self._plan_line.value(), 0.0).x()
        if self._plan_line.isVisible() and area.left() <= x <= area.right():
            text = self.tr("this plan")
            set_caption(painter, "text", 600)
            heights = np.linspace(area.top() + 9, area.bottom() - 9, 4)
            boxes = [b for y in heights for b in label_boxes(painter, area, QPointF(x, y), text, "right")]
            line = QRectF(x - 2, area.top(), 4, area.height())
            paint_label(painter, [b for b in boxes if not b.intersects(line)], taken, text)

    def _places(self, points: Sequence[Point]) -> list[QPointF]:
        """Where points stand, all at once: the box takes its time for each that is asked for by itself."""
        at = np.array([self._values(point) for point in points], dtype=np.float64).reshape(-1, 2)
        polygon = self.pixels(at[:, 0], at[:, 1])
        return [polygon.at(number) for number in range(polygon.count())]

    def _place(self, point: Point) -> QPointF:
        return self.pixel(*self._values(point))

    # ------------------------------------------------------------------ the crosshair and the data

    def point_at(self, position: QPointF) -> Point | None:
        """The run under the mouse."""
        places = zip(self._points, self._places(self._points), strict=True)
        near = [(p, (place - position).manhattanLength()) for p, place in places]
        best = min(near, key=lambda pair: pair[1], default=None)
        return best[0] if best is not None and best[1] <= _REACH else None

    def place_of(self, run: str) -> QPointF:
        """Where a run stands; KeyError where it is not shown."""
        for point in self._points:
            if point.run == run:
                return self._place(point)
        raise KeyError(run)

    @property
    def chosen(self) -> str:
        """The run that the mouse is over or the arrows went to; empty for none."""
        return self.reading.run if isinstance(self.reading, RunReading) else ""

    def reading_at(self, x: float, y: float) -> Reading | None:
        point = self.point_at(self.pixel(x, y))
        return self._reading_of(point) if point is not None else None

    def _reading_of(self, point: Point) -> RunReading:
        record = next((run for run in self._shown[0] if run.run == point.run), None)
        better = next((p for p in self._all if beats(p, point, self._kind)), None)
        rows = (
            (f"{self._cost.write(point.x)} · {self._kind.write(point.y)}", ""),
            *((line, "") for line in (plan_words(record.recipe_yaml) if record is not None else ())),
            *(((self.tr("beaten by {}").format(better.name), ""),) if better is not None else ()),
            (self.tr("a click restores its plan"), ""),
        )
        return RunReading(self._values(point)[0], ReadOut(point.name, rows), point.run)

    def read(self, reading: Reading | None) -> None:
        super().read(reading)
        shape = Qt.CursorShape.ArrowCursor if reading is None else Qt.CursorShape.PointingHandCursor
        self.viewport().setCursor(shape)
        self._draw_points()

    def table(self) -> Table | None:
        if not self._all:
            return None
        rows = [(p.run, p.name, p.x, p.y) for p in self._all]
        across = "bytes" if self._cost.name == "size" else self._cost.name
        return Table(("run", "name", across, self._kind.name or "metric"), rows)

    # ------------------------------------------------------------------ mouse and keys

    def clicked(self, at: QPointF) -> None:
        point = self.point_at(at)
        if point is not None:
            self.restore_wanted.emit(point.run)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        order = sorted(self._points, key=lambda p: p.x)
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and order:
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            names = [p.run for p in order]
            at = names.index(self.chosen) + step if self.chosen in names else (0 if step > 0 else len(names) - 1)
            self.read(self._reading_of(order[min(max(at, 0), len(names) - 1)]))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.chosen:
            self.restore_wanted.emit(self.chosen)
        else:
            super().keyPressEvent(event)
