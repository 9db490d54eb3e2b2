"""One sample through the network, by mouse and keys, in the real window with a real engine."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from secateur.ui.widgets.button import IconButton

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def test_a_sample_is_followed_beside_the_plan_from_layer_to_layer(real) -> None:
    real.press(Qt.Key.Key_O, CONTROL | SHIFT)
    real.until(lambda: real.state.data is not None and "free" in real.state.tables)
    real.until_idle()
    table = real.workspace.layers.view
    table.setFocus()
    table.selectAll()
    real.qtbot.keyClick(table, Qt.Key.Key_4)  # everything in 4 bits
    real.workspace.layers.select([real.state.rows[0].name])
    real.press(Qt.Key.Key_2, CONTROL)
    tab = real.workspace.detail.tab("activations")
    real.click(tab.view.findChild(QWidget, "segment_sample"))
    real.until(lambda: real.state.followed.end is not None)
    followed = real.state.followed
    names = tuple(row.name for row in real.state.rows)
    assert set(followed.taken.layers) == set(names)
    assert len(followed.answers) == len(names) + 1
    assert followed.taken.label in {guess.name for guess in followed.end.original}

    # the last answer of the curve is the compressed network's own
    best = followed.end.original[0].name
    shares = {guess.name: guess.score for guess in followed.end.compressed}
    assert followed.answers[-1].score == pytest.approx(shares[best], abs=1e-5)

    # from layer to layer by key; the last one's outputs are the answers
    grid = tab.sample.layer.grid
    real.until(grid.isVisible)
    grid.setFocus()
    real.qtbot.keyClick(grid, Qt.Key.Key_Right)
    real.until(lambda: real.workspace.layers.selected() == (followed.taken.layers[1],))
    scores = followed.maps[followed.taken.layers[-1]].original.astype(np.float64)
    powers = np.exp(scores - scores.max())
    assert powers.max() / powers.sum() == pytest.approx(followed.end.original[0].score, abs=0.01)

    # a map as large as it is
    real.click(grid, grid.cell(2).center())
    real.until(lambda: real.state.followed.close is not None)
    assert real.state.followed.close.pooled == (1, 1)

    # the next sample takes the place of this one
    real.click(real.find(IconButton, "next_sample"))
    real.until(lambda: real.state.followed.end is not None and real.state.followed.taken.title == "sample 1")
