"""The order of the plan's steps, in the window: mouse and keys move, repeat and take out, and undo brings back."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from secateur.engine.events import CurvePoint, Partial
from secateur.engine.requests import OpenModel
from secateur.recipe.presets import preset
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Repeat
from secateur.ui.actions import ACTIONS, PRESETS
from secateur.ui.panels.step_row import StepRow
from secateur.ui.toolbar import MORE
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.why_not import why_not_of

STEPS = [
    {"method": "channel_pruning", "layers": ["layer1.0.conv1"], "ratio": 0.4},
    {"method": "distillation", "epochs": 1},
    {"method": "static_int8", "layers": ["conv1", "linear"]},
]


@pytest.fixture
def planned(shown, model):
    shown.open(model)
    shown.session.load_recipe(parse_recipe({"schema": 1, "steps": STEPS}))
    shown.until(lambda: len(rows(shown)) == 3)
    return shown


def rows(shown):
    return shown.workspace.plan.order.rows


def row(shown, name):
    return shown.workspace.plan.order.findChild(StepRow, name)


def press(shown, name):
    shown.qtbot.mouseClick(shown.workspace.plan.order.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def told(shown):
    return [step.method.id for step in shown.state.recipe.final]


def test_a_step_moves_by_the_buttons_and_undo_puts_it_back(planned, qtbot):
    qtbot.mouseClick(row(planned, "step_2"), Qt.MouseButton.LeftButton)
    press(planned, "step_down")
    planned.until(lambda: told(planned) == ["channel_pruning", "static_int8", "distillation"])
    press(planned, "step_up")
    planned.until(lambda: told(planned) == ["channel_pruning", "distillation", "static_int8"])
    planned.session.undo()
    planned.session.undo()
    assert told(planned) == ["channel_pruning", "distillation", "static_int8"]
    assert planned.state.can_redo


def pull(shown, name, to, *, drop=True):
    """Press a row, pull it over the lower (or, upwards, the upper) half of another one, and let go."""
    one, other = row(shown, name), row(shown, to)
    shown.until(lambda: other.height() > 8 and other.y() != one.y())  # the rows have been laid out
    start = QPoint(8, 8)
    is_down = other.y() > one.y()
    end = QPoint(8, other.y() - one.y() + (other.height() - 3 if is_down else 3))
    shown.qtbot.mousePress(one, Qt.MouseButton.LeftButton, pos=start)
    for part in (0.3, 0.7, 1.0):
        here = QPointF(start + (end - start) * part)
        move = QMouseEvent(
            QEvent.Type.MouseMove, here, one.mapToGlobal(here), Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(one, move)
    if drop:
        shown.qtbot.mouseRelease(one, Qt.MouseButton.LeftButton, pos=end)


def test_a_step_is_dragged_to_another_place_and_undo_puts_it_back(planned):
    pull(planned, "step_1", "step_3", drop=False)
    line = planned.workspace.plan.order.drop_line
    assert line.isVisible()
    assert line.y() > row(planned, "step_3").geometry().bottom()
    planned.qtbot.mouseRelease(row(planned, "step_1"), Qt.MouseButton.LeftButton)
    planned.until(lambda: told(planned) == ["distillation", "static_int8", "channel_pruning"])
    assert not line.isVisible()
    planned.session.undo()
    planned.until(lambda: "Channel pruning" in row(planned, "step_1").accessibleName())
    pull(planned, "step_3", "step_2")
    planned.until(lambda: told(planned) == ["channel_pruning", "static_int8", "distillation"])


def test_escape_lets_go_of_a_dragged_step(planned, qtbot):
    pull(planned, "step_1", "step_3", drop=False)
    qtbot.keyClick(row(planned, "step_1"), Qt.Key.Key_Escape)
    assert not planned.workspace.plan.order.drop_line.isVisible()
    qtbot.mouseRelease(row(planned, "step_1"), Qt.MouseButton.LeftButton)
    assert told(planned) == ["channel_pruning", "distillation", "static_int8"]
    assert not planned.workspace.plan.order._followed


def test_a_repeat_is_dragged_as_one_and_its_steps_stay_in_it(planned):
    planned.session.ordering.repeat([step.id for step in planned.state.recipe.steps[:2]])
    planned.until(lambda: len(rows(planned)) == 4)
    pull(planned, "step_1.1", "step_2")  # beyond its repeat
    planned.until(lambda: told(planned) == ["distillation", "channel_pruning", "static_int8"])
    assert planned.state.recipe.steps[0].rounds == 4
    planned.until(lambda: "Distillation" in row(planned, "step_1.1").accessibleName())
    pull(planned, "step_1", "step_2")
    planned.until(lambda: told(planned) == ["static_int8", "distillation", "channel_pruning"])


def test_a_step_moves_by_keys_and_the_focus_goes_with_it(planned, qtbot):
    row(planned, "step_1").setFocus()
    qtbot.keyClick(row(planned, "step_1"), Qt.Key.Key_Down)
    qtbot.keyClick(row(planned, "step_2"), Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    planned.until(lambda: told(planned) == ["channel_pruning", "static_int8", "distillation"])
    planned.until(lambda: "Distillation" in row(planned, "step_3").accessibleName())
    assert row(planned, "step_3").property("state") == "chosen"
    assert why_not_of(planned.workspace.plan.order.down) == "It is the last already."


def test_neighbours_become_one_block_of_rounds(planned, qtbot):
    qtbot.mouseClick(row(planned, "step_1"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(row(planned, "step_2"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier)
    press(planned, "step_repeat")
    planned.until(lambda: len(rows(planned)) == 4)
    assert isinstance(planned.state.recipe.steps[0], Repeat)
    assert row(planned, "step_1").accessibleName() == "Step 1: repeat, 4 rounds"
    assert "Ratio 10 → 20 → 30 → 40" in row(planned, "step_1.1").values.text()
    assert "Epochs 1" in row(planned, "step_1.2").values.text()


def test_the_rounds_are_typed_and_what_grows_reaches_the_same(planned, qtbot):
    planned.session.ordering.repeat([step.id for step in planned.state.recipe.steps[:2]])
    planned.until(lambda: len(rows(planned)) == 4)
    field = planned.workspace.plan.order.findChild(NumberField, "rounds_1")
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "2")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    planned.until(lambda: planned.state.recipe.steps[0].rounds == 2)
    planned.until(lambda: "Ratio 20 → 40" in row(planned, "step_1.1").values.text())


def test_the_values_of_the_rounds_are_typed_and_must_not_fall(planned, qtbot):
    planned.session.ordering.repeat([step.id for step in planned.state.recipe.steps[:2]])
    planned.until(lambda: len(rows(planned)) == 4)
    field = row(planned, "step_1.1").findChild(QLineEdit, "values_1.1")
    assert not field.isVisible()
    qtbot.mouseClick(row(planned, "step_1.1"), Qt.MouseButton.LeftButton)
    planned.until(field.isVisible)
    assert field.text() == "10, 20, 30, 40"
    type_into(field, qtbot, "10, 15, 30, 35")
    planned.until(lambda: planned.state.recipe.final[0].values_of("ratio") == (0.1, 0.15, 0.3, 0.35))
    type_into(field, qtbot, "10, 5, 30, 35")
    planned.until(lambda: any("must not fall" in notice.sentence for notice in planned.state.notices))
    planned.until(lambda: field.text() == "10, 15, 30, 35")
    type_into(field, qtbot, "20, 30")
    planned.until(lambda: any("needs 4 values" in notice.sentence for notice in planned.state.notices))
    assert planned.state.recipe.final[0].values_of("ratio") == (0.1, 0.15, 0.3, 0.35)


def type_into(field, qtbot, text):
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_a_repeat_is_done_once_again_by_key(planned, qtbot):
    before = planned.state.recipe
    planned.session.ordering.repeat([step.id for step in before.steps[:2]])
    planned.until(lambda: len(rows(planned)) == 4)
    row(planned, "step_1").setFocus()
    qtbot.keyClick(row(planned, "step_1"), Qt.Key.Key_R)
    planned.until(lambda: planned.state.recipe == before)


def test_delete_takes_out_the_step_and_not_the_layers_plan(planned, qtbot):
    row(planned, "step_2").setFocus()
    qtbot.keyClick(row(planned, "step_2"), Qt.Key.Key_Delete)
    planned.until(lambda: told(planned) == ["channel_pruning", "static_int8"])


def test_a_training_is_done_twice_and_a_quantization_says_why_not(planned, qtbot):
    qtbot.mouseClick(row(planned, "step_2"), Qt.MouseButton.LeftButton)
    press(planned, "step_double")
    planned.until(lambda: told(planned) == ["channel_pruning", "distillation", "distillation", "static_int8"])
    planned.until(lambda: len(rows(planned)) == 4)
    qtbot.mouseClick(row(planned, "step_4"), Qt.MouseButton.LeftButton)
    assert why_not_of(planned.workspace.plan.order.double) == "A layer is quantized once."


def test_of_two_trainings_the_chosen_one_is_edited(planned, qtbot):
    planned.session.ordering.double(planned.state.recipe.steps[1].id)
    planned.until(lambda: len(rows(planned)) == 4)
    qtbot.mouseClick(row(planned, "step_3"), Qt.MouseButton.LeftButton)
    method = planned.state.model_step("distil")
    planned.session.set_model_method("distil", method.model_copy(update={"epochs": 7}))
    assert [step.method.epochs for step in planned.state.recipe.final if step.method.scope == "model"] == [1, 7]


def test_a_switch_in_another_card_leaves_the_order_alone(planned):
    from secateur.methods.prune.magnitude import MagnitudePruning

    planned.session.ordering.move(planned.state.recipe.steps[1].id, 1)
    planned.session.set_method(["conv1"], "weight_pruning", MagnitudePruning())
    assert [kind for kind in told(planned) if kind != "magnitude_pruning"] == [
        "channel_pruning",
        "static_int8",
        "distillation",
    ]


def test_iterative_pruning_is_planned_from_the_menu_and_undone(shown, model):
    shown.open(model)
    for name in PRESETS:
        preset(name)
    entry = next(one for one in ACTIONS if one.id == "preset_iterative_pruning")
    assert entry.id in MORE
    shown.assembly.commands.trigger(entry.id)
    shown.until(lambda: [row.objectName() for row in rows(shown)] == ["step_1", "step_1.1", "step_1.2"])
    assert "Ratio 10 → 20 → 30 → 40" in row(shown, "step_1.1").values.text()
    shown.session.undo()
    shown.until(lambda: not shown.workspace.plan.order.isVisible())


def test_the_rounds_of_a_training_are_one_curve_with_a_line_where_each_begins(planned):
    planned.session.ordering.repeat([step.id for step in planned.state.recipe.steps[:2]])
    points = [
        CurvePoint(step, 10, step / 10, 1, loss=1.0 / (turn + step / 10), round=turn, rounds=4)
        for turn in (1, 2, 3)
        for step in range(0, 11, 2)
    ]
    planned.session.update(curve=())
    job = planned.engine.job_of(OpenModel)
    planned.engine.say(*(Partial(job, point) for point in points))
    planned.until(lambda: len(planned.state.curve) == len(points))
    planned.workspace.detail.show_tab("distil")
    tab = planned.workspace.detail.tab("distil")
    planned.until(lambda: tab.title.text().startswith("Round 3 of 4"))
    planned.until(lambda: tab.loss.round_starts == (1.0, 2.0, 3.0))
    assert tab.loss._series[-1].x[-1] == 3.0
