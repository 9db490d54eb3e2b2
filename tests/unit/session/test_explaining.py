"""Why a layer is planned as it is, the front, what more would buy: when it is asked, what becomes of answers."""

import pytest
from known_sessions import table
from recording_engine import RecordingEngine
from solved_budgets import newest_reach, newest_solution

from secateur.engine import events as ev
from secateur.engine.jobs.budgeting import explain, find_front
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ExplainPlan, FindFront, FindLeast, SolveBudget
from secateur.engine.solving import LeastFound
from secateur.model.documents import Evaluation, Metric
from secateur.recipe.chosen import choice_in
from secateur.session.session import Session


@pytest.fixture
def solving(session: Session, engine: RecordingEngine) -> Session:
    """A session whose plan the budget has made."""
    session.update(tables={"measure": table()})
    session.budget.set({"bytes": 2100.0})
    session.receive(newest_solution(engine))
    return session


def answer(session: Session, engine: RecordingEngine, kind: type) -> None:
    """What the engine's process would say to the newest request of this kind."""
    asked = engine.asked(kind)[-1]
    result = find_front(asked, Reporter(0, lambda event: None)) if kind is FindFront else explain(asked)
    session.receive(ev.Finished(engine.job_of(kind), result))


def test_it_is_asked_once_for_a_layer_and_again_when_the_plan_is_another(
    solving: Session, engine: RecordingEngine
) -> None:
    solving.explaining.look_at("conv1")
    solving.explaining.renew()
    assert len(engine.asked(ExplainPlan)) == 1
    answer(solving, engine, ExplainPlan)
    assert solving.explaining.why("conv1").startswith("conv1 is planned as")
    assert solving.explaining.why("conv2") == ""
    solving.keeping.keep(["conv1"])
    solving.explaining.renew()
    answer(solving, engine, ExplainPlan)
    assert solving.explaining.why("conv1").startswith("conv1 is kept as")


def test_nothing_is_asked_while_a_slider_is_answered(solving: Session, engine: RecordingEngine) -> None:
    solving.budget.set({"bytes": 2500.0})
    solving.explaining.look_at("conv1")
    assert not engine.asked(ExplainPlan)
    solving.receive(newest_solution(engine))  # near the last plan
    solving.explaining.renew()
    assert not engine.asked(ExplainPlan)
    solving.receive(newest_solution(engine))  # where the slider rests
    solving.explaining.renew()
    assert engine.asked(ExplainPlan)[-1].limits == {"bytes": 2500.0}


def test_an_answer_to_what_was_asked_before_is_no_news(solving: Session, engine: RecordingEngine) -> None:
    solving.explaining.look_at("conv1")
    first = engine.job_of(ExplainPlan)
    solving.explaining.look_at("conv2")
    solving.receive(ev.Finished(first, explain(engine.asked(ExplainPlan)[0])))
    assert solving.state.explained is None


def test_a_plan_changed_by_hand_is_not_called_the_budgets(solving: Session, engine: RecordingEngine) -> None:
    solving.choose_option(["conv2"], "prune50")
    solving.explaining.look_at("conv1")
    answer(solving, engine, ExplainPlan)
    assert "which no budget chose" in solving.explaining.why("conv1")


def test_a_point_of_the_front_is_taken_as_a_slider_takes_it_and_undone(
    solving: Session, engine: RecordingEngine
) -> None:
    before = solving.state.recipe
    solving.explaining.show_front("bytes")
    assert solving.state.front is not None
    assert solving.state.front.is_waiting
    answer(solving, engine, FindFront)
    place = solving.explaining.places()[0]
    solving.explaining.take(place)
    solving.receive(newest_solution(engine))
    assert {n: choice_in(solving.state.recipe, n) for n in place.point.chosen} == dict(place.point.chosen)
    assert solving.state.taken == {"bytes": place.point.limit}
    solving.undo()
    assert solving.state.recipe == before


def test_the_front_is_found_anew_for_other_kept_layers_and_the_old_one_is_given_up(
    solving: Session, engine: RecordingEngine
) -> None:
    solving.explaining.show_front("bytes")
    solving.explaining.renew()
    assert len(engine.asked(FindFront)) == 1
    first = engine.job_of(FindFront)
    solving.keeping.keep(["conv1"])
    solving.explaining.renew()
    assert len(engine.asked(FindFront)) == 2
    assert first in engine.cancelled
    assert set(engine.asked(FindFront)[-1].pins) == {"conv1"}
    solving.receive(ev.Stopped(first))
    answer(solving, engine, FindFront)
    assert solving.state.front is not None
    assert solving.state.front.points
    solving.explaining.show_front(None)
    solving.keeping.free(["conv1"])
    solving.receive(newest_solution(engine))
    solving.explaining.renew()
    assert len(engine.asked(FindFront)) == 2, "nobody looks at it"


def test_a_front_that_cannot_be_found_says_why(solving: Session, engine: RecordingEngine) -> None:
    solving.explaining.show_front("bytes")
    solving.receive(ev.Failed(engine.job_of(FindFront), "There are no layers to choose options for.", ""))
    assert solving.state.front is not None
    assert solving.state.front.problem == "There are no layers to choose options for."
    assert not solving.state.notices


def test_what_more_would_buy_is_told_in_points_where_the_metric_is_known_else_in_damage(
    solving: Session, engine: RecordingEngine
) -> None:
    solving.explaining.show_front("bytes")
    answer(solving, engine, ExplainPlan)
    assert solving.explaining.buys().startswith("Half as much damage again")
    metric = Metric(name="top1", value=0.9, ci95=(0.88, 0.92))
    baseline = Evaluation(
        metric=metric, loss=0.3, samples=100, bytes=5000, zip_bytes=5000, params=1, nonzero_params=1, macs=1,
        latency_ms=None,
    )  # fmt: skip
    rows = [row.model_copy(update={"metric_drop": 0.4 * (row.damage or 0)}) for row in table().rows]
    solving.update(baseline=baseline, tables={"measure": table().model_copy(update={"rows": tuple(rows)})})
    solving.explaining.renew()
    asked = engine.asked(ExplainPlan)[-1]
    assert asked.more_damage == pytest.approx(0.002 / 0.4)
    answer(solving, engine, ExplainPlan)
    assert solving.explaining.buys().replace("\u00a0", " ").startswith("Another 0.2 pt of top-1 would")


def test_a_new_model_knows_nothing_of_the_old_ones_plans(solving: Session, engine: RecordingEngine) -> None:
    solving.explaining.look_at("conv1")
    solving.explaining.show_front("bytes")
    solving.explaining.forget()
    solving.explaining.renew()
    assert len(engine.asked(ExplainPlan)) > 1
    assert len(engine.asked(FindFront)) == 2
    assert engine.asked(SolveBudget)


def test_how_far_the_budgets_reach_is_asked_once_for_a_table_and_taken_in_by_the_sliders(
    solving: Session, engine: RecordingEngine
) -> None:
    at_once, original = solving.budget.range()
    solving.explaining.renew()
    solving.explaining.renew()
    assert len(engine.asked(FindLeast)) == 1
    assert newest_reach(engine).result.bytes <= at_once
    solving.receive(ev.Finished(engine.job_of(FindLeast), LeastFound(at_once - 1)))
    assert solving.budget.range() == (at_once - 1, original)
    solving.update(tables={"measure": table().model_copy(update={"samples": 7})})
    solving.explaining.renew()
    assert len(engine.asked(FindLeast)) == 2
    solving.update(tables={})
    solving.explaining.renew()
    assert solving.state.least is None
