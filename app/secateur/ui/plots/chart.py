"""The base of every plot with axes: a pyqtgraph plot in our theme, with keys, read-out, pictures and its data.

Ticks, zoom, panning and the mapping between values and pixels are pyqtgraph's. Ours are the look, the texts, and
that whatever the mouse does the keyboard does too. pyqtgraph takes a while to import: nothing that the first frame
needs may import this module.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPolygonF,
)
from PySide6.QtWidgets import QGraphicsGridLayout, QGraphicsItem, QMenu, QSizePolicy, QWidget

from secateur.ui.plots.chart_axis import MARGIN, ChartAxis
from secateur.ui.plots.chart_box import ChartBox
from secateur.ui.plots.chart_menu import make_chart_menu
from secateur.ui.plots.crosshair import Crosshair, Reading, paint_reading
from secateur.ui.plots.dots import keep_dots
from secateur.ui.plots.kept_view import KeptView
from secateur.ui.plots.pictures import copy_picture, save_picture, wants_vectors
from secateur.ui.plots.table import Table
from secateur.ui.plots.texts import CAPTION, paint_quantity
from secateur.ui.theme.palette import Theme
from secateur.ui.theme.style import current_theme, font
from secateur.ui.turns import turns

pg.setConfigOption("mouseRateLimit", 0)  # Qt joins mouse moves itself; a dropped one would lose the end of a drag

Range = tuple[float, float]
Floats = NDArray[np.float64]
CLOSEST = 1e4
"""The greatest magnification: beyond it a spectrum's buckets are wider than a bar."""
CHANGES_OF_LOOKS = (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.FontChange)
TOP, RIGHT = 24, MARGIN
STEP = 1.5
"""Magnification of one press of + or −."""


