"""The shape of a plot's bar: two-pixel corners on top, square at the foot."""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainterPath


def bar_path(bar: QRectF, radius: float = 2.0) -> QPainterPath:
    """`bar` with its two upper corners rounded."""
    radius = min(radius, bar.width() / 2, bar.height())
    path = QPainterPath()
    path.moveTo(bar.bottomLeft())
    path.lineTo(bar.left(), bar.top() + radius)
    path.quadTo(bar.topLeft(), bar.topLeft() + QPointF(radius, 0))
    path.lineTo(bar.right() - radius, bar.top())
    path.quadTo(bar.topRight(), bar.topRight() + QPointF(0, radius))
    path.lineTo(bar.bottomRight())
    path.closeSubpath()
    return path
