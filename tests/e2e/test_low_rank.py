"""A rank is chosen by dragging the cut on the curve of singular values, run on the real engine, proven and exported."""

from pathlib import Path

import onnx
import pytest
from PySide6.QtCore import QPoint, Qt

from secateur.ui.plots.singular_curve import SingularCurve

pytestmark = [pytest.mark.window, pytest.mark.slow]

ALT, CONTROL, SHIFT = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
LAYER = "layer3.0.conv2"


def drag_cut(real, layer: str) -> int:
    """Pull the cut of a layer's singular values to the left; the rank that is planned then."""
    real.press(Qt.Key.Key_1, CONTROL)
    real.workspace.layers.select([layer])
    real.press(Qt.Key.Key_5, ALT)
    curve = real.find(SingularCurve, "singular_values")
    real.until(lambda: curve.isVisible() and layer in real.state.singular_values)
    real.settle()
    curve.grab()
    start = curve.cut_pixel.toPoint()
    real.drag(curve.viewport(), start, QPoint(start.x() - curve.width() // 5, start.y()))
    real.until(lambda: real.state.step_of(layer, "low_rank") is not None)
    step = real.state.step_of(layer, "low_rank")
    return step.cut_at(real.state.model.layer(layer), real.state.facts[layer])


def test_a_dragged_rank_is_run_proven_and_exported_as_it_was_predicted(real, tmp_path: Path) -> None:
    real.press(Qt.Key.Key_O, CONTROL | SHIFT)
    real.until(lambda: real.state.data is not None and real.state.baseline is not None)
    real.until_idle()
    rank = drag_cut(real, LAYER)
    outputs, inputs, *kernel = real.state.model.layer(LAYER).weight.shape
    assert 1 <= rank < outputs
    predicted = real.assembly.session.predicted()
    assert predicted.macs < real.state.model.macs

    document = real.run_plan()
    assert document.result.macs == predicted.macs
    assert document.result.params == predicted.params < document.original.params

    target = tmp_path / "split.onnx"
    real.export_to(target)
    shapes = [tuple(weight.dims) for weight in onnx.load(target).graph.initializer]
    assert (rank, inputs, *kernel) in shapes, "the first of the two layers"
    assert (outputs, rank, *[1] * len(kernel)) in shapes, "the second of the two layers"
