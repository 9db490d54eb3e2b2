"""How the answer and the error of the outputs change with depth: one point a layer, in the network's order."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from secateur.figures import decibels, number, share
from secateur.model.maps import AnswerAt, LayerMaps
from secateur.ui.plots.chart import Chart, Floats
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.strokes import DASHED, line_pen
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.theme.style import color, tinted

NONE: Floats = np.zeros(0)
LOW = 0.8
"""Density of the ticks: these charts are low."""


class DepthChart(Chart):
    """One value a layer. A click or ←/→ gives `layer_selected(name)`; the selected layer is banded."""

    layer_selected = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent, zoom="x")
        self._layers: tuple[str, ...] = ()
        self._selected = ""
        self._values: Floats = NONE
        self._top = 1.0
        self._floor = 0.0
        self.bottom_axis.set_names([])
        self.left_axis.least_width = ceil(caption_width(["100 %"]))  # charts under each other begin at one place
        self.left_axis.setTickDensity(LOW)
        self._band = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
        self.add(self._band)

    def sizeHint(self) -> QSize:
        return QSize(320, 104)

    @property
    def layers(self) -> tuple[str, ...]:
        return self._layers

    @property
    def values(self) -> Floats:
        """One value a layer; NaN where there is none."""
        return self._values

    def _show(self, layers: tuple[str, ...], values: Floats, selected: str, floor: float, top: float) -> None:
        if layers != self._layers:
            self._layers = layers
            self.show_range((-0.5, max(len(layers), 1) - 0.5), (floor, top))
        self._values, self._selected, self._floor, self._top = values, selected, floor, top
        if self.reading is not None:  # the same place, of another sample perhaps
            self.read(self.reading_at(self.reading.x, 0.0))

    def redraw(self) -> None:
        self.show_range(self.full[0], (self._floor, self._top), keep=True)
        self.left_axis.set_blank(not np.isfinite(self._values).any())
        self._band.setVisible(self._selected in self._layers)
        self._band.setBrush(tinted("accent", 0.16))
        if self._selected in self._layers:
            at = self._layers.index(self._selected)
            self._band.setRegion((at - 0.5, at + 0.5))

    def clicked(self, at: QPointF) -> None:
        layer = round(self.value(at).x())
        if self.area.contains(at) and 0 <= layer < len(self._layers):
            self.layer_selected.emit(self._layers[layer])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._layers:
            super().keyPressEvent(event)
            return
        at = self._layers.index(self._selected) + step if self._selected in self._layers else 0
        self.layer_selected.emit(self._layers[min(max(at, 0), len(self._layers) - 1)])


class AnswerDepth(DepthChart):
    """The answer where the layers up to each one are compressed: the original class's share, or its margin."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._answers: dict[str, AnswerAt] = {}
        self._kind = "score"
        self._flip: str = ""
        self._base = pg.InfiniteLine(angle=0, movable=False)
        self._line = pg.PlotDataItem()
        self._flip_line = pg.InfiniteLine(angle=90, movable=False)
        self.add(self._base, self._line, self._flip_line)

    def show_answers(self, layers: tuple[str, ...], answers: Sequence[AnswerAt], selected: str, kind: str) -> None:
        """`kind`: `score`, `margin` or `deviation`."""
        self._answers = {answer.layer: answer for answer in answers}
        self._kind = kind
        values = np.array([_value(self._answers.get(layer), kind) for layer in layers], dtype=np.float64)
        first = self._answers.get("")
        self._flip = flip_of(answers)
        known = [*values[np.isfinite(values)], self._first]
        floor, top = min(0.0, *known), max(*known, 0.0)
        top = top if top > floor else 1.0
        spare = 0.06 * (top - floor)
        self._show(layers, values, selected, floor - (spare if floor < 0 else 0), top + spare)
        said = "" if first is None or first.answer is None else self.verdict
        self.setAccessibleDescription(said)
        self.renew(layers, tuple(answers), selected, kind)

    @property
    def _first(self) -> float:
        found = _value(self._answers.get(""), self._kind)
        return found if np.isfinite(found) else 0.0

    @property
    def flip(self) -> str:
        """The first layer at which another class is answered; empty where none is."""
        return self._flip

    @property
    def verdict(self) -> str:
        if self._flip:
            return self.tr("The answer changes at {0}.").format(self._flip)
        return self.tr("The answer stays at every layer.")

    def redraw(self) -> None:
        super().redraw()
        self.left_axis.texts = (lambda v, _s: f"{v * 100:.0f} %") if self._kind == "score" else _plain
        self.quantity = {
            "score": self.tr("softmax of the original's class"),
            "margin": self.tr("margin of the original's class"),
            "deviation": self.tr("relative distance of the outputs"),
        }[self._kind]
        self._base.setPen(line_pen("original", dashes=DASHED))
        self._base.setValue(self._first)
        self._base.setVisible(bool(self._answers))
        pitch = self.box.width() / max(len(self._layers), 1)
        known = np.isfinite(self._values)
        at = np.flatnonzero(known)
        self._line.setData(
            at, self._values[known], connect=_neighbours(at), pen=line_pen("result", 2.0),
            symbol="o" if pitch >= 10 else None, symbolSize=7, symbolBrush=color("result"),
            symbolPen=pg.mkPen(color("card"), width=1.5),
        )  # fmt: skip
        self._flip_line.setPen(line_pen("warn", 2.0))
        self._flip_line.setVisible(self._flip in self._layers)
        if self._flip in self._layers:
            self._flip_line.setValue(self._layers.index(self._flip) - 0.5)

    def paint_over(self, painter: QPainter) -> None:
        if self._flip not in self._layers:
            return
        words = self.tr("another answer from here")
        x = self.pixel(self._layers.index(self._flip) - 0.5, 0.0).x()
        wide, area = caption_width([words]), self.area
        if wide + 6 > max(x - area.left(), area.right() - x):
            return
        set_caption(painter, "warn")
        left = x + 6 if x + 6 + wide < area.right() else x - 6 - wide
        painter.drawText(QPointF(left, area.top() + 28), words)

    def reading_at(self, x: float, y: float) -> Reading | None:
        at = round(x)
        if not 0 <= at < len(self._layers):
            return None
        layer = self._layers[at]
        answer = self._answers.get(layer)
        rows: tuple[tuple[str, str], ...] = ((self.tr("not known"), ""),)
        if answer is not None and answer.score is not None and answer.margin is not None:
            rows = ((share(answer.score), ""), (f"{self.tr('margin')} {number(answer.margin)}", ""))
        elif answer is not None and answer.deviation is not None:
            rows = ((f"{self.tr('distance')} {number(answer.deviation)}", ""),)
        return Reading(float(at), ReadOut(layer, rows))

    def table(self) -> Table | None:
        if not self._layers:
            return None
        found = [self._answers.get(layer, AnswerAt(layer)) for layer in self._layers]
        rows = [(a.layer, a.score, a.margin, a.deviation) for a in found]
        return Table(("layer", "score", "margin", "deviation"), rows)


