"""Filters as small pictures: the kernels of all inputs side by side in a diverging map, or three inputs as colours."""

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap, qRgb, qRgba

from secateur.ui.theme.colormaps import NOTHING, diverging, stepped
from secateur.ui.theme.style import current_theme

Codes = NDArray[np.int8]
Indices = NDArray[np.uint8]


def tiling(inputs: int, height: int, width: int) -> tuple[int, int, int]:
    """(across, down, gap): how so many kernels stand in a sheet that is about square, with pixels between them."""
    across = max(ceil(sqrt(inputs * height / max(width, 1))), 1)
    return across, ceil(inputs / across), 1 if inputs > 1 and height * width > 1 else 0


def tiled(indices: Indices) -> Indices:
    """The kernels (inputs, height, width) of one filter in a grid that is about square, lines of one pixel between."""
    inputs, height, width = indices.shape
    across, down, gap = tiling(inputs, height, width)
    cells = np.full((down * across, height + gap, width + gap), NOTHING, np.uint8)
    cells[:inputs, :height, :width] = indices
    sheet = cells.reshape(down, across, height + gap, width + gap).swapaxes(1, 2)
    whole = sheet.reshape(down * (height + gap), across * (width + gap))
    return np.ascontiguousarray(whole[: whole.shape[0] - gap, : whole.shape[1] - gap])


def indices_of(codes: Codes, limit: float, common: float | None) -> Indices:
    """Places in the colour table, 127 for zero: on the filter's own scale, or so that `common` is its end."""
    values = codes.astype(np.float32)
    if common:
        values *= limit / common
    return np.where(codes == -128, NOTHING, np.rint(np.clip(values, -127, 127)) + 127).astype(np.uint8)


def colour_table() -> list[int]:
    """256 colours for indices: the diverging map of the theme, and nothing for lines and what is no number."""
    return [qRgb(*(int(c) for c in row)) for row in stepped(diverging(current_theme()))] + [qRgba(0, 0, 0, 0)]


def filter_image(codes: Codes, limit: float, common: float | None, colours: list[int]) -> QImage:
    """A filter (inputs, height, width) as an image, one pixel for each weight."""
    sheet = tiled(indices_of(codes, limit, common))
    height, width = sheet.shape
    image = QImage(sheet.tobytes(), width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colours)
    return image.copy()  # the bytes above are not Qt's


def rgb_image(codes: Codes, limit: float, common: float | None) -> QImage:
    """A filter of three inputs (3, height, width) as one picture in their colours, grey for zero."""
    values = indices_of(codes, limit, common)
    pixels = np.ascontiguousarray(np.moveaxis(np.where(values == NOTHING, 127, values), 0, -1))
    height, width = pixels.shape[:2]
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def fitted(image: QImage, side: int) -> QPixmap:
    """The image in a square of `side` pixels: whole multiples where it is smaller, smooth where it is larger."""
    largest = max(image.width(), image.height(), 1)
    if largest <= side:
        times = side // largest
        scaled = image.scaled(image.width() * times, image.height() * times)
    else:
        scaled = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied).scaled(
            side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
    return QPixmap.fromImage(scaled)
