"""The filters of a convolution as a grid of small pictures: only what is in view is drawn, and each only once."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap

from PySide6.QtGui import QResizeEvent, QWheelEvent  # isort: skip
from PySide6.QtWidgets import QAbstractScrollArea, QMenu, QSizePolicy, QToolTip, QWidget

from secateur.model.weight_views import FilterPage
from secateur.ui.plots.kernel_pictures import colour_table, filter_image, fitted, rgb_image
from secateur.ui.plots.pictures import copy_picture
from secateur.ui.plots.saving import Saving, saver
from secateur.ui.plots.strokes import paint_focus
from secateur.ui.theme.style import color, font, notifier, tinted

SIZES = (24, 32, 40, 48, 64, 80, 96, 128, 160, 224)
"""Sides of a picture in pixels that + and − step through."""
START, LARGEST_START = 4, 8
BUDGET_S = 0.006
"""How long new pictures are made in one frame; the others follow in the next ones."""
LABEL = 16
SPACING = 8
MARGIN = 4


@dataclass(frozen=True, eq=False)
class GridContent:
    """What a grid shows: which channel stands at each place, which of them leave or become zero, words for each."""

    order: NDArray[np.int32]
    gone: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    """Channels of which pruning leaves nothing but zeros."""
    words: Callable[[int], str]
    """The tooltip of a channel."""


NO_CONTENT = GridContent(np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(0, np.bool_), lambda channel: "")


class KernelGrid(QAbstractScrollArea):
    """`chosen(channel)` by click or keys; `view_changed()` when other places are in view.

    Arrows, Home, End and Page move; + − 0, or the wheel with Ctrl, change the size of the pictures.
    """

    chosen = Signal(int)
    view_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel_grid")
        self.setAccessibleName(self.tr("Filters"))
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.viewport().setAutoFillBackground(False)
        self._content = NO_CONTENT
        self._pages: Mapping[int, FilterPage] = {}
        self._places: NDArray[np.int32] = np.zeros(0, np.int32)
        self._channel: int | None = None
        self._size = self._usual = START
        self._rgb, self._common = False, True
        self._colours = colour_table()
        self._pixmaps: dict[int, QPixmap] = {}
        self._until = 0.0
        self.verticalScrollBar().valueChanged.connect(lambda _: self.view_changed.emit())
        notifier.theme_changed.connect(self._renew_colours)

    # ------------------------------------------------------------------ what it shows

    def show_content(self, content: GridContent, channel: int | None) -> None:
        """Show the filters in this order; pictures that are there stay until other pages come."""
        if content is not self._content:
            self._content = content
            self._places = np.empty_like(content.order)
            self._places[content.order] = np.arange(len(content.order), dtype=np.int32)
            self._set_scroll_range()
            self.viewport().update()
        if channel != self._channel:
            self._channel = channel
            self._reveal()
            self.viewport().update()
        self.setAccessibleDescription(self._words(self._channel) if self._channel is not None else "")

    def show_pages(self, pages: Mapping[int, FilterPage]) -> None:
        """The values that are there, by the place of the first filter of each page."""
        if pages is not self._pages:
            self._pages, self._pixmaps = pages, {}
            self.viewport().update()

    def set_look(self, *, rgb: bool, common: bool) -> None:
        """Three inputs as colours; one scale for all filters, or each on its own."""
        if (rgb, common) != (self._rgb, self._common):
            self._rgb, self._common, self._pixmaps = rgb, common, {}
            self.viewport().update()

    def set_native(self, side: int) -> None:
        """Pixels of a filter at one for each weight: the size that 0 goes back to shows them all, where that can be."""
        usual = next((step for step, size in enumerate(SIZES) if size >= side), len(SIZES) - 1)
        usual = min(max(usual, START), LARGEST_START)
        is_usual, self._usual = self._size == self._usual, usual
        if is_usual:
            self.set_size(usual)

    def finish(self) -> None:
        """Make every picture that is in view: before the grid is copied or saved as it is."""
        for place in range(*self.in_view):
            self._pixmap(place)

    @property
    def in_view(self) -> tuple[int, int]:
        """The places that are seen, the second one past the last."""
        across, height = self._across(), self._cell().height()
        top = self.verticalScrollBar().value()
        first = max(top // height, 0) * across
        last = ((top + self.viewport().height()) // height + 1) * across
        return min(first, len(self._content.order)), min(last, len(self._content.order))

    @property
    def side(self) -> int:
        """Side of one picture in pixels."""
        return SIZES[self._size]

    def cell_of(self, channel: int) -> QRect:
        """Where a channel's cell lies in the viewport."""
        place, size = int(self._places[channel]), self._cell()
        across = self._across()
        x = MARGIN + place % across * size.width()
        return QRect(QPoint(x, place // across * size.height() - self.verticalScrollBar().value() + MARGIN), size)

    def channel_at(self, pos: QPoint) -> int | None:
        """The channel whose cell holds this point of the viewport."""
        size, across = self._cell(), self._across()
        column = (pos.x() - MARGIN) // size.width()
        place = (pos.y() - MARGIN + self.verticalScrollBar().value()) // size.height() * across + column
        is_inside = 0 <= column < across and 0 <= place < len(self._content.order)
        return int(self._content.order[place]) if is_inside else None

    def picture_of(self, channel: int) -> QPixmap | None:
        """The picture of a channel; None where its values are not there yet."""
        return self._pixmap(int(self._places[channel]))

    def _words(self, channel: int) -> str:
        return self._content.words(channel)

    # ------------------------------------------------------------------ measures

    def _cell(self) -> QSize:
        return QSize(self.side + SPACING, self.side + LABEL + SPACING)

    def _across(self) -> int:
        return max((self.viewport().width() - MARGIN) // self._cell().width(), 1)

    def _set_scroll_range(self) -> None:
        rows = -(-len(self._content.order) // self._across())
        bar, height = self.verticalScrollBar(), self._cell().height()
        bar.setRange(0, max(rows * height + 2 * MARGIN - self.viewport().height(), 0))
        bar.setSingleStep(height)
        bar.setPageStep(self.viewport().height())
        self.view_changed.emit()

    def _reveal(self) -> None:
        """Scroll as little as needed for the selected channel to be seen."""
        if self._channel is None or self._channel >= len(self._places):
            return
        cell, bar = self.cell_of(self._channel), self.verticalScrollBar()
        if cell.top() < 0:
            bar.setValue(bar.value() + cell.top() - MARGIN)
        elif cell.bottom() > self.viewport().height():
            bar.setValue(bar.value() + cell.bottom() - self.viewport().height() + MARGIN)

    def set_size(self, step: int) -> None:
        """A size of `SIZES`; what is in the middle stays in view."""
        step = min(max(step, 0), len(SIZES) - 1)
        if step == self._size:
            return
        bar = self.verticalScrollBar()
        middle = (bar.value() + self.viewport().height() / 2) / self._cell().height() * self._across()
        self._size, self._pixmaps = step, {}
        self._set_scroll_range()
        bar.setValue(round(middle / self._across() * self._cell().height() - self.viewport().height() / 2))
        self._reveal()
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_scroll_range()

    def sizeHint(self) -> QSize:
        return QSize(320, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 96)

    # ------------------------------------------------------------------ painting

    def _renew_colours(self) -> None:
        self._colours, self._pixmaps = colour_table(), {}
        self.viewport().update()

    def _pixmap(self, place: int) -> QPixmap | None:
        known, page = self._pixmaps.get(place), self._page_of(place)
        if known is not None or page is None:
            return known
        codes, limit = page.codes[place - page.first], float(page.limits[place - page.first])
        common = page.limit if self._common else None
        is_rgb = self._rgb and len(codes) == 3
        image = rgb_image(codes, limit, common) if is_rgb else filter_image(codes, limit, common, self._colours)
        made = self._pixmaps[place] = fitted(image, round(self.side * self.devicePixelRatioF()))
        made.setDevicePixelRatio(self.devicePixelRatioF())
        return made

    def _page_of(self, place: int) -> FilterPage | None:
        return next((page for page in self._pages.values() if page.first <= place < page.stop), None)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        first, last = self.in_view
        self._until = time.perf_counter() + BUDGET_S
        for place in range(first, last):
            self._paint_cell(painter, place, int(self._content.order[place]))
        if any(place not in self._pixmaps and self._page_of(place) is not None for place in range(first, last)):
            QTimer.singleShot(0, self.viewport().update)  # the rest in the next frame
        if self.hasFocus():
            paint_focus(painter, QRectF(self.viewport().rect()))
        painter.end()

    def _paint_cell(self, painter: QPainter, place: int, channel: int) -> None:
        cell, side = self.cell_of(channel), self.side
        box = QRect(cell.left(), cell.top(), side, side)
        is_due = place in self._pixmaps or time.perf_counter() < self._until
        picture = self._pixmap(place) if is_due else None
        if picture is None:
            painter.fillRect(box, color("raised"))
        else:
            size = picture.deviceIndependentSize().toSize()
            painter.drawPixmap(box.center() - QPoint(size.width() // 2 - 1, size.height() // 2 - 1), picture)
        is_gone, is_empty = bool(self._content.gone[channel]), bool(self._content.empty[channel])
        if is_gone or is_empty:
            self._paint_mark(painter, box, crossed=is_gone)
        if channel == self._channel:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRect(box.adjusted(-2, -2, 2, 2))
        painter.setFont(font(11, 600 if channel == self._channel else 400))
        painter.setPen(color("text" if channel == self._channel else "secondary"))
        mark = " ×" if is_gone else " ∅" if is_empty else ""
        text = QRect(box.left() - SPACING // 2, box.bottom() + 2, side + SPACING, LABEL)
        painter.drawText(text, Qt.AlignmentFlag.AlignCenter, f"{channel}{mark}")

    def _paint_mark(self, painter: QPainter, box: QRect, *, crossed: bool) -> None:
        """A channel that leaves is hatched and crossed out, one of zeros has a dashed edge."""
        painter.save()
        if crossed:
            painter.fillRect(box, tinted("panel", 0.55))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(color("pruned"), 2))
            painter.drawLine(box.topLeft() + QPoint(3, 3), box.bottomRight() - QPoint(3, 3))
            painter.drawLine(box.topRight() + QPoint(-3, 3), box.bottomLeft() + QPoint(3, -3))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("pruned"), 1, Qt.PenStyle.SolidLine if crossed else Qt.PenStyle.DashLine))
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.restore()

    # ------------------------------------------------------------------ mouse and keys

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            channel = self.channel_at(event.pos())
            QToolTip.showText(event.globalPos(), "" if channel is None else self._words(channel), self.viewport())
            return True
        return super().viewportEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        channel = self.channel_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and channel is not None:
            self._choose(channel)

    def _choose(self, channel: int) -> None:
        """Select a channel here at once; the rest of the window follows."""
        self.show_content(self._content, channel)
        self.chosen.emit(channel)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_size(self._size + (1 if event.angleDelta().y() > 0 else -1))
            event.accept()
        else:
            super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count, across = len(self._content.order), self._across()
        page = max(self.viewport().height() // self._cell().height(), 1) * across
        here = 0 if self._channel is None else int(self._places[self._channel]) if count else 0
        steps = {
            Qt.Key.Key_Left: here - 1, Qt.Key.Key_Right: here + 1, Qt.Key.Key_Up: here - across,
            Qt.Key.Key_Down: here + across, Qt.Key.Key_PageUp: here - page, Qt.Key.Key_PageDown: here + page,
            Qt.Key.Key_Home: 0, Qt.Key.Key_End: count - 1,
        }  # fmt: skip
        sizes = {
            Qt.Key.Key_Plus: self._size + 1, Qt.Key.Key_Equal: self._size + 1, Qt.Key.Key_Minus: self._size - 1,
            Qt.Key.Key_0: self._usual,
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in steps and count:
            place = here if self._channel is None else min(max(steps[key], 0), count - 1)
            self._choose(int(self._content.order[place]))
        elif key in sizes:
            self.set_size(sizes[key])
        else:
            event.ignore()  # the window's keys go on to whoever has them

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.finish()
        menu = QMenu(self)
        menu.addAction(self.tr("Copy picture"), lambda: copy_picture(self))
        menu.addAction(self.tr("Save picture…"), lambda: saver.wanted.emit(Saving(self)))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())
