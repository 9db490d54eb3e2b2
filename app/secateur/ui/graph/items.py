"""What the scene is made of: tiles of leaves, lines, frames of blocks, the view from afar, and the marks.

Not an item for each node: thousands of calls into Python a frame would make panning stumble. Below half size, one item
paints all leaves as plain colours, some dozens of calls for any number of them.
"""

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from secateur.ui.graph.drawing import Drawing, Rect
from secateur.ui.graph.face_pictures import FacePictures
from secateur.ui.graph.faces import Faces
from secateur.ui.graph.layout import HEADER
from secateur.ui.graph.level import Line
from secateur.ui.graph.paint import EDGE, RADIUS, add_head, add_way, paint_face
from secateur.ui.graph.tree import Block, BlockTree
from secateur.ui.theme.style import color, current_theme, font, metrics, mixed

DETAIL = 0.5
"""Zoom from which names and numbers are shown."""
SPECK = 3.0
"""Height in pixels below which a block's frame is not drawn from afar."""
FAINT = 0.1
"""Zoom below which lines would lie closer than two pixels and say nothing."""


@dataclass(frozen=True, eq=False)
class Content:
    """What all items of one layout share."""

    tree: BlockTree
    faces: Faces
    drawing: Drawing
    boxes: dict[int, QRectF]
    pictures: FacePictures


def zoom_of(painter: QPainter) -> float:
    return QStyleOptionGraphicsItem.levelOfDetailFromTransform(painter.worldTransform())


class _Item(QGraphicsItem):
    """Something that is only painted: the scene itself finds what is clicked."""

    def __init__(self, depth: float, area: QRectF) -> None:
        super().__init__()
        self.setZValue(depth)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self._area = area

    def boundingRect(self) -> QRectF:
        return self._area


class Tile(_Item):
    """The leaves of one part of the scene, in full detail."""

    def __init__(self, leaves: list[int], covered: Rect, content: Content) -> None:
        super().__init__(2, QRectF(*covered).adjusted(-8, -8, 8, 8))
        self._leaves, self._content = leaves, content

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom, faces, boxes = zoom_of(painter), self._content.faces, self._content.boxes
        if zoom < DETAIL:
            return
        exposed = option.exposedRect.adjusted(-8, -8, 8, 8)
        seen = [(leaf, boxes[leaf]) for leaf in self._leaves if exposed.intersects(boxes[leaf])]
        if widget is not None:
            self._content.pictures.paint(painter, seen, faces, zoom, widget.devicePixelRatioF())
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)  # a picture for a file: real shapes and letters
        for leaf, box in seen:
            paint_face(painter, box, faces.of(leaf))


class Ways(_Item):
    """The lines that begin in one part of the scene; their path is built when it is first seen."""

    def __init__(self, lines: list[Line], covered: Rect) -> None:
        super().__init__(1, QRectF(*covered).adjusted(-6, -6, 6, 6))
        self._lines = lines
        self._path: QPainterPath | None = None
        self._heads = QPainterPath()
        self._straight: list[QLineF] = []

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom = zoom_of(painter)
        if zoom < FAINT:
            return
        if zoom < DETAIL:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(color("axis"), 0))  # opaque: a blended colour takes three times as long
            painter.drawLines(self._plain())
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("original"), EDGE))
        painter.drawPath(self._round())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("original"))
        painter.drawPath(self._heads)

    def _round(self) -> QPainterPath:
        if self._path is None:
            self._path = QPainterPath()
            for line in self._lines:
                add_way(self._path, line.points)
                if line.arrow and len(line.points) > 1:
                    add_head(self._heads, line.points)
        return self._path

    def _plain(self) -> list[QLineF]:
        if not self._straight:
            self._straight = [
                QLineF(*a, *b) for line in self._lines for a, b in zip(line.points, line.points[1:], strict=False)
            ]
        return self._straight


