"""The window's end of the engine: passes requests, hands events to one callback, never blocks its caller.

Two processes: one does what is asked in its order, the other answers quick questions while that one is busy. A second
process and not a second thread, for torch is not made for two at a time: tracing a network patches every module while
it lasts, opening one draws from the random numbers that a training counts on, and native code that holds the
interpreter's lock would make a question wait after all. As long as the first is free it answers itself, for it has the
model open; the second is started in the first's first rest, or when it is needed, and opens a model when it is asked
about it.
"""

import itertools
import threading
from collections.abc import Callable

from secateur.engine.events import Configured, EngineDied, EngineReady, Event, Failed, Finished, Started, Stopped
from secateur.engine.lane import Lane
from secateur.engine.requests import (
    NEEDS_NOTHING_OPEN,
    NEWEST_ONLY,
    QUICK,
    SLOW_QUESTIONS,
    Configure,
    OpenModel,
    Request,
)

REST_S = 2.0
"""How long nothing is asked before the second process is started, which is not to disturb what a person waits for."""


class EngineClient:
    """Drives the engine's processes. `on_event` is called on threads of this client, one event at a time."""

    def __init__(self, on_event: Callable[[Event], None], settings: Configure = Configure()) -> None:  # noqa: B008 - frozen
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._telling, self._resting_lock = threading.Lock(), threading.Lock()
        self._work = Lane("work", self._tell_of_work, settings)
        self._questions = Lane("questions", self._tell_of_questions, settings)
        self._has_worked = False
        self._resting: threading.Timer | None = None
        self._work.start()

    def submit(self, request: Request) -> int:
        """Queue a request; its job number. Works before the process is up.

        Earlier ones of a kind of which only the newest counts are cancelled.
        """
        if isinstance(request, NEWEST_ONLY):
            for job, earlier in {**self._work.open, **self._questions.open}.items():
                if type(earlier) is type(request):
                    self.cancel(job)
        job = next(self._numbers)
        if isinstance(request, Configure):
            self._settle(request)
        if not isinstance(request, NEEDS_NOTHING_OPEN):
            self._has_worked = True
            self._rest(False)
        lane = self._lane_for(request)
        lane.start()
        lane.submit(job, request)
        return job

    def cancel(self, job: int) -> None:
        """Ask a running or waiting job to stop; it ends with `Stopped` at its next cancel point."""
        for lane in (self._work, self._questions):
            if job in lane.open:
                lane.cancel(job)

    def restart(self, job: int | None = None) -> None:
        """Kill the process that does this job at once and start a new one: for a job that does not listen.

        The working process where no job is named.
        """
        is_beside = job is not None and job in self._questions.open
        (self._questions if is_beside else self._work).restart()

    def close(self) -> None:
        """End the processes and the threads; waits at most a few seconds."""
        resting = self._resting
        self._rest(False)
        if resting is not None:
            resting.join(1)
        self._questions.ask_to_close()
        self._work.close()
        self._questions.close()

    @property
    def pid(self) -> int | None:
        """The working process."""
        return self._work.pid

    @property
    def questions_pid(self) -> int | None:
        """The process that answers beside a running job; None as long as there is none."""
        return self._questions.pid

    def _settle(self, settings: Configure) -> None:
        """A process that is started from now on has these settings; one that is up, after what it is doing."""
        self._work.settings = self._questions.settings = settings
        if self._questions.is_started:
            self._questions.submit(next(self._numbers), settings)

    # ------------------------------------------------------------------ which process

    def _lane_for(self, request: Request) -> Lane:
        if not isinstance(request, QUICK) or isinstance(request, NEEDS_NOTHING_OPEN) or self._questions.has_given_up:
            return self._work
        busy = any(_keeps_waiting(request, other) for other in self._work.open.values())
        return self._questions if busy else self._work

    def _tell_of_work(self, event: Event) -> None:
        self._tell(event)
        if isinstance(event, Finished | Failed | Stopped) and not self._work.open and self._has_worked:
            self._rest(True)

    def _rest(self, begins: bool) -> None:
        """The working process came to rest, or is asked for something: the other one is started in its rest alone."""
        with self._resting_lock:
            if self._resting is not None:
                self._resting.cancel()
            self._resting = None
            if begins and not self._questions.is_started:
                self._resting = threading.Timer(REST_S, self._questions.start)
                self._resting.daemon = True
                self._resting.start()

    def _tell_of_questions(self, event: Event) -> None:
        match event:
            case EngineReady():
                return  # the working process is what is told of
            case EngineDied(lost=()):
                return  # nobody waits for it
            case Started(request=Configure()) | Finished(result=Configured()):
                return  # the working process tells of it
            case _:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._on_event(event)


def _keeps_waiting(request: Request, other: Request) -> bool:
    """Whether a quick question would have to wait long for what the working process has to do before it.

    For the model that it is about to be opened it waits: the other process would have to open it as well.
    """
    if isinstance(other, OpenModel):
        return getattr(request, "model", other.source) != other.source
    return not isinstance(other, QUICK) or isinstance(other, SLOW_QUESTIONS)
