"""Every text that a window paints, with its box: labels, buttons, cells, headers, plots and scenes alike.

Each widget is rendered alone onto a device whose engine draws nothing: it notes the ink of each text, what clips it,
and what is painted over it; `text_findings` finds from that what is wrong. The engine says that it is one for SVG: what
is painted once and copied as pixels from then on is then painted as text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QPaintDevice,
    QPaintEngine,
    QPaintEngineState,
    QPainter,
    QPainterPath,
    QPixmap,
    QPolygonF,
    QRegion,
    QTextItem,
    QTransform,
)
from PySide6.QtWidgets import QAbstractScrollArea, QGraphicsView, QLineEdit, QWidget

SLACK = 1.5
"""Pixels by which ink may leave its box or touch other ink: antialiasing, and a hair of a rounded letter."""
PANNED = frozenset({"graph_view"})
"""What a person moves about under the mouse: its edges cut nothing."""
PERCEPTIBLE = 12
"""Alpha of 255 below which a text is not seen."""
_Dirty = QPaintEngine.DirtyFlag
_TRANSFORM, _CLIP_PATH, _CLIP_REGION, _CLIP_ENABLED = (
    flag.value
    for flag in (_Dirty.DirtyTransform, _Dirty.DirtyClipPath, _Dirty.DirtyClipRegion, _Dirty.DirtyClipEnabled)
)
_FILLING = (_Dirty.DirtyBrush | _Dirty.DirtyOpacity).value
_WRITING = (_Dirty.DirtyPen | _Dirty.DirtyOpacity).value


@dataclass(frozen=True)
class Painted:
    """One run of text: `ink` in the window's coordinates, and what lets it be seen.

    `limit` is what its widget and the ancestors show of it, `clip` what the painter had set besides. `free` has a
    letter for each side (l, t, r, b) of the limit on which what is missing can be scrolled into view.
    """

    text: str
    ink: QRectF
    limit: QRectF
    baseline: float
    widget: QWidget
    order: int
    clip: QRectF | None = None
    free: str = ""

    @property
    def seen(self) -> QRectF:
        """The part of the ink that is seen."""
        return self.ink & self.limit if self.clip is None else self.ink & self.limit & self.clip


class _Recorder(QPaintEngine):
    """Notes texts with ink, clip and order, and the boxes of opaque fills with their order."""

    def __init__(self) -> None:
        super().__init__(QPaintEngine.PaintEngineFeature.AllFeatures)
        self.texts: list[tuple[str, QRectF, QRectF | None, float, int]] = []
        self.fills: list[tuple[QRectF, int]] = []
        self._transform, self._clip, self._clips = QTransform(), None, False
        self._fills_solidly, self._seen, self._order = False, True, 0

    def begin(self, device: QPaintDevice) -> bool:
        return True

    def end(self) -> bool:
        return True

    def type(self) -> QPaintEngine.Type:
        return QPaintEngine.Type.SVG

    def updateState(self, state: QPaintEngineState) -> None:
        changed = state.state().value  # called 10,000 times for a window: Python's flags would take half of the time
        if changed & _TRANSFORM:
            self._transform = QTransform(state.transform())
        if changed & _CLIP_PATH:
            self._narrow(state.clipOperation(), state.clipPath().boundingRect())
        if changed & _CLIP_REGION:
            self._narrow(state.clipOperation(), QRectF(state.clipRegion().boundingRect()))
        if changed & _CLIP_ENABLED:
            self._clips = state.isClipEnabled()
        if changed & _FILLING:
            brush = state.brush()
            solid = brush.style() == Qt.BrushStyle.SolidPattern and brush.color().alpha() > 250
            self._fills_solidly = solid and state.opacity() > 0.98
        if changed & _WRITING:
            self._seen = state.pen().color().alpha() * state.opacity() >= PERCEPTIBLE

    def _narrow(self, operation: Qt.ClipOperation, box: QRectF) -> None:
        box = self._transform.mapRect(box)
        if operation == Qt.ClipOperation.NoClip:
            self._clip = None
        elif operation == Qt.ClipOperation.IntersectClip and self._clip is not None:
            self._clip = self._clip & box
        else:
            self._clip = box

    def drawTextItem(self, point: QPointF, item: QTextItem) -> None:
        text = item.text()
        if self._seen and not all(letter.isspace() or "\ue000" <= letter <= "\uf8ff" for letter in text):
            self._order += 1
            ink = self._transform.mapRect(_ink(text, item).translated(point))
            clip = self._clip if self._clips else None
            self.texts.append((text, ink, clip, self._transform.map(point).y(), self._order))

    def _fill(self, box: QRectF) -> None:
        self._order += 1
        seen = self._transform.mapRect(box)
        self.fills.append((seen & self._clip if self._clips and self._clip is not None else seen, self._order))

    def drawPath(self, path: QPainterPath) -> None:
        if self._fills_solidly:
            self._fill(path.boundingRect())

    def drawPolygon(self, points: QPolygonF, *_rest: object) -> None:
        pass  # of its points Python is given the first alone; boxes come as paths

    def drawPixmap(self, target: QRectF, pixmap: QPixmap, source: QRectF) -> None:
        if not pixmap.hasAlpha():
            self._fill(target)

    def drawImage(self, target: QRectF, image: QImage, *_rest: object) -> None:
        if not image.hasAlphaChannel():
            self._fill(target)

    def drawTiledPixmap(self, *_what: object) -> None:
        pass


class _Device(QPaintDevice):
    """As large as a widget, and as dense as its screen."""

    def __init__(self, size: QSize, dots_per_inch: int) -> None:
        super().__init__()
        self.recorder = _Recorder()
        metric = QPaintDevice.PaintDeviceMetric
        self._metrics = {
            metric.PdmWidth: size.width(),
            metric.PdmHeight: size.height(),
            metric.PdmDpiX: dots_per_inch,
            metric.PdmDpiY: dots_per_inch,
            metric.PdmPhysicalDpiX: dots_per_inch,
            metric.PdmPhysicalDpiY: dots_per_inch,
            metric.PdmDepth: 32,
            metric.PdmNumColors: 2**31 - 1,
            metric.PdmDevicePixelRatio: 1,
            metric.PdmDevicePixelRatioScaled: 0x10000,
        }

    def paintEngine(self) -> QPaintEngine:
        return self.recorder

    def metric(self, metric: QPaintDevice.PaintDeviceMetric) -> int:
        return self._metrics.get(metric, 0)


_inks: dict[tuple[str, str], QRectF] = {}


def _ink(text: str, item: QTextItem) -> QRectF:
    """The box of the letters themselves, from the baseline's left end."""
    font = item.font()
    key = (text, font.key())
    if key not in _inks:
        _inks[key] = QFontMetricsF(font).tightBoundingRect(text)
    return _inks[key]


