"""Autopilot in the session: asked for with a goal, told of trial by trial, stopped, found again and gone on with."""

from pathlib import Path

import pytest
from known_sessions import description
from piloted_searches import scored, search, trial

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.engine.autopilot import AutopilotEnded, AutopilotFound, TrialsTold
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource
from secateur.model.documents import DataDescription
from secateur.recipe.autopilot import Goal
from secateur.session import reasons

DATA = rq.DataSource("d.npz")
NO_METRIC = scored().model_copy(update={"metric": None})


@pytest.fixture
def ready(session):
    """The network with data that scores it."""
    told = DataDescription(
        name="d", source="d.npz", task="classification", metric="top1", classes=(), train=9, calibration=9, test=9
    )
    session.update(data_source=DATA, data=told, baseline=scored())
    return session


def started(session, engine) -> int:
    session.piloting.start()
    job = engine.job_of(rq.Autopilot)
    session.receive(ev.Started(job, engine.requests[job - 1]))
    return job


def told_of(session, engine, document, folder="/runs/p", **asked) -> None:
    """The engine's answer to the question for an earlier search."""
    session.piloting.find()
    job = engine.job_of(rq.FindAutopilot)
    session.receive(ev.Finished(job, AutopilotFound(document, folder)))


def test_it_is_asked_for_with_a_point_unless_told_otherwise(ready, engine):
    started(ready, engine)
    request = engine.asked(rq.Autopilot)[-1]
    assert (request.drop, request.size, request.latency, request.resume) == (0.01, None, None, False)
    assert request.data == DATA
    ready.receive(ev.Stopped(engine.job_of(rq.Autopilot)))
    ready.piloting.ask_for(Goal(0.02, size=0.1, latency=0.5))
    started(ready, engine)
    request = engine.asked(rq.Autopilot)[-1]
    assert (request.drop, request.size, request.latency) == (0.02, 0.1, 0.5)


def test_of_a_metric_that_is_a_number_a_hundredth_may_be_lost(ready):
    ready.update(baseline=scored(3.8374, "mse"))
    assert ready.state.pilot.goal_on(ready.state.baseline) == Goal(0.038)


def test_it_stands_among_the_jobs_from_the_moment_it_is_asked_for(ready, engine):
    ready.piloting.start()
    assert [job.title for job in ready.state.jobs] == ["Autopilot, at most 1.0\u00a0pt lost"]


def test_trials_are_told_as_they_happen_and_are_looked_up_as_runs(ready, engine):
    job = started(ready, engine)
    asked = len(engine.asked(rq.ListRuns))
    document = search(trial(1), state="running")
    ready.receive(ev.Partial(job, TrialsTold(document)))
    assert ready.state.pilot.document == document
    assert len(engine.asked(rq.ListRuns)) == asked + 1


def test_trials_of_a_model_that_is_not_open_any_more_are_passed_over(ready, engine):
    job = started(ready, engine)
    other = ModelSource("other.onnx")
    ready.update(model=ready.state.model.__class__("other", other, "onnx", 1, (), (), ()))
    ready.receive(ev.Partial(job, TrialsTold(search(trial(1)))))
    assert ready.state.pilot.document is None


def test_its_end_shows_the_best_and_says_so_where_its_panel_is_closed(ready, engine):
    job = started(ready, engine)
    document = search(trial(1), trial(2), state="ended", meets_goal=True)
    ready.receive(ev.Finished(job, AutopilotEnded(document, "/runs/p")))
    assert ready.state.shown_run == "p-02"
    assert ready.state.pilot.folder == "/runs/p"
    said = ready.state.notices[-1]
    assert said.remedy == "autopilot"
    assert "8.0× smaller, 1.7× faster, top-1 −0.6" in said.sentence
    ready.piloting.show(is_open=True)
    assert not ready.state.notices


def test_an_end_without_a_plan_that_keeps_the_quality_says_that(ready, engine):
    job = started(ready, engine)
    document = search(trial(1, keeps=False, is_proven=False), state="ended")
    ready.receive(ev.Finished(job, AutopilotEnded(document, "/runs/p")))
    assert ready.state.notices[-1].kind == "warn"
    assert "the original is what to ship" in ready.state.notices[-1].sentence


@pytest.mark.parametrize("end", ["stopped", "failed", "died"])
def test_one_that_broke_off_is_looked_up_and_goes_on_in_its_folder(ready, engine, end):
    job = started(ready, engine)
    request = engine.requests[job - 1]
    ready.receive(ev.Partial(job, TrialsTold(search(trial(1), state="running"))))
    ends = {
        "stopped": ev.Stopped(job),
        "failed": ev.Failed(job, "No."),
        "died": ev.EngineDied("It died.", (request,), jobs=(job,)),
    }
    ready.receive(ends[end])
    assert engine.asked(rq.FindAutopilot)[-1] == rq.FindAutopilot("f", DATA)
    told_of(ready, engine, search(trial(1)))
    ready.piloting.resume()
    again = engine.asked(rq.Autopilot)[-1]
    assert (again.run, again.resume, again.folder) == ("p", True, Path("/runs/p"))


