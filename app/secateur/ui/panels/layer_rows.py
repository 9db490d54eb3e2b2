"""The rows of the layer table as pictures: name, number on a data bar, sparkline, badges.

A row is painted once for what it shows and copied from then on, so that hovering, selecting or a job's
progress elsewhere costs a copy and no text layout.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap

from secateur.layer_names import ShortName
from secateur.ui.models.layer_table import COLUMNS, RowContent
from secateur.ui.plots.pictures import wants_vectors
from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, current_theme, font, metrics, tinted
from secateur.ui.widgets.badges import paint_badges

ROW_HEIGHT = 26
PADDING = 5
FIRST_PADDING = 12
ACCENT_BAR = 3
PIN, PIN_ROOM = 12, 16
BAR_OPACITY = 0.16
MOST_PICTURES = 256
MOMENT_S = 0.002
"""Processor time after which rows that changed wait for the next frame."""

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class RowLook(NamedTuple):
    """How a row is shown: (section, left, width) of the visible columns, and its state."""

    sections: tuple[tuple[int, int, int], ...]
    name: ShortName
    selected: bool
    hovered: bool
    ratio: float
    pinned: bool = False
    ends_pins: bool = False
    """Whether the rows below are no longer pinned ones."""


class RowPictures:
    """Gives the picture of a row, painting it only when what it shows, its look or the theme is another."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[Any, ...], RowContent, QPixmap]] = {}
        self._in_parts, self._begun = False, 0.0
        self.has_more = False
        """Whether a row was left as it was, for the next frame."""

    def begin(self, *, in_parts: bool) -> None:
        """A frame begins. `in_parts`: rows that changed are painted for a moment, and the rest in frames to come."""
        self._in_parts, self.has_more, self._begun = in_parts, False, time.thread_time()

    def draw(self, painter: QPainter, top: int, content: RowContent, look: RowLook, width: int) -> None:
        """Put one row at `top`; where lines and text are wanted, not pixels, it is painted there and then."""
        if not wants_vectors(painter):
            picture = self._picture(content, look, width)
            if picture is not None:
                painter.drawPixmap(0, top, picture)
            return
        painter.save()
        painter.translate(0, top)
        _paint_row(painter, content, look, width)
        painter.restore()

    def _picture(self, content: RowContent, look: RowLook, width: int) -> QPixmap | None:
        """The picture of one row, `width` × `ROW_HEIGHT` pixels.

        Where the moment is over it is what the row showed before, or none where it showed nothing.
        """
        name = content.texts[0]
        shown = (content.texts, content.shares, id(content.bins), content.badges, content.is_kept)
        key = (*shown, look, width, current_theme().name)
        known = self._known.get(name)
        if known is None or known[0] != key:
            if self._in_parts and time.thread_time() - self._begun > MOMENT_S:
                self.has_more = True
                return known[2] if known is not None else None
            if len(self._known) >= MOST_PICTURES:
                self._known.pop(next(iter(self._known)))
            known = self._known[name] = (key, content, _render(content, look, width))
        return known[2]


def _render(content: RowContent, look: RowLook, width: int) -> QPixmap:
    picture = QPixmap(round(width * look.ratio), round(ROW_HEIGHT * look.ratio))
    picture.setDevicePixelRatio(look.ratio)
    painter = QPainter(picture)
    _paint_row(painter, content, look, width)
    painter.end()
    return picture


def _paint_row(painter: QPainter, content: RowContent, look: RowLook, width: int) -> None:
    ground = color("selection" if look.selected else "hover" if look.hovered else "panel")
    painter.fillRect(QRect(0, 0, width, ROW_HEIGHT), ground)
    painter.fillRect(QRect(0, ROW_HEIGHT - 1, width, 1), color("strong_border" if look.ends_pins else "border"))
    if look.selected:
        painter.fillRect(QRect(0, 0, ACCENT_BAR, ROW_HEIGHT), color("accent"))
    for section, left, section_width in look.sections:
        padding = FIRST_PADDING if section == 0 else PADDING
        rect = QRect(left + padding, 0, section_width - padding - PADDING, ROW_HEIGHT - 1)
        painter.setClipRect(QRect(left, 0, section_width, ROW_HEIGHT))
        if section == 0:
            _paint_name(painter, rect, look)
        else:
            _PAINTERS[COLUMNS[section].paint](painter, rect, content, section, look.selected)


