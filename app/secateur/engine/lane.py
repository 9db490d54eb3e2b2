"""One engine process and the threads that drive it: requests in, events out, a new process where one dies."""

import multiprocessing
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Literal

from secateur.engine.events import EngineDied, EngineReady, Event, Failed, Finished, Stopped
from secateur.engine.requests import Configure, Request

END = "end"
MOST_STARTS = 3
GRACE_S = 1.5
"""How long a process that is told to close may take before it is ended."""

Kind = Literal["work", "questions"]


class Lane:
    """A process of its own, kept alive from `start` to `close`. `on_event` is called on this lane's own thread.

    A request may be submitted before the process is up. When the process dies by itself `on_event` gets `EngineDied`
    with what was lost, and a new one is started.
    """

    def __init__(self, kind: Kind, on_event: Callable[[Event], None], settings: Configure) -> None:
        self.kind, self.settings = kind, settings
        self._on_event = on_event
        self._open: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._process: BaseProcess | None = None
        self._closing = False
        self._asked_to_restart = False
        self._failed_starts = 0
        self._outbox: queue.SimpleQueue[tuple[str, int, Request | None]] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._threads: tuple[threading.Thread, ...] = ()

    def start(self) -> None:
        """Start the process, where that has not been done."""
        with self._lock:
            if self._threads or self._closing:
                return
            targets = {f"secateur-{self.kind}-sender": self._send_all, f"secateur-{self.kind}-client": self._live}
            self._threads = tuple(threading.Thread(target=t, name=n, daemon=True) for n, t in targets.items())
        for thread in self._threads:
            thread.start()

    @property
    def is_started(self) -> bool:
        return bool(self._threads)

    @property
    def has_given_up(self) -> bool:
        """Whether the process did not start several times in a row: none is tried any more."""
        return self._failed_starts >= MOST_STARTS

    @property
    def open(self) -> dict[int, Request]:
        """What was asked and is not answered yet, by job."""
        with self._lock:
            return dict(self._open)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def submit(self, job: int, request: Request) -> None:
        with self._lock:
            self._open[job] = request
        self._outbox.put(("submit", job, request))

    def cancel(self, job: int) -> None:
        self._outbox.put(("cancel", job, None))

    def restart(self) -> None:
        """Kill the process at once: a new one is started."""
        self._asked_to_restart = True
        if self._process is not None:
            self._process.kill()

    def ask_to_close(self) -> None:
        """Tell the process to end; `close` waits for it."""
        self._closing = True
        with self._lock:
            connection = self._connection
        if connection is not None:
            self._outbox.put(("close", 0, None))

    def close(self) -> None:
        """End the process and the threads; waits at most a few seconds."""
        self.ask_to_close()
        with self._lock:
            connection, process = self._connection, self._process
        if process is not None:
            if connection is not None:
                process.join(GRACE_S)
            _end(process)
        self._outbox.put((END, 0, None))
        self._ready.set()
        if connection is not None:
            connection.close()
        for thread in self._threads:
            thread.join(5)

    # ------------------------------------------------------------------ the threads

    def _send_all(self) -> None:
        """Write what is asked to the pipe: a large request, or an engine that is busy in native code, may block."""
        while True:
            kind, job, request = self._outbox.get()
            self._ready.wait()
            with self._lock:
                connection = self._connection
                is_lost = kind == "submit" and job not in self._open
            if kind == END:
                return
            if connection is None or is_lost:  # reported as lost with the process that it was meant for
                continue
            try:
                connection.send((kind, job, request))
            except (OSError, ValueError):
                # the process died a moment ago; the reading thread reports it with this request as lost
                continue

    def _start(self) -> Connection:
        from secateur.engine.worker import serve

        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=serve, args=(theirs, self.kind, self.settings), name=f"secateur-{self.kind}", daemon=True
        )
        process.start()
        theirs.close()
        with self._lock:
            self._connection, self._process = ours, process
        self._ready.set()
        if self._closing:  # meanwhile: whoever closes has not seen this process
            _end(process)
        return ours

    def _live(self) -> None:
        while not self._closing:
            connection = self._start()
            self._read(connection)
            if self._closing:
                return
            self._report_death()
            if self.has_given_up:
                return

    def _read(self, connection: Connection) -> None:
        try:
            while True:
                event = connection.recv()
                match event:
                    case EngineReady():
                        self._failed_starts = 0
                    case Finished() | Failed() | Stopped():
                        with self._lock:
                            self._open.pop(event.job, None)
                self._on_event(event)
        except (EOFError, OSError):
            return

    def _report_death(self) -> None:
        process = self._process
        if process is None:
            return
        process.join(5)
        self._ready.clear()
        with self._lock:
            self._connection = None
            lost = dict(self._open)
            self._open.clear()
        self._failed_starts += 1
        if self.kind == "work":
            sentence = _death_sentence(process.exitcode, self._asked_to_restart, self.has_given_up)
        else:
            sentence = _unanswered_sentence(process.exitcode, self._asked_to_restart)
        self._asked_to_restart = False
        is_work = self.kind == "work"
        self._on_event(EngineDied(sentence, tuple(lost.values()), self.has_given_up, tuple(lost), is_work))


def _end(process: BaseProcess) -> None:
    """End a process, whatever it is doing."""
    process.terminate()
    process.join(3)
    if process.is_alive():
        process.kill()
        process.join(3)


def _death_sentence(exit_code: int | None, asked: bool, given_up: bool) -> str:
    if given_up:
        return "The engine does not start. Reinstall the program, or start it from a terminal to see why."
    if asked:
        return "The engine was restarted. The session is kept."
    if exit_code == -9:
        return (
            "The engine was ended by the system (signal 9), most often for lack of memory. "
            "The session is kept, and the engine has been started again."
        )
    how = _how(exit_code)
    return f"The engine stopped unexpectedly ({how}). The session is kept, and the engine has been started again."


def _unanswered_sentence(exit_code: int | None, asked: bool) -> str:
    """For the process that answers beside a running job, which goes on."""
    if asked:
        return "What did not stop beside the running job was ended with its process. The job goes on."
    why = "by the system, most often for lack of memory" if exit_code == -9 else _how(exit_code)
    return f"What was asked beside the running job was not answered: its process ended ({why}). The job goes on."


def _how(exit_code: int | None) -> str:
    return f"signal {-exit_code}" if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
