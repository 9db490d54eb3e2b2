"""Error along the network: output SQNR as a line, weight SQNR as grey bars, the worst layer named."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from secateur.analysis.deviation import Deviation
from secateur.analysis.documents import LayerError
from secateur.figures import decibels
from secateur.ui.plots.axes import Axis, caption_width, paint_base_line, paint_y_axis, set_caption
from secateur.ui.plots.bars import bar_path
from secateur.ui.plots.groups import layer_groups, short_name
from secateur.ui.plots.plot import Plot
from secateur.ui.plots.read_out import ReadOut, paint_read_out, place_beside
from secateur.ui.plots.ticks import nice_step
from secateur.ui.theme.style import color, font, tinted

Floats = NDArray[np.float64]


class ErrorCurve(Plot):
    """`show_errors(errors, selected)`; a click or ←/→ gives `layer_selected(name)`."""

    layer_selected = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._errors: tuple[LayerError, ...] = ()
        self._source: Sequence[LayerError] = ()
        self._selected: frozenset[str] = frozenset()
        self._outputs: Floats = np.zeros(0)
        self._weights: Floats = np.zeros(0)
        self._hovered: int | None = None

    def show_errors(self, errors: Sequence[LayerError], selected: Collection[str]) -> None:
        """Show SQNR of every layer's output and weights, in network order; what is unchanged stands at the top."""
        self._selected = frozenset(selected)
        if errors is self._source:
            self.renew(id(errors), self._selected)
            return
        self._source, self._errors = errors, tuple(errors)
        self._outputs = _decibels([e.output for e in errors])
        self._weights = _decibels([e.weight for e in errors])
        worst = self.worst
        said = "" if worst is None else f"worst: {self._errors[worst].layer}, {decibels(self._outputs[worst])}"
        self.setAccessibleDescription(said)
        self.renew(id(errors), self._selected)

    @property
    def worst(self) -> int | None:
        """Number of the layer with the lowest output SQNR; None where none was compared or all are exact."""
        finite = np.isfinite(self._outputs)
        return int(np.nanargmin(np.where(finite, self._outputs, np.nan))) if finite.any() else None

    def place(self, layer: str) -> QPointF:
        """The middle of a layer's column, in the widget's pixels."""
        index = next(i for i, e in enumerate(self._errors) if e.layer == layer)
        return QPointF(self._x_axis().pixel(float(index)), self.area.center().y())

    # ------------------------------------------------------------------ painting

    def paint_plot(self, painter: QPainter) -> None:
        if not self._errors:
            return
        finite = np.concatenate([v[np.isfinite(v)] for v in (self._outputs, self._weights)])
        highest = float(max(finite.max(initial=0.0), 10.0))
        step = nice_step(highest, 5)
        y = Axis(0.0, float(np.ceil(highest / step - 1e-9) * step), 0.0, 1.0)
        left = caption_width([text for _, text in y.ticks(6)]) + 16
        self.area = QRectF(left, 28, max(self.width() - left - 6, 20), max(self.height() - 28 - 42, 20))
        y = Axis(0.0, y.high, self.area.bottom(), self.area.top())
        x = self._x_axis()
        self._paint_selection(painter, x)
        paint_y_axis(painter, self.area, y, y.ticks(6), "dB")
        self._paint_bars(painter, x, y)
        paint_base_line(painter, self.area)
        self._paint_line(painter, x, y)
        self._paint_names(painter, x)
        self._paint_worst(painter, x, y)

    def paint_over(self, painter: QPainter) -> None:
        self._paint_tip(painter, self._x_axis())

    def _x_axis(self) -> Axis:
        return Axis(-0.5, len(self._errors) - 0.5, self.area.left(), self.area.right())

    @property
    def _pitch(self) -> float:
        return self.area.width() / max(len(self._errors), 1)

    def _paint_selection(self, painter: QPainter, x: Axis) -> None:
        for index, error in enumerate(self._errors):
            if error.layer in self._selected:
                left, right = round(x.pixel(index - 0.5)), round(x.pixel(index + 0.5))
                band = QRectF(left, self.area.top(), max(right - left, 2), self.area.height())
                painter.fillRect(band, tinted("accent", 0.16))

    def _paint_bars(self, painter: QPainter, x: Axis, y: Axis) -> None:
        width = max(round(min(self._pitch * 0.56, 24)), 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, width > 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tinted("original", 0.42))
        for index, value in enumerate(self._weights):
            if np.isnan(value):
                continue
            top = y.pixel(min(max(float(value), 0.0), y.high))
            bar = QRectF(round(x.pixel(float(index)) - width / 2), top, width, self.area.bottom() - top)
            if width > 3:
                painter.drawPath(bar_path(bar))
            else:
                painter.drawRect(bar)

    def _points(self, x: Axis, y: Axis) -> list[QPointF | None]:
        return [
            None if np.isnan(v) else QPointF(x.pixel(float(i)), y.pixel(min(max(float(v), 0.0), y.high)))
            for i, v in enumerate(self._outputs)
        ]

    def _paint_line(self, painter: QPainter, x: Axis, y: Axis) -> None:
        points = self._points(x, y)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        join = Qt.PenJoinStyle.RoundJoin
        width = 2.0 if self._pitch >= 4 else 1.25
        painter.setPen(QPen(color("result"), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, join))
        run: list[QPointF] = []
        for point in [*points, None]:
            if point is not None:
                run.append(point)
            elif run:
                painter.drawPolyline(QPolygonF(run))
                run = []
        if self._pitch >= 10:
            painter.setPen(QPen(color("card"), 1.5))
            painter.setBrush(color("result"))
            for point in points:
                if point is not None:
                    painter.drawEllipse(point, 4.0, 4.0)
        exact = next((p for p, v in zip(points, self._outputs, strict=True) if p and np.isinf(v)), None)
        if exact is not None:
            set_caption(painter)
            painter.drawText(QPointF(exact.x() + 14, exact.y() + 6), self.tr("unchanged"))

    def _paint_names(self, painter: QPainter, x: Axis) -> None:
        """Short names under the axis where they fit, and the groups below them with a rule."""
        names = [error.layer for error in self._errors]
        groups = layer_groups(names)
        free_from = -1e9
        shorts = {i: short_name(names[i], group) for group, members in groups for i in members if len(members) > 1}
        crowded = caption_width(list(shorts.values())) + 4 > self._pitch
        for index, text in shorts.items():
            if not crowded or names[index] in self._selected:
                free_from = self._paint_short(painter, x, index, text, free_from)
        free_from = -1e9
        for group, members in groups:
            free_from = self._paint_group(painter, x, group, members, free_from)

    def _paint_short(self, painter: QPainter, x: Axis, index: int, text: str, free_from: float) -> float:
        selected = self._errors[index].layer in self._selected
        set_caption(painter, "text" if selected else "secondary", 600 if selected else 400)
        width = caption_width([text], 600)
        left = x.pixel(float(index)) - width / 2
        if left < free_from:
            return free_from
        box = QRectF(left - 4, self.area.bottom() + 3, width + 8, 15)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return left + width + 6

    def _paint_group(self, painter: QPainter, x: Axis, group: str, members: Sequence[int], free_from: float) -> float:
        inset = min(3.0, self._pitch * 0.2)
        left, right = x.pixel(members[0] - 0.5) + inset, x.pixel(members[-1] + 0.5) - inset
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(color("axis"))
        painter.drawLine(QLineF(round(left), self.area.bottom() + 20.5, round(right), self.area.bottom() + 20.5))
        width = caption_width([group], 500)
        start = (left + right - width) / 2
        start = min(max(start, 0.0), self.width() - width)
        if start < free_from:
            return free_from
        set_caption(painter, "text" if len(members) == 1 else "secondary", 500)
        box = QRectF(start - 4, self.area.bottom() + 23, width + 8, 15)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, group)
        return start + width + 10

    def _paint_worst(self, painter: QPainter, x: Axis, y: Axis) -> None:
        worst = self.worst
        if worst is None:
            return
        at = QPointF(x.pixel(float(worst)), y.pixel(max(float(self._outputs[worst]), 0.0)))
        text = f"{self.tr('worst')}: {self._errors[worst].layer}, {decibels(self._outputs[worst])}"
        width = min(caption_width([text], 600) + 16, 340.0, self.area.width())
        left = min(max(at.x() - width + 10, self.area.left()), self.area.right() - width)
        top = self._free_top(left, width, at, [p for p in self._points(x, y) if p is not None])
        box = QRectF(round(left) + 0.5, round(top) + 0.5, round(width), 21)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(color("negative"), 1.0))
        painter.drawLine(QPointF(at.x(), box.bottom() if top < at.y() else box.top()), at)
        painter.setBrush(color("input"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(font(11, 600))
        inner = box.adjusted(8, 0, -8, 0)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(inner.width()) + 2)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.setPen(QPen(color("card"), 1.5))
        painter.setBrush(color("negative"))
        painter.drawEllipse(at, 4.5, 4.5)

    def _free_top(self, left: float, width: float, at: QPointF, points: Sequence[QPointF]) -> float:
        """Where the worst layer's label covers the fewest points of the line, as near to its point as can be."""
        beside = [p.y() for p in points if left - 6 <= p.x() <= left + width + 6]
        best, fewest = at.y() + 20, len(beside) + 1
        for top in np.arange(at.y() - 48, self.area.top() + 2, -8.0):
            covered = len([place for place in beside if top - 7 <= place <= top + 28])
            if covered < fewest:
                best, fewest = float(top), covered
        return min(best, self.area.bottom() - 24)

    def _paint_tip(self, painter: QPainter, x: Axis) -> None:
        if self._hovered is None or self._hovered >= len(self._errors):
            return
        error = self._errors[self._hovered]
        rows = (
            (self.tr("layer output"), error.output.words),
            (self.tr("weights"), error.weight.words),
        )
        read_out = ReadOut(error.layer, rows)
        anchor = QPointF(x.pixel(float(self._hovered)), self.area.top() + 8)
        box = place_beside((read_out.width(), read_out.height()), anchor, self.area.adjusted(2, 2, -2, -2))
        paint_read_out(painter, box, read_out)

    # ------------------------------------------------------------------ mouse and keys

    def _index_at(self, position: QPointF) -> int | None:
        if not self._errors or not self.area.adjusted(0, 0, 0, 40).contains(position):
            return None
        return min(max(round(self._x_axis().value(position.x())), 0), len(self._errors) - 1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index != self._hovered:
            self._hovered = index
            self.setCursor(Qt.CursorShape.ArrowCursor if index is None else Qt.CursorShape.PointingHandCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.layer_selected.emit(self._errors[index].layer)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._errors:
            super().keyPressEvent(event)
            return
        present = next((i for i, e in enumerate(self._errors) if e.layer in self._selected), -step)
        index = min(max(present + step, 0), len(self._errors) - 1)
        self.layer_selected.emit(self._errors[index].layer)


def _decibels(deviations: Sequence[Deviation]) -> Floats:
    """Decibels, infinite where nothing differs, NaN where nothing could be compared."""
    values = [np.inf if d.is_unchanged else np.nan if d.sqnr_db is None else d.sqnr_db for d in deviations]
    return np.array(values, dtype=np.float64)