# ---------------------------------------------------------------------- one painter per kind of column


def name_room(width: int, *, has_pins: bool) -> int:
    """Pixels for a name in a column of this width: where there are pins, one has its place beside every name."""
    return width - FIRST_PADDING - PADDING - (PIN_ROOM if has_pins else 0)


def _paint_name(painter: QPainter, rect: QRect, look: RowLook) -> None:
    """Prefix in secondary, last part in text, shortened so that no other row reads the same; at the right a pin."""
    prefix, own = look.name
    painter.setFont(font(12))
    painter.setPen(color("secondary"))
    painter.drawText(rect, _LEFT, prefix)
    rest = rect.adjusted(metrics(12).horizontalAdvance(prefix), 0, 0, 0)
    painter.setFont(font(12, 600 if look.selected else 500))
    painter.setPen(color("text"))
    painter.drawText(rest, _LEFT, own)
    if look.pinned:
        paint_icon(painter, QRect(rect.right() - PIN + 1, (rect.height() - PIN) // 2, PIN, PIN), "pin", color("accent"))


def _paint_text(painter: QPainter, rect: QRect, content: RowContent, section: int, selected: bool) -> None:
    painter.setFont(font(12))
    painter.setPen(color("text" if selected else "secondary"))
    painter.drawText(rect, _LEFT, content.texts[section])


def _paint_number(painter: QPainter, rect: QRect, content: RowContent, section: int, selected: bool) -> None:
    painter.setFont(font(12, 500 if selected else 400))
    painter.setPen(color("text"))
    painter.drawText(rect, _RIGHT, content.texts[section])


def _paint_bar(painter: QPainter, rect: QRect, content: RowContent, section: int, selected: bool) -> None:
    """A number on a bar from the left whose length is its share of the largest."""
    share = content.shares[section]
    if share > 0.0:
        width = max(2, round((rect.width() + 6) * min(share, 1.0)))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tinted("accent", BAR_OPACITY * (1.6 if selected else 1.0)))
        painter.drawRoundedRect(QRectF(rect.left() - 3, rect.top() + 5, width, rect.height() - 10), 2, 2)
    _paint_number(painter, rect, content, section, selected)


def _paint_bins(painter: QPainter, rect: QRect, content: RowContent, section: int, selected: bool) -> None:
    if content.bins is None:
        return
    step = 2 if rect.width() >= 2 * len(content.bins) else max(1, rect.width() // len(content.bins))
    height, bottom = rect.height() - 8, rect.bottom() - 4
    fill = color("accent" if selected else "original")
    gap = 0 if step < 2 else 0.4
    for n, share in enumerate(content.bins.tolist()):
        tall = max(1.0, share * height)
        painter.fillRect(QRectF(rect.left() + n * step, bottom - tall, step - gap, tall), fill)


def _paint_badges(painter: QPainter, rect: QRect, content: RowContent, section: int, selected: bool) -> None:
    """The steps, behind a lock where a person keeps them."""
    if content.is_kept:
        lock = QRect(rect.left(), (rect.height() - PIN) // 2, PIN, PIN)
        paint_icon(painter, lock, "keep", color("accent"))
        rect = rect.adjusted(PIN_ROOM, 0, 0, 0)
    paint_badges(painter, rect, content.badges)


_PAINTERS: dict[str, Callable[[QPainter, QRect, RowContent, int, bool], None]] = {
    "text": _paint_text,
    "number": _paint_number,
    "bar": _paint_bar,
    "bins": _paint_bins,
    "badges": _paint_badges,
}
