"""A plot whose horizontal range a person zooms (wheel, + and −) and pans (drag); a double click shows all."""

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QWidget

from secateur.ui.plots.axes import Axis
from secateur.ui.plots.plot import Plot

CLOSEST = 1e4
"""The greatest magnification: beyond it a spectrum's buckets are wider than a bar."""


class ZoomPlot(Plot):
    """Holds `full`, the range of all there is, and `view`, the range that is shown; both (low, high)."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self.full = (0.0, 1.0)
        self.view = self.full
        self._pan_from: float | None = None

    def set_full(self, low: float, high: float) -> None:
        """Give the range of all there is; what is shown goes back to it."""
        self.full = (low, high) if high > low else (low - 0.5, low + 0.5)
        self.view = self.full

    @property
    def magnification(self) -> float:
        return (self.full[1] - self.full[0]) / (self.view[1] - self.view[0])

    def x_axis(self) -> Axis:
        """The horizontal axis as last painted."""
        return Axis(*self.view, self.area.left(), self.area.right())

    def zoom(self, factor: float, centre: float) -> None:
        """Magnify by `factor` around the value `centre`; never beyond the full range."""
        low, high = self.view
        span, whole = (high - low) / factor, self.full[1] - self.full[0]
        span = min(max(span, whole / CLOSEST), whole)
        share = (centre - low) / (high - low)
        self._set_view(centre - share * span, span)

    def reset_zoom(self) -> None:
        self.view = self.full
        self.view_changed()

    def _set_view(self, low: float, span: float) -> None:
        low = min(max(low, self.full[0]), self.full[1] - span)
        self.view = (low, low + span)
        self.view_changed()

    def view_changed(self) -> None:
        """Paint the new range."""
        self._picture = None
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120
        if not steps or not self.area.contains(event.position()):
            event.ignore()
            return
        self.zoom(1.25**steps, self.x_axis().value(event.position().x()))
        event.accept()

    def start_pan(self, position: QPointF) -> None:
        """Begin to move the picture with the mouse, where it is magnified."""
        if self.magnification > 1.0:
            self._pan_from = position.x()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.start_pan(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is None:
            return
        low, high = self.view
        moved = (event.position().x() - self._pan_from) * (high - low) / max(self.area.width(), 1.0)
        self._pan_from = event.position().x()
        self._set_view(low - moved, high - low)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pan_from = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_zoom()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        middle = (self.view[0] + self.view[1]) / 2
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom(1.5, middle)
            case Qt.Key.Key_Minus:
                self.zoom(1 / 1.5, middle)
            case Qt.Key.Key_0:
                self.reset_zoom()
            case _:
                super().keyPressEvent(event)

    def fill_menu(self, menu: QMenu) -> None:
        action = menu.addAction(self.tr("Show the whole range"), self.reset_zoom)
        action.setEnabled(self.magnification > 1.0)
