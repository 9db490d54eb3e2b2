"""The inside of a chart: pyqtgraph's view box, whose zoom box is drawn with Shift in our colours."""

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseDragEvent
from PySide6.QtCore import QRectF, Qt, Signal

from secateur.ui.theme.style import color, tinted


class ChartBox(pg.ViewBox):
    """A drag pans; with Shift it draws a box, and `box_wanted(part)` says which values are in it."""

    box_wanted = Signal(QRectF)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)

    def linkedViewChanged(self, view: pg.ViewBox | None, axis: int) -> None:
        """Show what a linked plot shows; pyqtgraph lines up by places on the screen, where plots are below another."""
        if self.linksBlocked or view is None:
            return
        view.blockLink(True)
        try:
            shown = view.viewRange()[axis]
            self.setRange(padding=0, **{"xRange" if axis == pg.ViewBox.XAxis else "yRange": shown})
        finally:
            view.blockLink(False)

    def mouseDragEvent(self, event: MouseDragEvent, axis: int | None = None) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()  # pyqtgraph scales with the right button, which is the context menu's here
            return
        boxed = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier) or self.rbScaleBox.isVisible()
        if not boxed or axis is not None:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isFinish():
            self.rbScaleBox.hide()
            ends = QRectF(event.buttonDownPos(), event.pos()).normalized()
            self.box_wanted.emit(self.childGroup.mapRectFromParent(ends).normalized())
        else:
            self.rbScaleBox.setPen(color("accent"))
            self.rbScaleBox.setBrush(tinted("accent", 0.12))
            self.updateScaleBox(event.buttonDownPos(), event.pos())
