"""The graph without weights in the session: asked for once, known until the model changes, and why there is none."""

import pytest

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.model.description import ModelDescription, ModelSource
from secateur.session.session import Session


class FakeEngine:
    def __init__(self):
        self.requests = []

    def submit(self, request):
        self.requests.append(request)
        return len(self.requests)

    def cancel(self, job):
        pass

    def restart(self):
        pass

    def close(self):
        pass


def described(name):
    return ModelDescription(name, ModelSource(name), "onnx", 5000, (), (), (), fingerprint=name)


def asked(session):
    return [n for n, r in enumerate(session.engine.requests, 1) if isinstance(r, rq.WriteSkeleton)]


@pytest.fixture
def session():
    made = Session(FakeEngine(), lambda state: None)
    made.open_model(ModelSource("a.onnx"))
    made.receive(ev.Finished(1, ev.ModelOpened(described("a.onnx"))))
    return made


def test_the_graph_is_asked_for_once_and_waits_where_it_can_be_seen(session):
    session.write_skeleton()
    session.write_skeleton()
    assert len(asked(session)) == 1
    assert [job.title for job in session.state.jobs if isinstance(job.request, rq.WriteSkeleton)] == [
        "Preparing the graph"
    ]


def test_the_written_graph_is_in_the_state_until_another_model_is_opened(session, tmp_path):
    session.write_skeleton()
    session.receive(ev.Finished(asked(session)[0], ev.SkeletonWritten(tmp_path / "s.onnx")))
    assert session.state.skeleton == tmp_path / "s.onnx"
    assert session.state.jobs == ()
    session.open_model(ModelSource("b.onnx"))
    session.receive(ev.Finished(len(session.engine.requests), ev.ModelOpened(described("b.onnx"))))
    assert session.state.skeleton is None


def test_why_there_is_no_graph_is_said_where_it_was_asked_for_and_asking_again_clears_it(session):
    session.write_skeleton()
    session.receive(ev.Failed(asked(session)[0], "a.onnx has no graph to show.", "Open it with its factory."))
    assert session.state.skeleton_problem == "a.onnx has no graph to show. Open it with its factory."
    assert session.state.notices == ()
    session.write_skeleton()
    assert session.state.skeleton_problem == ""
    assert len(asked(session)) == 2


def test_a_bug_while_writing_the_graph_can_be_reported(session):
    session.write_skeleton()
    session.receive(ev.Failed(asked(session)[0], "Something went wrong.", "", "Traceback …"))
    assert session.state.notices[-1].details == "Traceback …"


def test_a_graph_of_the_model_before_is_not_taken_for_the_open_ones(session, tmp_path):
    session.write_skeleton()
    late = asked(session)[0]
    session.state = session.state.with_(model=described("b.onnx"))
    session.receive(ev.Finished(late, ev.SkeletonWritten(tmp_path / "s.onnx")))
    assert session.state.skeleton is None


def test_the_job_that_the_engine_starts_comes_first_and_those_that_wait_after_it(session):
    session.write_skeleton()
    waiting = asked(session)[0]
    request = rq.MeasureLatency(ModelSource("a.onnx"))
    session.receive(ev.Started(99, request))
    assert [job.job for job in session.state.jobs] == [99, waiting]
    session.receive(ev.Finished(99, ev.LatencyMeasured({}, 0.0)))
    session.receive(ev.Started(waiting, rq.WriteSkeleton(ModelSource("a.onnx"))))
    assert [job.job for job in session.state.jobs] == [waiting]
