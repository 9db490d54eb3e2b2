"""The heading of the layer table: sorts on a click, is dragged to move or widen a column, and has a menu."""

from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QPainter, QPolygonF
from PySide6.QtWidgets import QHeaderView, QWidget

from secateur.ui.models.layer_table import COLUMNS
from secateur.ui.panels.layer_rows import FIRST_PADDING, PADDING
from secateur.ui.theme.style import color, font, metrics

HEADER_HEIGHT = 28
ARROW = QSize(7, 4)
ARROW_ROOM = 10
"""What a heading keeps free for the arrow, so that its words stay where they are when the table is sorted by it."""


def heading_width(section: int) -> int:
    """Pixels that a column's heading takes, its arrow included."""
    words = metrics(11, 500).horizontalAdvance(COLUMNS[section].title) + 1
    return words + ARROW_ROOM + (FIRST_PADDING if section == 0 else PADDING) + 1


class LayerHeader(QHeaderView):
    """`menu_wanted(section, place)`; `width_chosen(section, pixels)` once, when a drag of a border has ended."""

    menu_wanted = Signal(int, QPoint)
    width_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("layer_header")
        self.setFixedHeight(HEADER_HEIGHT)
        self.setMinimumSectionSize(24)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setHighlightSections(False)
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setFirstSectionMovable(False)
        self.setSortIndicatorClearable(True)
        self.setMouseTracking(True)
        self._sorted: tuple[int, Qt.SortOrder] | None = None
        self._dragged = -1
        self.is_pressed = False
        self.sectionResized.connect(self._on_resized)

    def set_sorted(self, section: int, order: Qt.SortOrder) -> None:
        """Show by which column the table is sorted; −1 for none."""
        self._sorted = (section, order) if section >= 0 else None
        self.viewport().update()

    def arrow_box(self, section: int) -> QRect:
        """Where a sorted column's arrow is: before the words of a number, behind other words."""
        words = self.words_box(section)
        left = words.left() - 2 - ARROW.width() if _is_number(section) else words.right() + 3
        return QRect(left, (self.height() - ARROW.height()) // 2, ARROW.width(), ARROW.height())

    def words_box(self, section: int) -> QRect:
        """Where a column's title is."""
        left, width = self.sectionViewportPosition(section), self.sectionSize(section)
        taken = metrics(11, 500).horizontalAdvance(COLUMNS[section].title) + 1
        if _is_number(section):
            return QRect(left + width - PADDING - taken, 0, taken, self.height())
        return QRect(left + (FIRST_PADDING if section == 0 else PADDING), 0, taken, self.height())

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        painter.save()
        painter.fillRect(rect, color("panel"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), color("border"))
        painter.setClipRect(rect)
        painter.translate(rect.left() - self.sectionViewportPosition(section), 0)  # elsewhere while it is dragged
        sorts = self._sorted is not None and self._sorted[0] == section
        hovered = rect.contains(self.viewport().mapFromGlobal(self.cursor().pos())) and self.underMouse()
        painter.setFont(font(11, 500))
        painter.setPen(color("text" if sorts or hovered else "secondary"))
        painter.drawText(self.words_box(section), Qt.AlignmentFlag.AlignVCenter, COLUMNS[section].title)
        if self._sorted is not None and sorts:
            _paint_arrow(painter, self.arrow_box(section), up=self._sorted[1] == Qt.SortOrder.AscendingOrder)
        painter.restore()

    # ------------------------------------------------------------------ mouse

    def _on_resized(self, section: int, _old: int, _new: int) -> None:
        if self.is_pressed:
            self._dragged = section

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.is_pressed = event.button() == Qt.MouseButton.LeftButton
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self.is_pressed = False
        section, self._dragged = self._dragged, -1
        if section >= 0:
            self.width_chosen.emit(section, self.sectionSize(section))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        section = self.logicalIndexAt(event.pos())
        self.menu_wanted.emit(max(section, 0), event.globalPos())
        event.accept()


def _is_number(section: int) -> bool:
    return COLUMNS[section].paint in {"number", "bar"}


def _paint_arrow(painter: QPainter, box: QRect, *, up: bool) -> None:
    tip, foot = (box.top(), box.top() + ARROW.height()) if up else (box.top() + ARROW.height(), box.top())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color("text"))
    left, right = float(box.left()), float(box.left() + ARROW.width())
    corners = [QPointF(left, foot), QPointF(right, foot), QPointF((left + right) / 2, tip)]
    painter.drawPolygon(QPolygonF(corners))
