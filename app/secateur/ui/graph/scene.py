"""The graph's scene: one layout at a time, what is where in it, and what is highlighted."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsScene

from secateur.ui.graph.drawing import Drawing
from secateur.ui.graph.face_pictures import FacePictures
from secateur.ui.graph.faces import Faces
from secateur.ui.graph.items import Content, Far, Frames, Marks, Tile, Ways
from secateur.ui.graph.layout import HEADER
from secateur.ui.graph.room import MARGIN
from secateur.ui.graph.tree import BlockTree


class GraphScene(QGraphicsScene):
    """Shows one drawing; faces and highlights can change without a new layout."""

    def __init__(self) -> None:
        super().__init__()
        self.drawing = Drawing()
        self.pictures = FacePictures()
        self._boxes: dict[int, QRectF] = {}
        self._far: Far | None = None
        self._marks: Marks | None = None

    def show_drawing(self, tree: BlockTree, faces: Faces, drawing: Drawing) -> None:
        """Take over a finished layout."""
        self.clear()
        self.drawing = drawing
        self._boxes = {leaf: QRectF(*place) for leaf, place in drawing.places.items()}
        content = Content(tree, faces, drawing, self._boxes, self.pictures)
        self._far, self._marks = Far(content), Marks(content)
        self.addItem(Frames(content))
        for lines, covered in drawing.ways:
            self.addItem(Ways(lines, covered))
        for leaves, covered in drawing.tiles:
            self.addItem(Tile(leaves, covered, content))
        self.addItem(self._far)
        self.addItem(self._marks)
        whole = QRectF(0, 0, max(drawing.width, 1.0), max(drawing.height, 1.0))
        self.setSceneRect(whole.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN))

    def refresh(self) -> None:
        """Faces have changed: colours, badges, theme."""
        self.update()

    # ------------------------------------------------------------------ what is where

    def box(self, leaf: int) -> QRectF:
        """Where a leaf stands; empty where it is not seen."""
        return self._boxes.get(leaf, QRectF())

    @property
    def boxes(self) -> dict[int, QRectF]:
        return self._boxes

    def leaf_at(self, point: QPointF) -> int | None:
        """The leaf under a point."""
        for leaves, covered in self.drawing.tiles:
            if QRectF(*covered).contains(point):
                for leaf in leaves:
                    if self._boxes[leaf].contains(point):
                        return leaf
        return None

    def title_at(self, point: QPointF, zoom: float) -> int | None:
        """The open block whose title is under a point, the innermost; from afar titles reach further."""
        found, least = None, float("inf")
        for number, (x, y, width, height) in self.drawing.frames.items():
            reach = min(HEADER / min(zoom, 1.0), height)
            if x <= point.x() <= x + width and y <= point.y() <= y + reach and width * height < least:
                found, least = number, width * height
        return found

    # ------------------------------------------------------------------ highlights

    def mark(self, selected: Iterable[int], current: int | None, hovered: int | None) -> None:
        """Outline what is selected, what has the keyboard, what is under the mouse."""
        if self._marks is not None:
            self._marks.show_marks(frozenset(selected), current, hovered)

    def far_groups(self) -> Sequence[tuple[QColor, list[QRectF]]]:
        """All leaves by colour, as they are seen from afar."""
        return self._far.groups() if self._far is not None else ()
