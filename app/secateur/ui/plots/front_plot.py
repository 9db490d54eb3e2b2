"""The front: the best plan of each size or latency against what it does to the metric, or to the answers."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from secateur import figures
from secateur.data.metrics import MetricKind
from secateur.recipe.choices import words_of
from secateur.recipe.front import Axis
from secateur.session.explaining import FrontPlace
from secateur.ui.plots.chart import Chart, Range
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.labels import Taken, around, label_boxes, paint_label
from secateur.ui.plots.pareto import SizeAxis
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import set_caption
from secateur.ui.plots.ticks import damage_text, decade_text
from secateur.ui.theme.style import color

REACH = 14.0
"""Pixels from a point within which the mouse is on it."""
TINY = 1e-9
NAMED = 4
"""Kinds of choices that a point's read-out counts."""

Place = tuple[float, float]


@dataclass(frozen=True)
class FrontShown:
    """What the plot shows. `plan` is the present one, `runs` are (name, size or ms, metric) of measured results.

    `kind` is the data's metric, None where only damage (in `unit`) is predicted; `before` is the original's value. Of
    the plan the second number is the metric where there is one, else the damage.
    """

    axis: Axis = "bytes"
    places: tuple[FrontPlace, ...] = ()
    plan: Place | None = None
    runs: tuple[tuple[str, float, float], ...] = ()
    kind: MetricKind | None = None
    before: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class FrontReading(Reading):
    """What the crosshair says of a plan of the front."""

    number: int = -1


