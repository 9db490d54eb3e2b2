"""A layer's weights looked at on the real engine, by mouse and keys, while it measures."""

import numpy as np
from PySide6.QtCore import Qt

from secateur.engine.requests import ScoreSensitivity
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.ui.plots.kernel_grid import KernelGrid
from secateur.ui.plots.matrix_plot import MatrixPlot

ALT, CONTROL, SHIFT = (getattr(Qt.KeyboardModifier, f"{name}Modifier") for name in ("Alt", "Control", "Shift"))


def test_kernels_matrix_and_channels_beside_a_measurement(real) -> None:
    real.press(Qt.Key.Key_O, CONTROL | SHIFT)
    real.until(lambda: real.state.data is not None and "free" in real.state.tables)
    real.until_idle()
    layer = real.state.rows[5].name
    real.workspace.layers.select([layer])
    session, tab = real.assembly.session, real.workspace.detail.tab("weights")
    session.set_method([layer], "weight_pruning", MagnitudePruning(ratio=0.5))
    session.set_method([layer], "channel_pruning", ChannelPruning(ratio=0.25, round_to=1))
    session.score("measure")
    real.until(lambda: any(isinstance(job.request, ScoreSensitivity) for job in real.state.jobs))
    real.press(Qt.Key.Key_2, ALT)
    grid = real.find(KernelGrid, "kernel_grid")
    real.until(lambda: grid.isVisible() and grid._content.gone.any() and grid.picture_of(0) is not None)
    gone = int(np.flatnonzero(grid._content.gone)[0])
    real.settle()
    real.click(grid.viewport(), grid.cell_of(gone).center())
    real.until(lambda: real.state.channel is not None and real.state.channel.channel == gone)
    real.press(Qt.Key.Key_3, ALT)
    plot = real.find(MatrixPlot, "weight_matrix")
    real.until(lambda: plot.isVisible() and plot.place_of(gone) == gone)
    real.qtbot.keyClick(plot, Qt.Key.Key_D)
    assert tab.view("matrix").variant.value() == "difference"
    real.until(lambda: dict(plot.reading_at(3, gone).words.rows).get("after") == "removed")
    real.press(Qt.Key.Key_4, ALT)
    table = tab.view("channels").table
    real.until(lambda: table.rowCount() > 0 and table.text(gone, "nearest") not in {"", "–"})
    real.until(lambda: table.text(gone, "plan") == "× removed")
    for job in real.state.jobs:
        session.stop(job.job)
    real.until_idle()
