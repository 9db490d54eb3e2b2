"""The whole way, by mouse and keys, in the real window with a real engine: open, point, run, compare, export."""

import os
import signal
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from secateur.engine.requests import Compress
from secateur.methods.distil.distillation import Distillation
from secateur.ui.dialogs.export import ExportDialog
from secateur.ui.plots.heat_map import HeatMap

pytestmark = pytest.mark.display

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
BUDGET_SHARE = 0.4


def open_sample(real) -> None:
    """Ctrl+Shift+O, then wait until layers, spectra, data and the data-free table are there."""
    real.press(Qt.Key.Key_O, CONTROL | SHIFT)
    real.until(lambda: real.state.data is not None and "free" in real.state.tables)
    real.until_idle()


def click_heat_cell(real, option: str) -> str:
    """Choose an option of the second layer in the heat map; the layer's name."""
    real.press(Qt.Key.Key_3, CONTROL)
    heat_map = real.find(HeatMap, "heat_map")
    layer = real.state.rows[1].name
    real.until(lambda: heat_map.isVisible() and layer in heat_map.cells.layers)
    real.settle()
    real.click(heat_map.viewport(), heat_map.cell_box(layer, option).center().toPoint())
    return layer


def drag_threshold(real, layer: str) -> None:
    """Pull the threshold of the histogram a quarter of the way to the right."""
    real.press(Qt.Key.Key_1, CONTROL)
    real.workspace.layers.select([layer])
    histogram = real.workspace.detail.tab("weights").distribution.histogram
    real.until(histogram.isVisible)
    real.settle()
    start = histogram.threshold_pixel.toPoint()
    real.drag(histogram.viewport(), start, QPoint(start.x() + histogram.width() // 12, start.y()))


def drag_budget(real, share: float) -> None:
    """Pull the budget slider to about this share of the way between smallest and original."""
    slider = real.workspace.plan_bar.slider
    middle = slider.height() // 2
    start = QPoint(round(8 + slider.share_of(slider.value()) * (slider.width() - 16)), middle)
    real.drag(slider, start, QPoint(round(8 + share * (slider.width() - 16)), middle))


def run_plan(real) -> None:
    real.until(real.workspace.plan_bar.run.isEnabled)
    real.click(real.find(QPushButton, "run_plan"))
    real.until(lambda: any(isinstance(job.request, Compress) for job in real.state.jobs))


def test_from_the_sample_to_an_exported_file(real, tmp_path: Path) -> None:
    open_sample(real)
    layer = click_heat_cell(real, "int8")
    real.until(lambda: real.state.step_of(layer, "quantize") is not None)
    assert real.state.step_of(layer, "quantize").badge() == "int8"

    drag_threshold(real, layer)
    real.until(lambda: real.state.step_of(layer, "weight_pruning") is not None)
    assert 0.05 < real.state.step_of(layer, "weight_pruning").ratio < 1.0
    real.press(Qt.Key.Key_Z, CONTROL)
    assert real.state.step_of(layer, "weight_pruning") is None, "one drag is one undo"

    drag_budget(real, 0.3)
    limit = BUDGET_SHARE * real.state.model.source_bytes
    real.until(lambda: real.assembly.session.predicted().bytes < limit)
    real.until(
        lambda: not real.assembly.session.budget.is_solving
    )  # the slider's last place comes after those on its way
    planned = real.state.recipe

    run_plan(real)
    real.press(Qt.Key.Key_Escape)
    real.until_idle()
    assert real.state.recipe == planned
    assert real.state.run is None, "a cancelled run leaves no result"

    run_plan(real)
    real.until(lambda: real.state.run is not None)
    real.until_idle()
    document = real.state.run.document
    assert document.result.bytes < BUDGET_SHARE * document.original.bytes
    assert all(file.verified for file in document.files)

    real.press(Qt.Key.Key_5, CONTROL)
    compare = real.workspace.detail.tab("compare")
    real.until(lambda: compare.is_filled and not real.workspace.plan.isVisible())

    real.press(Qt.Key.Key_E, CONTROL)
    dialog = real.find(ExportDialog, "export_dialog")
    target = tmp_path / "small.onnx"
    dialog.findChild(QLineEdit, "export_path").setText(str(target))
    real.click(dialog.findChild(QPushButton, "export_go"))
    assert dialog.findChild(QWidget, "export_verdict").text() != "exported"
    real.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "exported", dialog.said.text()
    assert abs(target.stat().st_size - document.result.bytes) < 1000


def test_a_killed_engine_loses_nothing_and_the_run_goes_on(real) -> None:
    open_sample(real)
    layer = click_heat_cell(real, "int8")
    real.until(lambda: real.state.step_of(layer, "quantize") is not None)
    real.assembly.session.set_model_method("distil", Distillation(epochs=2, augment=False))
    planned = real.state.recipe
    run_plan(real)
    real.until(lambda: real.state.curve)

    os.kill(real.engine_pid, signal.SIGKILL)
    real.until(lambda: any(notice.remedy.startswith("resume:") for notice in real.state.notices))
    assert real.state.recipe == planned
    assert real.state.model is not None
    # in the window's next turn, the error first, before any warning that is shown already
    real.until(lambda: ["engine" in bar.accessibleName().lower() for bar in real.window.notices.bars][:1] == [True])

    real.resume_run()
    real.until(lambda: real.state.run is not None)
    real.until(lambda: [run.state for run in real.state.runs] == ["finished"])
