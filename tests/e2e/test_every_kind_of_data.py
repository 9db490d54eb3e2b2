"""A table, two inputs, images with masks and pairs of texts, each the whole way through the real window and engine.

Each goes with another way to make it smaller, so that every one of those is pointed at, run, proven and exported too.
"""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget
from small_instances import make_reader, make_shapes, make_table, make_two_inputs

from secateur.methods.distil.pairs import pairs_of
from secateur.model.documents import RunDocument
from secateur.ui.panels.steps_card import StepRow
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.switch import Switch

pytestmark = pytest.mark.slow

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
GROUP = 32


def plan_all(real, key: Qt.Key) -> None:
    """Select every layer and press the key of an option."""
    table = real.workspace.layers.view
    table.setFocus()
    table.selectAll()
    real.qtbot.keyClick(table, key)
    real.until(lambda: real.state.recipe.steps)


def plan_training(real, kind: str, epochs: int) -> None:
    """Switch a training on, choose its kind in the Distil tab, and how long it lasts."""
    real.click(real.workspace.plan.findChild(Switch, "switch_distil"))
    real.until(lambda: real.state.model_step("distil") is not None)
    real.press(Qt.Key.Key_6, CONTROL)
    tab = real.workspace.detail.tab("distil")
    real.until(tab.kind.isVisible)
    real.click(tab.kind.findChild(QWidget, f"segment_{kind}"))
    real.until(lambda: real.state.model_step("distil").id == kind and tab.form.method.id == kind)
    real.type_number(tab.form.findChild(NumberField, "field_epochs"), f"{epochs}")
    real.until(lambda: real.state.model_step("distil").epochs == epochs)


def turn_on(real, layer: str, family: str) -> QWidget:
    """Select a layer and switch a family of methods on for it; the family's card."""
    real.click_layer(layer)
    card = real.workspace.plan.cards[family]
    real.workspace.plan.steps_area.ensureWidgetVisible(card)
    real.settle()
    real.click(card.findChild(Switch, f"switch_{family}"))
    real.until(lambda: real.state.step_of(layer, family) is not None)
    return card


def kind_of(step) -> tuple[int, int | None, str]:
    """Bits, group and scheme of planned weights."""
    return step.bits, step.group, step.scheme


def score(real, metric: str, unit: str) -> None:
    """Estimate what every option costs, then measure it; the table says what in."""
    real.press(Qt.Key.Key_M, CONTROL)
    real.until(lambda: real.state.estimated is not None)
    real.until_idle()
    assert real.state.estimated.unit == unit
    real.press(Qt.Key.Key_M, CONTROL)
    real.until(lambda: real.state.measured is not None)
    real.until_idle()
    table = real.state.measured
    assert (table.metric, table.unit) == (metric, unit)
    assert {row.layer for row in table.rows} == {layer.name for layer in real.state.rows}
    assert any(row.damage for row in table.rows)


def compare(real, title: str) -> None:
    """Look at original and result side by side; the metric is that of the data."""
    real.press(Qt.Key.Key_5, CONTROL)
    tab = real.workspace.detail.tab("compare")
    real.until(lambda: tab.is_filled and tab.cards["metric"].isVisible())
    real.until(lambda: tab.cards["metric"].accessibleName() == title)
    real.until(tab.errors.isVisible)
    layers = real.state.run.document.layers
    assert {error.layer for error in layers} == {layer.name for layer in real.state.rows}
    assert all(error.weight_sqnr_db is not None and error.output_sqnr_db is not None for error in layers), layers


def compare_and_export(real, title: str, target: Path) -> onnx.GraphProto:
    """Look at both side by side, then write the result as ONNX; the graph of the file."""
    compare(real, title)
    real.export_to(target)
    return onnx.load(target).graph


def run_training(real) -> tuple[RunDocument, set[str]]:
    """Run the plan; its document, and what its curve says that the loss was made of."""
    document = real.run_plan()
    return document, {term.title for point in real.state.curve for term in point.terms}


def test_a_table_is_classified_in_integers_that_were_trained_through(real, tmp_path: Path) -> None:
    instance = make_table(tmp_path)
    real.open_files(instance.network, instance.data)
    assert set(real.state.data.classes) == {"rose", "tulip", "lily"}
    assert real.state.baseline.metric.value > 0.9
    score(real, "top1", "nats")

    plan_all(real, Qt.Key.Key_8)
    plan_training(real, "distillation", 2)
    rows = real.workspace.plan.order
    real.press(Qt.Key.Key_1, CONTROL)
    real.until(lambda: rows.findChild(StepRow, "step_2") is not None and rows.findChild(StepRow, "step_2").isVisible())
    real.workspace.plan.steps_area.ensureWidgetVisible(rows)
    real.settle()
    real.click(rows.findChild(StepRow, "step_1"))
    real.click(rows.findChild(QPushButton, "step_down"))
    real.until(lambda: [step.method.id for step in real.state.recipe.steps] == ["static_int8", "distillation"])

    document = real.run_plan()
    assert [step["method"] for step in document.recipe["steps"]] == ["static_int8", "distillation"]
    assert document.result.metric.value > document.original.metric.value - 0.1
    graph = compare_and_export(real, "Top-1", tmp_path / "small.onnx")
    stored = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 2}
    assert stored <= {TensorProto.INT8, TensorProto.UINT8}  # the latter around 128, where int8 kernels overflow
    assert stored


