"""What a session says is new."""

from dataclasses import replace

from secateur.engine.requests import ListRuns
from secateur.session.changes import EVERYTHING, PROGRESS, changed_parts
from secateur.session.state import JobState, SessionState

JOB = JobState(1, ListRuns(), "Runs")


def test_a_part_that_holds_another_object_is_new() -> None:
    before = SessionState()
    assert changed_parts(before, replace(before, loading="net.onnx", can_undo=True)) == {"loading", "can_undo"}
    assert changed_parts(before, replace(before)) == frozenset()
    assert "loading" in EVERYTHING
    assert PROGRESS not in EVERYTHING


def test_the_same_jobs_farther_on_are_progress() -> None:
    before = SessionState(jobs=(JOB,), questions=(JOB,))
    after = replace(before, jobs=(replace(JOB, done=5),), questions=(replace(JOB, text="reading"),))
    assert changed_parts(before, after) == {PROGRESS}


def test_another_job_is_no_progress() -> None:
    before = SessionState(jobs=(JOB,))
    assert changed_parts(before, replace(before, jobs=(replace(JOB, job=2),))) == {"jobs"}
    assert changed_parts(before, replace(before, jobs=())) == {"jobs"}
