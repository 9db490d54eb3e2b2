"""The heat map's legend: the colour bar with its unit, the marks, and how far the estimate can be trusted.

One widget in two shapes: a strip below the map, or a column beside it where there is room.
"""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.figures import MINUS
from secateur.ui.plots.heat_cells import Floats
from secateur.ui.plots.heat_paint import map_color, paint_cell, paint_chosen, paint_hatch, paint_lock, paint_pending
from secateur.ui.plots.strokes import crisp, line_pen
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.plots.ticks import decade_text
from secateur.ui.theme.style import tinted

STRIP, COLUMN = 62, 264
BAR = 200
MARKED = 6
"""Decades that are written under the colour bar, at most."""
CLOUD = 400
"""Points of the scatter; more of them cover each other."""


@dataclass(frozen=True, eq=False)
class Trust:
    """How the estimate ranks against the measurements: points (n,) each, and what that rests on.

    `correlation` is the mean of those within an option.
    """

    estimated: Floats
    measured: Floats
    correlation: float | None
    basis: str


class HeatLegend(QWidget):
    """`show_legend(title, range, …)`; `set_column(True)` for the shape beside the map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("heat_legend")
        self.setAccessibleName(self.tr("Legend of the heat map"))
        self._title, self._range = "", (1e-4, 1.0)
        self._marks: tuple[str, ...] = ("chosen", "unavailable")
        self._trust: Trust | None = None
        self._column = False
        self.set_column(False)

    def set_column(self, column: bool) -> None:
        self._column = column
        fixed, free = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred
        self.setSizePolicy(*((fixed, free) if column else (free, fixed)))
        self.updateGeometry()
        self.update()

    def show_legend(
        self, title: str, value_range: tuple[float, float], marks: tuple[str, ...], trust: Trust | None
    ) -> None:
        """`marks` are those of chosen, kept, unavailable, estimated, measured, pending that occur in the map."""
        self._title, self._range, self._marks, self._trust = title, value_range, marks, trust
        low, high = (f"{v:.0e}" for v in value_range)
        self.setAccessibleDescription(f"{title}, {low} to {high}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(COLUMN, 280) if self._column else QSize(360, STRIP)

    def minimumSizeHint(self) -> QSize:
        return QSize(COLUMN, 120) if self._column else QSize(180, STRIP)

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._column:
            self._paint_column(painter)
        else:
            self._paint_strip(painter)
        painter.end()

    def _paint_strip(self, painter: QPainter) -> None:
        bar = min(BAR + 10, self.width() // 3)
        self._paint_bar(painter, QRectF(8, 4, bar, 50))
        left = bar + 34.0
        pitch = max((caption_width([self._words(mark)]) for mark in self._marks), default=0.0) + 44
        rows = 2
        columns = (len(self._marks) + rows - 1) // rows
        for place, mark in enumerate(self._marks):
            box = QRectF(left + (place // rows) * pitch, 8 + (place % rows) * 24, pitch, 18)
            if box.right() <= self.width() + 20:
                self._paint_mark(painter, box, mark)
        trust_left = left + columns * pitch
        if self._trust is not None and self.width() - trust_left > 190:
            self._paint_trust(painter, QRectF(self.width() - 250.0, 2, 246, 54))

    def _paint_column(self, painter: QPainter) -> None:
        self._paint_bar(painter, QRectF(12, 4, self.width() - 20, 50))
        y = 74.0
        for mark in self._marks:
            self._paint_mark(painter, QRectF(12, y, self.width() - 16, 18), mark)
            y += 24
        if self._trust is not None and self.height() - y > 80:
            self._paint_trust(painter, QRectF(12, y + 12, self.width() - 16, 54))

    def _paint_bar(self, painter: QPainter, box: QRectF) -> None:
        set_caption(painter)
        painter.drawText(
            QRectF(box.left(), box.top(), box.width() + 60, 16), Qt.AlignmentFlag.AlignVCenter, self._title
        )
        bar = QRectF(box.left(), box.top() + 19, box.width(), 11)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for stop in range(33):
            gradient.setColorAt(stop / 32, map_color(stop / 32))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 2, 2)
        first, last = (round(float(end)) for end in np.log10(self._range))
        for power in range(first, last + 1, -(-(last - first + 1) // MARKED)):
            x = bar.left() + (power - first) / (last - first) * bar.width()  # as `HeatCells.shares` colours it
            text = decade_text(10.0**power)
            painter.setPen(line_pen("axis"))
            painter.drawLine(QLineF(crisp(x), bar.bottom(), crisp(x), bar.bottom() + 4))
            set_caption(painter)
            width = caption_width([text])
            left = min(max(x - width / 2, bar.left()), bar.right() - width)
            painter.drawText(QRectF(left, bar.bottom() + 4, width + 2, 15), Qt.AlignmentFlag.AlignCenter, text)

    def _words(self, mark: str) -> str:
        words = {
            "chosen": self.tr("chosen in plan"),
            "unavailable": self.tr("unavailable, see why"),
            "estimated": self.tr("estimated only"),
            "measured": self.tr("measured"),
            "pending": self.tr("not measured yet"),
            "kept": self.tr("choice kept"),
        }
        return words[mark]

    def _paint_mark(self, painter: QPainter, box: QRectF, mark: str) -> None:
        swatch = QRectF(box.left(), box.top() + 2, 17, 13)
        if mark == "unavailable":
            paint_hatch(painter, swatch)
        elif mark == "pending":
            paint_pending(painter, swatch)
        elif mark == "kept":
            paint_lock(painter, swatch.translated(-8, 0))
        else:
            paint_cell(painter, swatch, 0.52, estimated=mark == "estimated")
            if mark == "chosen":
                paint_chosen(painter, swatch)
        set_caption(painter)
        painter.drawText(box.adjusted(25, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._words(mark))

    def _paint_trust(self, painter: QPainter, box: QRectF) -> None:
        trust = self._trust
        if trust is None:
            return
        plot = QRectF(box.right() - 72, box.top() + 1, 70, 50)
        words = QRectF(box.left(), box.top(), plot.left() - box.left() - 10, 17)
        align = Qt.AlignmentFlag.AlignVCenter
        align |= Qt.AlignmentFlag.AlignLeft if self._column else Qt.AlignmentFlag.AlignRight
        lines = (self.tr("Estimate against measured"), _correlation_text(trust.correlation), trust.basis)
        for place, text in enumerate(lines):
            strong = place == 1
            set_caption(painter, "text" if strong else "secondary", 600 if strong else 400)
            painter.drawText(words.translated(0, place * 17), align, text)
        paint_scatter(painter, plot, trust.estimated, trust.measured)


def _correlation_text(correlation: float | None) -> str:
    return (
        "within an option –" if correlation is None else f"within an option ρ = {correlation:.2f}".replace("-", MINUS)
    )


def paint_scatter(painter: QPainter, box: QRectF, x: Floats, y: Floats) -> None:
    """Estimated against measured damage, both on log axes, as a cloud without labels."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(line_pen("axis"))
    left, bottom = crisp(box.left()), crisp(box.bottom())
    painter.drawLine(QLineF(left, box.top(), left, bottom))
    painter.drawLine(QLineF(left, bottom, box.right(), bottom))
    if not len(x):
        return
    places = [_spread(np.log10(values)) for values in (x, y)]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    every = max(1, len(x) // CLOUD)
    across = box.left() + 3 + places[0][::every] * (box.width() - 5)
    up = box.bottom() - 3 - places[1][::every] * (box.height() - 5)
    painter.setPen(QPen(tinted("result", 0.7), 3.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawPoints([QPointF(px, py) for px, py in zip(across, up, strict=True)])


def _spread(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    spread: Floats = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    return spread
