"""The graph under the mouse and the keyboard: pointing at layers, folding blocks, moving along the edges."""

from collections.abc import Callable, Collection

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from secateur.ui.graph.drawing import Drawing
from secateur.ui.graph.faces import Faces
from secateur.ui.graph.looking import ZoomView
from secateur.ui.graph.tree import BlockTree
from secateur.ui.graph.walking import Paths
from secateur.ui.theme.style import notifier

STEP = 1.25
DRAG = 4
"""Pixels that the mouse may move between press and release of a click."""

_ARROWS = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
}


class GraphView(ZoomView):
    """`leaf_clicked(leaf, adds)`, `fold_wanted(block)`: an open block to fold or a folded one to open."""

    leaf_clicked = Signal(int, bool)
    nothing_clicked = Signal()
    fold_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("graph_view")
        self.setAccessibleName(self.tr("Graph of the network"))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.tree: BlockTree | None = None
        self.faces: Faces | None = None
        self.paths = Paths(Drawing())
        self.selected: frozenset[int] = frozenset()
        self.current: int | None = None
        self._hovered: int | None = None
        self._pressed: QPoint | None = None
        self._last = QPoint()
        self._is_panning = False
        notifier.theme_changed.connect(self._forget_colours)

    # ------------------------------------------------------------------ content

    def show_drawing(self, tree: BlockTree, faces: Faces, drawing: Drawing) -> None:
        """Take over a layout; where the view stands is the caller's business."""
        self.tree, self.faces = tree, faces
        self._hovered = None
        self.graph.show_drawing(tree, faces, drawing)
        self.paths = Paths(drawing)
        if self.current is not None and self.current not in self.graph.boxes:
            self.current = None
        self.allow_everywhere()
        self._mark()

    def select(self, leaves: Collection[int]) -> None:
        """Outline these leaves."""
        self.selected = frozenset(leaves)
        self._mark()

    def set_current(self, leaf: int | None) -> None:
        """Put the keyboard on a leaf."""
        self.current = leaf
        if leaf is not None and self.faces is not None:
            self.setAccessibleDescription(self.faces.of(leaf).tip)
        self._mark()

    def _mark(self) -> None:
        current = self.current if self.hasFocus() else None
        self.graph.mark(self.selected, current, self._hovered)

    def _forget_colours(self) -> None:
        self.grid.forget()
        self.graph.pictures.forget()
        if self.faces is not None:
            self.faces.forget()
        self.graph.refresh()

    # ------------------------------------------------------------------ mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed = self._last = event.position().toPoint()
            self._is_panning = False
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        if self._pressed is None:
            self._hover(self.graph.leaf_at(self.scene_at(event.position())))
            return
        if not self._is_panning and (place - self._pressed).manhattanLength() > DRAG:
            self._is_panning = True
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        if self._is_panning:
            self.pan(self._last.x() - place.x(), self._last.y() - place.y())
            self._last = place

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        was_click = self._pressed is not None and not self._is_panning
        self._pressed, self._is_panning = None, False
        self.viewport().unsetCursor()
        if was_click and event.button() == Qt.MouseButton.LeftButton:
            adds = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self._click(self.scene_at(event.position()), adds=adds)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        leaf = self.graph.leaf_at(self.scene_at(event.position()))
        if leaf is not None and self.tree is not None and self.tree.is_block(leaf):
            self.fold_wanted.emit(self.tree.block(leaf).number)

    def _click(self, point: QPointF, *, adds: bool) -> None:
        leaf = self.graph.leaf_at(point)
        if leaf is not None:
            self.set_current(leaf)
            self.leaf_clicked.emit(leaf, adds)
            return
        block = self.graph.title_at(point, self.zoom)
        if block is not None:
            self.fold_wanted.emit(block)
        else:
            self.nothing_clicked.emit()

    def _hover(self, leaf: int | None) -> None:
        if leaf != self._hovered:
            self._hovered = leaf
            self._mark()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel zooms at the pointer; with Shift it moves sideways, on a touch pad it pans."""
        pixels, degrees = event.pixelDelta(), event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.pan(-float(degrees.y() or degrees.x()), 0.0)
        elif not pixels.isNull() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.pan(-float(pixels.x()), -float(pixels.y()))
        else:
            self.set_zoom(self.zoom * STEP ** (degrees.y() / 120), event.position())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            leaf = self.graph.leaf_at(self.scene_at(QPointF(event.pos())))
            if leaf is not None and self.faces is not None:
                QToolTip.showText(event.globalPos(), self.faces.of(leaf).tip, self.viewport())
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    # ------------------------------------------------------------------ keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in _ARROWS:
            self._step(_ARROWS[Qt.Key(key)], adds=bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
            return
        deeds: dict[int, Callable[[], None]] = {
            Qt.Key.Key_Plus: lambda: self.set_zoom(self.zoom * STEP),
            Qt.Key.Key_Equal: lambda: self.set_zoom(self.zoom * STEP),
            Qt.Key.Key_Minus: lambda: self.set_zoom(self.zoom / STEP),
            Qt.Key.Key_0: self.fit,
            Qt.Key.Key_Return: self._fold_here,
            Qt.Key.Key_Enter: self._fold_here,
        }
        if key in deeds and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            deeds[key]()
        else:
            event.ignore()

    def _step(self, direction: str, *, adds: bool) -> None:
        leaf = self.paths.first() if self.current is None else self.paths.step(self.current, direction)
        if leaf is None:
            return
        self.set_current(leaf)
        self.bring_into_view(leaf)
        self.leaf_clicked.emit(leaf, adds)

    def _fold_here(self) -> None:
        """Open the folded block that has the keyboard, or fold the block around the leaf that has it."""
        if self.current is None or self.tree is None:
            return
        if self.tree.is_block(self.current):
            self.fold_wanted.emit(self.tree.block(self.current).number)
        elif self.tree.block_of[self.current].parent is not None:
            self.fold_wanted.emit(self.tree.block_of[self.current].number)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._mark()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark()
