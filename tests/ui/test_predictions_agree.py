"""One prediction for card, bar and picture: the same figures, coupled layers counted, and no original called one."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from secateur import figures
from secateur.methods.facts import facts_of
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ChannelBundle
from secateur.model.documents import Latency
from secateur.recipe.prediction import predict_plan
from secateur.session.session import SAMPLE_DATA
from secateur.ui.widgets.switch import Switch

LEFT = Qt.MouseButton.LeftButton
LAST = "The answers' channels stay."


@pytest.fixture
def coupled_model(model):
    """The stem meets the second convolution in an addition, and both feed two readers."""
    stem = ChannelBundle(
        8, (("conv1", 1), ("layer1.0.conv2", 1)), (("layer1.0.conv1", 1), ("layer2.0.conv1", 1))
    )  # fmt: skip
    inner = ChannelBundle(8, (("layer1.0.conv1", 1),), (("layer1.0.conv2", 1),))
    next_one = ChannelBundle(16, (("layer2.0.conv1", 1),), (("layer2.0.conv2", 1),))
    last = ChannelBundle(16, (("layer2.0.conv2", 1),), (("linear", 1),))
    layers = tuple(replace(x, fixed_channels=LAST) if x.name == "linear" else x for x in model.layers)
    return replace(model, layers=layers, bundles=(stem, inner, next_one, last))


@pytest.fixture
def opened(shown, coupled_model, spectra, data, previews, evaluation):
    timed = evaluation.model_copy(
        update={"latency_ms": Latency(median=0.74, p10=0.7, p90=0.8, runtime="ONNX Runtime", threads=1)}
    )
    shown.open(coupled_model, spectra)

    shown.session.open_data(SAMPLE_DATA)
    shown.open_data(data, previews, timed)
    return shown


def said(widget):
    return widget.accessibleDescription().replace("\u00a0", " ")


def card_row(shown, name):
    return said(shown.workspace.plan.effect.rows[name]).split(", ")[0]


def bar_block(shown, name):
    return said(shown.workspace.plan_bar.blocks[name]).split(", ")[0]


def switch_on(shown, family):
    """With the mouse, in the plan panel."""
    switch = shown.find(Switch, f"switch_{family}")
    shown.workspace.plan.steps_area.ensureWidgetVisible(switch)
    shown.qtbot.mouseClick(switch, LEFT)


def prune_single_channels(shown, layer):
    """Channel pruning on, of as many channels as the ratio says: these layers are too narrow for a target's step."""
    switch_on(shown, "channel_pruning")
    shown.until(lambda: shown.state.step_of(layer, "channel_pruning"))
    any_width = {"round_to": 1}
    shown.session.plan(
        shown.state.recipe.mapped(lambda step: replace(step, method=step.method.model_copy(update=any_width)))
    )


def test_with_every_layer_selected_card_and_bar_say_the_same_of_channels_and_int8(opened, coupled_model, spectra):
    opened.layers.view.setFocus()
    opened.qtbot.keyClick(opened.layers.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    prune_single_channels(opened, "conv1")
    switch_on(opened, "quantize")
    opened.until(lambda: opened.state.step_of("conv1", "quantize"))
    assert isinstance(opened.state.step_of("conv1", "quantize"), StaticInt8)
    before, after = figures.size_pair(coupled_model.source_bytes, opened.session.predicted().bytes)
    opened.until(lambda: bar_block(opened, "size") == f"{before} to {after}".replace("\u00a0", " "))
    assert card_row(opened, "Size") == bar_block(opened, "size")
    assert card_row(opened, "MACs") == bar_block(opened, "macs")
    truth = predict_plan(coupled_model, facts_of(coupled_model.layers, spectra), opened.state.recipe, None, None)
    # two of eight, four of sixteen channels: every middle layer keeps 3/4 of its outputs and of its inputs
    expected = sum(layer.macs * {"conv1": 12, "linear": 12}.get(layer.name, 9) // 16 for layer in coupled_model.layers)
    assert truth.macs == expected == opened.session.effect(tuple(x.name for x in coupled_model.layers)).macs_after


def test_for_one_layer_the_card_tells_what_its_coupled_layers_and_readers_save(opened, coupled_model, spectra):
    opened.layers.select(["conv1"])
    prune_single_channels(opened, "conv1")
    opened.until(lambda: opened.state.steps_of("conv1") == (ChannelPruning(round_to=1),))
    effect = opened.session.effect(("conv1",))
    assert effect.coupled == ("layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1")
    whole = predict_plan(coupled_model, facts_of(coupled_model.layers, spectra), opened.state.recipe, None, None)
    own = effect.macs_before - effect.macs_after
    assert own + effect.coupled_macs == coupled_model.macs - whole.macs
    assert effect.bytes_before - effect.bytes_after + effect.coupled_bytes == coupled_model.source_bytes - whole.bytes
    coupled = opened.workspace.plan.effect.coupled
    opened.until(coupled.isVisible)
    assert coupled.text().startswith("3 further layers shrink along: ")
    assert "layer2.0.conv1" in coupled.toolTip()


def test_a_layer_that_shrinks_along_is_not_said_to_stay(opened):
    opened.layers.select(["conv1"])
    prune_single_channels(opened, "conv1")
    opened.qtbot.keyClick(opened.layers.view, Qt.Key.Key_Down)
    opened.until(lambda: opened.assembly.display.selected == ("layer1.0.conv1",))
    card = opened.workspace.plan.effect
    assert "channels leave" in card.sentence.text()
    assert card.size_chip.isVisible()
    before, _, after = card_row(opened, "Size").partition(" to ")
    assert before != after


def test_what_is_the_originals_is_not_called_a_prediction(opened):
    bar = opened.workspace.plan_bar
    opened.until(lambda: bar.blocks["metric"].accessibleName() == "Top-1")
    opened.layers.select(["conv1"])
    switch_on(opened, "channel_pruning")  # whose damage nothing has measured
    opened.until(lambda: bar.blocks["metric"].accessibleName() == "Top-1, original")
    assert bar.blocks["latency"].accessibleName() == "Latency, original"
    assert said(bar.blocks["metric"]) == "81.0 %, not predicted"
    row = opened.workspace.plan.effect.rows["Metric"]
    assert said(row) == "81.0 to not predicted"
    assert row.toolTip() == bar.blocks["metric"].toolTip() != ""


def test_a_plan_with_training_says_that_its_figure_is_from_before_it(opened, table):
    measured = table.model_copy(
        update={
            "depth": "measure",
            "rows": tuple(
                row.model_copy(update={"measured": True, "metric_drop": row.damage / 10}) for row in table.rows
            ),
        }
    )
    opened.session.update(tables={"measure": measured})
    opened.layers.select(["conv1"])
    switch_on(opened, "quantize")
    bar = opened.workspace.plan_bar
    opened.until(lambda: bar.blocks["metric"].accessibleName() == "Top-1, predicted")
    assert "Top-1 is expected within" in bar.blocks["metric"].toolTip()
    assert "Top-1 is expected within" in opened.workspace.plan.effect.rows["Metric"].toolTip()
    switch_on(opened, "distil")
    opened.until(lambda: bar.blocks["metric"].accessibleName() == "Top-1, before training")
