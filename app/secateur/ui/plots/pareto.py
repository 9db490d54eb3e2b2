"""All runs as a picture: file size (log) against the metric, with the frontier as a step line."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from secateur import figures
from secateur.analysis.documents import Evaluation, Predicted
from secateur.data.metrics import MetricKind, kind_of
from secateur.engine.events import RunRecord
from secateur.ui.plots.axes import Axis, Tick, paint_x_axis, paint_y_axis, set_caption
from secateur.ui.plots.plot import Plot
from secateur.ui.theme.style import color

_REACH = 9.0


@dataclass(frozen=True)
class Point:
    """One network: bytes of its file and the value of its metric; `run` is empty for the original."""

    run: str
    name: str
    size_bytes: float
    metric: float


def frontier(points: Sequence[Point], kind: MetricKind) -> list[Point]:
    """The points that no smaller or equal one reaches in metric, from small to large."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.size_bytes, -kind.gain(0.0, p.metric))):
        if not best or kind.is_better(point.metric, than=best[-1].metric):
            best.append(point)
    return best


def size_ticks(low: float, high: float) -> list[Tick]:
    """1, 2 and 5 times powers of ten between two sizes in bytes; the unit stands where it begins."""
    ticks: list[Tick] = []
    unit = ""
    for exponent in range(floor(log10(low)), floor(log10(high)) + 1):
        for factor in (1, 2, 5):
            value = factor * 10.0**exponent
            if low <= value <= high:
                digits, _, name = figures.size(value).partition(figures.SPACE)
                short = f"{float(digits):g}"
                ticks.append((value, short if name == unit else f"{short}{figures.SPACE}{name}"))
                unit = name
    return ticks