class Chart(KeptView):
    """A plot. A subclass gives `redraw` (items from what is shown), and may give the other hooks below.

    Items are changed in place, once before the next painting, however often `renew` is called until then.
    `zoom` says which axes a person can magnify: "x", "xy" or "" for none. Mouse: the wheel zooms, a drag pans, a drag
    with Shift draws a box to zoom into, a double click shows all. Keys: + − 0.
    """

    _is_built = False
    closest = CLOSEST
    bottom_axis_kind: type[ChartAxis] = ChartAxis

    def __init__(
        self, name: str, title: str, parent: QWidget | None = None, *, zoom: Literal["x", "xy", ""] = "x"
    ) -> None:
        super().__init__(parent)
        self.setCacheMode(pg.GraphicsView.CacheModeFlag.CacheNone)  # an SVG holds lines and text, no pixels
        self.viewport().setAutoFillBackground(False)  # the card behind it is seen
        self.enableMouse(False)  # the mouse is the plot's, not the view's
        self.left_axis, self.bottom_axis, self.box = ChartAxis("left"), self.bottom_axis_kind("bottom"), ChartBox()
        axes: dict[str, pg.AxisItem] = {"left": self.left_axis, "bottom": self.bottom_axis}
        self.plot = pg.PlotItem(viewBox=self.box, axisItems=axes, enableMenu=False)
        self.left_axis.setZValue(-1000)  # its grid is behind what is drawn
        self.plot.hideButtons()
        self.grid: QGraphicsGridLayout = self.plot.layout  # type: ignore[assignment]  # an attribute there
        self._padding = (0, 0)
        self.pad()
        self.setCentralItem(self.plot)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.quantity = ""
        self._zoom = zoom
        self.box.setMouseEnabled(x="x" in zoom, y="y" in zoom)
        self.box.disableAutoRange()
        self.full: tuple[Range, Range] = ((0.0, 1.0), (0.0, 1.0))
        self._key: object = None
        self._is_stale, self._is_settling = True, False
        self._reading: Reading | None = None
        self._cross = Crosshair()
        self.add(self._cross)
        self.box.sigRangeChanged.connect(lambda *_: self.range_changed())
        self.box.sigResized.connect(lambda *_: self.mark_stale())
        self.box.box_wanted.connect(self._zoom_into)
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        self._worn: tuple[Theme, QFont] | None = None
        self._dress()
        self._is_built = True

    def add(self, *items: QGraphicsItem) -> None:
        """Put items into the plot, in its values; they do not move the range."""
        for item in items:
            self.box.addItem(item, ignoreBounds=True)

    # ------------------------------------------------------------------ hooks

    def redraw(self) -> None:
        """Bring the items up to date with what is shown; sizes are known now."""

    def paint_over(self, painter: QPainter) -> None:
        """Paint what lies over the plot, in the widget's pixels: labels, grips."""

    def range_changed(self) -> None:
        """The shown range is another one."""
        self.refresh()

    def reading_at(self, x: float, y: float) -> Reading | None:
        """What the crosshair says with the mouse at these values; None for no crosshair."""
        return None

    def clicked(self, at: QPointF) -> None:
        """The left button was pressed and let go at this pixel, without a drag."""

    def stops(self) -> Sequence[float]:
        """Places on the x axis that ← and → take the crosshair to, ascending."""
        return ()

    def table(self) -> Table | None:
        """The data that is shown, to be copied or saved as CSV; None where there is none."""
        return None

    def fill_menu(self, menu: QMenu) -> None:
        """Add what else a right click offers."""

    # ------------------------------------------------------------------ what it shows

    def renew(self, *key: object) -> None:
        """Draw anew where `key`, all that the plot depends on, is another one."""
        if key != self._key:
            self._key = key
            self.mark_stale()

    @property
    def is_stale(self) -> bool:
        """Whether `redraw` is due."""
        return self._is_stale

    def mark_stale(self) -> None:
        """Have `redraw` called soon, in a turn of its own."""
        self._is_stale = True
        if not self._is_settling:
            turns.add(self._catch_up, alone=True)

    @property
    def is_waiting(self) -> bool:
        return self._is_stale and turns.waits(self._catch_up)

    def _catch_up(self) -> None:  # before painting: what changes while it is painted is painted once more
        if self._is_stale and self.isVisible():
            self.settle()
            self.refresh()

    def settle(self) -> None:
        """Call `redraw` now where it is due; whoever asks for places wants them as they will be painted."""
        if not self._is_stale or self._is_settling:
            return
        self._is_settling = True
        for _ in range(2):  # the width of the tick texts follows from the range, and the room from the width
            self.grid.activate()
            self.redraw()
            self.bottom_axis.stand()
            if not self.left_axis.fit():
                break
        self.grid.activate()
        self.plot.scene().prepareForPaint()
        self._is_stale = self._is_settling = self._is_current = False

    def show_range(self, x: Range, y: Range, *, keep: bool = False) -> None:
        """All there is to see; it is shown whole, except with `keep` where a person has magnified."""
        kept = keep and self.magnification > 1.0 + 1e-9
        shown = self.box.viewRange()
        if self.full != (x, y):
            self.full = (x, y)
            self.box.setLimits(
                xMin=x[0], xMax=x[1], yMin=y[0], yMax=y[1], minXRange=(x[1] - x[0]) / self.closest,
                minYRange=(y[1] - y[0]) / self.closest, maxXRange=x[1] - x[0], maxYRange=y[1] - y[0],
            )  # fmt: skip
        if kept:
            x = tuple(shown[0])
            y = tuple(shown[1]) if "y" in self._zoom else y
        self.box.setRange(xRange=x, yRange=y, padding=0, disableAutoRange=True)

    def share_x(self, other: "Chart") -> None:
        """Show the same part of the x axis as `other` does, whichever of the two a person magnifies or pans."""
        self.box.linkView(pg.ViewBox.XAxis, other.box)

    def pad(self, *, top: int = TOP, right: int = RIGHT) -> None:
        """Leave room above the plot and at its right, in pixels, for what is painted there."""
        if (top, right) != self._padding:
            self._padding = (top, right)
            self.grid.setContentsMargins(2, top, right, 2)

    @property
    def view(self) -> Range:
        """The values at the left and the right edge."""
        low, high = self.box.viewRange()[0]
        return float(low), float(high)

    @property
    def pitch(self) -> float:
        """Pixels from one value of the x axis to the next whole one."""
        low, high = self.view
        return float(self.box.width()) / (high - low)

    @property
    def magnification(self) -> float:
        """How many times larger the x axis is than where all is shown."""
        low, high = self.view
        return (self.full[0][1] - self.full[0][0]) / (high - low)

    @property
    def area(self) -> QRectF:
        """The rectangle inside the axes, in the widget's pixels."""
        self.settle()
        return self.box.sceneBoundingRect()

    def pixel(self, x: float, y: float) -> QPointF:
        """Where values stand, in the widget's pixels."""
        self.settle()
        return QPointF(self.box.mapViewToScene(QPointF(x, y)))

    def pixels(self, x: Floats, y: Floats) -> QPolygonF:
        """Where many values (n,) stand, in the widget's pixels."""
        self.settle()
        points = QPolygonF([QPointF(*at) for at in zip(x.tolist(), y.tolist(), strict=True)])
        return self.box.childGroup.mapToScene(points)

    def value(self, pixel: QPointF) -> QPointF:
        """The values under a pixel; the inverse of `pixel`."""
        self.settle()
        return QPointF(self.box.mapSceneToView(pixel))

    def zoom(self, factor: float, x: float) -> None:
        """Magnify by `factor` around the value `x`, on the y axis around its middle where that can be magnified."""
        middle = sum(self.box.viewRange()[1]) / 2
        share = 1 / factor
        self.box.scaleBy((share if "x" in self._zoom else 1.0, share if "y" in self._zoom else 1.0), (x, middle))

    def show_all(self) -> None:
        """Show the whole range."""
        self.box.setRange(xRange=self.full[0], yRange=self.full[1], padding=0)

    def _zoom_into(self, part: QRectF) -> None:
        x = (part.left(), part.right()) if "x" in self._zoom else None
        y = (part.top(), part.bottom()) if "y" in self._zoom else None
        self.box.setRange(xRange=x, yRange=y, padding=0)

    # ------------------------------------------------------------------ look

    def _dress(self) -> bool:
        """Take colours and fonts from the current theme; whether they are others than those it has."""
        worn = (current_theme(), font(CAPTION))
        if worn == self._worn:
            return False  # Qt tells each widget several times: of every style sheet, palette and font above it
        self._worn = worn
        self.left_axis.dress()
        self.bottom_axis.dress()
        self._cross.dress()
        return True

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if self._is_built and event.type() in CHANGES_OF_LOOKS and self._dress():
            self.mark_stale()

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        keep_dots(self.plot.scene().items(), as_pixels=not wants_vectors(painter))

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        if self.quantity:
            paint_quantity(painter, self.area, self.quantity)
        self.paint_over(painter)
        if self._reading is not None and self._reading.words.title:
            paint_reading(painter, self.area, self.pixel(self._reading.x, 0.0).x(), self._reading.words)

    def close(self) -> bool:
        return QWidget.close(self)  # pyqtgraph's takes the view apart, and what is closed can be shown again

    def sizeHint(self) -> QSize:
        return QSize(320, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 96)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.refresh()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.read(None)

    # ------------------------------------------------------------------ the crosshair

    def read(self, reading: Reading | None) -> None:
        """Put the crosshair on a reading, or take it away."""
        if reading is None and self._reading is None:
            return
        self._reading = reading
        self._cross.setVisible(reading is not None)
        if reading is not None:
            self._cross.setPos(reading.x)
        self.refresh()

    @property
    def reading(self) -> Reading | None:
        """What the crosshair says now."""
        return self._reading

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        inside = self.area.contains(event.position()) and not event.buttons()
        at = self.value(event.position())
        reading = self.reading_at(at.x(), at.y()) if inside else None
        if reading != self._reading:
            self.read(reading)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.read(None)

    def _step_reading(self, step: int) -> bool:
        stops = self.stops()
        if not len(stops):
            return False
        if self._reading is None:
            at = 0 if step > 0 else len(stops) - 1
        else:
            at = int(np.argmin(np.abs(np.asarray(stops) - self._reading.x))) + step
        x = stops[min(max(at, 0), len(stops) - 1)]
        self.read(self.reading_at(x, sum(self.box.viewRange()[1]) / 2))
        return True

    # ------------------------------------------------------------------ mouse and keys

    def _on_click(self, event: MouseClickEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked(QPointF(event.scenePos()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.show_all()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        low, high = self.view
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal if self._zoom:
                self.zoom(STEP, (low + high) / 2)
            case Qt.Key.Key_Minus if self._zoom:
                self.zoom(1 / STEP, (low + high) / 2)
            case Qt.Key.Key_0 if self._zoom:
                self.show_all()
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                step = 1 if event.key() == Qt.Key.Key_Right else -1
                if not self._step_reading(step):
                    self.box.translateBy(x=step * (high - low) / 10)
            case Qt.Key.Key_Escape if self._reading is not None:
                self.read(None)
            case _:
                event.ignore()  # Return, Tab and the window's keys go on to whoever has them

    # ------------------------------------------------------------------ picture and data

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.make_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def make_menu(self) -> QMenu:
        """What a right click offers."""
        menu = make_chart_menu(self, can_zoom=bool(self._zoom))
        self.fill_menu(menu)
        return menu

    def copy_picture(self) -> None:
        """Put the plot on the clipboard as a picture at screen resolution."""
        copy_picture(self)

    def save_picture(self, path: str) -> None:
        """Write the plot to a .png or .svg file; UserError where the path cannot be written."""
        save_picture(self, path)