def test_the_death_of_the_engine_offers_to_go_on(ready, engine):
    job = started(ready, engine)
    ready.receive(ev.EngineDied("It died.", (engine.requests[job - 1],), jobs=(job,)))
    assert ready.state.notices[-1].remedy == "resume_autopilot"
    assert not ready.state.jobs


def test_it_goes_on_by_what_is_asked_for_now(ready, engine):
    told_of(ready, engine, search(trial(1), goal={"drop": 0.03, "size": 0.2}))
    assert ready.state.pilot.goal == Goal(0.03, 0.2)
    ready.piloting.ask_for(Goal(0.04))
    ready.piloting.resume()
    request = engine.asked(rq.Autopilot)[-1]
    assert (request.drop, request.size) == (0.04, None)


def test_one_with_nothing_left_goes_on_only_where_something_else_is_asked_for(ready, engine):
    told_of(ready, engine, search(trial(1), state="ended"))
    assert "let more be lost" in ready.why_not("resume_autopilot")
    ready.piloting.resume()
    assert not engine.asked(rq.Autopilot)
    ready.piloting.ask_for(Goal(0.02))
    assert ready.why_not("resume_autopilot") == ""


def test_one_that_another_window_is_at_is_left_to_it(ready, engine):
    told_of(ready, engine, search(trial(1), state="running"))
    assert "Another window" in ready.why_not("resume_autopilot")


def test_an_answer_about_other_data_is_passed_over(ready, engine):
    ready.piloting.find()
    job = engine.job_of(rq.FindAutopilot)
    ready.update(data_source=rq.DataSource("other.npz"))
    ready.receive(ev.Finished(job, AutopilotFound(search(trial(1)), "/runs/p")))
    assert ready.state.pilot.document is None


def test_a_trials_plan_can_be_taken_and_taken_back(ready, engine):
    told_of(ready, engine, search(trial(1), trial(2)))
    before = ready.state.recipe
    ready.piloting.take(2)
    assert isinstance(ready.state.step_of("conv1", "quantize"), WeightOnly)
    ready.undo()
    assert ready.state.recipe == before


def broken_trial(**changes) -> ev.RunRecord:
    values = {
        "run": "p-02", "name": "Autopilot, trial 2", "model": "net", "fingerprint": "f", "data": "d.npz",
        "recipe_yaml": "schema: 1\nsteps: []\n", "state": "interrupted", "created": 1.0,
        "folder": "/runs/p/trials/02", "model_source": ModelSource("net.onnx"), "data_source": DATA,
    }  # fmt: skip
    return ev.RunRecord(**{**values, **changes})


def test_going_on_with_a_trial_after_a_restart_goes_on_with_its_search(session, engine):
    session.receive(ev.Finished(90, ev.RunsListed((broken_trial(),))))
    session.history.resume("p-02")
    job = engine.job_of(rq.FindAutopilot)
    assert engine.requests[job - 1] == rq.FindAutopilot("f", DATA, "/runs/p")
    session.receive(ev.Finished(job, AutopilotFound(search(trial(1), goal={"drop": 0.03}), "/runs/p")))
    request = engine.asked(rq.Autopilot)[-1]
    assert (request.run, request.drop, request.resume, request.data) == ("p", 0.03, True, DATA)
    assert session.state.pilot.is_open
    assert not engine.asked(rq.Compress)


def test_a_run_that_only_lies_like_a_trial_goes_on_by_itself(ready, engine):
    ready.receive(ev.Finished(90, ev.RunsListed((broken_trial(),))))
    ready.history.resume("p-02")
    ready.receive(ev.Finished(engine.job_of(rq.FindAutopilot), AutopilotFound()))
    assert engine.asked(rq.Compress)[-1].run == "p-02"
    assert not engine.asked(rq.Autopilot)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data_source": None}, "Choose data first"),
        ({"baseline": None}, "Wait until the data is open"),
        ({"baseline": NO_METRIC}, "Open data with targets"),
        ({"model": None}, "Open a model first"),
    ],
)
def test_why_it_cannot_be_asked_for_is_said(ready, engine, changes, words):
    ready.update(**changes)
    assert words in ready.why_not("autopilot")
    ready.piloting.start()
    assert not engine.asked(rq.Autopilot)


def test_one_search_at_a_time(ready, engine):
    started(ready, engine)
    assert "stop it first" in ready.why_not("start_autopilot")
    assert ready.why_not("autopilot") == "", "its panel can be looked at"


def test_closing_the_window_says_that_what_it_tried_is_kept(ready, engine):
    started(ready, engine)
    assert reasons.lost_on_closing(ready.state) == (
        "Autopilot is going on. What it tried is kept, and it goes on from there next time.",
    )


def test_another_model_begins_without_a_search(ready, engine):
    told_of(ready, engine, search(trial(1)))
    ready.receive(ev.Finished(99, ev.ModelOpened(description())))
    assert ready.state.pilot.document is None
