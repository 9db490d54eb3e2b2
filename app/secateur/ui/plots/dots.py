"""Dots of a chart: kept as pixels for the screen, drawn as outlines into a picture of lines and text."""

from collections.abc import Iterable

import pyqtgraph as pg
from PySide6.QtWidgets import QGraphicsItem


def keep_dots(items: Iterable[QGraphicsItem], *, as_pixels: bool) -> None:
    """Have those of `items` that are dots painted from kept pixels, or anew."""
    for item in items:
        if isinstance(item, pg.ScatterPlotItem):
            item.opts["useCache"] = as_pixels
