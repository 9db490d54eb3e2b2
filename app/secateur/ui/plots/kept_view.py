"""A view of pyqtgraph's that keeps what it painted as pixels, until what it shows is another thing.

A window that is laid out anew, uncovered or repainted beside a plot then copies pixels, and only a plot that changed is
painted: a plot takes some milliseconds, and five of them are in view at once.
"""

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from secateur.ui.plots.pictures import is_on_screen, wants_vectors
from secateur.ui.plots.strokes import paint_focus


class KeptView(pg.GraphicsView):
    """Whoever changes what is painted over the items calls `refresh`; changes of the items are heard by themselves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self._pixels: QPixmap | None = None
        self._is_current = False
        self.scene().changed.connect(self._on_changed)

    @property
    def is_waiting(self) -> bool:
        """Whether it will be brought up to date in a turn of its own, and repainted then."""
        return False

    def settle(self) -> None:
        """Bring the items up to date; called before they are painted."""

    def refresh(self) -> None:
        """Have it painted anew."""
        self._is_current = False
        self.viewport().update()

    def _on_changed(self, _parts: list[QRectF]) -> None:
        self.refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        if self.is_waiting and is_on_screen(self, painter):
            if self._pixels is not None:
                painter.drawPixmap(0, 0, self._pixels)  # what it showed, for the moment until its turn
            painter.end()
            return
        painter.end()
        self.settle()
        painter.begin(self.viewport())
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
        kept = self._pixels
        if not self._is_current or kept is None or kept.size() != size or kept.devicePixelRatio() != ratio:
            pixels = QPixmap(size)
            pixels.setDevicePixelRatio(ratio)
            pixels.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixels)
            self.render(painter, QRectF(self.viewport().rect()), self.viewport().rect())
            painter.end()
            kept = self._pixels = pixels
            self._is_current = True
        return kept
