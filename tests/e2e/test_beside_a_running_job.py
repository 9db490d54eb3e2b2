"""While a network is trained a person looks at other things, in the real window with the real engine."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from secateur.engine.requests import AskFormats, Compress
from secateur.methods.distil.distillation import Distillation
from secateur.ui.dialogs.export import ExportDialog

pytestmark = pytest.mark.slow

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def is_training(real) -> bool:
    return any(isinstance(job.request, Compress) for job in real.state.jobs)


def test_graph_and_formats_are_there_while_the_training_goes_on(real) -> None:
    real.press(Qt.Key.Key_O, CONTROL | SHIFT)
    real.until(lambda: real.state.data is not None and "free" in real.state.tables)
    real.until_idle()
    real.assembly.session.set_model_method("distil", Distillation(epochs=1000, augment=False))
    real.until(real.workspace.plan_bar.run.isEnabled)
    real.click(real.find(QPushButton, "run_plan"))
    real.until(lambda: real.state.curve)  # it trains, and would for hours

    real.press(Qt.Key.Key_4, CONTROL)
    real.until(lambda: real.workspace.detail.tab("graph").is_filled)
    assert is_training(real)
    assert [type(job.request) for job in real.state.jobs] == [Compress]

    real.press(Qt.Key.Key_E, CONTROL)
    dialog = real.find(ExportDialog, "export_dialog")
    real.until(lambda: real.state.question(AskFormats) is None)
    dialog.close()
    assert is_training(real)
    real.until(lambda: "left" in real.find(QLabel, "job_figures").text())

    points = len(real.state.curve)
    real.until(lambda: len(real.state.curve) > points)  # it was not held up
    real.assembly.session.stop(real.state.jobs[0].job)  # Esc would ask, where it took longer than a minute
    real.until(lambda: not real.state.jobs)
