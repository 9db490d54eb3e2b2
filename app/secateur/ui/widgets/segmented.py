"""The segmented control: one of a few, all in view."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from secateur.ui.theme.style import color, font, metrics
from secateur.ui.widgets.why_not import set_why_not


class _Segment(QAbstractButton):
    def __init__(self, key: str, label: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.key = key
        self.setText(label)
        self.setCheckable(True)
        self.setAccessibleName(label)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(metrics(12, 600).horizontalAdvance(self.text()) + 16, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(metrics(12, 600).horizontalAdvance(self.text()) + 8, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        on = self.isChecked()
        if on:
            painter.setPen(QPen(color("strong_border" if self.isEnabled() else "border"), 1))
            painter.setBrush(color("pressed" if color("panel").lightness() < 128 else "panel"))
            painter.drawRoundedRect(box, 4, 4)
        elif self.underMouse() and self.isEnabled():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("hover"))
            painter.drawRoundedRect(box, 4, 4)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        painter.setFont(font(12, 600 if on else 500))
        painter.setPen(color("disabled" if not self.isEnabled() else "text" if on else "secondary"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class Segmented(QWidget):
    """Exclusive options `(key, label)` in a trough; arrows move between them.

    `chosen(key)` when a person chooses; `set_value` says nothing.
    """

    chosen = Signal(str)

    def __init__(self, options: Sequence[tuple[str, str]], name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._segments: dict[str, _Segment] = {}
        for key, label in options:
            segment = _Segment(key, label, self)
            segment.setObjectName(f"segment_{key}")
            self._segments[key] = segment
            self._group.addButton(segment)
            row.addWidget(segment)
        self._group.buttonToggled.connect(self._toggled)
        self._value = ""

    def value(self) -> str:
        """Key of the chosen option; empty where the choice is mixed or none."""
        return self._value

    def set_value(self, key: str) -> None:
        """Show a choice without `chosen`; a key that is not here shows none."""
        self._value = key if key in self._segments else ""
        blocked = self._group.blockSignals(True)
        self._group.setExclusive(False)
        for name, segment in self._segments.items():
            segment.setChecked(name == self._value)
        self._group.setExclusive(True)
        self._group.blockSignals(blocked)

    def set_enabled_keys(self, keys: Collection[str], reason: str = "") -> None:
        """Only `keys` can be chosen; the others carry `reason` as their tooltip."""
        for name, segment in self._segments.items():
            set_why_not(segment, "" if name in keys else reason)

    def set_tooltip(self, key: str, text: str) -> None:
        self._segments[key].setToolTip(text)

    def _toggled(self, button: QAbstractButton, on: bool) -> None:
        if on and isinstance(button, _Segment) and button.key != self._value:
            self._value = button.key
            self.chosen.emit(button.key)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color("button_border"), 1))
        painter.setBrush(color("well"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        segments = list(self._segments.values())
        for left, right in pairwise(segments):
            if not (left.isChecked() or right.isChecked()):
                x = left.geometry().right() + 1
                painter.drawLine(x, 8, x, self.height() - 9)
