"""Where a label stands by its point: on the side where it covers nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

HEIGHT = 15.0
HEADER = 21.0
"""Pixels over the upper edge of a plot, where the quantity is; labels may stand there, too."""


@dataclass(frozen=True)
class Taken:
    """A place in pixels where something is drawn; a text may go over a line where it must, but not what `is_firm`."""

    box: QRectF
    is_firm: bool = True


def around(at: QPointF, reach: float) -> QRectF:
    """The square whose middle is `at`."""
    return QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach)


def label_boxes(painter: QPainter, area: QRectF, at: QPointF, text: str, first: str = "below") -> list[QRectF]:
    """Places for a label by a point, `first` (below, above, right or left) before the others, inside the plot."""
    width = painter.fontMetrics().horizontalAdvance(text) + 2.0
    left = min(max(at.x() - width / 2, area.left()), area.right() - width)
    boxes = {
        "below": QRectF(left, at.y() + 6, width, HEIGHT),
        "above": QRectF(left, at.y() - 6 - HEIGHT, width, HEIGHT),
        "right": QRectF(at.x() + 8, at.y() - HEIGHT / 2, width, HEIGHT),
        "left": QRectF(at.x() - 8 - width, at.y() - HEIGHT / 2, width, HEIGHT),
    }
    order = [boxes.pop(first), *boxes.values()]
    return [box for box in order if area.adjusted(-2, -HEADER, 2, 2).contains(box)]


def paint_label(painter: QPainter, boxes: Sequence[QRectF], taken: list[Taken], text: str) -> None:
    """Write `text` into the first of `boxes` that covers the fewest points and texts, and of those the fewest lines.

    Its place is added to `taken`; without a box nothing is written.
    """

    def covered(box: QRectF) -> tuple[int, int]:
        hit = [t.is_firm for t in taken if box.intersects(t.box)]
        return hit.count(True), hit.count(False)

    if boxes:
        box = min(boxes, key=covered)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip, text)
        taken.append(Taken(box))
