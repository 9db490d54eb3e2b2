"""A layer's output for a text as a matrix: a row for each token under its own name, a column for each feature."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage, QPainter

from secateur.model.maps import LayerMaps
from secateur.ui.plots.map_colours import Atlas
from secateur.ui.theme.style import color, font, metrics

ROW: Final = 14
"""Height of a row: that of its name."""
CAPTION: Final = 15
MOST_NAME: Final = 84
BETWEEN, GAP = 6, 6


def row_names(maps: LayerMaps | None, places: Sequence[str]) -> tuple[str, ...]:
    """Names of the rows that are shown: the first of those that one is the mean of; empty where they are no tokens."""
    if maps is None or maps.form != "rows" or len(places) != maps.shape[0]:
        return ()
    return tuple(places[:: maps.pooled[0]])


def names_width(names: Sequence[str]) -> int:
    """Room for the names, with a gap to what they name."""
    return min(max((metrics(11).horizontalAdvance(name) for name in names), default=0), MOST_NAME) + GAP + 2


def row_places(names: Sequence[str], width: int, parts: int) -> list[QRect]:
    """Places of the matrices beside each other: all of them have the rows that are named at the left."""
    left = names_width(names)
    wide = max(4, (width - left - BETWEEN * (parts - 1)) // parts)
    return [QRect(left + part * (wide + BETWEEN), CAPTION, wide, ROW * len(names)) for part in range(parts)]


def paint_names(painter: QPainter, names: Sequence[str], first: QRect, seen: QRect) -> None:
    """The names of the rows that are seen, left of the first matrix."""
    painter.setFont(font(11))
    painter.setPen(color("secondary"))
    wide = first.left() - GAP
    for row, name in enumerate(names):
        line = QRect(0, first.top() + row * ROW, wide, ROW)
        if line.bottom() >= seen.top() and line.top() <= seen.bottom():
            short = metrics(11).elidedText(name, Qt.TextElideMode.ElideRight, wide)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short)


def paint_matrix(painter: QPainter, atlas: Atlas, place: QRect, title: str, features: int) -> None:
    """One matrix with its title above, and the numbers of its first and last feature below."""
    smooth, keep = Qt.TransformationMode.SmoothTransformation, Qt.AspectRatioMode.IgnoreAspectRatio
    image: QImage = atlas.image
    if image.width() > place.width():  # along the features alone: a row must not run into the next one
        image = image.scaled(place.width(), image.height(), keep, smooth)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(place, image)
    painter.setPen(color("secondary"))
    above = QRect(place.left(), place.top() - CAPTION, place.width(), CAPTION)
    below = QRect(place.left(), place.bottom() + 1, place.width(), CAPTION)
    middle, sizes = Qt.AlignmentFlag.AlignVCenter, metrics(11)
    if sizes.horizontalAdvance(title) <= above.width():
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft | middle, title)
    words = f"0 … {features - 1}"
    named = f"feature {words}"
    fits = next((one for one in (named, words) if sizes.horizontalAdvance(one) <= below.width()), "")
    painter.drawText(below, Qt.AlignmentFlag.AlignLeft | middle, fits)
