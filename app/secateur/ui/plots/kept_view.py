"""A view of pyqtgraph's that keeps what it painted as pixels, until what it shows is another thing.

A window that is laid out anew, uncovered or repainted beside a plot then copies pixels, and only a plot that changed is
painted: a plot takes some milliseconds, and five of them are in view at once.
"""

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from secateur.ui.plots.pictures import wants_vectors
from secateur.ui.plots.strokes import paint_focus


class KeptView(pg.GraphicsView):
    """Whoever changes what is painted over the items calls `refresh`; changes of the items are heard by themselves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self._pixels: QPixmap | None = None
        self.scene().changed.connect(self._on_changed)

    def settle(self) -> None:
        """Bring the items up to date; called before they are painted."""

    def refresh(self) -> None:
        """Have it painted anew."""
        self._pixels = None
        self.viewport().update()

    def _on_changed(self, _parts: list[QRectF]) -> None:
        self.refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        self.settle()
        painter = QPainter(self.viewport())
        if wants_vectors(painter):
            painter.end()
            super().paintEvent(event)
            painter.begin(self.viewport())
        else:
            painter.drawPixmap(0, 0, self._rendered())
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()))
        painter.end()

    def _rendered(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        size = self.viewport().size() * ratio
        if self._pixels is None or self._pixels.size() != size or self._pixels.devicePixelRatio() != ratio:
            pixels = QPixmap(size)
            pixels.setDevicePixelRatio(ratio)
            pixels.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixels)
            self.render(painter, QRectF(self.viewport().rect()), self.viewport().rect())
            painter.end()
            self._pixels = pixels
        return self._pixels
