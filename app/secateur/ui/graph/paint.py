"""How nodes, blocks, operators and lines are painted, in scene pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPen

from secateur.ui.graph.faces import Face
from secateur.ui.short_names import short_names
from secateur.ui.theme.style import color, current_theme, font, metrics
from secateur.ui.widgets.badges import GAP, Badge, badge_width, paint_badges

RADIUS, BAND, EDGE, CORNER, HEAD = 6.0, 8.0, 1.5, 8.0, 5.0
PADDING = 7.0
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Look:
    """Pens, fonts and colours of the theme, looked up once and not for every node."""

    name_font: QFont
    name_metrics: QFontMetrics
    plain_font: QFont
    text: QColor
    secondary: QColor
    outline: QPen
    card: QColor
    raised: QColor


def look() -> Look:
    """The look of the current theme."""
    return _look(current_theme().name)


@cache
def _look(_theme: str) -> Look:
    return Look(
        font(12, 600),
        metrics(12, 600),
        font(12),
        QColor(color("text")),
        QColor(color("secondary")),
        QPen(color("strong_border"), 1.0),
        QColor(color("card")),
        QColor(color("raised")),
    )


def paint_face(painter: QPainter, box: QRectF, face: Face) -> None:
    """One leaf in full detail."""
    if face.shape == "round":
        _paint_round(painter, box, face)
    elif face.shape == "pill":
        _paint_pill(painter, box, face)
    else:
        _paint_node(painter, box, face)


def _paint_node(painter: QPainter, box: QRectF, face: Face) -> None:
    style = look()
    if face.shape == "block":  # a stack: there is more inside
        painter.setPen(style.outline)
        painter.setBrush(style.card)
        painter.drawRoundedRect(box.translated(4, 4), RADIUS, RADIUS)
        painter.drawRoundedRect(box.translated(2, 2), RADIUS, RADIUS)
    painter.setPen(style.outline)
    painter.setBrush(face.fill or style.card)
    painter.drawRoundedRect(box, RADIUS, RADIUS)
    if face.colour is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(face.colour)
        painter.drawPath(_band(box.height()).translated(box.topLeft()))
    left, right = box.left() + BAND + PADDING, box.right() - PADDING
    top = QRectF(left, box.top() + 3, right - left, 22)
    name_width = style.name_metrics.horizontalAdvance(face.title)
    is_plain = face.badges[:1] == (("float", "float"),)  # said only where the whole name has room beside it
    badges, more = _fitted(face.badges, round(top.width() - (name_width if is_plain else min(name_width, 56)) - GAP))
    taken = _taken(badges, more)
    if badges:
        paint_badges(painter, QRectF(right - taken + GAP, top.top(), taken, 22).toRect(), badges)
    if more:
        painter.setFont(font(11, 500))
        painter.setPen(style.text)
        painter.drawText(top, _RIGHT, more)
    painter.setFont(style.name_font)
    painter.setPen(style.text)
    room = top.width() - taken
    title = face.title
    if style.name_metrics.horizontalAdvance(title) > room:
        among = face.among if title in face.among else (title,)
        title = short_names(among, room, 12, 600, 600)[title].text
    painter.drawText(top, _LEFT, title)
    below = QRectF(left, box.top() + 23, right - left, 19)
    painter.setFont(style.plain_font)
    painter.drawText(below, _RIGHT, face.right)
    painter.setPen(style.secondary)
    painter.drawText(below, _LEFT, _fitted_left(face, below.width()))


def _fitted_left(face: Face, width: float) -> str:
    """`256 → 512`, or `→ 512` where the number at the right needs the room."""
    measures = metrics(12)
    room = width - measures.horizontalAdvance(face.right) - GAP
    short = f"→ {face.left.rpartition(' → ')[2]}" if "→" in face.left else ""
    return next((text for text in (face.left, short) if measures.horizontalAdvance(text) <= room), "")


@cache
def _band(height: float) -> QPainterPath:
    """The colour band at a node's left edge, inside its outline."""
    path = QPainterPath(QPointF(BAND, 0.5))
    path.lineTo(BAND, height - 0.5)
    path.lineTo(RADIUS, height - 0.5)
    path.quadTo(0.5, height - 0.5, 0.5, height - RADIUS)
    path.lineTo(0.5, RADIUS)
    path.quadTo(0.5, 0.5, RADIUS, 0.5)
    path.closeSubpath()
    return path


