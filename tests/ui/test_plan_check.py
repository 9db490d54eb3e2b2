"""The check of the plan in the window: its button, what was measured beside what was predicted, and Stop."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from solved_budgets import newest_solution

from secateur.engine.events import Finished, Partial, PlanChecked, PlanMeasured, Stopped
from secateur.engine.requests import CheckPlan
from secateur.model.plan_check import CheckedPlan, MeasuredPlan, PlanCheck
from secateur.recipe.chosen import choice_in, recipe_of
from secateur.session.session import SAMPLE_DATA

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def solving(shown, model, spectra, table, data, previews, evaluation):
    """The window with data, scores on samples, and a plan that the budget has made."""
    shown.open(model, spectra)
    shown.session.open_data(SAMPLE_DATA)
    shown.open_data(data, previews, evaluation)
    rows = tuple(
        row.model_copy(update={"measured": row.damage is not None, "metric_drop": 0.5 * (row.damage or 0.0)})
        for row in table.rows
    )
    shown.session.update(tables={"measure": table.model_copy(update={"depth": "measure", "rows": rows})})
    shown.session.budget.set({"bytes": 0.3 * model.source_bytes})
    shown.engine.say(newest_solution(shown.engine))
    shown.until(lambda: not shown.session.budget.is_solving)
    shown.settle()
    return shown


def told(shown, damage, change, recipe=None):
    names = [layer.name for layer in shown.state.rows]
    recipe = recipe or shown.state.recipe
    measured = MeasuredPlan(
        damage=damage, damage_interval=(damage / 2, damage * 2), unit="nats", samples=512, metric="top1",
        before=0.81, after=0.81 + change, change=change, change_interval=(change - 0.005, change + 0.005),
    )  # fmt: skip
    chosen = {name: choice_in(recipe, name) or "" for name in names}
    return PlanMeasured(CheckedPlan(chosen=chosen, predicted=0.02, measured=measured), recipe)


def check_by_mouse(shown):
    shown.qtbot.mouseClick(shown.find(QPushButton, "check_button"), LEFT)
    shown.until(lambda: shown.engine.asked(CheckPlan))
    return shown.engine.job_of(CheckPlan)


def said(shown, name):
    return shown.workspace.plan_bar.blocks[name].accessibleDescription().replace("\u00a0", " ")


def test_the_button_is_grey_with_a_reason_until_a_plan_can_be_checked(shown, model, spectra) -> None:
    button = shown.find(QPushButton, "check_button")
    shown.open(model, spectra)
    shown.settle()
    assert not button.isEnabled()
    assert "Choose data" in button.toolTip()


def test_measured_stands_beside_predicted_with_both_intervals(solving) -> None:
    blocks = solving.workspace.plan_bar.blocks
    assert not blocks["measured"].isVisible()
    job = check_by_mouse(solving)
    solving.engine.say(Partial(job, told(solving, 0.04, -0.012)))
    solving.until(blocks["measured"].isVisible)
    assert blocks["metric"].isVisible()
    assert said(solving, "measured") == "81.0 to 79.8 %, −1.2 pt (−1.7 … −0.7)"
    assert blocks["measured"].accessibleName() == "Measured, 512 samples"
    assert "…" in said(solving, "metric")
    assert "damage" in blocks["measured"].toolTip()


def test_a_plan_that_changes_is_not_measured_any_more_and_undo_brings_it_back(solving) -> None:
    blocks = solving.workspace.plan_bar.blocks
    solving.engine.say(Partial(check_by_mouse(solving), told(solving, 0.04, -0.012)))
    solving.until(blocks["measured"].isVisible)
    solving.session.clear_layers(["conv1"])
    solving.until(lambda: not blocks["measured"].isVisible())
    solving.session.undo()
    solving.until(blocks["measured"].isVisible)


def other_plan(shown):
    chosen = {layer.name: choice_in(shown.state.recipe, layer.name) or "" for layer in shown.state.rows}
    chosen["conv1"] = "int8" if chosen["conv1"] != "int8" else "int4"
    return recipe_of(chosen)


def test_a_better_plan_takes_its_place_and_the_notice_undoes_it(solving) -> None:
    before, better = solving.state.recipe, other_plan(solving)
    job = check_by_mouse(solving)
    plans = told(solving, 0.04, -0.012), told(solving, 0.01, -0.004, better)
    solving.engine.say(*(Partial(job, plan) for plan in plans))
    check = PlanCheck(
        recipe=better.to_document(), plans=tuple(plan.plan for plan in plans), best=1, interaction=2.0
    )  # fmt: skip
    solving.engine.say(Finished(job, PlanChecked(check, better)))
    solving.until(lambda: solving.state.recipe == better)
    solving.settle()
    assert said(solving, "measured").startswith("81.0 to 80.6 %")
    button = next(b for b in solving.window.findChildren(QPushButton, "notice_remedy") if "Undo" in b.text())
    solving.qtbot.mouseClick(button, LEFT)
    solving.until(lambda: solving.state.recipe == before)


def test_a_check_that_found_nothing_better_says_what_it_did(solving) -> None:
    job, before = check_by_mouse(solving), solving.state.recipe
    plans = told(solving, 0.04, -0.012), told(solving, 0.05, -0.02, other_plan(solving))
    check = PlanCheck(recipe=before.to_document(), plans=tuple(one.plan for one in plans), best=0, interaction=2.0)
    solving.engine.say(*(Partial(job, plan) for plan in plans), Finished(job, PlanChecked(check, before)))
    solving.until(lambda: not solving.state.jobs)
    assert [n.sentence for n in solving.state.notices] == [
        "The plan was measured as a whole. Solved again around it, 1 plan did no less damage."
    ]
    assert solving.state.recipe == before


def test_stop_keeps_the_best_so_far(solving) -> None:
    better = other_plan(solving)
    job = check_by_mouse(solving)
    solving.engine.say(Partial(job, told(solving, 0.04, -0.012)), Partial(job, told(solving, 0.01, -0.004, better)))
    solving.engine.say(Stopped(job))
    solving.until(lambda: solving.state.recipe == better)
    assert not solving.state.jobs


def test_selecting_all_layers_the_card_has_what_was_measured(solving) -> None:
    solving.engine.say(Partial(check_by_mouse(solving), told(solving, 0.04, -0.012)))
    row = solving.workspace.plan.effect.rows["Measured"]
    solving.layers.select(["conv1"])
    solving.settle()
    assert not row.isVisibleTo(solving.workspace.plan.effect)
    solving.layers.select([layer.name for layer in solving.state.rows])
    solving.until(lambda: row.isVisibleTo(solving.workspace.plan.effect))
    assert "79.8" in row.accessibleDescription()


def test_the_key_checks_too(solving) -> None:
    solving.press(Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    solving.until(lambda: solving.engine.asked(CheckPlan))


@pytest.mark.parametrize("width", [1024, 1200, 1440, 1920])
def test_nothing_of_the_bar_is_cut_once_a_plan_was_measured(solving, width) -> None:
    solving.window.resize(width, 760)
    solving.engine.say(Partial(check_by_mouse(solving), told(solving, 0.04, -0.012)))
    bar = solving.workspace.plan_bar
    solving.until(bar.blocks["measured"].isVisible)
    solving.settle()
    for block in bar.blocks.values():
        if block.isVisible():
            assert block.width() >= block.sizeHint().width()
            assert block.geometry().right() <= bar.width()
    run = solving.find(QPushButton, "run_plan")
    assert run.geometry().right() <= bar.width()
