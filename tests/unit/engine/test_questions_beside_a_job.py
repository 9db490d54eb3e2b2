"""Quick questions are answered while a long job runs, by a process of their own, and nothing of one costs the other."""

import os
import signal
import threading

import psutil
import pytest

from secateur.engine import client as client_module
from secateur.engine.client import EngineClient
from secateur.engine.events import (
    CurvePoint,
    EngineDied,
    Finished,
    FormatsAnswered,
    GraphRead,
    Partial,
    RunsListed,
    Stopped,
)
from secateur.engine.lane import Lane
from secateur.engine.requests import (
    AskFormats,
    Compress,
    Configure,
    CountRunSpectra,
    CountSpectra,
    ListRuns,
    MeasureLatency,
    OpenModel,
    ReadGraph,
    ReadMatrix,
)
from secateur.methods.distil.distillation import Distillation
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe, Step

LONG = Recipe((Step(Distillation(epochs=1000, batch_size=4, learning_rate=0.01)),))


def trains(event):
    return isinstance(event, Partial) and isinstance(event.value, CurvePoint)


@pytest.fixture
def training(engine, model, data, tmp_path):
    """A training that does not end by itself; its job number."""
    job = engine.client.submit(Compress(model, data, LONG, "long", folder=tmp_path / "out"))
    engine.wait_for(trains)
    yield job
    engine.client.cancel(job)


def test_graph_formats_and_runs_are_answered_while_a_training_goes_on(engine, model, training):
    for request, answer in (
        (ListRuns(), RunsListed),
        (ReadGraph(model), GraphRead),
        (AskFormats(model), FormatsAnswered),
    ):
        ended = engine.end_of(request)
        assert isinstance(ended, Finished), ended
        assert isinstance(ended.result, answer)
    assert engine.wait_for(lambda e: trains(e) or (getattr(e, "job", 0) == training and isinstance(e, Finished)))
    engine.client.cancel(training)
    stopped = engine.wait_for(lambda e: isinstance(e, Stopped))
    assert stopped.job == training


def test_the_death_of_the_answering_process_costs_its_question_alone(engine, model, training):
    assert isinstance(engine.end_of(ReadGraph(model)), Finished)
    os.kill(engine.client.questions_pid, signal.SIGSTOP)  # so that the question is surely open when it dies
    asked = engine.client.submit(ReadGraph(model))
    os.kill(engine.client.questions_pid, signal.SIGKILL)
    died = engine.wait_for(lambda e: isinstance(e, EngineDied))
    assert died.jobs == (asked,)
    assert not died.was_working
    assert "job goes on" in died.sentence
    engine.wait_for(trains)
    assert isinstance(engine.end_of(ReadGraph(model)), Finished)


def test_a_question_that_does_not_listen_is_ended_without_the_running_job(engine, model, training):
    assert isinstance(engine.end_of(ReadGraph(model)), Finished)
    os.kill(engine.client.questions_pid, signal.SIGSTOP)  # it hears nothing
    asked = engine.client.submit(CountSpectra(model))
    engine.client.restart(asked)
    died = engine.wait_for(lambda e: isinstance(e, EngineDied))
    assert (died.jobs, died.was_working) == ((asked,), False)
    assert "job goes on" in died.sentence
    engine.wait_for(trains)


def test_the_death_of_the_working_process_costs_no_question(engine, model, training):
    assert isinstance(engine.end_of(ReadGraph(model)), Finished)
    answering = engine.client.questions_pid
    os.kill(engine.client.pid, signal.SIGKILL)
    died = engine.wait_for(lambda e: isinstance(e, EngineDied))
    assert died.was_working
    assert died.jobs == (training,)
    assert psutil.pid_exists(answering)


def test_closing_leaves_neither_process(engine, model, training):
    assert isinstance(engine.end_of(ReadGraph(model)), Finished)
    processes = (engine.client.pid, engine.client.questions_pid)
    engine.client.close()
    assert not any(psutil.pid_exists(process) for process in processes)


def test_closing_while_the_process_is_being_started_leaves_none():
    lane = Lane("questions", lambda event: None, Configure())
    wait_over, start = threading.Event(), lane._start

    class Ready(threading.Event):
        def set(self):  # the closing thread has looked for a process by now, and found none
            super().set()
            wait_over.set()

    def start_late():
        wait_over.wait(20)
        return start()

    lane._ready, lane._start = Ready(), start_late
    lane.start()
    lane.close()
    assert lane.pid is not None
    assert not psutil.pid_exists(lane.pid)


# ---------------------------------------------------------------------- which process is asked


class FakeLane:
    """Takes requests down; nothing is ever answered."""

    def __init__(self, kind, on_event, settings):
        self.kind, self.settings = kind, settings
        self.open, self.cancelled, self.has_given_up, self.is_started = {}, [], False, False

    def start(self):
        pass

    def submit(self, job, request):
        self.open[job] = request

    def cancel(self, job):
        self.cancelled.append(job)


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(client_module, "Lane", FakeLane)
    return EngineClient(lambda event: None)


A, B = ModelSource("a.onnx"), ModelSource("b.onnx")


@pytest.mark.parametrize("question", [ReadGraph(A), AskFormats(A), CountRunSpectra("run")])
def test_a_free_engine_answers_itself_for_it_has_the_model_open(client, question):
    client.submit(question)
    assert list(client._work.open.values()) == [question]


@pytest.mark.parametrize("before", [MeasureLatency(A), CountSpectra(A), OpenModel(B)])
def test_a_question_does_not_wait_for_what_may_take_long(client, before):
    client.submit(before)
    client.submit(ReadGraph(A))
    assert list(client._work.open.values()) == [before]
    assert list(client._questions.open.values()) == [ReadGraph(A)]


def test_a_question_about_the_model_that_is_being_opened_waits_for_it(client):
    client.submit(OpenModel(A))
    client.submit(ReadGraph(A))
    assert not client._questions.open


def test_where_the_answering_process_does_not_start_questions_wait_as_jobs_do(client):
    client._questions.has_given_up = True
    client.submit(MeasureLatency(A))
    client.submit(ReadGraph(A))
    assert not client._questions.open


def test_the_part_in_view_of_a_matrix_does_not_cancel_the_whole(client):
    whole, part = (ReadMatrix(A, "conv", rows, (0, 9)) for rows in ((0, 9), (0, 3)))
    client.submit(whole)
    client.submit(part)
    assert not client._work.cancelled


def test_of_some_questions_only_the_newest_is_answered(client):
    client.submit(MeasureLatency(A))
    first, other, last = AskFormats(A), ReadGraph(A), AskFormats(B)
    numbers = [client.submit(request) for request in (first, other, last)]
    assert client._questions.cancelled == numbers[:1]
