"""Every text that a window paints, with its box: labels, buttons, cells, headers, plots and scenes alike.

Each widget is rendered alone onto a device whose engine draws nothing: it notes the ink of each text, what clips it,
and what is painted over it. Cut, colliding and wrongly shortened texts are found from that. The engine says that it
is one for SVG: what is painted once and copied as pixels from then on is then painted as text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
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
ELLIPSIS = "…"
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


@dataclass(frozen=True)
class Finding:
    """What is wrong with a text: `kind` is cut, collision, covered or shortened."""

    kind: str
    text: str
    where: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text!r} in {self.where}{f' ({self.how})' if self.how else ''}"


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


# ---------------------------------------------------------------------- from a window to its texts


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


# ---------------------------------------------------------------------- what is wrong with them


def findings(window: QWidget) -> list[Finding]:
    """All that is wrong with the texts of a window."""
    return findings_in(texts_of(window), window)


def findings_in(texts: list[Painted], window: QWidget) -> list[Finding]:
    """What is wrong with texts that were found in a window."""
    return [*_squeezed(window), *_cut(texts), *_collisions(texts), *_shortened(lines_of(texts))]


def _squeezed(window: QWidget) -> Iterator[Finding]:
    """Labels and buttons that have words, and no room at all."""
    for widget in window.findChildren(QWidget):
        words = getattr(widget, "text", None)
        if widget.isVisible() and not (widget.width() and widget.height()) and callable(words) and words():
            yield Finding("cut", str(words()), place_of(widget), "no room")


def _cut(texts: Iterable[Painted]) -> Iterator[Finding]:
    for text in texts:
        if _is_scrolled_away(text):
            continue
        lost = {side: much for side, much in _missing(text.ink, text.limit).items() if side not in text.free}
        if text.clip is not None:
            ends = _sides_at(text)
            lost |= {side: much for side, much in _missing(text.ink, text.clip).items() if side not in ends}
        if lost:
            how = ", ".join(f"{much:.0f} px {_SIDES[side]}" for side, much in lost.items())
            yield Finding("cut", text.text, place_of(text.widget), how)


def _missing(ink: QRectF, box: QRectF) -> dict[str, float]:
    """By how much a box cuts, on each side on which it does."""
    if box.isEmpty():
        return {"r": ink.width()}
    missing = {
        "l": box.left() - ink.left(),
        "t": box.top() - ink.top(),
        "r": ink.right() - box.right(),
        "b": ink.bottom() - box.bottom(),
    }
    return {side: much for side, much in missing.items() if much > SLACK}


def _sides_at(text: Painted) -> str:
    """The free sides on which the painter's clip is no closer than the edge that scrolls."""
    clip, limit = text.clip or text.limit, text.limit
    if isinstance(text.widget, QLineEdit):
        return text.free
    at = {
        "l": clip.left() <= limit.left() + 1,
        "t": clip.top() <= limit.top() + 1,
        "r": clip.right() >= limit.right() - 1,
        "b": clip.bottom() >= limit.bottom() - 1,
    }
    return "".join(side for side in text.free if at[side])


_SIDES = {"l": "left", "t": "above", "r": "right", "b": "below"}


def _is_scrolled_away(text: Painted) -> bool:
    """Whether all of it is out of view on a side that scrolls."""
    ink, limit = text.ink, text.limit
    if limit.isEmpty() and text.free:
        return True
    gone = {
        "l": ink.right() <= limit.left(),
        "t": ink.bottom() <= limit.top(),
        "r": ink.left() >= limit.right(),
        "b": ink.top() >= limit.bottom(),
    }
    return any(gone[side] for side in text.free)