class Frames(_Item):
    """Open blocks: a faint card with its title, which stays readable from afar."""

    def __init__(self, content: Content) -> None:
        tree, drawing, faces = content.tree, content.drawing, content.faces
        frames = {number: QRectF(*frame) for number, frame in drawing.frames.items()}
        super().__init__(0, QRectF(0, 0, drawing.width, drawing.height))
        outer_first = sorted(frames, key=lambda number: len(tree.blocks[number].path))
        self._entries = [
            (tree.blocks[number], frames[number], metrics(12, 600).horizontalAdvance(tree.blocks[number].title))
            for number in outer_first
        ]
        self._depth = {number: len(list(tree.blocks[number].around())) - 1 for number in frames}
        self._faces = faces
        self._summaries: dict[int, tuple[str, int]] = {}

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom = zoom_of(painter)
        exposed = option.exposedRect
        outline = QPen(color("border"), 1.0)
        outline.setCosmetic(True)
        painter.setPen(outline)
        seen = [entry for entry in self._entries if entry[1].intersects(exposed)]
        if zoom < DETAIL:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            for depth, frames in self._by_depth(seen, zoom).items():
                painter.setBrush(block_colour(depth))
                painter.drawRects(frames)
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for block, frame, _ in seen:
                painter.setBrush(block_colour(self._depth[block.number]))
                painter.drawRoundedRect(frame, RADIUS, RADIUS)
        scale = 1.0 if zoom >= DETAIL else 1.0 / zoom
        for block, frame, width in seen:
            if (width + 8) * scale <= frame.width() and HEADER * scale <= frame.height():
                self._paint_title(painter, block, frame, width, scale)

    def _by_depth(self, seen: list[tuple[Block, QRectF, int]], zoom: float) -> dict[int, list[QRectF]]:
        """Frames that are large enough to be seen, outer ones first."""
        found: dict[int, list[QRectF]] = {}
        for block, frame, _ in seen:
            if frame.height() * zoom > SPECK:
                found.setdefault(self._depth[block.number], []).append(frame)
        return dict(sorted(found.items()))

    def _paint_title(self, painter: QPainter, block: Block, frame: QRectF, width: int, scale: float) -> None:
        painter.save()
        painter.translate(frame.topLeft())
        painter.scale(scale, scale)
        painter.setFont(font(12, 600))
        painter.setPen(color("text"))
        painter.drawText(QPointF(10, 16), block.title)
        if scale == 1.0:
            if block.number not in self._summaries:
                text = self._faces.summary(block)
                self._summaries[block.number] = text, metrics(11).horizontalAdvance(text)
            said, said_width = self._summaries[block.number]
            if width + 30 + said_width < frame.width():
                painter.setFont(font(11))
                painter.setPen(color("secondary"))
                painter.drawText(QPointF(10 + width + 10, 16), said)
        painter.restore()


def block_colour(depth: int) -> QColor:
    """The ground of a block, a little further from the window's with each block around it."""
    share = min((0.018 if current_theme().is_dark else 0.012) * (depth + 1), 0.09)
    return mixed("text", share, "window")


class Far(_Item):
    """All leaves from afar: colours alone."""

    def __init__(self, content: Content) -> None:
        super().__init__(2, QRectF(0, 0, content.drawing.width, content.drawing.height))
        self._content = content
        self._groups: list[tuple[QColor, list[QRectF]]] = []
        self._shown: tuple[object, ...] = ()

    def groups(self) -> list[tuple[QColor, list[QRectF]]]:
        """Leaves by colour; what has none is grey."""
        faces = self._content.faces
        shown = (faces.colouring if faces else None, current_theme())
        if faces is not None and (
            len(self._shown) != 2 or any(a is not b for a, b in zip(shown, self._shown, strict=True))
        ):
            self._shown = shown
            plain = QColor(color("strong_border"))
            by_colour: dict[int, tuple[QColor, list[QRectF]]] = {}
            for leaf, box in self._content.boxes.items():
                colour = faces.colour(leaf) or plain
                by_colour.setdefault(colour.rgb(), (colour, []))[1].append(box)
            self._groups = list(by_colour.values())
        return self._groups

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if zoom_of(painter) >= DETAIL:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, boxes in self.groups():
            painter.setBrush(colour)
            painter.drawRects(boxes)


class Marks(_Item):
    """What is selected, hovered or has the keyboard, with the lines of what is selected."""

    def __init__(self, content: Content) -> None:
        super().__init__(3, QRectF(-8, -8, content.drawing.width + 16, content.drawing.height + 16))
        self._content = content
        self._selected: frozenset[int] = frozenset()
        self._current: int | None = None
        self._hovered: int | None = None
        self._path = QPainterPath()

    def show_marks(self, selected: frozenset[int], current: int | None, hovered: int | None) -> None:
        if selected != self._selected:
            self._path = QPainterPath()
            nets = {leaf for leaf in selected if leaf in self._content.boxes}
            for line in self._content.drawing.lines if nets and len(nets) <= 64 else ():
                if line.net in nets:
                    add_way(self._path, line.points)
        if (selected, current, hovered) != (self._selected, self._current, self._hovered):
            self._selected, self._current, self._hovered = selected, current, hovered
            self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        zoom = zoom_of(painter)
        painter.setPen(QPen(color("accent"), 2.0 / min(zoom, 1.0)))
        painter.drawPath(self._path)
        exposed = option.exposedRect.adjusted(-8, -8, 8, 8)
        if self._hovered is not None:
            self._outline(painter, self._hovered, "strong_border", 1.5, 0.0, zoom, exposed)
        for leaf in self._selected:
            self._outline(painter, leaf, "accent", 2.5, 2.5, zoom, exposed)
        if self._current is not None:
            self._outline(painter, self._current, "text" if self._current in self._selected else "accent", 1.5, 5.5,
                          zoom, exposed)  # fmt: skip

    def _outline(
        self, painter: QPainter, leaf: int, role: str, width: float, away: float, zoom: float, exposed: QRectF
    ) -> None:
        box = self._content.boxes.get(leaf, QRectF())
        if box.isEmpty() or not box.intersects(exposed):
            return
        scale = 1.0 / min(zoom, 1.0)
        painter.setPen(QPen(color(role), width * scale))
        grown = box.adjusted(-away * scale, -away * scale, away * scale, away * scale)
        radius = grown.height() / 2 if box.width() == box.height() else RADIUS + away
        painter.drawRoundedRect(grown, radius, radius)