class ParetoPlot(Plot):
    """A click on a run (or Return on the one that the arrows chose) says `restore_wanted(run)`."""

    restore_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("pareto", "Runs: file size against metric", parent)
        self._points: tuple[Point, ...] = ()
        self._original: Point | None = None
        self._plan: tuple[float, float | None] | None = None
        self._kind = kind_of("")
        self._chosen = ""

    def sizeHint(self) -> QSize:
        return QSize(420, 120)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 96)

    def show_runs(
        self, runs: Sequence[RunRecord], baseline: Evaluation | None, predicted: Predicted | None, has_plan: bool
    ) -> None:
        """Show finished runs that have a metric, the original, and the plan where there is one."""
        results = [(run, run.document.result) for run in runs if run.document is not None]
        original = baseline or next((run.document.original for run in runs if run.document), None)
        measured = [m for e in (original, *(result for _, result in results)) if e and (m := e.metric)]
        self._kind = kind_of(measured[0].name if measured else "")
        self._points = tuple(  # values of another metric do not stand on this axis
            Point(run.run, run.name, float(result.bytes), result.metric.value)
            for run, result in results
            if result.metric is not None and result.metric.name == self._kind.name
        )
        has_metric = original is not None and original.metric is not None
        self._original = None
        if original is not None and original.metric is not None:
            self._original = Point("", "original", float(original.bytes), original.metric.value)
        self._plan = (float(predicted.bytes), predicted.metric) if predicted and has_plan and has_metric else None
        if self._chosen not in {point.run for point in self._points}:
            self._chosen = ""
        self._describe()
        self._repaint()

    def _repaint(self) -> None:
        self.renew(self._points, self._original, self._plan, self._kind, self._chosen)

    def _describe(self) -> None:
        best = frontier(self._points, self._kind)
        words = [f"{p.name}: {figures.size(p.size_bytes)}, {self._kind.write(p.metric)}" for p in best]
        self.setAccessibleDescription(f"{len(self._points)} runs. Best: {'; '.join(words)}" if words else "No runs yet")

    # ------------------------------------------------------------------ axes

    @property
    def _all(self) -> list[Point]:
        return [*self._points, *([self._original] if self._original else [])]

    def _axes(self) -> tuple[Axis, Axis]:
        sizes = [p.size_bytes for p in self._all] + ([self._plan[0]] if self._plan else [])
        metrics = [p.metric for p in self._all]
        if self._plan and self._plan[1] is not None:
            metrics.append(self._plan[1])
        kind, factor = self._kind, self._kind.axis_factor
        low, high = min(metrics) * factor, max(metrics) * factor
        margin = max((high - low) * 0.15, 0.5 if kind.is_share else 0.05 * abs(high) or 0.5)
        bottom = low - margin if kind.low is None else max(low - margin, kind.low * factor)
        top = high + margin if kind.high is None else min(high + margin, kind.high * factor + 1.0)
        area = self.area
        x = Axis(min(sizes) / 1.25, max(sizes) * 1.15, area.left(), area.right(), log=True)
        if not kind.is_higher_better:  # better is above, whichever way the numbers go
            return x, Axis(bottom, top, area.top(), area.bottom())
        return x, Axis(bottom, top, area.bottom(), area.top())

    def axis_title(self) -> str:
        """The metric, and which way is better where that is down."""
        title = self._kind.title.lower()
        return title if self._kind.is_higher_better else self.tr("{}, less is better").format(title)

    def _place(self, point: Point) -> QPointF:
        x, y = self._axes()
        return QPointF(x.pixel(point.size_bytes), y.pixel(point.metric * self._kind.axis_factor))

    # ------------------------------------------------------------------ paint

    def paint_plot(self, painter: QPainter) -> None:
        self.area = QRectF(44, 22, max(self.width() - 56, 40), max(self.height() - 42, 30))
        if not self._all:
            set_caption(painter)
            text = self.tr("Runs appear here: file size against the metric.")
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, text)
            return
        x, y = self._axes()
        unit = f"{figures.SPACE}%" if self._kind.is_share else ""
        ticks = [(value, f"{text}{unit}") for value, text in y.ticks(3)]
        paint_y_axis(painter, self.area, y, ticks, self.axis_title())
        paint_x_axis(painter, self.area, x, size_ticks(x.low, x.high), "")
        set_caption(painter)
        foot = QRectF(self.area.left(), self.area.bottom() - 18, self.area.width(), 16)
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, self.tr("file size, log"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_frontier(painter)
        self._paint_points(painter)
        self._paint_plan(painter)

    def _paint_frontier(self, painter: QPainter) -> None:
        best = frontier(self._all, self._kind)
        path = QPainterPath(self._place(best[0]))
        for earlier, later in pairwise(best):
            path.lineTo(self._place(later).x(), self._place(earlier).y())
            path.lineTo(self._place(later))
        line = color("result")
        pen = QPen(line, 1.5)
        painter.setOpacity(0.6)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setOpacity(1.0)

    def _paint_points(self, painter: QPainter) -> None:
        for point in self._points:
            chosen = point.run == self._chosen
            painter.setPen(QPen(color("accent" if chosen else "secondary"), 2 if chosen else 1.5))
            painter.setBrush(color("panel"))
            painter.drawEllipse(self._place(point), 4.5 if chosen else 3.5, 4.5 if chosen else 3.5)
        if self._original is not None:
            at = self._place(self._original)
            painter.setPen(QPen(color("text"), 1.5))
            painter.setBrush(color("panel"))
            painter.drawEllipse(at, 3.5, 3.5)
            set_caption(painter)
            self._label(painter, at, self.tr("original"), below=True)

    def _paint_plan(self, painter: QPainter) -> None:
        if self._plan is None:
            return
        x, y = self._axes()
        size, metric = self._plan
        at = x.pixel(size)
        set_caption(painter, "text", 600)
        if metric is None:  # its metric is not known before the run: only where it stands in size
            pen = QPen(color("accent"), 1.5, Qt.PenStyle.DashLine)
            self._label(painter, QPointF(at, self.area.top() + 8), self.tr("this plan"))
            painter.setPen(pen)
            painter.drawLine(QPointF(at, self.area.top()), QPointF(at, self.area.bottom()))
            return
        place = QPointF(at, y.pixel(metric * self._kind.axis_factor))
        self._label(painter, place, self.tr("this plan"))
        painter.setPen(QPen(color("panel"), 1.5))
        painter.setBrush(color("accent"))
        painter.drawEllipse(place, 5, 5)

    def _label(self, painter: QPainter, at: QPointF, text: str, *, below: bool = False) -> None:
        """A label over or under a point, moved to stay inside."""
        width = QFontMetricsF(painter.font()).horizontalAdvance(text)
        left = min(max(at.x() - width / 2, self.area.left()), self.area.right() - width)
        top = at.y() + 6 if below else at.y() - 21
        painter.drawText(QRectF(left, top, width + 2, 15), Qt.AlignmentFlag.AlignLeft, text)

    # ------------------------------------------------------------------ mouse and keys

    def point_at(self, position: QPointF) -> Point | None:
        """The run under the mouse."""
        near = [(p, (self._place(p) - position).manhattanLength()) for p in self._points]
        best = min(near, key=lambda pair: pair[1], default=None)
        return best[0] if best is not None and best[1] <= _REACH else None

    def place_of(self, run: str) -> QPointF:
        """Where a run stands; KeyError where it is not shown."""
        for point in self._points:
            if point.run == run:
                return self._place(point)
        raise KeyError(run)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = self.point_at(event.position())
        self._choose(point.run if point else "")
        self.setCursor(Qt.CursorShape.PointingHandCursor if point else Qt.CursorShape.ArrowCursor)
        if point:
            numbers = f"{figures.size(point.size_bytes)} · {self._kind.write(point.metric)}"
            words = f"{point.name}\n{numbers}\nClick restores its plan"
            QToolTip.showText(event.globalPosition().toPoint(), words, self)
        else:
            QToolTip.hideText()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        point = self.point_at(event.position())
        if point is not None and event.button() == Qt.MouseButton.LeftButton:
            self.restore_wanted.emit(point.run)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        order = sorted(self._points, key=lambda p: p.size_bytes)
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and order:
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            names = [p.run for p in order]
            at = names.index(self._chosen) + step if self._chosen in names else (0 if step > 0 else len(names) - 1)
            self._choose(names[min(max(at, 0), len(names) - 1)])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._chosen:
            self.restore_wanted.emit(self._chosen)
        else:
            super().keyPressEvent(event)

    def _choose(self, run: str) -> None:
        if run != self._chosen:
            self._chosen = run
            self._repaint()
