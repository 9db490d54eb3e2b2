"""The graph without weights in the session: asked for once, known until the model changes, and why there is none."""

import pytest
from recording_engine import RecordingEngine

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.model.description import ModelDescription, ModelSource
from secateur.session.session import Session


def described(name):
    return ModelDescription(name, ModelSource(name), "onnx", 5000, (), (), (), fingerprint=name)


def asked(session):
    return [n for n, r in enumerate(session.engine.requests, 1) if isinstance(r, rq.WriteSkeleton)]


@pytest.fixture
def session():
    made = Session(RecordingEngine(), lambda state, changed: None)
    made.open_model(ModelSource("a.onnx"))
    made.receive(ev.Finished(1, ev.ModelOpened(described("a.onnx"))))
    return made


def test_the_graph_is_asked_for_once_and_is_no_job(session):
    session.write_skeleton()
    session.write_skeleton()
    assert len(asked(session)) == 1
    assert session.state.question(rq.WriteSkeleton).title == "Preparing the graph"
    assert session.state.jobs == ()


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


def test_a_question_is_answered_beside_the_running_job_and_never_stands_in_its_way(session, tmp_path):
    running = rq.MeasureLatency(ModelSource("a.onnx"))
    session.receive(ev.Started(99, running))
    session.write_skeleton()
    question = asked(session)[0]
    session.receive(ev.Started(question, session.engine.requests[question - 1]))
    session.receive(ev.Progress(question, 0, 1, "Preparing"))
    assert [job.job for job in session.state.jobs] == [99]
    assert session.state.question(rq.WriteSkeleton).text == "Preparing"
    session.receive(ev.Finished(question, ev.SkeletonWritten(tmp_path / "s.onnx")))
    assert [job.job for job in session.state.jobs] == [99]
    assert session.state.question(rq.WriteSkeleton) is None


def test_where_the_answering_process_ends_its_questions_are_told_as_lost_and_the_job_goes_on(session):
    session.receive(ev.Started(99, rq.MeasureLatency(ModelSource("a.onnx"))))
    session.write_skeleton()
    question = asked(session)[0]
    lost = (session.engine.requests[question - 1],)
    session.receive(ev.EngineDied("It was not answered.", lost, jobs=(question,), was_working=False))
    assert session.state.question(rq.WriteSkeleton) is None
    assert [job.job for job in session.state.jobs] == [99]
    assert session.state.notices[-1].sentence == "It was not answered."


def test_where_the_working_process_ends_what_the_other_one_was_asked_is_still_awaited(session):
    running = rq.MeasureLatency(ModelSource("a.onnx"))
    session.receive(ev.Started(99, running))
    session.write_skeleton()
    session.receive(ev.EngineDied("It ended.", (running,), jobs=(99,)))
    assert session.state.jobs == ()
    assert session.state.question(rq.WriteSkeleton) is not None
