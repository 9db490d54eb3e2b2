"""The window's whole way by mouse: open, data, Analyse, keep a choice, two sliders, Autopilot, compare, export."""

from math import inf
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLineEdit, QPushButton
from small_instances import make_wide

from secateur.engine.requests import Autopilot
from secateur.ui.dialogs.export import ExportDialog
from secateur.ui.panels.trials import TrialsTable
from secateur.ui.panels.trials_model import COLUMNS
from secateur.ui.plots.heat_map import HeatMap

DROP_POINTS = "90"
"""Whatever a plan loses: that plans are tried is looked at here, not how good they are."""


def click(real, name: str) -> None:
    button = real.find(QPushButton, name)
    real.until(button.isEnabled)
    real.settle()
    real.click(button)


def analyse(real) -> None:
    """Press Analyse, and see the map fill: its damages come while the measurement goes on."""
    click(real, "analyse_button")
    heat_map = real.find(HeatMap, "heat_map")
    real.until(lambda: real.state.estimated is not None)
    real.until_idle()
    real.until(lambda: heat_map.isVisible() and set(heat_map.cells.layers) == {row.name for row in real.state.rows})
    measured = [row for row in real.state.estimated.rows if row.damage is not None]
    assert measured
    assert all(row.measured for row in measured)


def keep(real, layer: str, option: str) -> None:
    """Choose a cell of the map, and close the lock of its layer."""
    heat_map = real.find(HeatMap, "heat_map")
    real.settle()
    real.click(heat_map.viewport(), heat_map.cell_box(layer, option).center().toPoint())
    real.until(lambda: real.state.step_of(layer, "quantize") is not None)
    real.click_layer(layer)
    click(real, "plan_keep")
    real.until(lambda: layer in real.state.kept)


def drag(real, row, share: float) -> float:
    """Pull a budget slider to a share of its way, and wait for the plan; what it then allows at most."""
    real.until(row.slider.isEnabled)
    real.settle()
    slider = row.slider
    middle, wide = slider.height() // 2, slider.width() - 16
    start = QPoint(round(8 + slider.share_of(slider.value()) * wide), middle)
    real.drag(slider, start, QPoint(round(8 + share * wide), middle))
    real.until(lambda: row.wish is not None and not real.assembly.session.budget.is_solving)
    return row.wish


def finished(real) -> int:
    """How many plans were tried to their end."""
    document = real.state.pilot.document
    return sum(trial.state == "finished" for trial in document.trials) if document is not None else 0


def stop(real) -> None:
    click(real, "autopilot_stop")
    real.until(lambda: not any(isinstance(job.request, Autopilot) for job in real.state.jobs))
    real.until(lambda: real.state.pilot.document.state in ("stopped", "ended"))
    real.until_idle()


def click_cell(real, number: int, column: str) -> None:
    """A link in the row of this trial."""
    real.settle()
    table = real.find(TrialsTable, "trials_table")
    index = table.model().index(number - 1, COLUMNS.index(column))
    table.scrollTo(index)
    real.click(table.viewport(), table.visualRect(index).center())


def test_the_whole_way_with_autopilot(real, tmp_path: Path) -> None:
    instance = make_wide(tmp_path)
    real.open_files(instance.network, instance.data)
    analyse(real)

    bar = real.workspace.plan_bar
    real.until(lambda: real.state.timings is not None)
    assert real.assembly.session.predicted() is not None
    keep(real, "second", "int8")
    kept_choice = real.state.steps_of("second")
    size = drag(real, bar.size_budget, 0.5)
    real.until(lambda: real.assembly.session.predicted().bytes <= size)
    milliseconds = drag(real, bar.latency_budget, 0.95)  # what is kept limits how fast it can be, on some machines more
    real.until(lambda: (real.assembly.session.predicted().latency_ms or inf) <= milliseconds or real.state.unmet)
    assert real.state.steps_of("second") == kept_choice

    click(real, "autopilot_button")
    real.until(real.workspace.autopilot.isVisible)
    real.type_number(real.find(QLineEdit, "autopilot_drop"), DROP_POINTS)
    click(real, "autopilot_start")
    real.until(lambda: finished(real) == 1)
    stop(real)
    kept = real.state.pilot.document
    assert kept.trials[0].state == "finished"
    assert kept.best == 1, kept.trials[0]
    assert (Path(real.state.pilot.folder) / "model.onnx").is_file()

    click(real, "autopilot_resume")
    real.until(lambda: finished(real) == 2)
    stop(real)
    document = real.state.pilot.document
    assert document.trials[0] == kept.trials[0], "what was measured is not measured again"
    tried = {trial.run for trial in document.trials if trial.state == "finished"}
    assert tried <= {run.run for run in real.state.runs if run.state == "finished"}

    best = document.best_trial
    click_cell(real, best.number, "compare")
    compare = real.workspace.detail.tab("compare")
    real.until(lambda: compare.is_filled and real.state.run.run == best.run)
    real.until(lambda: compare.classes.model().rowCount() == 3)

    click(real, "autopilot_export")
    dialog = real.find(ExportDialog, "export_dialog")
    target = tmp_path / "best.onnx"
    dialog.findChild(QLineEdit, "export_path").setText(str(target))
    go = dialog.findChild(QPushButton, "export_go")
    real.until(go.isEnabled)
    real.click(go)
    real.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "exported", dialog.said.text()
    size = best.size * real.state.model.source_bytes
    assert abs(target.stat().st_size - size) < 0.05 * size
    real.close_dialog(dialog.findChild(QPushButton, "export_close"))
