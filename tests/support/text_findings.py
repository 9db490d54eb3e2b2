"""Texts that are cut, lie on each other, or are shortened to the same name: found from where they are painted."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from painted_texts import SLACK, Painted, texts_of
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QLineEdit, QWidget

ELLIPSIS = "…"


@dataclass(frozen=True)
class Finding:
    """What is wrong with a text: `kind` is cut, collision, covered or shortened."""

    kind: str
    text: str
    where: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text!r} in {self.where}{f' ({self.how})' if self.how else ''}"


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
