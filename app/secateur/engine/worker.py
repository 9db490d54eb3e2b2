"""An engine process: takes requests one after the other, sends events, and can be told to stop one.

One thread receives, the main thread works, a third one answers what does not wait for its turn. The process has a low
priority and leaves one core to the window.
"""

import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from secateur.engine.events import EngineReady, Event, Failed, Finished, Started, Stopped
from secateur.engine.reporting import Reporter
from secateur.engine.requests import NEEDS_NOTHING_OPEN, Configure, FindFront, FindLeast, Request
from secateur.errors import Cancelled, JobError, ReplaceNeeded, TrustNeeded, UserError
from secateur.files import os_error_sentence
from secateur.model import device

if TYPE_CHECKING:
    from secateur.engine.workshop import Workshop


def run_job(request: Request, reporter: Reporter, workshop: "Workshop") -> Event:
    """Do one request; the event that ends it. Never raises for what the job does."""
    try:
        from secateur.engine.jobs import perform  # in here: whoever waits for an answer gets one even where it fails

        return Finished(reporter.job, perform(request, reporter, workshop))
    except Cancelled:
        return Stopped(reporter.job)
    except UserError as error:
        was_wrong = not isinstance(error, JobError)
        wants = error.wants if isinstance(error, TrustNeeded) else ()
        existing = error.existing if isinstance(error, ReplaceNeeded) else ()
        return Failed(reporter.job, error.sentence, error.hint, error.details, was_wrong, wants, existing)
    except SystemExit:
        if reporter.cancelled.is_set():  # the command line's second Ctrl+C
            raise
        return Failed(
            reporter.job,
            "The Python file that was named ended the program while it was loaded.",
            'Put what it does on its own behind `if __name__ == "__main__":`.',
            was_wrong=True,
        )
    except MemoryError:
        return Failed(reporter.job, "There is not enough memory for this.", "Use fewer samples or a smaller batch.")
    except OSError as error:
        sentence, hint = os_error_sentence(error)
        return Failed(reporter.job, sentence, hint)
    except Exception as error:  # noqa: BLE001 - the engine outlives a bug in one job and reports it
        name = type(error).__name__
        if name == "OutOfMemoryError":  # torch's, for a GPU: it is no MemoryError
            hint = "Compute on the CPU, use fewer samples or a smaller batch."
            return Failed(reporter.job, "There is not enough memory on the GPU for this.", hint)
        return Failed(
            reporter.job,
            f"Something went wrong inside the program ({name}: {_first_line(error)}).",
            "Nothing was lost; the details can be copied for a report.",
            traceback.format_exc(),
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def set_threads(count: int) -> None:
    """How many threads torch may use in this process."""
    import torch

    torch.set_num_threads(max(1, count))


def engine_threads(wanted: int = 0) -> int:
    """How many threads an engine takes: those that were asked for, else cores less one for the window."""
    return wanted or max(1, (os.cpu_count() or 2) - 1)


def serve(connection: Connection, kind: str = "work", settings: Configure = Configure()) -> None:  # noqa: B008 - frozen
    """The engine process's main function: returns when the window closes the pipe.

    The process that answers `questions` beside a running job takes half of the threads, and keeps one model open.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _lower_priority()
    sending = threading.Lock()

    def send(event: Event) -> None:
        with sending:
            connection.send(event)

    work, quick, aside = _Work(send), _Work(send), _Work(send)
    threading.Thread(target=_receive, args=(connection, work, quick, aside), daemon=True).start()
    for thread in (quick, aside):
        threading.Thread(target=thread.go_on, args=(None,), daemon=True).start()
    threads = threads_of(kind, settings)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    workshop = _warm_up(threads, is_working=kind == "work")
    device.choose(settings.device)
    send(EngineReady(device.current().title, threads, os.getpid(), device.offers()))
    threading.Thread(target=_warm_up_counting, daemon=True).start()
    work.go_on(workshop, tell=True)


def threads_of(kind: str, settings: Configure) -> int:
    """How many threads a process takes: the one that answers beside a running job half as many."""
    threads = engine_threads(settings.threads)
    return threads if kind == "work" else max(1, threads // 2)


class _Work:
    """Requests that wait for one thread, which does them in their order; any of them can be told to stop."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        self._send = send
        self._waiting: queue.Queue[tuple[Reporter, Request] | None] = queue.Queue()
        self._reporters: dict[int, Reporter] = {}

    def add(self, job: int, request: Request) -> None:
        reporter = self._reporters[job] = Reporter(job, self._send)
        self._waiting.put((reporter, request))

    def cancel(self, job: int) -> None:
        """Nothing where there is no such job, or not any more."""
        reporter = self._reporters.get(job)
        if reporter is not None:
            reporter.cancelled.set()

    def end(self) -> None:
        """Stop what runs and what waits; `go_on` then returns."""
        for reporter in list(self._reporters.values()):
            reporter.cancelled.set()
        self._waiting.put(None)

    def go_on(self, workshop: "Workshop", *, tell: bool = False) -> None:
        """Do what comes until the end, on this thread; `tell` sends `Started` for each."""
        while (item := self._waiting.get()) is not None:
            reporter, request = item
            if reporter.cancelled.is_set():
                self._send(Stopped(reporter.job))
            else:
                if tell:
                    self._send(Started(reporter.job, request))
                self._send(run_job(request, reporter, workshop))
            self._reporters.pop(reporter.job, None)


def _warm_up(threads: int, *, is_working: bool) -> "Workshop":
    from secateur.engine.workshop import MOST_MODELS, Workshop

    set_threads(threads)
    return Workshop(threads, MOST_MODELS if is_working else 1)


def _warm_up_counting() -> None:
    """Load the compiled kernels while nothing is asked yet, or while the first file is being opened: a second."""
    from secateur.model.counting import warm_up

    warm_up()


def _receive(connection: Connection, work: _Work, quick: _Work, aside: _Work) -> None:
    """Take in what the window sends and do nothing else here, so that a cancel is heard whatever is being done.

    A whole front is found `aside`: what a slider asks for does not wait for it.
    """
    try:
        while True:
            kind, job, request = connection.recv()
            if kind == "submit":
                is_quick = isinstance(request, NEEDS_NOTHING_OPEN)
                (aside if isinstance(request, FindFront | FindLeast) else quick if is_quick else work).add(job, request)
            elif kind == "close":
                raise EOFError
            else:
                for each in (work, quick, aside):
                    each.cancel(job)
    except (EOFError, OSError):
        # the window is gone: stop what runs, and leave even where native code does not listen
        for each in (aside, quick, work):
            each.end()
        time.sleep(5)
        os._exit(0)


def _lower_priority() -> None:
    import psutil

    try:
        process = psutil.Process()
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else 10)  # type: ignore[attr-defined]
    except psutil.Error as error:
        print(f"secateur engine: priority not lowered: {error}")