def test_a_network_with_two_inputs_is_fine_tuned_within_a_budget(real, tmp_path: Path) -> None:
    instance = make_two_inputs(tmp_path)
    real.open_files(instance.network, instance.data)
    assert [port.name for port in real.state.data.inputs] == ["picture", "measures"]
    score(real, "top1", "nats")

    slider = real.workspace.plan_bar.slider
    middle, wide = slider.height() // 2, slider.width()
    start = QPoint(round(8 + slider.share_of(slider.value()) * (wide - 16)), middle)
    real.drag(slider, start, QPoint(wide // 2, middle))
    real.until(lambda: real.state.recipe.steps)
    limit = real.workspace.plan_bar.size_budget.wish
    real.until(lambda: real.assembly.session.predicted().bytes <= limit)
    plan_training(real, "fine_tuning", 2)
    document, terms = run_training(real)
    assert terms == {"label"}, "no teacher is run"
    assert document.result.bytes < document.original.bytes
    graph = compare_and_export(real, "Top-1", tmp_path / "small.onnx")
    assert [port.name for port in graph.input] == ["picture", "measures"]


def test_a_segmentation_is_pruned_and_learns_the_features_that_are_pointed_at(real, tmp_path: Path) -> None:
    instance = make_shapes(tmp_path)
    real.open_files(instance.network, instance.data)
    assert (real.state.data.task, real.state.baseline.metric.name) == ("segmentation", "mean_iou")
    assert real.state.baseline.metric.value > 0.4
    score(real, "mean_iou", "nats")

    card = turn_on(real, "deep", "channel_pruning")
    real.type_number(card.findChild(NumberField, "field_ratio"), "50")  # of sixteen, in the target's steps of eight
    real.until(lambda: real.state.step_of("deep", "channel_pruning").ratio == 0.5)
    plan_training(real, "distillation", 2)
    pairs = real.workspace.detail.tab("distil").pairs
    real.click_layer("up")
    real.until(pairs.add.isEnabled)
    real.click(pairs.add)
    real.until(lambda: [(p.teacher, p.student) for p in pairs_of(real.state.model_step("distil"))] == [("up", "up")])
    document, terms = run_training(real)
    assert terms == {"distillation", "label", "features"}
    assert document.result.params < document.original.params
    graph = compare_and_export(real, "Mean IoU", tmp_path / "small.onnx")
    deep = next(weight for weight in graph.initializer if tuple(weight.dims)[1:] == (8, 3, 3))
    assert deep.dims[0] < 16


def test_pairs_of_texts_are_read_by_weights_of_four_bits_in_groups(real, tmp_path: Path) -> None:
    instance = make_reader(tmp_path)
    real.open_files(instance.network, instance.data)
    assert (real.state.data.task, real.state.baseline.metric.name) == ("similarity", "spearman")
    assert real.state.baseline.metric.value > 0.6
    score(real, "spearman", "relative error")

    real.press(Qt.Key.Key_1, CONTROL)
    card = turn_on(real, "value", "quantize")
    table = real.workspace.layers.view
    table.setFocus()
    table.selectAll()
    real.settle()
    real.click(card.segments.findChild(QWidget, "segment_weight_only"))
    form = card.findChild(QWidget, "form_weight_only")
    real.until(form.isVisible)
    real.click(form.findChild(QWidget, f"segment_{GROUP}"))
    scheme = form.findChild(QComboBox, "field_scheme")
    scheme.setFocus()
    real.qtbot.keyClicks(scheme, "Affine")
    real.qtbot.keyClick(scheme, Qt.Key.Key_Return)
    names = [layer.name for layer in real.state.rows]
    steps = [(4, GROUP, "affine")] * len(names)
    real.until(lambda: [kind_of(real.state.step_of(name, "quantize")) for name in names] == steps)
    document = real.run_plan()
    assert document.result.bytes < 0.4 * document.original.bytes
    graph = compare_and_export(real, "Spearman", tmp_path / "small.onnx")
    real.export_to(tmp_path / "small.gguf", "gguf")
    nodes = [node for node in graph.node if node.op_type == "MatMulNBits"]
    assert len(nodes) == len(names)
    real.drop(tmp_path / "small.onnx")
    real.until(lambda: real.state.model.source.path == str(tmp_path / "small.onnx"))
    real.until_idle()
    assert [layer.name for layer in real.state.rows] == names
    # 64 × 64 weights of half a byte, for each of 128 groups a scale of four bytes and a zero point of half a byte
    assert {layer.size_bytes for layer in real.state.rows} == {2048 + 128 * 4 + 64}
