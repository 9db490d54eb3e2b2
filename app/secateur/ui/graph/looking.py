"""Looking at a graph: zooming, panning, fitting it into the window. What is pointed at is not known here."""

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from secateur.ui.graph.grid import Grid
from secateur.ui.graph.items import DETAIL
from secateur.ui.graph.room import MARGIN, TOP, Room
from secateur.ui.graph.scene import GraphScene
from secateur.ui.theme.style import color

LEAST, MOST = 0.01, 3.0
REST_MS = 90
"""How long after the last step the zoom counts as resting."""
LEGIBLE = 0.55
"""A graph that would be shown smaller than this at first is shown in part."""


class ZoomView(QGraphicsView):
    """`moved` when another part is in sight, `resized` with the window. `graph` is the scene."""

    moved = Signal()
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.graph = GraphScene()
        self.setScene(self.graph)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.is_fitted = True
        """Whether all is shown as it was fitted: until a person zooms or pans."""
        self.grid = Grid()
        self._resting = QTimer(self, singleShot=True, interval=REST_MS)
        self._resting.timeout.connect(self._rest)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 200)

    @property
    def zoom(self) -> float:
        return float(self.transform().m11())

    def set_zoom(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom so that the point `at` of the viewport (its middle) stays where it is."""
        place = at if at is not None else QPointF(self.viewport().rect().center())
        before = self.scene_at(place)
        factor = min(max(zoom, LEAST), MOST) / self.zoom
        self.graph.pictures.is_zooming = True
        self._resting.start()
        self.scale(factor, factor)
        self.is_fitted = False
        self.allow_everywhere()
        after = self.scene_at(place)
        self._shift((before - after) * self.zoom)
        self.moved.emit()

    def _rest(self) -> None:
        """The zoom has come to rest: paint everything sharp."""
        self.graph.pictures.is_zooming = False
        self.viewport().update()

    def scene_at(self, place: QPointF) -> QPointF:
        back, _ = self.viewportTransform().inverted()
        return back.map(place)

    def _shift(self, by: QPointF) -> None:
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() + round(by.x()))
        down.setValue(down.value() + round(by.y()))

    def pan(self, x: float, y: float) -> None:
        """Look further to the right and down by so many pixels."""
        self.is_fitted = False
        self._shift(QPointF(x, y))
        self.moved.emit()

    def fit(self) -> None:
        """Everything in sight, no larger than life."""
        self._zoom_to_fit(0.0)

    def begin(self) -> None:
        """How a graph is shown first: everything where that is legible, else its beginning."""
        self._zoom_to_fit(LEGIBLE)

    def _zoom_to_fit(self, least: float) -> None:
        drawing, size = self.graph.drawing, self.viewport().size()
        room = Room.of_view(size.width(), size.height())
        zoom = room.zoom_for(drawing)
        if zoom < least:  # the width at least, if that is legible
            zoom = min(max(room.width / max(drawing.width, 1.0), least), 1.0)
        zoom = max(zoom, LEAST)
        self.resetTransform()
        self.scale(zoom, zoom)
        self.allow_everywhere()
        left, top = MARGIN + room.left(drawing, zoom), TOP + 8.0
        self.centerOn((size.width() / 2 - left) / zoom, (size.height() / 2 - top) / zoom)
        self.is_fitted = True
        self.moved.emit()

    def allow_everywhere(self) -> None:
        """Let every corner of the graph be brought to the middle."""
        drawn, room = self.graph.sceneRect(), self.viewport().size()
        across, down = room.width() / self.zoom, room.height() / self.zoom
        self.setSceneRect(drawn.adjusted(-across, -down, across, down))

    def seen(self) -> QRectF:
        """What is in sight, in the scene's pixels."""
        return QRectF(
            self.scene_at(QPointF(0, 0)),
            self.scene_at(QPointF(self.viewport().width(), self.viewport().height())),
        )

    def bring_into_view(self, leaf: int, *, centre: bool = False) -> None:
        """Move no further than needed, or put the leaf into the middle, large enough to be read."""
        box = self.graph.box(leaf)
        if box.isEmpty():
            return
        if centre and self.zoom < DETAIL:
            self.set_zoom(0.8)
        if centre or not self.seen().contains(box):
            self.centerOn(box.center())
            self.is_fitted = False
            self.moved.emit()

    # ------------------------------------------------------------------ painting

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.save()
        painter.resetTransform()
        room = self.viewport().rect()
        if self.zoom < DETAIL:
            painter.fillRect(room, color("window"))
        else:
            origin = self.viewportTransform().map(QPointF(0, 0))
            self.grid.paint(painter, room, self.zoom, origin, self.devicePixelRatioF())
        painter.restore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.is_fitted and self.graph.boxes:
            self.begin()
        else:
            self.allow_everywhere()
            self.moved.emit()
        self.resized.emit()
