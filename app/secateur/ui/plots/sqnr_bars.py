"""SQNR by bit width: one bar each, the plan's own in accent; a click on an available one chooses it."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from secateur.ui.plots.axes import Axis, caption_width, paint_base_line, paint_x_title, set_caption
from secateur.ui.plots.bars import bar_path
from secateur.ui.plots.plot import Plot
from secateur.ui.theme.style import color, tinted

BITS = (8, 7, 6, 5, 4, 3, 2)


class SqnrBars(Plot):
    """Shows decibels per bit width; `bits_chosen(bits)` for a click, Space, or the digit itself."""

    bits_chosen = Signal(int)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._values: Mapping[int, float | None] = {}
        self._planned: int | None = None
        self._available: tuple[int, ...] = ()
        self._hovered: int | None = None
        self._cursor = BITS[0]

    def show_values(self, values: Mapping[int, float | None], planned: int | None, available: tuple[int, ...]) -> None:
        """Show bits → decibels (None undefined), the `planned` width, and those that can be chosen."""
        self._values, self._planned, self._available = values, planned, available
        if self._cursor not in available and available:
            self._cursor = available[0]
        said = [f"{bits} bits {self._value_text(bits)} dB" for bits in BITS if bits in values]
        chosen = self.tr("planned: {0} bits").format(planned) if planned else self.tr("no quantization planned")
        self.setAccessibleDescription(", ".join([*said, chosen]))
        self._renew()

    def _renew(self) -> None:
        self.renew(tuple(self._values.items()), self._planned, self._available, self._hovered)

    def _value_text(self, bits: int) -> str:
        value = self._values.get(bits)
        if value is None:
            return "–"
        return "∞" if value == float("inf") else f"{value:.0f}"

    def column(self, bits: int) -> QRectF:
        """The whole column of a bit width, in the widget's pixels: where a click counts."""
        pitch = self.area.width() / len(BITS)
        return QRectF(self.area.left() + BITS.index(bits) * pitch, self.area.top() - 18, pitch, self.area.height() + 38)

    def paint_plot(self, painter: QPainter) -> None:
        if not self._values:
            return
        self.area = QRectF(4, 26, max(self.width() - 8, 10), max(self.height() - 26 - 40, 10))
        finite = [v for v in self._values.values() if v is not None and v != float("inf")]
        axis = Axis(0.0, max([*finite, 1.0]), self.area.bottom(), self.area.top())
        for bits in BITS:
            self._paint_bar(painter, bits, axis)
        paint_base_line(painter, self.area)
        paint_x_title(painter, self.area, self.tr("bits, per channel"))

    def paint_over(self, painter: QPainter) -> None:
        """A line under the bit width that Space would choose."""
        if self.hasFocus() and self._cursor in self._available and self._values:
            column = self.column(self._cursor)
            width = caption_width([str(self._cursor)], 600) + 2
            mark = QRectF(column.center().x() - width / 2, self.area.bottom() + 19, width, 2)
            painter.fillRect(mark, color("accent"))

    def _paint_bar(self, painter: QPainter, bits: int, axis: Axis) -> None:
        column = self.column(bits)
        value = self._values.get(bits)
        height = 0.0 if value is None else axis.start - axis.pixel(min(max(value, 0.0), axis.high))
        width = max(round(min(column.width() * 0.62, 26)), 6)
        left = round(column.center().x() - width / 2)
        bar = QRectF(left, axis.start - max(height, 1.0), width, max(height, 1.0))
        planned = bits == self._planned
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        hovered = bits == self._hovered and bits in self._available
        painter.setBrush(color("result") if planned else tinted("original", 0.75 if hovered else 0.5))
        painter.drawPath(bar_path(bar))
        self._paint_texts(painter, bits, column, bar, planned=planned)

    def _paint_texts(self, painter: QPainter, bits: int, column: QRectF, bar: QRectF, *, planned: bool) -> None:
        weight = 600 if planned else 400
        set_caption(painter, "text" if planned else "secondary", weight)
        above = QRectF(column.left() - 4, bar.top() - 18, column.width() + 8, 16)
        painter.drawText(above, Qt.AlignmentFlag.AlignCenter, self._value_text(bits))
        available = bits in self._available
        set_caption(painter, "text" if available else "secondary", 600 if planned else 500 if available else 400)
        below = QRectF(column.left(), self.area.bottom() + 3, column.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(bits))

    def _bits_at(self, position: QPointF) -> int | None:
        return next((bits for bits in BITS if self._values and self.column(bits).contains(position)), None)

    def _choose(self, bits: int | None) -> None:
        if bits is not None and bits in self._available:
            self._cursor = bits
            self.bits_chosen.emit(bits)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self._bits_at(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        bits = self._bits_at(event.position())
        if bits == self._hovered:
            return
        self._hovered = bits
        self.setCursor(Qt.CursorShape.PointingHandCursor if bits in self._available else Qt.CursorShape.ArrowCursor)
        if bits is None:
            QToolTip.hideText()
        else:
            QToolTip.showText(event.globalPosition().toPoint(), self._tip(bits), self)
        self._renew()

    def _tip(self, bits: int) -> str:
        text = self.tr("{0} bits per weight: {1} dB").format(bits, self._value_text(bits))
        if bits in self._available:
            return text + ". " + self.tr("Click to plan it.")
        return text + ". " + self.tr("For comparison: no method here stores this width.")

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self._renew()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        digit = event.text()
        if digit.isdigit() and int(digit) in self._available:
            self._choose(int(digit))
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self._choose(self._cursor)
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._available:
            ordered = sorted(self._available, reverse=True)
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            place = ordered.index(self._cursor) + step if self._cursor in ordered else 0
            self._cursor = ordered[min(max(place, 0), len(ordered) - 1)]
            self.update()
        else:
            super().keyPressEvent(event)
