"""The painted slider: groove 4, knob 13, ticks below, in a widget 24 px high."""

from collections.abc import Sequence
from math import exp, log

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleValueChangeEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, tinted

_EDGE = 10  # room for knob and halo at both ends


class RatioSlider(QWidget):
    """A value between `minimum` and `maximum`; `moved(x)` while it is dragged, `settled(x)` once let go.

    Arrows move by `step`, with Shift or Page keys by ten steps. With `logarithmic`, equal ways are equal
    ratios, and `step` is a share of the way.
    """

    moved = Signal(float)
    settled = Signal(float)

    def __init__(
        self,
        minimum: float = 0.0,
        maximum: float = 1.0,
        *,
        step: float = 0.01,
        ticks: Sequence[float] = (),
        logarithmic: bool = False,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._minimum, self._maximum, self._value = minimum, maximum, minimum
        self._step, self._ticks, self._logarithmic = step, tuple(ticks), logarithmic
        self._dragging = False
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        """Show a value without signals; ignored while a person drags."""
        if not self._dragging:
            self._value = min(max(value, self._minimum), self._maximum)
            self.update()

    def set_range(self, minimum: float, maximum: float, ticks: Sequence[float] = ()) -> None:
        self._minimum, self._maximum, self._ticks = minimum, max(minimum, maximum), tuple(ticks)
        self._value = min(max(self._value, self._minimum), self._maximum)
        self.update()

    def range(self) -> tuple[float, float]:
        return self._minimum, self._maximum

    def sizeHint(self) -> QSize:
        return QSize(120, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, 24)

    # ------------------------------------------------------------------ value and place

    def share_of(self, value: float) -> float:
        """Where a value stands on the way, 0..1."""
        low, high = self._minimum, self._maximum
        if high <= low:
            return 0.0
        if self._logarithmic:
            return log(max(value, low) / low) / log(high / low)
        return (value - low) / (high - low)

    def _value_at(self, share: float) -> float:
        low, high = self._minimum, self._maximum
        share = min(max(share, 0.0), 1.0)
        if self._logarithmic:
            return low * exp(share * log(high / low)) if high > low else low
        raw = low + share * (high - low)
        return min(max(round((raw - low) / self._step) * self._step + low, low), high)

    def _move_to(self, share: float) -> bool:
        value = self._value_at(share)
        if abs(value - self._value) <= 1e-9 * max(1.0, abs(value)):
            return False
        self._value = value
        self.update()
        QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, value))
        self.moved.emit(value)
        return True

    def _share_at(self, x: float) -> float:
        return (x - _EDGE) / max(1.0, self.width() - 2 * _EDGE)

    # ------------------------------------------------------------------ mouse, wheel, keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragging = True
            self._move_to(self._share_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._move_to(self._share_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._dragging = False
            self.update()
            self.settled.emit(self._value)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # a wheel over an unfocused slider scrolls the panel, it does not change the plan
        if not self.hasFocus():
            event.ignore()
            return
        self._by(1 if event.angleDelta().y() > 0 else -1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, big = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        steps = {
            Qt.Key.Key_Right: 10 if big else 1,
            Qt.Key.Key_Up: 10 if big else 1,
            Qt.Key.Key_Left: -10 if big else -1,
            Qt.Key.Key_Down: -10 if big else -1,
            Qt.Key.Key_PageUp: 10,
            Qt.Key.Key_PageDown: -10,
        }.get(Qt.Key(key))
        if steps is not None:
            self._by(steps)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            if self._move_to(0.0 if key == Qt.Key.Key_Home else 1.0):
                self.settled.emit(self._value)
        else:
            super().keyPressEvent(event)

    def _by(self, steps: int) -> None:
        span = self._maximum - self._minimum
        share = self._step if self._logarithmic else self._step / span if span > 0 else 0.0
        if self._move_to(self.share_of(self._value) + steps * share):
            self.settled.emit(self._value)

    # ------------------------------------------------------------------ paint

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle, left, right = self.height() / 2, float(_EDGE), float(self.width() - _EDGE)
        at = left + self.share_of(self._value) * (right - left)
        painter.setPen(QPen(color("axis"), 1))
        for tick in self._ticks:
            x = round(left + self.share_of(tick) * (right - left))
            painter.drawLine(x, int(middle) + 6, x, int(middle) + 9)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("groove"))
        painter.drawRoundedRect(QRectF(left - 2, middle - 2, right - left + 4, 4), 2, 2)
        painter.setBrush(color("accent" if self.isEnabled() else "disabled"))
        painter.drawRoundedRect(QRectF(left - 2, middle - 2, at - left + 2, 4), 2, 2)
        if self.hasFocus() or self._dragging:
            painter.setBrush(tinted("accent", 0.22))
            painter.drawEllipse(QPointF(at, middle), 10, 10)
        if self.isEnabled():
            painter.setPen(QPen(color("accent"), 2))
            painter.setBrush(color("knob"))
            painter.drawEllipse(QPointF(at, middle), 5.5, 5.5)
        else:
            painter.drawEllipse(QPointF(at, middle), 6.5, 6.5)
