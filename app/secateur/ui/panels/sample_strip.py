"""The strip of thumbnails of the test split: a click or ←/→ chooses a sample, the wheel moves along."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from secateur.figures import thousands
from secateur.model.maps import Thumbnail
from secateur.ui.plots.map_colours import image_of
from secateur.ui.plots.strokes import paint_focus
from secateur.ui.theme.style import color, font, metrics

SIDE, GAP, MARGIN = 36, 4, 4
OF_TEXT = 148
"""Width of the card of a text sample."""


class SampleStrip(QWidget):
    """`sample_chosen(number)`; `samples_wanted(first)` where pictures are seen that are not there yet."""

    sample_chosen = Signal(int)
    samples_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sample_strip")
        self.setAccessibleName(self.tr("Samples of the test split"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._total = 0
        self._first = 0
        self._chosen: int | None = None
        self._asked: int | None = None
        self._thumbnails: Mapping[int, Thumbnail] = {}
        self._images: dict[int, QImage] = {}

    def sizeHint(self) -> QSize:
        return QSize(320, SIDE + 2 * MARGIN)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, SIDE + 2 * MARGIN)

    def show_samples(self, thumbnails: Mapping[int, Thumbnail], total: int, chosen: int | None) -> None:
        """Show the split from where it was; moved so far that the chosen sample is in view."""
        wide = self._wide
        if thumbnails is not self._thumbnails:
            self._thumbnails, self._asked = thumbnails, None
            self._images = {n: image for n, image in self._images.items() if n in thumbnails and total == self._total}
        self._total = total
        if chosen != self._chosen or wide != self._wide:
            self._chosen = chosen
            if chosen is not None and not self._first <= chosen < self._first + self._room():
                self._first = chosen - self._room() // 2
        self._move(0)
        self.setAccessibleDescription(f"{chosen} / {thousands(total)}" if chosen is not None else "")
        self.update()

    @property
    def _wide(self) -> int:
        """Width of one sample: texts need more than pictures."""
        return OF_TEXT if any(known.texts for known in self._thumbnails.values()) else SIDE

    def _room(self) -> int:
        return max(1, (self.width() - 2 * MARGIN + GAP) // (self._wide + GAP))

    def place(self, index: int) -> QRect:
        """Where a sample's picture lies."""
        wide = self._wide
        return QRect(MARGIN + (index - self._first) * (wide + GAP), MARGIN, wide, SIDE)

    def _seen(self) -> range:
        return range(self._first, min(self._first + self._room(), self._total))

    def _move(self, by: int) -> None:
        self._first = min(max(self._first + by, 0), max(self._total - self._room(), 0))
        missing = next((n for n in self._seen() if n not in self._thumbnails), None)
        if missing is not None and missing != self._asked:  # once: what cannot be read is not asked for for ever
            self._asked = missing
            self.samples_wanted.emit(missing)
        self.update()

    def resizeEvent(self, event: object) -> None:
        if self._total:
            self._move(0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        for index in self._seen():
            place = self.place(index)
            painter.fillRect(place, color("well"))
            thumbnail = self._thumbnails.get(index)
            if thumbnail is not None and thumbnail.texts:
                _paint_texts(painter, place, thumbnail.texts)
            elif thumbnail is not None and thumbnail.image is not None:
                if index not in self._images:
                    self._images[index] = image_of(thumbnail.image)
                image = self._images[index]
                size = image.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
                target = QRect(place.topLeft(), size)
                target.moveCenter(place.center())
                painter.drawImage(target, image)
            if index == self._chosen:
                painter.setPen(QPen(color("accent"), 2))
                painter.drawRect(place.adjusted(-1, -1, 1, 1))
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()))
        painter.end()

    def _at(self, point: QPointF) -> int | None:
        return next((n for n in self._seen() if self.place(n).contains(point.toPoint())), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self.sample_chosen.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta().y() or event.angleDelta().x()
        self._move(-3 if turn > 0 else 3)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, now = Qt.Key, self._chosen if self._chosen is not None else -1
        steps = {key.Key_Left: now - 1, key.Key_Right: now + 1, key.Key_Home: 0, key.Key_End: self._total - 1}
        steps |= {key.Key_PageUp: now - self._room(), key.Key_PageDown: now + self._room()}
        wanted = steps.get(key(event.key()))
        if wanted is None or not self._total:
            event.ignore()
            return
        self.sample_chosen.emit(min(max(wanted, 0), self._total - 1))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._at(QPointF(event.pos()))
            known = self._thumbnails.get(index) if index is not None else None
            words = f"{index}: {known.label}" if known is not None and known.label else str(index)
            words = "\n".join((words, *(known.texts if known is not None else ())))
            QToolTip.showText(event.globalPos(), words if index is not None else "", self)
            return True
        return super().event(event)


def _paint_texts(painter: QPainter, place: QRect, texts: Sequence[str]) -> None:
    """The first two texts of a sample, a line each."""
    painter.setFont(font(11))
    painter.setPen(color("text"))
    inner = place.adjusted(6, 2, -6, -2)
    shown = texts[:2]
    high = inner.height() // len(shown)
    for number, text in enumerate(shown):
        line = QRect(inner.left(), inner.top() + number * high, inner.width(), high)
        short = metrics(11).elidedText(text, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
