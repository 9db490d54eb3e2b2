"""Feature maps as pictures: one scale for what is compared, one of its own for the difference."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, qRgb

from secateur.figures import number
from secateur.ui.theme.colormaps import NOTHING, STEPS, diverging, stepped, viridis
from secateur.ui.theme.style import color, current_theme

Values = NDArray[np.float16 | np.float32]
Pixels = NDArray[np.uint8]

CENTRAL = 0.995
"""Share of the values that the scale spans: a few large ones would leave nothing to see of the others."""


ENOUGH = 20_000
"""Values from which that share is found."""


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`; a signed one is symmetric, and zero is its middle. `beyond` is the share outside."""

    low: float
    high: float
    beyond: float = 0.0

    @property
    def is_signed(self) -> bool:
        return self.low < 0

    @property
    def words(self) -> str:
        said = f"{number(self.low)} … {number(self.high)}"
        return f"{said}, {self.beyond * 100:.2g} % beyond" if self.beyond >= 0.0005 else said

    def table(self) -> Pixels:
        """(256, 3) uint8: the colours from low to high."""
        return diverging(current_theme()) if self.is_signed else viridis


def scale_of(*parts: Values | None, signed: bool = False) -> Scale:
    """The scale of these values together: symmetric where some are negative, or where `signed` asks for it."""
    known = [part.astype(np.float32).ravel() for part in parts if part is not None]
    values = np.concatenate(known) if known else np.zeros(0, np.float32)
    values = values[np.isfinite(values)]
    if not values.size:
        return Scale(-1.0 if signed else 0.0, 1.0)
    magnitudes = np.abs(values)
    reach = float(np.quantile(magnitudes[:: max(1, magnitudes.size // ENOUGH)], CENTRAL))
    reach = reach if reach > 0 else float(magnitudes.max(initial=0.0))
    beyond = float((magnitudes > reach).mean()) if reach > 0 else 0.0
    low = -reach if signed or values.min() < 0 else 0.0
    return Scale(low, reach if reach > 0 else 1.0, beyond) if reach > 0 else Scale(-1.0 if signed else 0.0, 1.0)


@cache
def _colours(theme: str, signed: bool) -> tuple[int, ...]:
    """A table in steps, as Qt has colours; a theme has its own."""
    table = stepped(Scale(-1.0 if signed else 0.0, 1.0).table())
    return tuple(qRgb(*(int(part) for part in row)) for row in table)


def coloured(values: Values, scale: Scale) -> QImage:
    """A picture of (height, width) values; what is no number (a removed channel) has the colour of a well."""
    height, width = values.shape
    place = (values.astype(np.float32) - scale.low) * ((STEPS - 1) / (scale.high - scale.low))
    known = np.isfinite(place)
    whole = known.all()
    numbers = np.clip(place if whole else np.where(known, place, 0.0), 0, STEPS - 1).astype(np.uint8)
    if not whole:
        numbers[~known] = NOTHING
    image = QImage(numbers.tobytes(), width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable([*_colours(current_theme().name, scale.is_signed), color("well").rgb()])
    return image.convertToFormat(QImage.Format.Format_RGB32)


def image_of(pixels: Pixels) -> QImage:
    """A picture of uint8 (height, width, 3)."""
    whole = np.ascontiguousarray(pixels)
    height, width = whole.shape[:2]
    return QImage(whole.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


class Atlas:
    """All channels of one array under each other in one picture: channel n begins at row n × height."""

    def __init__(self, maps: Values, scale: Scale) -> None:
        self.count, self.height, self.width = maps.shape
        self.image = coloured(maps.reshape(-1, self.width), scale)
