"""Plots on the screen, alone."""

from collections.abc import Callable

import pytest
from charts_with_data import Layers, Make
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from secateur.ui.plots.chart import Chart
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme


@pytest.fixture
def show(qtbot: QtBot, qapp: QApplication, spectra: Layers) -> Callable[[Make], Chart]:
    holders = []  # else nobody holds them

    def made(make: Make) -> Chart:
        apply_theme(qapp, DARK)
        plot = make(spectra)
        holder = QWidget()  # so that the plot is no window of its own, as in the program
        qtbot.addWidget(holder)
        holders.append(holder)
        plot.setParent(holder)
        holder.resize(520, 300)
        plot.setGeometry(10, 10, 500, 280)
        with qtbot.waitExposed(holder):
            holder.show()
        holder.activateWindow()
        qtbot.waitUntil(holder.isActiveWindow)
        plot.grab()
        return plot

    return made
