"""Pictures of nodes at the present zoom: painted once and copied from then on, so that panning costs copies alone.

While the zoom changes, what is there already is stretched; when it rests, everything is painted sharp again.
"""

from collections import OrderedDict
from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap

from secateur.ui.graph.faces import Face, Faces
from secateur.ui.graph.paint import paint_face
from secateur.ui.plots.pictures import wants_vectors

AROUND = 6.0
"""Pixels around a node that belong to its picture: a folded block casts a stack behind it."""
MOST_PIXELS = 24_000_000
"""All pictures together: some 96 MB."""


class FacePictures:
    """Remembers pictures by face, so that a changed colour or badge makes a new one by itself."""

    def __init__(self) -> None:
        self.is_zooming = False
        self._known: OrderedDict[int, tuple[Face, float, QPixmap]] = OrderedDict()
        self._pixels = 0

    def forget(self) -> None:
        """The theme has changed."""
        self._known.clear()
        self._pixels = 0

    def paint(
        self, painter: QPainter, seen: Iterable[tuple[int, QRectF]], faces: Faces, zoom: float, ratio: float
    ) -> None:
        """Paint leaves (with their boxes in the scene) on a painter that has the view's transform."""
        if wants_vectors(painter):
            for leaf, box in seen:
                paint_face(painter, box, faces.of(leaf))
            return
        transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.is_zooming)
        scale = zoom * ratio
        for leaf, box in seen:
            made_at, picture = self._picture(leaf, faces.of(leaf), box, scale, ratio)
            corner = transform.map(QPointF(box.left() - AROUND, box.top() - AROUND))
            if made_at == scale:
                painter.drawPixmap(round(corner.x()), round(corner.y()), picture)
            else:
                stretched = scale / made_at / ratio
                whole = QRectF(corner.x(), corner.y(), picture.width() * stretched, picture.height() * stretched)
                painter.drawPixmap(whole, picture, QRectF(picture.rect()))
        painter.restore()

    def _picture(self, leaf: int, face: Face, box: QRectF, scale: float, ratio: float) -> tuple[float, QPixmap]:
        known = self._known.get(leaf)
        if known is not None and known[0] is face and (known[1] == scale or self.is_zooming):
            self._known.move_to_end(leaf)
            return known[1], known[2]
        picture = _render(face, box, scale, ratio)
        if known is not None:
            self._pixels -= known[2].width() * known[2].height()
        self._known[leaf] = (face, scale, picture)
        self._known.move_to_end(leaf)
        self._pixels += picture.width() * picture.height()
        while self._pixels > MOST_PIXELS and len(self._known) > 1:
            _, (_, _, oldest) = self._known.popitem(last=False)
            self._pixels -= oldest.width() * oldest.height()
        return scale, picture


def _render(face: Face, box: QRectF, scale: float, ratio: float) -> QPixmap:
    width, height = box.width() + 2 * AROUND, box.height() + 2 * AROUND
    picture = QPixmap(max(round(width * scale), 1), max(round(height * scale), 1))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(scale, scale)
    paint_face(painter, QRectF(AROUND, AROUND, box.width(), box.height()), face)
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture
