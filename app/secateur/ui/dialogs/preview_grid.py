"""Samples exactly as the network is fed, with their labels and the range of the numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from secateur import figures
from secateur.engine.events import Preview
from secateur.ui.theme.colormaps import viridis
from secateur.ui.theme.style import color, font

SIDE, GAP, CAPTION, COLUMNS, LIMIT = 92, 8, 34, 4, 8


class PreviewGrid(QWidget):
    """Up to eight samples, four in a row; small images are shown with hard pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("data_previews")
        self._previews: tuple[Preview, ...] = ()
        self._images: list[QImage] = []
        self.setMinimumSize(self.sizeHint())

    def show_previews(self, previews: Sequence[Preview]) -> None:
        self._previews = tuple(previews)[:LIMIT]
        self._images = [_image(preview) for preview in self._previews]
        self.setAccessibleName(", ".join(preview.label for preview in self._previews) or "No samples yet")
        self.update()

    @property
    def count(self) -> int:
        return len(self._previews)

    def sizeHint(self) -> QSize:
        rows = LIMIT // COLUMNS
        return QSize(COLUMNS * (SIDE + GAP) - GAP, rows * (SIDE + CAPTION + GAP) - GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        for n in range(LIMIT):
            left = n % COLUMNS * (SIDE + GAP)
            top = n // COLUMNS * (SIDE + CAPTION + GAP)
            if n >= len(self._previews):
                painter.fillRect(QRect(left, top, SIDE, SIDE), color("raised"))
                continue
            self._paint_sample(painter, n, QRect(left, top, SIDE, SIDE))
        painter.end()

    def _paint_sample(self, painter: QPainter, n: int, rect: QRect) -> None:
        preview, image = self._previews[n], self._images[n]
        small = max(image.width(), image.height()) < SIDE
        way = Qt.TransformationMode.FastTransformation if small else Qt.TransformationMode.SmoothTransformation
        scaled = image.scaled(rect.size(), Qt.AspectRatioMode.KeepAspectRatio, way)
        place = QRect(rect.topLeft(), scaled.size())
        place.moveCenter(rect.center())
        painter.drawImage(place.topLeft(), scaled)
        text = QRect(rect.left(), rect.bottom() + 3, rect.width(), 16)
        painter.setFont(font(11, 500))
        painter.setPen(color("text"))
        painter.drawText(
            text, QFontMetrics(painter.font()).elidedText(preview.label, Qt.TextElideMode.ElideRight, text.width())
        )
        painter.setFont(font(11))
        painter.setPen(color("secondary"))
        painter.drawText(text.translated(0, 14), figures.span(preview.fed_min, preview.fed_max))


CLASS_COLOURS = 7
"""Classes of a mask that get a colour of their own before they begin anew; the class 0 has none."""
UNJUDGED = 255
MASK_SHARE = 0.5


def _image(preview: Preview) -> QImage:
    pixels = np.ascontiguousarray(preview.image)
    if preview.mask is not None and preview.mask.shape == pixels.shape[:2]:
        pixels = masked(pixels, preview.mask)
    height, width = pixels.shape[:2]
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def masked(pixels: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (h, w, 3) under the colours of the classes (h, w); pixels that are judged nowhere are darkened."""
    place = np.where(mask == 0, 0, 1 + (mask.astype(np.int64) - 1) % CLASS_COLOURS)
    colours = viridis[np.rint(np.linspace(255, 64, CLASS_COLOURS)).astype(int)].astype(np.float32)
    over = np.concatenate([np.zeros((1, 3), np.float32), colours])[place]
    share = np.where(mask == 0, 0.0, MASK_SHARE)[..., None]
    over[mask == UNJUDGED] = 0
    return np.ascontiguousarray(np.rint(pixels * (1 - share) + over * share).astype(np.uint8))
