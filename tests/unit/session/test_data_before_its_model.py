"""Data that is asked for while its model is still being opened: it waits for it, or is told of; never lost."""

from dataclasses import replace

import pytest
from known_sessions import description
from recording_engine import RecordingEngine

from secateur.data.source import DataSource
from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.model.description import ModelSource
from secateur.session.session import Session

NETWORK = replace(description(), source=ModelSource("/m/net.onnx"))


@pytest.fixture
def session():
    """As after a start of the program: nothing is open."""
    return Session(RecordingEngine(), lambda state, changed: None)


def network(name):
    return replace(NETWORK, name=name, source=ModelSource(f"/m/{name}.onnx"), fingerprint=name)


def asked(session):
    return [request for request in session.engine.requests if isinstance(request, rq.OpenData)]


def begin_to_open(session, model=NETWORK):
    """The engine has begun to open a model; the number of that job."""
    session.open_model(model.source)
    job = len(session.engine.requests)
    session.receive(ev.Started(job, session.engine.requests[-1]))
    return job


def sentences(session):
    return [notice.sentence for notice in session.state.notices]


@pytest.mark.parametrize("before", [None, network("before")])
def test_data_asked_for_while_a_model_is_being_opened_is_opened_for_that_one(session, before):
    if before is not None:
        session.receive(ev.Finished(begin_to_open(session, before), ev.ModelOpened(before)))
    job = begin_to_open(session)
    session.open_data(DataSource("pairs.csv"))
    assert asked(session) == []
    assert "pairs.csv is opened as soon as net.onnx is open." in sentences(session)
    session.receive(ev.Finished(job, ev.ModelOpened(NETWORK)))
    assert asked(session) == [rq.OpenData(NETWORK.source, DataSource("pairs.csv"))]
    assert not any("pairs.csv" in sentence for sentence in sentences(session))


@pytest.mark.parametrize("end", ["failed", "stopped", "died"])
def test_data_that_waited_for_a_model_that_does_not_open_is_told_of(session, end):
    job = begin_to_open(session)
    session.open_data(DataSource("pairs.csv"))
    lost = (session.engine.requests[job - 1],)
    ends = {
        "failed": ev.Failed(job, "It is damaged."),
        "stopped": ev.Stopped(job),
        "died": ev.EngineDied("Died.", lost),
    }
    session.receive(ends[end])
    assert "pairs.csv was not opened, for the model that it was for is not open." in sentences(session)
    session.receive(ev.Finished(begin_to_open(session), ev.ModelOpened(NETWORK)))
    assert asked(session) == []


def test_data_that_waits_stays_for_the_model_that_a_person_chose_instead(session):
    other = network("other")
    job = begin_to_open(session)
    session.open_data(DataSource("pairs.csv"))
    second = begin_to_open(session, other)
    session.receive(ev.Stopped(job))  # the first one was given up
    assert session.state.loading == "/m/other.onnx"
    session.receive(ev.Finished(second, ev.ModelOpened(other)))
    assert asked(session) == [rq.OpenData(other.source, DataSource("pairs.csv"))]


def test_data_that_waited_for_weights_alone_is_refused_in_a_sentence(session):
    job = begin_to_open(session)
    session.open_data(DataSource("pairs.csv"))
    weights = replace(NETWORK, runnable=False, trainable=False, reason="It holds tensors.")
    session.receive(ev.Finished(job, ev.ModelOpened(weights)))
    assert asked(session) == []
    assert any(notice.kind == "warn" for notice in session.state.notices)