def _fitted(badges: Sequence[Badge], room: int) -> tuple[list[Badge], str]:
    """Badges that fit beside a name, and `+1` for more: as they are, else in few words, else the first alone."""
    short = [(family, shortened(text)) for family, text in badges]
    for count in range(len(badges), 0, -1):
        more = f"+{len(badges) - count}" if count < len(badges) else ""
        for candidate in (list(badges[:count]), short[:count]):
            if _taken(candidate, more) - GAP <= room:
                return candidate, more
    return [], ""


def _taken(badges: Sequence[Badge], more: str) -> int:
    """Width of badges and of what is said about further ones, with the gaps before them."""
    said = metrics(11, 500).horizontalAdvance(more) + GAP if more else 0
    return sum(badge_width(text) + GAP for _, text in badges) + said


def shortened(text: str) -> str:
    """`prune 50 %` → `50 %`, `rank ¼` → `r ¼`: the colour says the rest."""
    return text.removeprefix("prune ").replace("rank ", "r ")


def _paint_pill(painter: QPainter, box: QRectF, face: Face) -> None:
    style = look()
    painter.setPen(style.outline)
    painter.setBrush(style.raised)
    painter.drawRoundedRect(box, RADIUS, RADIUS)
    painter.setFont(font(12, 500))
    painter.setPen(style.secondary)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, face.title)


def _paint_round(painter: QPainter, box: QRectF, face: Face) -> None:
    style = look()
    painter.setPen(style.outline)
    painter.setBrush(style.raised)
    painter.drawEllipse(box)
    painter.setPen(QPen(style.text, EDGE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(_sign(face.title).translated(box.center()))


@cache
def _sign(sign: str) -> QPainterPath:
    """A sign around (0, 0): arithmetic, or the curve of an activation."""
    path = QPainterPath()
    strokes: dict[str, list[tuple[float, float, float, float]]] = {
        "+": [(-4, 0, 4, 0), (0, -4, 0, 4)],
        "−": [(-4, 0, 4, 0)],
        "×": [(-3, -3, 3, 3), (-3, 3, 3, -3)],
        "÷": [(-4, 0, 4, 0), (0, -4, 0, -3.5), (0, 3.5, 0, 4)],
        "relu": [(-5, 3.5, 0, 3.5), (0, 3.5, 4.5, -4)],
    }
    for x, y, to_x, to_y in strokes.get(sign, []):
        path.moveTo(x, y)
        path.lineTo(to_x, to_y)
    if sign == "bend":
        path.moveTo(-5, 3)
        path.cubicTo(-1, 4.5, 0.5, 3.5, 4.5, -4)
    elif sign == "curve":
        path.moveTo(-5, 4)
        path.cubicTo(1, 4, -1, -4, 5, -4)
    return path


# ---------------------------------------------------------------------- lines

Point = tuple[float, float]


def add_way(path: QPainterPath, points: Sequence[Point]) -> None:
    """Add a line with round corners."""
    path.moveTo(*points[0])
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(CORNER, _distance(before, at) / 2, _distance(at, after) / 2)
        path.lineTo(*_towards(at, before, radius))
        path.quadTo(*at, *_towards(at, after, radius))
    path.lineTo(*points[-1])


def add_head(path: QPainterPath, points: Sequence[Point]) -> None:
    """Add the arrow's head at the end of a line: to the right, downwards or upwards."""
    (x, y), before = points[-1], points[-2]
    if abs(before[0] - x) < 0.01:
        path.moveTo(x, y)
        back = HEAD * (1.3 if before[1] < y else -1.3)
        path.lineTo(x - HEAD * 0.7, y - back)
        path.lineTo(x + HEAD * 0.7, y - back)
    else:
        path.moveTo(x, y)
        path.lineTo(x - HEAD * 1.3, y - HEAD * 0.7)
        path.lineTo(x - HEAD * 1.3, y + HEAD * 0.7)
    path.closeSubpath()


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(start: Point, end: Point, length: float) -> Point:
    whole = _distance(start, end) or 1.0
    return start[0] + (end[0] - start[0]) * length / whole, start[1] + (end[1] - start[1]) * length / whole
