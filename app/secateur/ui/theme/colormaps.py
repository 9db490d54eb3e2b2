"""The colour maps of plots, as tables of 256 colours: perceptually even and safe for the colour-blind."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.ui.theme.palette import Theme

Table = NDArray[np.uint8]


def _table(*points: str) -> Table:
    """(256, 3) uint8, linear between evenly spaced control points."""
    known = np.array([[int(p[i : i + 2], 16) for i in (1, 3, 5)] for p in points], dtype=np.float64)
    at = np.linspace(0, len(points) - 1, 256)
    channels = [np.interp(at, np.arange(len(points)), known[:, c]) for c in range(3)]
    table: Table = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.flags.writeable = False
    return table


# viridis (Smith and van der Walt 2015), 16 control points
viridis: Final[Table] = _table(
    *("#440154", "#481a6c", "#472f7d", "#414487", "#39568c", "#31688e", "#2a788e", "#23888e"),
    *("#1f988b", "#22a884", "#35b779", "#54c568", "#7ad151", "#a5db36", "#d2e21b", "#fde725"),
)
# cividis (Nuñez, Anderton and Renslow 2018), 10 control points
cividis: Final[Table] = _table(
    *("#00204d", "#00336f", "#39486b", "#575c6d", "#707173"),
    *("#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46"),
)


STEPS: Final = 255
"""Colours of a picture of indices; the index `NOTHING` behind them is what has no colour: no number, or no place."""
NOTHING: Final = 255


def stepped(table: Table) -> Table:
    """(255, 3) uint8: a table in an odd number of steps, so that one of them, 127, is its middle."""
    steps: Table = table[np.rint(np.arange(STEPS) * 255 / (STEPS - 1)).astype(int)]
    return steps


def diverging(theme: Theme) -> Table:
    """Blue – grey – red for signed change, (256, 3) uint8; zero stands in the middle."""
    return _table("#3b6fd4", theme.diverging_middle, "#d9483b")
