"""The dots behind the graph."""

from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPixmap

from secateur.ui.theme.style import color

STEP, TILED = 24, 8
"""Pixels between two dots, and dots along a tile of them."""


class Grid:
    """The dots behind the graph, as a tile of some of them that is made once for each zoom and then copied.

    A texture that is scaled while it is painted takes ten times as long as everything else.
    """

    def __init__(self) -> None:
        self._tile: QPixmap | None = None
        self._made_for: tuple[float, float] = (0.0, 0.0)

    def forget(self) -> None:
        self._tile = None

    def paint(self, painter: QPainter, room: QRect, zoom: float, origin: QPointF, ratio: float) -> None:
        """Fill `room` (device-independent pixels); `origin` is where the scene's origin lies in it."""
        if self._tile is None or self._made_for != (zoom, ratio):
            self._tile, self._made_for = self._render(zoom, ratio), (zoom, ratio)
        side = self._tile.width() / ratio
        painter.drawTiledPixmap(room, self._tile, QPoint(round(-origin.x() % side), round(-origin.y() % side)))

    def _render(self, zoom: float, ratio: float) -> QPixmap:
        step = STEP * zoom
        side = max(round(TILED * step * ratio), 1)
        tile = QPixmap(side, side)
        tile.fill(color("window"))
        painter = QPainter(tile)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("grid"))
        pitch, radius = side / TILED, max(zoom, 0.7) * ratio
        for x in range(TILED):
            for y in range(TILED):
                painter.drawEllipse(QPointF((x + 0.5) * pitch, (y + 0.5) * pitch), radius, radius)
        painter.end()
        tile.setDevicePixelRatio(ratio)
        return tile
