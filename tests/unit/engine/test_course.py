"""The time that is left is that of the whole job: from its stages, their speed, and what they took before."""

import queue

import pytest

from secateur.engine.course import Course, Stage, StageTimes
from secateur.engine.events import Finished, Progress
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.methods.distil.distillation import Distillation
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.recipe.recipe import Recipe, Step


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def times(tmp_path):
    return StageTimes("net", tmp_path / "stages.sqlite")


STAGES = (Stage("train", 100.0, is_one_phase=True), Stage("export", 10.0), Stage("measure", 20.0))


def run_once(times, clock, seconds=(100.0, 5.0, 40.0), stages=STAGES):
    """A job whose stages took so long."""
    course = Course(stages, times, clock)
    for stage, took in zip(stages, seconds, strict=True):
        course.enter(stage.kind)
        clock.seconds += took
    course.leave()


def test_a_stage_that_was_never_run_makes_the_time_the_least(times, clock):
    course = Course(STAGES, times, clock)
    course.enter("train")
    clock.seconds = 10.0
    left = course.left(10, 100, 90.0)
    assert (left.seconds, left.is_least) == (90.0, True)


def test_what_follows_is_added_from_what_it_took_before(times, clock):
    run_once(times, clock)
    course = Course(STAGES, times, clock)
    course.enter("train")
    clock.seconds += 50.0
    left = course.left(50, 100, 50.0)
    assert (left.seconds, left.is_least) == (pytest.approx(50.0 + 5.0 + 40.0), False)
    assert left.share == pytest.approx(50.0 / 145.0)


def test_its_own_speed_goes_before_what_a_training_took_another_day(times, clock):
    run_once(times, clock)
    course = Course(STAGES, times, clock)
    course.enter("train")
    clock.seconds += 60.0
    assert course.left(30, 100, 140.0).seconds == pytest.approx(140.0 + 45.0)


def test_a_stage_of_several_phases_is_not_over_with_its_first(times, clock):
    run_once(times, clock)
    course = Course(STAGES, times, clock)
    course.enter("measure")
    clock.seconds += 10.0
    assert course.left(9, 10, 1.0).seconds == pytest.approx(30.0)


def test_a_plan_of_twice_the_work_takes_twice_as_long(times, clock):
    run_once(times, clock)
    course = Course((Stage("train", 200.0), Stage("measure", 20.0)), times, clock)
    course.enter("train")
    assert course.left(0, 1, None).seconds == pytest.approx(200.0 + 40.0)


def test_another_model_s_times_count_until_this_one_has_its_own(tmp_path, clock):
    path = tmp_path / "stages.sqlite"
    run_once(StageTimes("other", path), clock)
    mine = StageTimes("net", path)
    assert mine.expected(STAGES[1]) == pytest.approx(5.0)
    run_once(mine, clock, (100.0, 50.0, 40.0))
    assert mine.expected(STAGES[1]) == pytest.approx(50.0)


def test_the_rest_of_a_resumed_training_is_not_remembered_as_a_whole_one(times, clock):
    run_once(times, clock)
    course = Course(STAGES, times, clock)
    course.enter("train", resumed=True)
    clock.seconds += 1.0
    assert course.left(99, 100, 1.0).seconds == pytest.approx(1.0 + 45.0)
    course.enter("export")
    assert times.expected(STAGES[0]) == pytest.approx(100.0)


def test_work_that_is_not_known_yet_is_not_counted_as_none(times, clock):
    run_once(times, clock)
    course = Course((Stage("train", 0.0), Stage("measure", 20.0)), times, clock)
    course.enter("train")
    assert course.left(0, 1, None).is_least
    course.plan(STAGES)
    assert not course.left(0, 1, None).is_least


def test_a_stage_that_is_left_out_is_passed_over(times, clock):
    run_once(times, clock)
    course = Course(STAGES, times, clock)
    course.enter("train")
    course.enter("measure")
    assert course.left(0, 1, None).seconds == pytest.approx(40.0)


def test_the_share_never_goes_back(times, clock):
    course = Course(STAGES, times, clock)
    course.enter("train")
    shares = [course.left(done, 100, left).share for done, left in ((50, 10.0), (60, 1000.0), (70, None))]
    course.enter("export")
    shares.append(course.left(0, 1, None).share)
    assert shares == sorted(shares)
    assert all(0.0 <= share <= 1.0 for share in shares)


def test_what_was_there_already_is_no_share_of_a_job_that_has_just_begun(times, clock):
    course = Course(STAGES, times, clock)
    for kind in ("train", "export"):
        course.enter(kind, resumed=True)
        clock.seconds += 0.01
    course.enter("measure", resumed=True)
    assert course.left(0, 300, None).share < 0.05


# ---------------------------------------------------------------------- a real run


def progress_of(model, data, run, folder):
    """How far a run said that it was, event by event."""
    plan = Recipe((Step(Distillation(epochs=2, batch_size=64)), Step(StaticInt8(samples=64), ("*",))))
    events = queue.SimpleQueue()
    done = run_job(Compress(model, data, plan, run, folder=folder), Reporter(1, events.put), Workshop(1))
    assert isinstance(done, Finished), done
    seen = []
    while not events.empty():
        event = events.get()
        if isinstance(event, Progress) and event.share is not None:
            seen.append(event)
    return seen


def test_the_second_run_of_a_plan_knows_how_long_all_of_it_takes(model, data, tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    first = progress_of(model, data, "first", tmp_path / "first")
    assert all(event.eta_is_least for event in first if "poch" in event.text)
    again = progress_of(model, data, "again", tmp_path / "again")
    told = [event for event in again if "poch" in event.text]
    assert told
    assert all(event.eta_s is not None and not event.eta_is_least for event in told)
    shares = [event.share for event in again]
    assert shares == sorted(shares)
    assert shares[-1] > 0.5


def test_a_damaged_file_of_times_costs_the_estimate_and_not_the_job(tmp_path, clock):
    path = tmp_path / "stages.sqlite"
    path.write_bytes(b"this is no database" * 100)
    times = StageTimes("net", path)
    run_once(times, clock)
    assert times.expected(STAGES[0]) is None
