"""Badges of planned methods (in the table and elsewhere): words on a tint, 18 px high."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from secateur.ui.theme.palette import BadgeFamily
from secateur.ui.theme.style import color, current_theme, font, metrics

HEIGHT, PADDING, GAP = 18, 6, 4
Badge = tuple[BadgeFamily, str]


def badge_width(text: str) -> int:
    """Width in pixels of one badge."""
    return metrics(11, 500).horizontalAdvance(text) + 2 * PADDING


def fitting(badges: Sequence[Badge], width: int) -> list[Badge]:
    """The badges that fit into `width`, two at most; where some are left out the last one says `+n`.

    Where the first has no room beside that, another one that has is shown: a word says more than a number.
    """
    for shown in range(min(2, len(badges)), 0, -1):
        rest = len(badges) - shown
        more: list[Badge] = [("float", f"+{rest}")] if rest else []
        for first in range(rest + 1):
            kept = [*badges[first : first + shown], *more]
            if sum(badge_width(text) + GAP for _, text in kept) - GAP <= width:
                return kept
    return [("float", f"+{len(badges)}")] if badges else []


def paint_badges(painter: QPainter, rect: QRect, badges: Sequence[Badge]) -> None:
    """Paint what fits of `badges` (family, text), left-aligned and centred in height."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font(11, 500))
    x = float(rect.left())
    top = rect.top() + (rect.height() - HEIGHT) / 2
    for family, text in fitting(badges, rect.width()):
        ink, tint = current_theme().badges[family]
        box = QRectF(x, top, badge_width(text), HEIGHT)
        if tint:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tint))
            painter.drawRoundedRect(box, 4, 4)
        else:
            painter.setPen(QPen(color("button_border"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(QColor(ink))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        x += box.width() + GAP
    painter.restore()