def _collisions(texts: list[Painted]) -> Iterator[Finding]:
    """Pairs of texts whose ink overlaps; the same text twice at one place is an outline."""
    seen = [(text, text.seen) for text in texts]
    seen = [(text, box) for text, box in seen if box.width() > SLACK and box.height() > SLACK]
    if not seen:
        return
    edges = np.array([(box.left(), box.top(), box.right(), box.bottom()) for _, box in seen])
    wide = np.minimum(edges[:, None, 2], edges[None, :, 2]) - np.maximum(edges[:, None, 0], edges[None, :, 0])
    high = np.minimum(edges[:, None, 3], edges[None, :, 3]) - np.maximum(edges[:, None, 1], edges[None, :, 1])
    for first, second in np.argwhere(np.triu((wide > SLACK) & (high > SLACK), 1)).tolist():
        one, other = seen[first][0], seen[second][0]
        is_outline = one.text == other.text and (one.ink.topLeft() - other.ink.topLeft()).manhattanLength() < 4
        if not is_outline:
            how = f"{wide[first, second]:.0f} × {high[first, second]:.0f} px"
            yield Finding("collision", f"{one.text} | {other.text}", place_of(other.widget), how)


@dataclass(frozen=True)
class Line:
    """Runs of text that stand beside each other on one baseline: a name's prefix and its last part."""

    text: str
    left: float
    top: float
    widget: QWidget


def lines_of(texts: Iterable[Painted]) -> list[Line]:
    """Runs that belong together joined; runs that are scrolled out of view are left out."""
    rows: dict[tuple[int, int], list[Painted]] = defaultdict(list)
    for text in texts:
        if not text.seen.isEmpty():
            rows[(id(text.widget), round(text.baseline))].append(text)
    lines: list[Line] = []
    for row in rows.values():
        row.sort(key=lambda text: text.ink.left())
        joined: Painted | None = None
        for text in row:
            if joined is not None and -SLACK <= text.ink.left() - joined.ink.right() <= 4:
                joined = replace(joined, text=joined.text + text.text, ink=joined.ink | text.ink)
                continue
            lines += [] if joined is None else [_line(joined)]
            joined = text
        lines += [] if joined is None else [_line(joined)]
    return lines


def _line(text: Painted) -> Line:
    return Line(text.text.strip(), text.ink.left(), text.ink.top(), text.widget)


def _shortened(lines: Iterable[Line]) -> Iterator[Finding]:
    """Names that two rows share after they were shortened, and words and numbers that must not be shortened."""
    columns: dict[tuple[int, str], list[Line]] = defaultdict(list)
    for line in lines:
        if ELLIPSIS not in line.text.replace(f" {ELLIPSIS} ", "") or _is_meant(line):
            continue
        columns[(round(line.left / 4), line.text)].append(line)
        if re.match(rf"{ELLIPSIS}|#\d+{ELLIPSIS}", line.text):
            continue  # a name told apart by its end or its place: see `secateur.layer_names`
        bare = line.text.replace(ELLIPSIS, "")
        if not re.search(r"[^\W\d_]", bare) or re.search(r"^[−+]?\d[\d.,]*…", line.text):
            yield Finding("shortened", line.text, place_of(line.widget), "a number")
        elif not re.search(r"[\s./:_-]", bare):
            yield Finding("shortened", line.text, place_of(line.widget), "a word")
    for same in columns.values():
        if len({round(line.top) for line in same}) > 1:
            yield Finding("shortened", same[0].text, place_of(same[0].widget), f"{len(same)} rows alike")


def _is_meant(line: Line) -> bool:
    """Whether the ellipsis belongs to what the widget says: `Open…`, `Find a layer…`."""
    said = []
    for name in ("text", "placeholderText", "title", "toPlainText"):
        words = getattr(line.widget, name, None)
        if callable(words):
            try:
                said.append(str(words()))
            except TypeError:  # takes arguments: not what is meant here
                continue
    said += [line.widget.accessibleName(), str(line.widget.property("said") or "")]
    return any(line.text in words for words in said)


def place_of(widget: QWidget) -> str:
    """Names of a widget and of what it lies in, nearest last: enough to find it."""
    names: list[str] = []
    place: QWidget | None = widget
    while place is not None and not place.isWindow() and len(names) < 3:
        name = place.objectName() or type(place).__name__
        if not name.startswith("qt_") and name != "QWidget":
            names.insert(0, name)
        place = place.parentWidget()
    return " / ".join(names) or widget.objectName() or type(widget).__name__