class OutputDepth(DepthChart):
    """Output SQNR of every layer for this one sample, as bars; where nothing differs a dot stands at the top."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._maps: tuple[LayerMaps | None, ...] = ()
        self._bars = pg.BarGraphItem(x=[], height=[], width=0.6, pen=pg.mkPen(None))
        self._exact = pg.ScatterPlotItem(pxMode=True, size=6)
        self.add(self._bars, self._exact)

    def show_maps(self, layers: tuple[str, ...], maps: Sequence[LayerMaps | None], selected: str) -> None:
        self._maps = tuple(maps)
        values = np.array([np.nan if m is None or m.sqnr_db is None else m.sqnr_db for m in maps], dtype=np.float64)
        known = values[np.isfinite(values)]
        top = float(max(known.max(initial=0.0), 20.0)) * 1.08
        self._show(layers, values, selected, float(min(known.min(initial=0.0), 0.0)), top)
        worst = int(np.nanargmin(values)) if known.size else None
        said = "" if worst is None else f"worst: {layers[worst]}, {decibels(float(values[worst]))}"
        self.setAccessibleDescription(said)
        self.renew(layers, self._maps, selected)

    def redraw(self) -> None:
        super().redraw()
        self.quantity = self.tr("output SQNR, dB")
        known = np.flatnonzero(np.isfinite(self._values))
        worst = int(known[np.argmin(self._values[known])]) if known.size else -1
        plain, marked = pg.mkBrush(tinted("original", 0.55)), pg.mkBrush(color("result"))
        brushes = [marked if at == worst else plain for at in known]
        self._bars.setOpts(x=known, height=self._values[known], width=0.6, brushes=brushes)
        exact = [at for at, maps in enumerate(self._maps) if maps is not None and maps.is_unchanged]
        self._exact.setData(x=exact, y=[self._top * 0.96] * len(exact), brush=color("original"), pen=pg.mkPen(None))

    def reading_at(self, x: float, y: float) -> Reading | None:
        at = round(x)
        if not 0 <= at < len(self._maps):
            return None
        return Reading(float(at), ReadOut(self._layers[at], ((sqnr_words(self._maps[at]), ""),)))

    def table(self) -> Table | None:
        if not self._layers:
            return None
        return Table(
            ("layer", "output_sqnr_db"), [(n, float(v)) for n, v in zip(self._layers, self._values, strict=True)]
        )


def flip_of(answers: Sequence[AnswerAt]) -> str:
    """The first layer at which another class than the original's is answered; empty where none is."""
    first = next((answer.answer for answer in answers if not answer.layer), None)
    if first is None:
        return ""
    return next((a.layer for a in answers if a.layer and a.answer is not None and a.answer != first), "")


def sqnr_words(maps: LayerMaps | None) -> str:
    """`23.4 dB`, `unchanged`, or a dash."""
    if maps is None:
        return decibels(None)
    return "unchanged" if maps.is_unchanged else decibels(maps.sqnr_db)


def _value(answer: AnswerAt | None, kind: str) -> float:
    found = getattr(answer, kind) if answer is not None else None
    return np.nan if found is None else float(found)


def _neighbours(at: NDArray[np.intp]) -> NDArray[np.int32]:
    """Which points are joined with the one behind them: those of neighbouring layers."""
    return np.append(np.diff(at) == 1, False).astype(np.int32)


def _plain(value: float, spacing: float) -> str:
    return number(value)
