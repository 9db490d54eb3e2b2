"""The scale of a heat map: its colours from −limit to limit under a histogram of the values, the limit to drag."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.figures import number
from secateur.ui.plots.strokes import paint_focus
from secateur.ui.theme.colormaps import diverging
from secateur.ui.theme.style import color, current_theme, font, metrics, tinted

BINS = 81
STEP = 1.15
SIDE = 12


class LevelsBar(QWidget):
    """`limit_moved(limit)`: the magnitude at which colours end. Arrows change it, Home and a double click reset it."""

    limit_moved = Signal(float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(self.tr("Colour scale"))
        self.setToolTip(
            self.tr("Drag to choose the magnitude at which the colours end; ← → change it, a double click resets it")
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(46)
        self._heights: NDArray[np.float64] = np.zeros(BINS)
        self._limit, self._full, self._usual = 1.0, 1.0, 1.0

    def show_values(self, values: NDArray[np.float32], full: float) -> None:
        """The values that are shown, of magnitudes up to `full`: what the histogram counts, on a log scale."""
        finite = values.reshape(-1)[:: max(values.size // 20_000, 1)]
        finite = finite[np.isfinite(finite)]
        self._full = full if full > 0 else 1.0
        counts, _ = np.histogram(finite, bins=BINS, range=(-self._full, self._full))
        self._heights = np.log1p(counts) / max(float(np.log1p(counts.max(initial=0))), 1e-9)
        self.update()

    def set_limit(self, limit: float, usual: float) -> None:
        """Where the colours end, and where they end when the scale is reset."""
        self._limit, self._usual = limit, usual
        self.setAccessibleDescription(f"−{number(limit)} … {number(limit)}")
        self.update()

    @property
    def limit(self) -> float:
        return self._limit

    def x_of(self, value: float) -> float:
        """The pixel of a value."""
        middle, half = self.width() / 2, self.width() / 2 - SIDE
        return middle + min(max(value / self._full, -1.0), 1.0) * half

    def _move(self, limit: float) -> None:
        limit = min(max(limit, self._full * 1e-3), self._full)
        if limit != self._limit:
            self.limit_moved.emit(limit)

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        left, right = self.x_of(-self._full), self.x_of(self._full)
        band = QRectF(left, 20, right - left, 8)
        width = band.width() / BINS
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tinted("secondary", 0.55))
        for n, height in enumerate(self._heights):
            if height > 0:
                painter.drawRect(QRectF(left + n * width, 18 - 15 * height, max(width - 1, 1), 15 * height))
        painter.fillRect(band, self._gradient(left, right))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(color("text"))
        for sign in (-1, 1):
            x = self.x_of(sign * self._limit)
            painter.drawPolygon(QPolygonF([QPointF(x, 27), QPointF(x - 5, 34), QPointF(x + 5, 34)]))
        self._paint_texts(painter)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()))
        painter.end()

    def _gradient(self, left: float, right: float) -> QLinearGradient:
        gradient, table = QLinearGradient(left, 0, right, 0), diverging(current_theme())
        inner = self._limit / self._full / 2
        for share in np.linspace(0, 1, 17):
            red, green, blue = (int(c) for c in table[round(share * 255)])
            gradient.setColorAt(min(max(0.5 + (share * 2 - 1) * inner, 0.0), 1.0), QColor(red, green, blue))
        return gradient

    def _paint_texts(self, painter: QPainter) -> None:
        painter.setFont(font(11))
        painter.setPen(color("secondary"))
        for value in (-self._limit, 0.0, self._limit):
            text = number(value)
            width = metrics(11).horizontalAdvance(text) + 2
            x = min(max(self.x_of(value) - width / 2, 0), self.width() - width)
            if value and abs(self.x_of(value) - self.width() / 2) < width + 4:
                x = self.width() / 2 + (6 if value > 0 else -width - 6)
                x += metrics(11).horizontalAdvance("0") * (1 if value > 0 else -1)
            painter.drawText(QRectF(x, 33, width, 13), Qt.AlignmentFlag.AlignCenter, text)

    def sizeHint(self) -> QSize:
        return QSize(240, 46)

    # ------------------------------------------------------------------ mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag_to(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag_to(event)

    def _drag_to(self, event: QMouseEvent) -> None:
        half = max(self.width() / 2 - SIDE, 1)
        self._move(abs(event.position().x() - self.width() / 2) / half * self._full)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._move(self._usual)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left:
                self._move(self._limit / STEP)
            case Qt.Key.Key_Right:
                self._move(self._limit * STEP)
            case Qt.Key.Key_Home:
                self._move(self._usual)
            case Qt.Key.Key_End:
                self._move(self._full)
            case _:
                super().keyPressEvent(event)