def texts_of(window: QWidget) -> list[Painted]:
    """What can be read in `window`; texts that an opaque box was painted over are not among them."""
    painted: list[Painted] = []
    fills: list[tuple[QRectF, int]] = []
    order = 0
    dots = round(window.screen().logicalDotsPerInchX())
    for widget in _in_painting_order(window):
        device = _Device(widget.size(), dots)
        painter = QPainter(device)
        QWidget.render(widget, painter, QPoint(), QRegion(), QWidget.RenderFlag.DrawWindowBackground)
        painter.end()
        recorder, corner = device.recorder, QPointF(widget.mapTo(window, QPoint()))
        limit, free = _limit(widget, window)
        for box, number in recorder.fills:
            seen = box.translated(corner) & limit
            if seen.width() > 3 and seen.height() > 3:
                fills.append((seen, order + number))
        for text, ink, clip, baseline, number in recorder.texts:
            held = None if clip is None else clip.translated(corner)
            place, line = ink.translated(corner), baseline + corner.y()
            painted.append(Painted(text, place, limit, line, widget, order + number, held, free))
        order += len(recorder.fills) + len(recorder.texts)
    return [left for text in painted if (left := _uncovered(text, fills)) is not None]


def _in_painting_order(window: QWidget) -> Iterator[QWidget]:
    """The visible widgets of a window, each after what lies below it."""
    yield window
    for child in window.children():
        if isinstance(child, QWidget) and not child.isWindow() and child.isVisible() and not child.size().isEmpty():
            yield from _in_painting_order(child)


def _limit(widget: QWidget, window: QWidget) -> tuple[QRectF, str]:
    """What of a widget its ancestors let through, and the sides on which more of it can be scrolled in."""
    limit = QRectF(QPointF(widget.mapTo(window, QPoint())), QRectF(widget.rect()).size())
    sides: dict[str, float] = {}
    above: QWidget | None = widget
    while above is not None:
        place = QRectF(QPointF(above.mapTo(window, QPoint())), QRectF(above.rect()).size())
        limit &= place
        area = above if isinstance(above, QAbstractScrollArea) else None
        if area is not None and area.viewport() is not None:
            port = QRectF(QPointF(area.viewport().mapTo(window, QPoint())), QRectF(area.viewport().rect()).size())
            is_panned = area.objectName() in PANNED
            if is_panned or _can_scroll(area, "horizontal"):
                sides |= {"l": port.left(), "r": port.right()}
            if is_panned or _can_scroll(area, "vertical"):
                sides |= {"t": port.top(), "b": port.bottom()}
        if isinstance(above, QLineEdit):
            sides |= {"l": place.left(), "r": place.right()}
        if above is window:
            break
        above = above.parentWidget()
    edges = {"l": limit.left(), "r": limit.right(), "t": limit.top(), "b": limit.bottom()}
    inward = {"l": 1, "t": 1, "r": -1, "b": -1}
    free = [s for s, edge in sides.items() if limit.isEmpty() or (edges[s] - edge) * inward[s] <= 1]
    return limit, "".join(free)


def _can_scroll(area: QAbstractScrollArea, way: str) -> bool:
    if isinstance(area, QGraphicsView) and area.objectName() not in PANNED:
        return False
    bar = area.horizontalScrollBar() if way == "horizontal" else area.verticalScrollBar()
    return bar is not None and bar.maximum() > bar.minimum()


def _uncovered(text: Painted, fills: Iterable[tuple[QRectF, int]]) -> Painted | None:
    """What is left of a text below opaque boxes: None where nothing is, its near part where one covers a side."""
    ink, free = text.seen, text.free
    if ink.isEmpty():
        return text
    for box, number in fills:
        if number < text.order or not box.intersects(ink):
            continue
        inner = ink.adjusted(SLACK, SLACK, -SLACK, -SLACK)
        if box.contains(inner):
            return None
        if box.top() <= inner.top() and box.bottom() >= inner.bottom():  # an overlay over the one or the other end
            if box.right() >= inner.right():
                ink.setRight(box.left())
                free += "r"
            elif box.left() <= inner.left():
                ink.setLeft(box.right())
                free += "l"
    return text if free == text.free else replace(text, limit=ink, clip=None, free=free)
