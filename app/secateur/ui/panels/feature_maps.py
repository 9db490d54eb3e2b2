"""A layer's feature maps as a grid: each channel of the original, the compressed network, and their difference."""

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.figures import number, signed_number
from secateur.model.maps import LayerMaps
from secateur.ui.panels.map_rows import paint_matrix, paint_names, row_names, row_places
from secateur.ui.plots.map_colours import Atlas, Scale, scale_of
from secateur.ui.plots.strokes import paint_focus
from secateur.ui.theme.style import color, font, metrics

SMALLEST, LARGEST, BETWEEN, GAP, CAPTION = 36, 64, 2, 10, 15
LARGEST_CLOSE: Final = 640
LARGEST_ROWS: Final = 132


class MapsGrid(QWidget):
    """`show_maps` shows a layer; `channel_wanted(n)` when one of its channels is to be enlarged.

    `pointed` says in words what is under the mouse or at the keyboard's cursor; `step_wanted(±1)` asks for the layer
    before or after. As tall as its width asks for: it lives in a scroll area, and paints what is seen of it alone.
    """

    channel_wanted = Signal(int)
    step_wanted = Signal(int)
    left = Signal()
    pointed = Signal(str)
    cursor_moved = Signal(QRect)
    _maps: LayerMaps | None = None
    _dark = False
    _close = False

    def __init__(self, name: str, *, close: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(self.tr("Feature maps"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._close = close
        self._atlases: list[Atlas] = []
        self._places: list[list[QRect]] = []
        self._given: tuple[str, ...] = ()
        self._rows: tuple[str, ...] = ()
        self._scales: tuple[Scale, Scale] = (Scale(0, 1), Scale(-1, 1))
        self._cursor = 0

    # ------------------------------------------------------------------ what it shows

    @property
    def maps(self) -> LayerMaps | None:
        return self._maps

    @property
    def scales(self) -> tuple[Scale, Scale]:
        """The scale of both networks' outputs, and that of their difference."""
        return self._scales

    def show_maps(self, maps: LayerMaps | None, places: tuple[str, ...] = ()) -> None:
        """Show these maps (form `maps` or `rows`); the cursor stays on its channel where there is one.

        `places` names what the network is fed in a row: the rows of a matrix that has as many are named by it.
        """
        if maps is self._maps and places == self._given:
            return
        self._maps, self._given = maps, places
        self._rows = row_names(maps, places)
        self.setAccessibleDescription(
            self.tr("a row for each of {0}").format(" ".join(self._rows)) if self._rows else ""
        )
        self._colour()
        self._cursor = min(self._cursor, max(self.count - 1, 0))
        self._fit()
        self.update()

    def _colour(self) -> None:
        maps = self._maps
        if maps is None:
            self._atlases = []
            return
        self._scales = scale_of(maps.original, maps.compressed), scale_of(maps.difference, signed=True)
        parts = [(maps.original, 0), (maps.compressed, 0), (maps.difference, 1)]
        self._atlases = [
            Atlas(values if values.ndim == 3 else values[None], self._scales[which])
            for values, which in parts
            if values is not None
        ]

    @property
    def count(self) -> int:
        """How many channels are shown."""
        return self._atlases[0].count if self._atlases else 0

    @property
    def channel(self) -> int:
        """Number of the channel that the keyboard is on, in the layer."""
        return self._cursor + (self._maps.first if self._maps else 0)

    # ------------------------------------------------------------------ places

    @property
    def _parts(self) -> int:
        return max(1, len(self._atlases))

    def _columns(self) -> int:
        if self._is_alone:
            return 1
        return max(1, (self.width() + GAP) // (self._parts * SMALLEST + (self._parts - 1) * BETWEEN + GAP))

    @property
    def _is_alone(self) -> bool:
        """Whether one thing fills the width: one enlarged channel, or rows of tokens."""
        return self._close or (self._maps is not None and self._maps.form == "rows")

    @property
    def _is_stacked(self) -> bool:
        return self._maps is not None and self._maps.form == "rows" and not self._rows

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows of a matrix of tokens; empty for all else."""
        return self._rows

    def _size(self) -> tuple[int, int]:
        """(width, height) of one map on the screen."""
        first = self._atlases[0]
        if self._is_stacked:
            most = LARGEST_CLOSE if self._close else LARGEST_ROWS
            return max(self.width(), 1), int(min(max(first.height * 4, 24), most))
        columns = self._columns()
        room = (self.width() - GAP * (columns - 1)) // columns
        wide = max(4, min((room - BETWEEN * (self._parts - 1)) // self._parts, LARGEST))
        return wide, max(4, min(round(wide * first.height / first.width), 2 * wide))

    def _close_size(self) -> tuple[int, int, int]:
        """(maps beside each other, width, height of one): as large as all can be seen together."""
        first, seen = self._atlases[0], self.parentWidget()
        room = (seen.height() if seen is not None else self.height()) - CAPTION - 4
        found = []
        for across in range(1, self._parts + 1):
            rows = -(-self._parts // across)
            wide = (self.width() - BETWEEN * (across - 1)) // across
            high = (room - BETWEEN * (rows - 1)) // rows
            wide = max(min(wide, round(high * first.width / first.height), LARGEST_CLOSE), 4)
            found.append((wide, across))
        wide, across = max(found)
        return across, wide, max(4, round(wide * first.height / first.width))

    def _lay_out(self) -> None:
        """Find the places of all maps: by shown channel, then by part (original, compressed, difference)."""
        self._places = []
        if not self._atlases:
            return
        if self._rows:
            self._places = [row_places(self._rows, self.width(), self._parts)]
            return
        wide, high = self._size()
        if self._is_stacked:
            parts = range(self._parts)
            self._places = [[QRect(0, part * (high + CAPTION + 4) + CAPTION, wide, high) for part in parts]]
            return
        if self._close:
            across, wide, high = self._close_size()
            self._places = [
                [
                    QRect(part % across * (wide + BETWEEN), part // across * (high + BETWEEN), wide, high)
                    for part in range(self._parts)
                ]
            ]
            return
        columns = self._columns()
        pitch = (self.width() + GAP) // columns
        for index in range(self.count):
            x, y = index % columns * pitch, index // columns * (high + CAPTION + 4)
            self._places.append([QRect(x + part * (wide + BETWEEN), y, wide, high) for part in range(self._parts)])

    def _place(self, index: int, part: int) -> QRect:
        return self._places[index][part]

    def cell(self, channel: int) -> QRect:
        """The rectangle of all parts of a channel of the layer."""
        index = channel - (self._maps.first if self._maps else 0)
        return self._place(index, 0).united(self._place(index, self._parts - 1))

    def _wanted_height(self) -> int:
        if not self._places:
            return 40
        last = self._place(self.count - 1, self._parts - 1)
        return last.bottom() + 1 + (0 if self._is_stacked else CAPTION)

    def _fit(self) -> None:
        self._lay_out()
        height = self._wanted_height()
        if self.minimumHeight() != height:
            self.setMinimumHeight(height)

    def sizeHint(self) -> QSize:
        return QSize(320, self._wanted_height())

    def resizeEvent(self, event: object) -> None:
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        dark = color("panel").lightness() < 128
        if dark != self._dark:  # the diverging map's middle is the theme's
            self._dark = dark
            self._colour()
            self.update()

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        maps, seen = self._maps, event.rect()
        if maps is not None and self._atlases:
            painter.setFont(font(11))
            if self._rows:
                paint_names(painter, self._rows, self._place(0, 0), seen)
            above, below = seen.top() - CAPTION - 2, seen.bottom() + CAPTION + 2
            for index, parts in enumerate(self._places):
                if parts[0].top() <= below and parts[-1].bottom() >= above:
                    self._paint_channel(painter, index, maps)
        if self.hasFocus() and self._is_alone:
            paint_focus(painter, QRectF(self.visibleRegion().boundingRect()))
        painter.end()

    def _paint_channel(self, painter: QPainter, index: int, maps: LayerMaps) -> None:
        gone = maps.form == "maps" and (maps.first + index) in maps.removed
        names = (self.tr("original"), self.tr("compressed"), self.tr("difference"))
        for part, atlas in enumerate(self._atlases):
            place = self._place(index, part)
            if self._rows:
                paint_matrix(painter, atlas, place, names[part], maps.shape[1])
                continue
            if gone and part > 0:
                painter.fillRect(place, color("well"))
                painter.fillRect(place, QBrush(color("disabled"), Qt.BrushStyle.BDiagPattern))
                continue
            source = QRect(0, index * atlas.height, atlas.width, atlas.height)
            smooth = atlas.width > place.width() or atlas.height > place.height()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(place, atlas.image, source)
            if self._is_stacked:
                self._paint_words(painter, QRect(0, place.top() - CAPTION, place.width(), CAPTION), names[part])
        if not self._is_stacked and not self._rows:
            cell = self.cell(maps.first + index).adjusted(4 if self._close else 0, 0, 0, 0)
            words = str(maps.first + index) + (f" {self.tr('removed')}" if gone else "")
            self._paint_words(painter, QRect(cell.left(), cell.bottom() + 1, cell.width(), CAPTION), words)
        if self.hasFocus() and index == self._cursor and not self._is_alone:
            painter.setPen(QPen(color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.cell(maps.first + index).adjusted(-1, -1, 1, 1))

    def _paint_words(self, painter: QPainter, place: QRect, words: str) -> None:
        painter.setPen(color("secondary"))
        if metrics(11).horizontalAdvance(words) <= place.width():
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    # ------------------------------------------------------------------ mouse and keys

    def _at(self, point: QPointF) -> tuple[int, int, int] | None:
        """(shown channel, row, column of its arrays) under a place; None between them."""
        if not self._atlases:
            return None
        where = point.toPoint()
        for index in range(self.count):
            for part, atlas in enumerate(self._atlases):
                place = self._place(index, part)
                if place.contains(where):
                    row = int((point.y() - place.top()) / place.height() * atlas.height)
                    column = int((point.x() - place.left()) / place.width() * atlas.width)
                    return index, min(max(row, 0), atlas.height - 1), min(max(column, 0), atlas.width - 1)
        return None

    def words_at(self, point: QPointF) -> str:
        """What stands under a place: channel, row, column, and the values of both networks."""
        found = self._at(point)
        maps = self._maps
        if found is None or maps is None:
            return ""
        index, row, column = found

        def value(values: object) -> float:
            whole = np.asarray(values)
            return float(whole[index, row, column] if whole.ndim == 3 else whole[row, column])

        high, wide = maps.pooled
        where = f"row {row * high}, column {column * wide}"
        if self._rows:
            where = f"{self._rows[row]} (token {row * high}), feature {column * wide}"
        if maps.form == "maps":
            where = f"channel {maps.first + index}, {where}"
        said = f"{where}: {number(value(maps.original))}"
        if maps.compressed is not None:
            after = value(maps.compressed)
            if np.isnan(after):
                return f"{said}, removed"
            said += f" → {number(after)} ({signed_number(value(maps.difference))})"
        return said if maps.pooled == (1, 1) else f"{said}, mean of {high} × {wide}"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        words = self.words_at(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if words else Qt.CursorShape.ArrowCursor)
        self.pointed.emit(words)

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit("")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self._at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or found is None or self._maps is None:
            return
        self._set_cursor(found[0])
        if self._close:
            self.left.emit()
        elif self._maps.form == "maps":
            self.channel_wanted.emit(self.channel)

    def event(self, event: QEvent) -> bool:
        is_shortcut = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
        if self._close and is_shortcut and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            event.accept()  # back to all channels, before it stops a job
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key
        match event.key():
            case key.Key_Left | key.Key_Right:
                self.step_wanted.emit(1 if event.key() == key.Key_Right else -1)
            case key.Key_Up | key.Key_Down if not self._is_alone:
                self._set_cursor(self._cursor + (1 if event.key() == key.Key_Down else -1))
            case key.Key_Return | key.Key_Enter | key.Key_Space if self._maps is not None and not self._close:
                if self._maps.form == "maps":
                    self.channel_wanted.emit(self.channel)
            case key.Key_Escape | key.Key_Return | key.Key_Space if self._close:
                self.left.emit()
            case key.Key_Up | key.Key_Down if self._close:
                self.channel_wanted.emit(self.channel + (1 if event.key() == key.Key_Down else -1))
            case _:
                event.ignore()

    def _set_cursor(self, index: int) -> None:
        if self.count:
            self._cursor = min(max(index, 0), self.count - 1)
            place = self.cell(self.channel)
            self.cursor_moved.emit(place)
            self.setAccessibleDescription(self.tr("channel {0} of {1}").format(self.channel, self.count))
            self.update()
