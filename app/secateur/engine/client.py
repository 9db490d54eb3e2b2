"""The window's end of the engine: starts the process, passes requests, hands events to one callback.

A thread reads the pipe; nothing here blocks the caller. When the process dies by itself the callback gets
`EngineDied` with the requests that were lost, and a new process is started.
"""

import itertools
import multiprocessing
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from secateur.engine.events import EngineDied, EngineReady, Event, Failed, Finished, Stopped
from secateur.engine.requests import Request

END = "end"
MOST_STARTS = 3
GRACE_S = 1.5
"""How long a process that is told to close may take before it is ended."""


class EngineClient:
    """Drives one warm engine process. `on_event` is called on this client's own thread."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._open: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._process: BaseProcess | None = None
        self._closing = False
        self._asked_to_restart = False
        self._failed_starts = 0
        self._outbox: queue.SimpleQueue[tuple[str, int, Request | None]] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._sender = threading.Thread(target=self._send_all, name="secateur-engine-sender", daemon=True)
        self._sender.start()
        self._thread = threading.Thread(target=self._live, name="secateur-engine-client", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> int:
        """Queue a request; its job number. Works before the process is up."""
        job = next(self._numbers)
        with self._lock:
            self._open[job] = request
        self._outbox.put(("submit", job, request))
        return job

    def cancel(self, job: int) -> None:
        """Ask a running or waiting job to stop; it ends with `Stopped` at its next cancel point."""
        self._outbox.put(("cancel", job, None))

    def restart(self) -> None:
        """Kill the process at once and start a new one: for a job that does not listen."""
        self._asked_to_restart = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process and the thread; waits at most a few seconds."""
        self._closing = True
        with self._lock:
            connection, process = self._connection, self._process
        if process is not None:
            if connection is not None:
                self._outbox.put(("close", 0, None))
                process.join(GRACE_S)
            process.terminate()
            process.join(3)
            if process.is_alive():
                process.kill()
                process.join(3)
        self._outbox.put((END, 0, None))
        self._ready.set()
        if connection is not None:
            connection.close()
        self._thread.join(5)
        self._sender.join(5)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    # ------------------------------------------------------------------ the thread

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
        process = context.Process(target=serve, args=(theirs,), name="secateur-engine", daemon=True)
        process.start()
        theirs.close()
        with self._lock:
            self._connection, self._process = ours, process
        self._ready.set()
        return ours

    def _live(self) -> None:
        while not self._closing:
            connection = self._start()
            self._read(connection)
            if self._closing:
                return
            self._report_death()
            if self._failed_starts >= MOST_STARTS:
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
            lost = tuple(self._open.values())
            self._open.clear()
        self._failed_starts += 1
        sentence = _death_sentence(process.exitcode, self._asked_to_restart, self._failed_starts >= MOST_STARTS)
        self._asked_to_restart = False
        self._on_event(EngineDied(sentence, lost, self._failed_starts >= MOST_STARTS))


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
    how = f"signal {-exit_code}" if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
    return f"The engine stopped unexpectedly ({how}). The session is kept, and the engine has been started again."
