"""Icons: glyphs of the Phosphor font that qtawesome ships, painted in a role's colour at any size.

The font is read without importing qtawesome, whose import takes 0.4 s because it loads eleven fonts. The
colour is looked up when an icon is painted, so that a change of theme needs a repaint and nothing else.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

ICONS: Final[dict[str, str]] = {
    "open": "folder-open",
    "data": "image",
    "analyse": "activity",
    "run": "play",
    "export": "export",
    "undo": "arrow-counter-clockwise",
    "redo": "arrow-clockwise",
    "dark": "moon",
    "light": "sun",
    "find": "magnifying-glass",
    "filter": "funnel",
    "columns": "columns",
    "weight_pruning": "scissors",
    "quantize": "stack",
    "low_rank": "arrows-in-line-horizontal",
    "channel_pruning": "rows",
    "distil": "student",
    "sensitivity": "target",
    "measure": "ruler",
    "job": "lightning",
    "done": "check-circle",
    "warn": "warning",
    "failed": "x-circle",
    "stopped": "stop",
    "copy": "copy",
    "save": "download-simple",
    "model": "cube",
    "sample": "flask",
    "code": "file",
    "reset": "eraser",
    "close": "x",
    "check": "check",
    "up": "caret-up",
    "down": "caret-down",
    "left": "caret-left",
    "right": "caret-right",
    "plan": "sliders",
    "graph": "tree-structure",
    "log": "terminal",
    "info": "info",
    "settings": "gear",
    "more": "dots-three-vertical",
    "compare": "git-diff",
    "restore": "arrow-counter-clockwise",
    "waiting": "clock",
    "pin": "push-pin",
    "front": "chart-line",
    "keep": "lock-simple",
    "free": "lock-simple-open",
}
"""What the program says → the Phosphor glyph. Any other Phosphor name works as it is."""


@cache
def _glyphs() -> dict[str, str]:
    charmap = next(_folder().glob("phosphor-charmap*.json"))
    table: dict[str, str] = json.loads(charmap.read_text(encoding="utf-8"))
    return {name: chr(int(code, 16)) for name, code in table.items()}


def _folder() -> Path:
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("qtawesome, which ships the icon font, is not installed")
    return Path(spec.origin).parent / "fonts"


@cache
def _family() -> str:
    path = next(_folder().glob("phosphor-[0-9]*.ttf"))
    number = QFontDatabase.addApplicationFont(str(path))
    return QFontDatabase.applicationFontFamilies(number)[0]


def glyph(name: str) -> str:
    """The character of an icon; KeyError where neither the table nor the font knows the name."""
    return _glyphs()[ICONS.get(name, name)]


def paint_icon(painter: QPainter, rect: QRect, name: str, colour: QColor) -> None:
    """Paint an icon to fill `rect` (square)."""
    painter.save()
    font = QFont(_family())
    font.setPixelSize(max(1, rect.height()))
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, glyph(name))
    painter.restore()


class GlyphEngine(QIconEngine):
    """Paints one glyph in the colour that `colour_of(role)` has at that moment."""

    def __init__(self, name: str, role: str, colour_of: Callable[[str], QColor]) -> None:
        super().__init__()
        self.name, self.role, self.colour_of = name, role, colour_of

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        role = "disabled" if mode == QIcon.Mode.Disabled else self.role
        paint_icon(painter, rect, self.name, self.colour_of(role))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return GlyphEngine(self.name, self.role, self.colour_of)
