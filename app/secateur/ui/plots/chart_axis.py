"""An axis of a chart: pyqtgraph's ticks with our texts. A grid instead of a line at the left, ticks outward below."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Literal

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen

from secateur.ui.plots.strokes import line_pen
from secateur.ui.plots.texts import CAPTION, caption_width
from secateur.ui.plots.ticks import decade_text, tick_text
from secateur.ui.theme.style import color, font

TICK = 4
DENSITY = 1.5
"""Four to five ticks on an axis of 200 pixels."""

LEAST_WIDTH = 14
"""Room for half of the first text of the horizontal axis."""

MARGIN = 8
"""Pixels at the right of a plot: a text that needs more of them would be cut, and is left out."""

OVERHANG = 80
"""Pixels that the name of an outermost column may stand out."""

Texts = Callable[[float, float], str]
Line = tuple[QPen, QPointF, QPointF]
DrawSpecs = tuple[Line, list[Line], list[tuple[QRectF, int, str]]]


class ChartAxis(pg.AxisItem):
    """Writes ticks by `texts(value, spacing)`; on a log axis as decades, values being log10 of what is written."""

    def __init__(self, side: Literal["left", "bottom"]) -> None:
        super().__init__(side)
        self.texts: Texts = tick_text
        self.is_blank = False
        self.least_width = LEAST_WIDTH
        self.gap = 6 if side == "left" else 2
        self.setStyle(tickLength=TICK if side == "bottom" else 0, tickTextOffset=self.gap)
        overhang = MARGIN if side == "bottom" else False
        self.setStyle(maxTickLevel=0, maxTextLevel=1, tickAlpha=1.0, hideOverlappingLabels=overhang)
        self.setStyle(autoExpandTextSpace=False)  # else it asks for room while it is painted, and is painted once more
        self.setTickDensity(DENSITY)
        self.enableAutoSIPrefix(False)
        if side == "left":
            self.setGrid(255)

    def dress(self) -> None:
        """Take pens and fonts from the current theme."""
        if self.orientation == "left":
            self.setPen(None)
            self.setTickPen(line_pen("grid"))
        else:
            self.setPen(line_pen("axis"))
            self.setTickPen(line_pen("axis"))
        self.setTextPen(color("secondary"))
        self.setTickFont(font(CAPTION))
        self.label.setFont(font(CAPTION))
        self.label.setDefaultTextColor(color("secondary"))

    def _updateLabel(self) -> None:
        """Write the title anew where there is one: pyqtgraph does it for every pen, and few axes have a title."""
        if self.labelText:
            super()._updateLabel()

    def fit(self) -> bool:
        """Take the width that the present tick texts need; whether it is another one."""
        length = self.geometry().height()
        low, high = self.range
        levels = self.tickValues(low, high, length) if self._tickLevels is None else []
        texts = [text for spacing, values in levels for text in self.tickStrings(values, 1.0, spacing)]
        width = ceil(max(caption_width(texts) if texts else 0.0, self.least_width) + self.gap)
        if width == self.fixedWidth:
            return False
        self.setWidth(width)
        return True

    def name_columns(self, rows: int = 1) -> None:
        """Names under columns in so many rows of text: no marks, and the outermost may stand out at the sides."""
        self.setStyle(tickLength=0, tickTextOffset=6, hideOverlappingLabels=OVERHANG)
        self.setHeight(6 + 15 * rows)

    def stand(self) -> None:
        """Take the height that the texts need: what pyqtgraph reckons while an axis is hidden is nothing."""
        self.setHeight(self.fixedHeight)

    def set_title(self, title: str) -> None:
        """The quantity, centred below; empty for none."""
        if title != self.labelText:
            self.setLabel(title or None)
            self.showLabel(bool(title))
            self.dress()  # a label that is set anew has pyqtgraph's colour

    def set_log(self, log: bool) -> None:
        """Write decades, or the values themselves."""
        if log != self.logMode:
            self.logMode, self.picture = log, None  # pyqtgraph's setter would take log10 of the items once more
            self.update()

    def set_names(self, names: Sequence[tuple[float, str]] | None) -> None:
        """Write these texts at these values instead of numbers; None for numbers again."""
        self.setTicks(None if names is None else [list(names)])

    def set_blank(self, blank: bool) -> None:
        """No ticks as long as there is nothing to read on them."""
        if blank != self.is_blank:
            self.is_blank, self.picture = blank, None
            self.update()

    def generateDrawSpecs(self, painter: QPainter) -> DrawSpecs | None:
        specs: DrawSpecs | None = super().generateDrawSpecs(painter)
        if specs is None:
            return None
        line, ticks, texts = specs
        if self.is_blank:
            return line, [], []
        kept: list[tuple[QRectF, int, str]] = []
        for text in texts:
            if not any(text[0].intersects(other[0]) for other in kept):
                kept.append(text)
        return line, ticks, kept

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float | None) -> list[str]:
        if self.logMode:
            return [self._decade(value) for value in values]
        return [self.texts(value * scale, (spacing or 1.0) * scale) for value in values]

    def _decade(self, value: float) -> str:
        if self.texts is not tick_text:
            return self.texts(10.0**value, 0.0)
        return decade_text(10.0**value) if abs(value - round(value)) < 1e-6 else ""

    def logTickValues(
        self, low: float, high: float, size: float, ticks: list[tuple[float, list[float]]]
    ) -> list[tuple[float | None, list[float]]]:
        wide: list[tuple[float | None, list[float]]] = [(s, v) for s, v in ticks if s >= 1.0 and len(v) > 1]
        if wide:
            return wide
        parts: list[tuple[float | None, list[float]]] = super().logTickValues(low, high, size, [])
        decades = [value for _, values in parts for value in values if abs(value - round(value)) < 1e-6]
        return [(1.0, decades)] if len(decades) > 1 else parts


class WholeAxis(ChartAxis):
    """Counts things: its ticks are whole numbers."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        return [(max(spacing, 1.0), offset) for spacing, offset in super().tickSpacing(low, high, size)]
