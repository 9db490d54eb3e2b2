"""The session: wishes become requests, events become state, and nothing is ever lost. No Qt, no torch."""

from dataclasses import replace

import pytest
from known_sessions import NAMES, description, spectra, with_data

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.model.documents import DataDescription
from secateur.recipe.recipe import Recipe, Step
from secateur.session.session import Session


def test_opening_a_model_asks_for_its_spectra_times_and_runs(session, engine):
    kinds = {type(request) for request in engine.requests}
    assert {rq.CountSpectra, rq.MeasureLatency, rq.ListRuns} <= kinds


def test_running_needs_data_and_says_so(session, engine):
    session.choose_option(NAMES, "int8")
    session.run_plan()
    assert not any(isinstance(r, rq.Compress) for r in engine.requests)
    assert "data" in session.state.notices[-1].sentence


def test_running_submits_the_plan_as_it_is(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    session.run_plan()
    assert engine.requests[-1].recipe == session.state.recipe


def test_cancelling_a_job_keeps_the_plan_and_leaves_no_job(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    plan = session.state.recipe
    session.run_plan()
    job = len(engine.requests)
    session.receive(ev.Started(job, engine.requests[-1]))
    session.stop(job)
    assert engine.cancelled == [job]
    session.receive(ev.Stopped(job))
    assert session.state.jobs == ()
    assert session.state.recipe == plan


def test_stopping_twice_restarts_an_engine_that_does_not_listen(session, engine):
    session.receive(ev.Started(9, engine.requests[0]))
    session.stop(9)
    session.stop(9)
    assert engine.restarts == 1


def test_a_dead_engine_keeps_the_session_and_offers_to_resume(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    plan = session.state.recipe
    session.run_plan()
    request = engine.requests[-1]
    session.receive(ev.Started(5, request))
    session.receive(ev.EngineDied("The engine was ended.", (request,)))
    assert session.state.model is not None
    assert session.state.recipe == plan
    assert session.state.jobs == ()
    assert session.state.notices[-1].remedy == f"resume:{request.run}"


def test_resuming_asks_for_the_same_run_with_the_same_recipe(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    session.run_plan()
    request = engine.requests[-1]
    session.receive(ev.Stopped(len(engine.requests)))
    record = ev.RunRecord(request.run, "int8", "net", "f", "d", request.recipe.to_yaml(), "interrupted", 1.0, "/x")
    session.receive(ev.Finished(0, ev.RunsListed((record,))))
    session.history.resume(request.run)
    assert engine.requests[-1].resume
    assert engine.requests[-1].run == request.run
    assert engine.requests[-1].recipe == request.recipe


def test_restoring_a_run_brings_its_plan_back_and_can_be_undone(session):
    recipe = Recipe((Step(StaticInt8(), ("conv*",)),))
    record = ev.RunRecord("r1", "int8", "net", "f", "d", recipe.to_yaml(), "finished", 1.0, "/x")
    session.receive(ev.Finished(0, ev.RunsListed((record,))))
    session.history.restore("r1")
    assert session.state.planned_layers == ("conv1", "conv2")
    session.undo()
    assert session.state.recipe == Recipe()


def test_a_failed_job_is_one_notice_and_changes_nothing_else(session, engine):
    before = session.state
    session.receive(ev.Started(3, engine.requests[0]))
    session.receive(ev.Failed(3, "It did not work.", "Try again."))
    assert session.state.notices[-1].sentence == "It did not work."
    assert session.state.with_(notices=()) == before.with_(notices=())


@pytest.mark.parametrize(
    "action", ["run", "measure", "budget", "undo", "redo", "export", "data", "compare", "reset", "stop"]
)
def test_every_unavailable_action_says_why_with_nothing_open(engine, action):
    assert Session(engine, lambda state, changed: None).why_not(action).endswith(".")


def test_a_run_is_not_started_twice_while_it_waits(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    session.run_plan()
    session.run_plan()
    assert sum(isinstance(request, rq.Compress) for request in engine.requests) == 1


def test_a_network_whose_shape_the_data_set_is_taken_over_with_the_plan_kept(session, engine):
    planned = session.state.recipe
    data = DataDescription(name="d", source="d", task="none", metric="", classes=(), train=1, calibration=1, test=1)
    opening = rq.OpenData(session.state.model.source, rq.DataSource("d.npz"))
    anew = replace(session.state.model, notes=("The input shape 3×12×12 is that of d.npz.",))
    session.receive(ev.Started(7, opening))
    session.receive(ev.Finished(7, ev.DataOpened(data, (), None, anew)))
    assert session.state.model == anew
    assert session.state.recipe == planned
    assert rq.MeasureLatency(anew.source) in engine.requests


def test_opening_another_model_gives_up_what_is_asked_of_weights_and_samples(session, engine):
    source = session.state.model.source
    session.looking.ask("matrix", rq.ReadMatrix(source, "conv1", (0, 8), (0, 36)))
    asked = [len(engine.requests)]
    session.update(model=replace(session.state.model, runnable=True, trainable=True))
    session.following.follow(rq.Sample(file="a.png"))
    asked.append(len(engine.requests))
    assert session.state.followed.is_running
    session.open_model(ModelSource("other.onnx"))
    assert set(asked) <= set(engine.cancelled)
    session.receive(ev.Failed(len(engine.requests), "It is no model."))
    assert not session.state.followed.is_running  # the model that was open stays, and nothing is on its way


def test_spectra_that_are_counted_beside_a_job_that_dies_are_still_known_as_of_their_model(session, engine):
    source = session.state.model.source
    session.receive(ev.Started(50, rq.CountSpectra(source)))
    session.receive(ev.Started(51, rq.MeasureLatency(source)))
    session.receive(ev.EngineDied("It died.", (rq.MeasureLatency(source),), False, (51,)))
    assert [job.job for job in session.state.jobs] == [50]
    session.open_model(ModelSource("other.onnx"))
    assert 50 in engine.cancelled
    session.receive(ev.Finished(len(engine.requests), ev.ModelOpened(replace(description(), source=ModelSource("o")))))
    session.receive(ev.Partial(50, ev.SpectraReady({"conv1": spectra()})))
    assert not session.state.spectra
