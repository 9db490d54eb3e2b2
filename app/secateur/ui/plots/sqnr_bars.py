"""SQNR by bit width: one bar each, the plan's own in accent; a click on an available one chooses it."""

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from secateur.figures import MINUS
from secateur.ui.plots.chart import Chart
from secateur.ui.plots.columns import ColumnBars
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.theme.style import color, tinted

BITS = (8, 7, 6, 5, 4, 3, 2)


class SqnrBars(Chart):
    """Shows decibels per bit width; `bits_chosen(bits)` for a click, Space, or the digit itself."""

    bits_chosen = Signal(int)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent, zoom="")
        self._values: Mapping[int, float | None] = {}
        self._planned: int | None = None
        self._available: tuple[int, ...] = ()
        self._hovered: int | None = None
        self._cursor = BITS[0]
        self._bars = {bits: ColumnBars(self) for bits in BITS}
        self.add(*self._bars.values())
        self.left_axis.hide()  # every bar has its figure
        self.bottom_axis.setStyle(tickLength=0)
        self.bottom_axis.set_names([])

    def show_values(self, values: Mapping[int, float | None], planned: int | None, available: tuple[int, ...]) -> None:
        """Show bits → decibels (None undefined), the `planned` width, and those that can be chosen."""
        self._values, self._planned, self._available = values, planned, available
        if self._cursor not in available and available:
            self._cursor = available[0]
        said = [f"{bits} bits {self._value_text(bits)} dB" for bits in BITS if bits in values]
        chosen = self.tr("planned: {0} bits").format(planned) if planned else self.tr("no quantization planned")
        self.setAccessibleDescription(", ".join([*said, chosen]))
        finite = [v for v in values.values() if v is not None and v != float("inf")]
        self.show_range((-0.5, len(BITS) - 0.5), (0.0, max([*finite, 1.0])))
        self._renew()

    def _renew(self) -> None:
        self.renew(tuple(self._values.items()), self._planned, self._available, self._hovered)

    def _value_text(self, bits: int) -> str:
        value = self._values.get(bits)
        if value is None:
            return "–"
        return "∞" if value == float("inf") else f"{value:.0f}".replace("-", MINUS)

    def column(self, bits: int) -> QRectF:
        """The whole column of a bit width, in the widget's pixels: where a click counts."""
        middle, pitch = self.pixel(float(BITS.index(bits)), 0.0).x(), self.pitch
        return QRectF(middle - pitch / 2, self.area.top() - 18, pitch, self.area.height() + 38)

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        self.plot.setVisible(bool(self._values))
        self.pad(top=26, right=2)
        self.bottom_axis.set_title(self.tr("bits, per channel"))
        self.bottom_axis.setHeight(36)
        width = max(round(min(self.pitch * 0.62, 26)), 6)
        for place, bits in enumerate(BITS):
            hovered = bits == self._hovered and bits in self._available
            fill = color("result") if bits == self._planned else tinted("original", 0.75 if hovered else 0.5)
            at, zero = np.array([float(place)]), np.zeros(1)
            self._bars[bits].show_bars(at, zero, np.array([self._height(bits)]), width, fill)

    def _height(self, bits: int) -> float:
        """The top of a bar: at least a pixel high, what is exact as high as the best."""
        value = self._values.get(bits)
        least = float(self.box.viewPixelSize()[1])
        return max(min(value or 0.0, self.full[1][1]), least)

    def paint_over(self, painter: QPainter) -> None:
        """Figures on the bars, bits below them, and a line under the bit width that Space would choose."""
        if not self._values:
            return
        area, written = self.area, self._written()
        for place, bits in enumerate(BITS):
            column = self.column(bits)
            planned, available = bits == self._planned, bits in self._available
            top = self.pixel(float(place), self._height(bits)).y()
            if bits in written:
                set_caption(painter, "text" if planned else "secondary", 600 if planned else 400)
                above = QRectF(column.left() - 4, top - 18, column.width() + 8, 16)
                painter.drawText(above, Qt.AlignmentFlag.AlignCenter, self._value_text(bits))
            set_caption(painter, "text" if available else "secondary", 600 if planned else 500 if available else 400)
            below = QRectF(column.left(), area.bottom() + 3, column.width(), 16)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(bits))
            if self.hasFocus() and bits == self._cursor and available:
                width = caption_width([str(bits)], 600) + 2
                mark = QRectF(column.center().x() - width / 2, area.bottom() + 19, width, 2)
                painter.fillRect(mark, color("accent"))

    def _written(self) -> set[int]:
        """The bit widths whose figures have room beside each other; those that can be chosen come first."""
        taken: dict[int, tuple[float, float]] = {}
        for bits in sorted(BITS, key=lambda b: (b != self._planned, b not in self._available)):
            middle, half = self.column(bits).center().x(), caption_width([self._value_text(bits)], 600) / 2 + 1.5
            if all(middle + half <= left or middle - half >= right for left, right in taken.values()):
                taken[bits] = (middle - half, middle + half)
        return set(taken)

    def table(self) -> Table | None:
        if not self._values:
            return None
        return Table(("bits", "SQNR, dB"), [(bits, self._values[bits]) for bits in BITS if bits in self._values])

    # ------------------------------------------------------------------ mouse and keys

    def _bits_at(self, position: QPointF) -> int | None:
        return next((bits for bits in BITS if self._values and self.column(bits).contains(position)), None)

    def _choose(self, bits: int | None) -> None:
        if bits is not None and bits in self._available:
            self._cursor = bits
            self.bits_chosen.emit(bits)

    def clicked(self, at: QPointF) -> None:
        self._choose(self._bits_at(at))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        bits = self._bits_at(event.position())
        if bits == self._hovered:
            return
        self._hovered = bits
        shape = Qt.CursorShape.PointingHandCursor if bits in self._available else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
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
        super().leaveEvent(event)
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
            self.refresh()
        else:
            super().keyPressEvent(event)
