"""The thread that receives does nothing else: a cancel is heard while a quick request is being answered."""

import sys
import threading
from multiprocessing import Pipe
from typing import Any

import pytest

from secateur.engine import worker
from secateur.engine.events import Event, Failed, Finished, Started, Stopped
from secateur.engine.reporting import Reporter
from secateur.engine.requests import FindFront, ListRuns, MeasureLatency, SolveBudget
from secateur.recipe.recipe import Recipe

PATIENCE_S = 60


class Threads:
    """The worker's three queues behind a pipe, with jobs that go on until they are let go or told to stop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = threading.Event()
        self.solving, self.working = threading.Event(), threading.Event()
        self.events: list[tuple[type[Event], int]] = []
        self.changed = threading.Condition()
        ours, theirs = Pipe()
        self.connection = ours
        monkeypatch.setattr(worker, "run_job", self.run_job)
        monkeypatch.setattr(worker.os, "_exit", lambda status: None)
        monkeypatch.setattr(worker.time, "sleep", lambda seconds: None)
        work, quick, aside = worker._Work(self.send), worker._Work(self.send), worker._Work(self.send)
        self.threads = [
            threading.Thread(target=worker._receive, args=(theirs, work, quick, aside)),
            threading.Thread(target=work.go_on, args=("workshop",), kwargs={"tell": True}),
            threading.Thread(target=quick.go_on, args=(None,)),
            threading.Thread(target=aside.go_on, args=(None,)),
        ]
        for thread in self.threads:
            thread.start()

    def send(self, event: Event) -> None:
        with self.changed:
            self.events.append((type(event), event.job))  # type: ignore[union-attr]
            self.changed.notify_all()

    def run_job(self, request: Any, reporter: Reporter, workshop: Any) -> Event:
        """A solver that cannot be interrupted, and a job with a cancel point."""
        if isinstance(request, SolveBudget):
            assert workshop is None
            self.solving.set()
            assert self.let_go.wait(PATIENCE_S)
            return Finished(reporter.job, None)  # type: ignore[arg-type]
        self.working.set()
        return Stopped(reporter.job) if reporter.cancelled.wait(PATIENCE_S) else Finished(reporter.job, None)  # type: ignore[arg-type]

    def wait_for(self, kind: type[Event], job: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: (kind, job) in self.events, PATIENCE_S), self.events

    def end(self) -> None:
        self.let_go.set()
        self.connection.close()
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Any:
    running = Threads(monkeypatch)
    yield running
    running.end()


MEASURE = MeasureLatency(None)  # type: ignore[arg-type]
FRONT = FindFront(None, None)  # type: ignore[arg-type]
SOLVE = SolveBudget(None, None, {}, Recipe())  # type: ignore[arg-type]


def test_a_job_is_stopped_while_a_budget_is_being_solved(threads: Threads) -> None:
    threads.connection.send(("submit", 1, MEASURE))
    threads.wait_for(Started, 1)
    threads.connection.send(("submit", 2, SOLVE))
    assert threads.solving.wait(PATIENCE_S)
    threads.connection.send(("cancel", 1, None))
    threads.wait_for(Stopped, 1)
    assert (Finished, 2) not in threads.events


def test_a_budget_is_solved_while_a_job_runs(threads: Threads) -> None:
    threads.connection.send(("submit", 1, MEASURE))
    assert threads.working.wait(PATIENCE_S)
    threads.connection.send(("submit", 2, SOLVE))
    threads.let_go.set()
    threads.wait_for(Finished, 2)
    assert (Stopped, 1) not in threads.events


def test_a_budget_is_solved_while_a_front_is_being_found_which_hears_its_cancel(threads: Threads) -> None:
    threads.connection.send(("submit", 1, FRONT))
    assert threads.working.wait(PATIENCE_S)
    threads.connection.send(("submit", 2, SOLVE))
    threads.let_go.set()
    threads.wait_for(Finished, 2)
    assert (Stopped, 1) not in threads.events
    threads.connection.send(("cancel", 1, None))
    threads.wait_for(Stopped, 1)


def test_a_budget_that_waits_for_another_can_be_taken_back(threads: Threads) -> None:
    for job in (1, 2):
        threads.connection.send(("submit", job, SOLVE))
    assert threads.solving.wait(PATIENCE_S)
    threads.connection.send(("cancel", 2, None))
    threads.connection.send(("submit", 3, MEASURE))  # the cancel before it has been heard when this one starts
    threads.wait_for(Started, 3)
    threads.let_go.set()
    threads.wait_for(Stopped, 2)
    assert (Finished, 1) in threads.events


def test_a_job_whose_code_cannot_be_loaded_fails_and_the_thread_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "secateur.engine.jobs", None)
    sent: list[Event] = []
    end = worker.run_job(ListRuns(), Reporter(7, sent.append), None)  # type: ignore[arg-type]
    assert isinstance(end, Failed)
    assert end.job == 7
    assert "secateur.engine.jobs" in end.details
