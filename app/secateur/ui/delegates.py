"""How a cell of the layer table is painted, by column: name, number on a data bar, sparkline, badges."""

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from secateur.ui.models.layer_table import BADGES_ROLE, BINS_ROLE, COLUMNS, SHARE_ROLE
from secateur.ui.theme.style import color, font, tinted
from secateur.ui.widgets.badges import paint_badges

ROW_HEIGHT = 26
PADDING = 5
FIRST_PADDING = 12
ACCENT_BAR = 3
BAR_OPACITY = 0.16

Index = QModelIndex | QPersistentModelIndex


class LayerDelegate(QStyledItemDelegate):
    """Paints rows of `ROW_HEIGHT` pixels; `hovered` gives the row under the mouse, −1 for none."""

    def __init__(self, hovered: Callable[[], int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hovered = hovered
        self._painters: dict[str, Callable[[QPainter, QRect, Index, bool], None]] = {
            "name": self._paint_name,
            "text": self._paint_text,
            "number": self._paint_number,
            "bar": self._paint_bar,
            "bins": self._paint_bins,
            "badges": self._paint_badges,
        }

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(40, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(rect, color("selection"))
        elif index.row() == self._hovered():
            painter.fillRect(rect, color("hover"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), color("border"))
        if selected and index.column() == 0:
            painter.fillRect(QRect(rect.left(), rect.top(), ACCENT_BAR, rect.height()), color("accent"))
        painter.setClipRect(rect)
        self._painters[COLUMNS[index.column()].paint](painter, self._inner(rect, index), index, selected)
        painter.restore()

    def _inner(self, rect: QRect, index: Index) -> QRect:
        left = FIRST_PADDING if index.column() == 0 else PADDING
        return rect.adjusted(left, 0, -PADDING, -1)

    # ------------------------------------------------------------------ one painter per kind of column

    def _paint_name(self, painter: QPainter, rect: QRect, index: Index, selected: bool) -> None:
        """Prefix in secondary, last part in text; when it does not fit, the middle is elided."""
        name = str(index.data())
        prefix, own = split_name(name)
        light, strong = font(12), font(12, 600 if selected else 500)
        own_width = QFontMetrics(strong).horizontalAdvance(own)
        room = rect.width() - own_width
        prefix = QFontMetrics(light).elidedText(prefix, Qt.TextElideMode.ElideMiddle, max(room, 0)) if prefix else ""
        painter.setFont(light)
        painter.setPen(color("secondary"))
        painter.drawText(rect, _LEFT, prefix)
        shift = QFontMetrics(light).horizontalAdvance(prefix)
        painter.setFont(strong)
        painter.setPen(color("text"))
        rest = rect.adjusted(shift, 0, 0, 0)
        painter.drawText(rest, _LEFT, QFontMetrics(strong).elidedText(own, _MIDDLE, rest.width()))

    def _paint_text(self, painter: QPainter, rect: QRect, index: Index, selected: bool) -> None:
        painter.setFont(font(12))
        painter.setPen(color("text" if selected else "secondary"))
        text = QFontMetrics(painter.font()).elidedText(str(index.data()), _MIDDLE, rect.width())
        painter.drawText(rect, _LEFT, text)

    def _paint_number(self, painter: QPainter, rect: QRect, index: Index, selected: bool) -> None:
        painter.setFont(font(12, 500 if selected else 400))
        painter.setPen(color("text"))
        painter.drawText(rect, _RIGHT, str(index.data()))

    def _paint_bar(self, painter: QPainter, rect: QRect, index: Index, selected: bool) -> None:
        """A number on a bar from the left whose length is its share of the largest."""
        share = index.data(SHARE_ROLE) or 0.0
        if share > 0.0:
            width = max(2, round((rect.width() + 6) * min(share, 1.0)))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tinted("accent", BAR_OPACITY * (1.6 if selected else 1.0)))
            painter.drawRoundedRect(QRectF(rect.left() - 3, rect.top() + 5, width, rect.height() - 10), 2, 2)
        self._paint_number(painter, rect, index, selected)

    def _paint_bins(self, painter: QPainter, rect: QRect, index: Index, selected: bool) -> None:
        bins = index.data(BINS_ROLE)
        if bins is None:
            return
        step = 2 if rect.width() >= 2 * len(bins) else max(1, rect.width() // len(bins))
        height, bottom = rect.height() - 8, rect.bottom() - 4
        fill = color("accent" if selected else "original")
        gap = 0 if step < 2 else 0.4
        for n, share in enumerate(bins):
            tall = max(1.0, float(share) * height)
            painter.fillRect(QRectF(rect.left() + n * step, bottom - tall, step - gap, tall), fill)

    def _paint_badges(self, painter: QPainter, rect: QRect, index: Index, selected: bool) -> None:
        paint_badges(painter, rect, index.data(BADGES_ROLE))


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_MIDDLE = Qt.TextElideMode.ElideMiddle


def split_name(name: str) -> tuple[str, str]:
    """`layer2.1.conv1` → (`layer2.1.`, `conv1`); names with slashes are split there."""
    cut = max(name.rfind("."), name.rfind("/")) + 1
    return (name[:cut], name[cut:]) if cut < len(name) else ("", name)
