"""Layer names as the window draws them where there is little room: measured in its font, alike for no two layers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from PySide6.QtGui import QFontMetricsF

from secateur.layer_names import ShortName, ShortNames
from secateur.ui.theme.style import font

SLACK = 2
"""Pixels by which a text may be wider than its words are: letters of neighbouring words make room for each other."""


def short_names(
    names: Sequence[str], room: float, size: float = 12, strong: int = 600, light: int = 400
) -> Mapping[str, ShortName]:
    """By name, what each of these reads in `room` pixels: no two alike.

    `own` is drawn in weight `strong`, `prefix` in `light`. Give all names of a table, not only those in sight: then
    none of them changes while it is scrolled or filtered.
    """
    return _table(tuple(names), size, strong, light).texts(int(room) - SLACK)


def widest_name(names: Sequence[str], size: float = 12, strong: int = 600) -> int:
    """Pixels in which none of these names is shortened."""
    return round(_table(tuple(names), size, strong, 400).widest + 0.5) + SLACK


@lru_cache(maxsize=24)
def _table(names: tuple[str, ...], size: float, strong: int, light: int) -> ShortNames:
    thin, bold = QFontMetricsF(font(size, light)), QFontMetricsF(font(size, strong))
    return ShortNames(names, lambda text, is_own: (bold if is_own else thin).horizontalAdvance(text))