class FrontPlot(Chart):
    """A click on a plan (or Return on the one that the arrows chose) says `taken(place)`."""

    taken = Signal(object)
    closest = 40.0
    bottom_axis_kind = SizeAxis

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("front", "The best plans of all sizes", parent, zoom="xy")
        self.shown = FrontShown()
        self.bottom_axis.set_log(True)
        self.left_axis.set_log(True)
        self._steps = pg.PlotCurveItem(antialias=True)
        self._runs = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self._dots = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self._plan = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self._plan.setZValue(10)
        self.add(self._steps, self._runs, self._dots, self._plan)

    def sizeHint(self) -> QSize:
        return QSize(480, 240)

    # ------------------------------------------------------------------ what it shows

    def show_front(self, shown: FrontShown) -> None:
        """Show these plans; where another axis or another front is shown, all of it is in view."""
        before, self.shown = self.shown, shown
        told = "; ".join(f"{self._across(p)}: {self._quality(p)}" for p in shown.places)
        self.setAccessibleDescription(told or "No plans yet")
        if (before.axis, before.places) != (shown.axis, shown.places):
            self.read(None)
        self.renew(shown)
        if shown.places:
            self.show_range(*self._ranges(), keep=before.axis == shown.axis)

    def _x(self, place: FrontPlace) -> float:
        amount = place.point.bytes if self.shown.axis == "bytes" else place.latency_ms or 0.0
        return float(np.log10(max(amount, TINY)))

    def _lost(self, metric: float | None, damage: float) -> float:
        """What is lost against the original: of the metric, in points where it is a share, else the damage."""
        kind = self.shown.kind
        if kind is None:
            return damage
        return 0.0 if metric is None else kind.gain(metric, self.shown.before) * kind.axis_factor

    def _y(self, metric: float | None, damage: float) -> float:
        """On the axis: the logarithm of what is lost; what loses nothing stands just above the least loss."""
        losses = [self._lost(place.metric, place.point.damage) for place in self.shown.places]
        least = min((lost for lost in losses if lost > TINY), default=1.0) / 3
        return float(np.log10(max(self._lost(metric, damage), least)))

    def _values(self, place: FrontPlace) -> Place:
        return self._x(place), self._y(place.metric, place.point.damage)

    def _measured(self, run: tuple[str, float, float]) -> Place:
        return float(np.log10(max(run[1], TINY))), self._y(run[2], 0.0)

    def _plan_values(self) -> Place | None:
        plan = self.shown.plan
        return None if plan is None else (float(np.log10(max(plan[0], TINY))), self._y(plan[1], plan[1]))

    def _ranges(self) -> tuple[Range, Range]:
        at = [*map(self._values, self.shown.places), *map(self._measured, self.shown.runs)]
        plan = self._plan_values()
        at += [plan] if plan is not None else []
        x, y = np.array(at).T
        across = max(0.06, 0.06 * float(np.ptp(x)))
        up = max(0.08 * float(np.ptp(y)), 0.3)
        return (float(x.min()) - across, float(x.max()) + across), (float(y.min()) - up, float(y.max()) + up)

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        shown, kind = self.shown, self.shown.kind
        self.plot.setVisible(bool(shown.places))
        self.quantity = self._title() if shown.places else ""
        if not shown.places:
            return
        self.box.invertY(True)  # better is above
        unit = f"{figures.SPACE}pt" if kind is not None and kind.is_share else ""
        self.bottom_axis.write = figures.size if shown.axis == "bytes" else figures.milliseconds  # type: ignore[attr-defined]
        self.left_axis.texts = lambda value, _step: _amount(value) + unit
        self._steps.setPen(line_pen("result", 1.5, opacity=0.6))
        self._steps.setData(*np.array(self._corners(), dtype=np.float64).T)
        self._draw_dots()
        at = self._plan_values()
        ring = line_pen("panel", 1.5)
        self._plan.setData(spots=[{"pos": at, "size": 11, "pen": ring, "brush": color("accent")}] if at else [])
        pen = line_pen("secondary", 1.5)
        runs = [{"pos": self._measured(run), "size": 6, "pen": pen, "brush": color("panel")} for run in shown.runs]
        self._runs.setData(spots=runs)

    def _title(self) -> str:
        kind, unit = self.shown.kind, self.shown.unit
        if kind is None:
            return self.tr("predicted damage in {}, log").format(unit) if unit else self.tr("predicted damage, log")
        lost = self.tr("{} lost") if kind.is_higher_better else self.tr("{} added")
        return self.tr("predicted {}, log").format(lost.format(kind.noun))

    def _corners(self) -> list[Place]:
        at = [self._values(place) for place in self.shown.places]
        corners = at[:1]
        for earlier, later in pairwise(at):
            corners += [(later[0], earlier[1]), later]
        return corners

    def _draw_dots(self) -> None:
        here = self.chosen
        spots = [
            {
                "pos": self._values(place),
                "size": 11 if number == here else 8,
                "pen": line_pen("result", 2.0),
                "brush": color("accent" if number == here else "panel"),
            }
            for number, place in enumerate(self.shown.places)
        ]
        self._dots.setData(spots=spots)

    def paint_over(self, painter: QPainter) -> None:
        at = self._plan_values()
        if at is None or not self.shown.places:
            return
        area, place = self.area, self.pixel(*at)
        if area.contains(place):
            taken = [Taken(around(self.pixel(*self._values(p)), 6.0)) for p in self.shown.places]
            corners = [self.pixel(*corner) for corner in self._corners()]
            lines = (QRectF(a, b).normalized().adjusted(-1, -1, 1, 1) for a, b in pairwise(corners))
            taken += [Taken(line, is_firm=False) for line in lines]
            text = self.tr("this plan")
            set_caption(painter, "text", 600)
            paint_label(painter, label_boxes(painter, QRectF(area), place, text, "above"), taken, text)

    # ------------------------------------------------------------------ the crosshair and the data

    @property
    def chosen(self) -> int:
        """The number of the plan that the mouse is over or the arrows went to; −1 for none."""
        return self.reading.number if isinstance(self.reading, FrontReading) else -1

    def place_of(self, number: int) -> QPointF:
        """Where a plan stands, in the widget's pixels."""
        return self.pixel(*self._values(self.shown.places[number]))

    def point_at(self, position: QPointF) -> int:
        """The number of the plan under the mouse; −1 where there is none."""
        far = [(self.place_of(n) - position).manhattanLength() for n in range(len(self.shown.places))]
        nearest = int(np.argmin(far)) if far else -1
        return nearest if far and far[nearest] <= REACH else -1

    def reading_at(self, x: float, y: float) -> Reading | None:
        number = self.point_at(self.pixel(x, y))
        return self._reading_of(number) if number >= 0 else None

    def _across(self, place: FrontPlace) -> str:
        return figures.size(place.point.bytes) if self.shown.axis == "bytes" else figures.milliseconds(place.latency_ms)

    def _quality(self, place: FrontPlace) -> str:
        kind, unit = self.shown.kind, f" {self.shown.unit}" if self.shown.unit else ""
        return kind.write(place.metric) if kind is not None else f"{damage_text(place.point.damage)}{unit}"

    def _reading_of(self, number: int) -> FrontReading:
        place = self.shown.places[number]
        point = place.point
        has_time = self.shown.axis == "bytes" and place.latency_ms is not None
        counted = Counter(point.chosen.values()).most_common()
        of_layers = self.tr("{} of {} layers")
        rows = [
            *([(self.tr("time"), figures.milliseconds(place.latency_ms))] if has_time else []),
            *([(self.tr("size"), figures.size(point.bytes))] if self.shown.axis != "bytes" else []),
            (self.tr("MACs"), figures.macs(point.macs)),
            (self.tr("damage"), f"{damage_text(point.damage)} {self.shown.unit}".strip()),
            *((words_of(option), of_layers.format(n, len(point.chosen))) for option, n in counted[:NAMED]),
        ]
        if len(counted) > NAMED:
            rows.append((self.tr("and {} other choices").format(len(counted) - NAMED), ""))
        rows.append((self.tr("a click takes this plan"), ""))
        title = f"{self._across(place)}  ·  {self._quality(place)}"
        return FrontReading(self._x(place), ReadOut(title, tuple(rows)), number)

    def read(self, reading: Reading | None) -> None:
        super().read(reading)
        shape = Qt.CursorShape.ArrowCursor if reading is None else Qt.CursorShape.PointingHandCursor
        self.viewport().setCursor(shape)
        if self.shown.places:
            self._draw_dots()

    def table(self) -> Table | None:
        points = [place.point for place in self.shown.places]
        if not points:
            return None
        rows = [(p.bytes, p.macs, p.latency_ms, p.damage) for p in points]
        return Table(("bytes", "macs", "latency_ms", "damage"), rows)

    # ------------------------------------------------------------------ mouse and keys

    def clicked(self, at: QPointF) -> None:
        self._take(self.point_at(at))

    def _take(self, number: int) -> None:
        if 0 <= number < len(self.shown.places):
            self.taken.emit(self.shown.places[number])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count = len(self.shown.places)
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and count:
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            at = self.chosen + step if self.chosen >= 0 else (0 if step > 0 else count - 1)
            self.read(self._reading_of(min(max(at, 0), count - 1)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.chosen >= 0:
            self._take(self.chosen)
        else:
            super().keyPressEvent(event)


def _amount(value: float) -> str:
    """A tick of a log axis: decades as such, what stands between them with one digit."""
    exponent = float(np.log10(value))
    if abs(exponent - round(exponent)) < 1e-6:
        return decade_text(value)
    if value >= 1e-4:
        return f"{float(f'{value:.1g}'):,g}"
    decade = 10.0 ** float(np.floor(exponent))
    return f"{value / decade:.0f}×{decade_text(decade)}"
