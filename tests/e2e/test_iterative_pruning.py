"""Four rounds of pruning and training, made by mouse and keys, killed inside the third, gone on with and exported."""

import os
import signal
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from secateur.engine.requests import Compress
from secateur.recipe.recipe import Repeat
from secateur.ui.panels.steps_card import StepRow
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.switch import Switch

pytestmark = pytest.mark.slow

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
WIDTH = 20
FINAL = 0.4
"""Share of the first layer's channels that four rounds take: 10, 20, 30 and 40 %."""


@pytest.fixture
def stripes(tmp_path: Path) -> tuple[Path, Path]:
    """A small network as a file, and images with bars that it can learn to tell apart."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 300)
    images = random.integers(0, 90, (300, 8, 8)).astype(np.uint8)
    images[np.arange(300), labels * 2, :] += 120
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)

    shapes = {"first": (WIDTH, 1, 3, 3), "second": (8, WIDTH, 3, 3), "head": (3, 8)}
    weights = {
        name: random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    pads = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["input", "first.weight"], ["a"], "first", **pads),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("Conv", ["b", "second.weight"], ["c"], "second", **pads),
        helper.make_node("Relu", ["c"], ["d"], "relu2"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], "pool"),
        helper.make_node("Flatten", ["e"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "head.weight"], ["scores"], "head", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "stripes",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(weight, f"{name}.weight") for name, weight in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "stripes.onnx")
    return tmp_path / "stripes.onnx", tmp_path / "stripes.npz"


def row(real, name: str) -> StepRow:
    return real.workspace.plan.order.findChild(StepRow, name)


def plan_rounds(real, layer: str) -> None:
    """Prune one layer, train twice over the data, and make four rounds of the two."""
    real.click_layer(layer)
    plan = real.workspace.plan
    pruning = plan.cards["channel_pruning"]
    real.click(pruning.findChild(Switch, "switch_channel_pruning"))
    real.type_number(pruning.findChild(NumberField, "field_ratio"), f"{FINAL * 100:.0f}")
    real.until(lambda: real.state.step_of(layer, "channel_pruning").ratio == FINAL)
    real.type_number(pruning.findChild(NumberField, "field_round_to"), "1")  # every round takes some of so few
    real.until(lambda: real.state.step_of(layer, "channel_pruning").round_to == 1)
    real.click(plan.findChild(Switch, "switch_distil"))
    real.until(lambda: real.state.model_step("distil") is not None)
    real.press(Qt.Key.Key_6, CONTROL)
    form = real.workspace.detail.tab("distil").form
    real.type_number(form.findChild(NumberField, "field_epochs"), "2")
    real.type_number(form.findChild(NumberField, "field_batch_size"), "4")
    real.until(lambda: real.state.model_step("distil").batch_size == 4)
    real.press(Qt.Key.Key_1, CONTROL)
    real.until(lambda: row(real, "step_2") is not None and row(real, "step_2").isVisible())
    plan.steps_area.ensureWidgetVisible(plan.order)
    real.settle()
    real.click(row(real, "step_1"))
    real.qtbot.mouseClick(row(real, "step_2"), Qt.MouseButton.LeftButton, SHIFT)
    real.click(plan.order.findChild(QPushButton, "step_repeat"))
    real.until(lambda: isinstance(real.state.recipe.steps[0], Repeat) and row(real, "step_1.2") is not None)


def is_in_round_three(real) -> bool:
    """Whether the third training has begun its second epoch: it has left a checkpoint."""
    running = [job for job in real.state.jobs if isinstance(job.request, Compress)]
    is_third = any(job.text.startswith("Round 3 of 4") for job in running)
    return is_third and bool(real.state.curve) and real.state.curve[-1].epoch > 1.1


def test_iterative_pruning_is_planned_killed_gone_on_with_and_exported(real, stripes, tmp_path: Path) -> None:
    real.open_files(*stripes)
    layer = real.state.rows[0].name
    plan_rounds(real, layer)
    planned = real.state.recipe
    assert len(planned.steps) == 1, "one card: the repeat with its two steps"
    assert planned.steps[0].rounds == 4
    assert planned.final[0].values_of("ratio") == (0.1, 0.2, 0.3, FINAL)
    predicted = real.assembly.session.predicted()

    real.until(real.workspace.plan_bar.run.isEnabled)
    real.click(real.find(QPushButton, "run_plan"))
    real.until(lambda: is_in_round_three(real))
    os.kill(real.engine_pid, signal.SIGKILL)
    real.until(lambda: any(notice.remedy.startswith("resume:") for notice in real.state.notices))
    assert real.state.recipe == planned

    real.resume_run()
    real.until(lambda: real.state.run is not None)
    real.until_idle()
    record = real.state.run
    real.until(lambda: [run.state for run in real.state.runs] == ["finished"])
    assert record.document.recipe["steps"][0]["repeat"] == 4
    assert record.document.files[0].verified
    assert record.document.result.params == predicted.params
    assert record.document.result.macs == predicted.macs
    # what four rounds take are 2,592 bytes; a file has some hundred bytes of names and settings of its own
    assert abs(record.document.result.bytes - predicted.bytes) < 1000

    target = tmp_path / "pruned.onnx"
    real.export_to(target)
    first = next(weight for weight in onnx.load(target).graph.initializer if len(weight.dims) == 4)
    assert first.dims[0] == WIDTH - int(WIDTH * FINAL)
