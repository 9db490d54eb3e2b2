"""A plan with two trainings keeps both, whatever else is edited in the window."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from secateur.recipe.reading import parse_recipe
from secateur.ui.panels.step_row import StepRow
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.switch import Switch

OLD = """
schema: 1
steps:
  - {method: magnitude_pruning, layers: [layer1.0.conv1], ratio: 0.3}
  - {method: distillation, epochs: 3, temperature: 2}
  - {method: channel_pruning, layers: ["layer2*.conv1"], ratio: 0.25}
  - {method: distillation, epochs: 5, alpha: 0.7}
  - {method: static_int8, layers: ["*"], except: [conv1]}
"""


@pytest.fixture
def old(shown, model, spectra, tmp_path):
    """A recipe file as people have it, loaded in the window."""
    shown.open(model, spectra)
    (tmp_path / "old.yaml").write_text(OLD)
    shown.assembly.commands.open_path(str(tmp_path / "old.yaml"))
    shown.until(lambda: len(shown.state.recipe.steps) == 5)
    shown.workspace.layers.select(["conv1"])
    shown.until(shown.workspace.plan.cards["quantize"].isVisible)
    return shown


def trainings(shown):
    steps = [step.method for step in shown.state.recipe.final if step.method.family == "distil"]
    return [(method.epochs, method.temperature, method.alpha) for method in steps]


def families_in_order(shown):
    return [step.method.family for step in shown.state.recipe.final]


KEPT = [(3, 2.0, 0.3), (5, 4.0, 0.7)]
ORDER = ["weight_pruning", "distil", "channel_pruning", "distil", "quantize"]


def press_switch(shown, family):
    shown.qtbot.mouseClick(shown.workspace.plan.findChild(Switch, f"switch_{family}"), Qt.MouseButton.LeftButton)


def ways():
    """Every way of editing the plan that concerns no training."""
    yield "weight pruning on", lambda shown: press_switch(shown, "weight_pruning")
    yield "channel pruning on", lambda shown: press_switch(shown, "channel_pruning")
    yield "quantization on", lambda shown: press_switch(shown, "quantize")
    yield "low rank on", lambda shown: press_switch(shown, "low_rank")
    yield "a heat cell", lambda shown: shown.session.choose_option(["layer2.0.conv2"], "prune50")
    yield "a key for bits", lambda shown: shown.assembly.commands.trigger("int8")
    yield "the layers emptied", lambda shown: shown.session.clear_layers(["linear"])


@pytest.mark.parametrize(("edit"), [edit for _, edit in ways()], ids=[name for name, _ in ways()])
def test_an_edit_elsewhere_keeps_both_trainings_in_their_places(old, edit):
    before = old.state.recipe
    edit(old)
    old.until(lambda: old.state.recipe != before)
    assert trainings(old) == KEPT
    order = [family for family in families_in_order(old) if family != "low_rank"]
    assert [family for at, family in enumerate(order) if order[at - 1 : at] != [family]] == ORDER


def test_the_chosen_training_is_edited_in_its_tab_and_the_other_stays(old):
    order = old.workspace.plan.order
    old.until(lambda: len(order.rows) == 5)
    old.qtbot.mouseClick(order.findChild(StepRow, "step_4"), Qt.MouseButton.LeftButton)
    old.workspace.detail.show_tab("distil")
    field = old.workspace.detail.tab("distil").form.findChild(NumberField, "field_epochs")
    old.until(lambda: field.isVisible() and field.value() == 5)
    field.setFocus()
    field.selectAll()
    old.qtbot.keyClicks(field, "9")
    old.qtbot.keyClick(field, Qt.Key.Key_Return)
    old.until(lambda: trainings(old) == [KEPT[0], (9, 4.0, 0.7)])
    old.session.undo()
    assert trainings(old) == KEPT


def test_one_training_is_taken_out_and_the_other_stays(old):
    order = old.workspace.plan.order
    old.until(lambda: len(order.rows) == 5)
    old.qtbot.mouseClick(order.findChild(StepRow, "step_2"), Qt.MouseButton.LeftButton)
    old.qtbot.mouseClick(order.findChild(QPushButton, "step_delete"), Qt.MouseButton.LeftButton)
    old.until(lambda: trainings(old) == KEPT[1:])


def test_a_saved_plan_says_what_the_old_recipe_said(old):
    again = parse_recipe(old.state.recipe.to_document())
    assert again == old.state.recipe
    assert [step["method"] for step in again.to_document()["steps"]] == [
        "magnitude_pruning",
        "distillation",
        "channel_pruning",
        "distillation",
        "static_int8",
    ]
