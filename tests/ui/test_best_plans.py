"""The panel of the best plans and why a layer is planned as it is, in the window with the real solver behind it."""

from dataclasses import replace

import pytest
from known_results import a_document, a_record
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from solved_budgets import newest_solution

from secateur.engine.events import Finished
from secateur.engine.jobs.budgeting import explain, find_front
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ExplainPlan, FindFront, SolveBudget
from secateur.recipe.chosen import choice_in

LEFT = Qt.MouseButton.LeftButton


def answer(shown, kind: type) -> None:
    """Let the engine answer the newest request of this kind."""
    asked = shown.engine.asked(kind)[-1]
    result = find_front(asked, Reporter(0, lambda event: None)) if kind is FindFront else explain(asked)
    shown.engine.say(Finished(shown.engine.job_of(kind), result))
    shown.settle()


@pytest.fixture
def solving(shown, model, spectra, table):
    """The window with a plan that the budget has made, and the first layer selected."""
    shown.open(model, spectra)
    shown.session.update(tables={"free": table})
    shown.session.budget.set({"bytes": 0.3 * model.source_bytes})
    shown.engine.say(newest_solution(shown.engine))
    shown.until(lambda: not shown.session.budget.is_solving)
    shown.settle()
    shown.layers.select(["conv1"])
    shown.until(lambda: any(asked.layer == "conv1" and asked.limits for asked in shown.engine.asked(ExplainPlan)))
    answer(shown, ExplainPlan)
    return shown


@pytest.fixture
def front(solving):
    """The panel, with the front in it."""
    solving.qtbot.mouseClick(solving.find(QPushButton, "front_button"), LEFT)
    solving.until(lambda: solving.engine.asked(FindFront))
    answer(solving, FindFront)
    return solving.find(QWidget, "front_panel")


def test_the_effect_card_says_why_and_follows_the_selection(solving) -> None:
    why = solving.find(QLabel, "effect_why")
    solving.until(lambda: why.text().startswith("conv1 is planned as"))
    solving.layers.select(["linear"])
    solving.settle()
    assert why.text() == ""
    answer(solving, ExplainPlan)
    solving.until(lambda: why.text().startswith("linear is planned as"))
    solving.layers.select(["linear", "conv1"])
    solving.settle()
    assert why.text() == ""


def test_the_button_opens_the_front_and_esc_closes_it_without_stopping_a_job(solving, front) -> None:
    assert front.isVisible()
    assert len(front.plot.shown.places) > 4
    solving.press(Qt.Key.Key_Escape, widget=front)
    assert not front.isVisible()
    asked = len(solving.engine.asked(FindFront))
    solving.session.keeping.keep(["conv1"])
    solving.settle()
    assert len(solving.engine.asked(FindFront)) == asked


def test_closing_it_gives_the_keyboard_back_to_where_it_was(solving) -> None:
    view = solving.layers.view
    view.setFocus()
    solving.assembly.commands.trigger("front")
    panel = solving.find(QWidget, "front_panel")
    assert panel.hasFocus()
    solving.press(Qt.Key.Key_Escape, widget=panel)
    assert view.hasFocus()


def test_a_click_on_a_point_takes_its_plan_and_undo_takes_it_back(solving, front) -> None:
    before = solving.state.recipe
    place = front.plot.shown.places[1]
    solving.qtbot.mouseClick(front.plot.viewport(), LEFT, pos=front.plot.place_of(1).toPoint())
    solving.until(lambda: len(solving.engine.asked(SolveBudget)) == 2)
    solving.engine.say(newest_solution(solving.engine))
    solving.until(lambda: solving.state.recipe != before)
    solving.settle()
    assert {name: choice_in(solving.state.recipe, name) for name in place.point.chosen} == dict(place.point.chosen)
    assert solving.workspace.plan_bar.slider.value() == pytest.approx(place.point.limit)
    solving.session.undo()
    assert solving.state.recipe == before


def test_what_the_dots_of_runs_are_is_said_where_there_are_some(solving, front, evaluation) -> None:
    assert not front.legend.isVisible()
    places = tuple(replace(place, metric=0.8) for place in front.plot.shown.places)
    state = solving.state.with_(baseline=evaluation, runs=(replace(a_record(), document=a_document()),))
    front.show_state(state, places, None, None, "")
    assert front.legend.isVisible()
    assert "runs" in front.legend.accessibleName()
    front.show_state(state.with_(runs=()), places, None, None, "")
    assert not front.legend.isVisible()


def test_arrows_and_return_do_what_the_mouse_does(solving, front) -> None:
    solving.press(Qt.Key.Key_Right, widget=front)
    assert front.plot.chosen == 0
    assert front.plot.reading.words.title.startswith(front.plot._across(front.plot.shown.places[0]))
    solving.press(Qt.Key.Key_Right, widget=front)
    solving.press(Qt.Key.Key_Return, widget=front)
    assert solving.engine.asked(SolveBudget)[-1].limits["bytes"] == front.plot.shown.places[1].point.limit


def test_the_present_plan_stands_in_the_front_and_moves_with_it(solving, front) -> None:
    plan = front.plot.shown.plan
    assert plan[0] == solving.session.predicted().bytes
    solving.session.choose_option(["layer2.0.conv2"], "prune50")
    solving.settle()
    assert front.plot.shown.plan != plan


def test_keeping_a_layer_has_the_front_found_anew(solving, front) -> None:
    before = front.plot.shown.places
    solving.session.choose_option(["layer2.0.conv2"], "prune50")
    solving.until(lambda: len(solving.engine.asked(FindFront)) == 2)
    answer(solving, FindFront)
    assert [place.point for place in front.plot.shown.places] != [place.point for place in before]


def test_below_it_says_what_more_damage_would_buy(solving, front) -> None:
    solving.until(lambda: solving.engine.asked(ExplainPlan)[-1].more_damage is None)
    answer(solving, ExplainPlan)
    solving.until(lambda: solving.find(QLabel, "front_buys").text().startswith("Half as much damage again"))


def test_milliseconds_that_were_not_measured_cannot_be_an_axis_and_it_says_why(solving, front) -> None:
    segment = front.axes.findChild(QWidget, "segment_latency_ms")
    assert not segment.isEnabled()
    assert "not been measured" in segment.toolTip()


def test_the_panel_stays_inside_a_small_window(solving, front) -> None:
    solving.window.resize(1024, 700)
    solving.settle()
    solving.until(lambda: solving.workspace.rect().contains(front.geometry()))
    assert front.geometry().bottom() < solving.workspace.plan_bar.geometry().top()


def test_without_scores_the_button_says_what_would_help(shown, model) -> None:
    shown.open(model)
    button = shown.find(QPushButton, "front_button")
    assert not button.isEnabled()
    assert "Score the options" in button.toolTip()
