"""The engine's side of an exporter's process: start it, listen, give up in time, and say how it ended in a sentence."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from secateur.errors import JobError, UserError
from secateur.formats.base import Progress
from secateur.formats.exporting.staging import LOG

_POLL_S: Final = 0.1
_LOG_CHARACTERS: Final = 20_000
_THREADS: Final = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
_DROPPED: Final = ("OMP_", "MKL_", "KMP_", "GOMP_", "QT_", "PYTHONSTARTUP", "PYTHONINSPECT")


class ExporterFailed(JobError):  # noqa: N818 - reads as what happened, like Cancelled
    """An exporter's process crashed, hung, was killed or raised. `details` has the last lines that it printed."""


class ExporterCannot(Exception):  # noqa: N818 - an answer, not an error
    """The format does not offer what the task asks for (NotImplementedError in the child)."""


@dataclass(frozen=True)
class Assignment:
    """One task of a child. `title` is the format's, `doing` ends the sentence `… while <doing>`."""

    folder: Path
    task: str
    title: str
    doing: str
    limit_s: float
    threads: int = 1


def carry_out(assignment: Assignment, progress: Progress) -> dict[str, Any]:
    """Do a task in a process of its own; its answer.

    `progress` is called ten times a second and may raise to cancel: then the process and all that it started are
    killed. UserError is what the exporter says a person can mend; ExporterFailed everything else.
    """
    process = _start(assignment)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(process.stdout, lines), daemon=True)
    listener.start()
    try:
        answer = _wait(assignment, process, lines, progress)
    finally:
        _kill(process)
        listener.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # the other end is gone
                    pipe.close()
    return _result(assignment, answer, process.returncode)


def printed(folder: Path) -> str:
    """The last lines that the processes of this folder printed."""
    log = folder / LOG
    return log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS:] if log.exists() else ""


def environment(threads: int) -> dict[str, str]:
    """The environment of a child: ours, without what steers our threads and our window."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    ours = str(Path(__file__).resolve().parents[3])
    paths = [ours, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **kept,
        **dict.fromkeys(_THREADS, str(threads)),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _start(assignment: Assignment) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "secateur.formats.exporting.child", str(assignment.folder), assignment.task]
    group: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    with (assignment.folder / LOG).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=assignment.folder,
            env=environment(assignment.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            errors="replace",
            **group,
        )


def _listen(pipe: IO[str] | None, lines: "queue.SimpleQueue[str | None]") -> None:
    """Hand on every line, then None: a thread, because a pipe cannot be waited for with a time limit everywhere."""
    if pipe is not None:
        for line in pipe:
            lines.put(line)
    lines.put(None)


def _wait(
    assignment: Assignment, process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]", progress: Progress
) -> dict[str, Any]:
    """The child's last word; empty where it ended without one. Reports progress, and is the cancel point."""
    deadline = time.monotonic() + assignment.limit_s
    said: tuple[int, int, str] = (0, 1, f"Starting {assignment.title}")
    while True:
        progress(*said)
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            if time.monotonic() > deadline:
                raise _failed(
                    assignment,
                    f"{assignment.title} was stopped after {_duration(assignment.limit_s)} while {assignment.doing}.",
                    "It probably hangs; a smaller network or another format may work.",
                ) from None
            continue
        if line is None:
            process.wait()
            return {}
        message = json.loads(line)
        if "progress" not in message:
            return dict(message)
        done, total, text = message["progress"]
        said = (int(done), int(total), str(text))


def _kill(process: "subprocess.Popen[str]") -> None:
    """End the process with all that it started; at once where it has ended already."""
    if process.poll() is None:
        # an answer is followed by the end, in a moment: let it come, so that the exit status is its own
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
    if sys.platform == "win32":
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _result(assignment: Assignment, answer: dict[str, Any], status: int) -> dict[str, Any]:
    match answer:
        case {"done": dict(result)}:
            return result
        case {"failed": {"sentence": sentence, "hint": hint, "was_wrong": was_wrong}}:
            kind = UserError if was_wrong else ExporterFailed
            raise kind(str(sentence), str(hint), printed(assignment.folder))
        case {"unsupported": reason}:
            raise ExporterCannot(reason)
        case {"raised": {"kind": kind, "line": line}}:
            said = f"{kind}: {line}" if line else str(kind)
            raise _failed(assignment, f"{assignment.title} failed while {assignment.doing} ({said}).")
        case _:
            raise _failed(assignment, _ending(assignment, status))


def _ending(assignment: Assignment, status: int) -> str:
    """How a process that gave no answer ended."""
    what = f"while {assignment.doing}"
    if status == -signal.SIGKILL if hasattr(signal, "SIGKILL") else False:
        return f"The system ended {assignment.title} {what}, most likely because the memory ran out."
    if status < 0:
        name = signal.Signals(-status).name if -status in {s.value for s in signal.Signals} else str(-status)
        return f"{assignment.title} crashed in native code ({name}) {what}."
    lines = [line.strip() for line in printed(assignment.folder).splitlines() if line.strip()]
    last = f": {lines[-1][:300]}" if lines else ""
    return f"{assignment.title} ended without an answer (exit status {status}) {what}{last}."


def _failed(assignment: Assignment, sentence: str, hint: str = "") -> ExporterFailed:
    return ExporterFailed(
        sentence, hint or "The details hold what it printed; another format may work.", printed(assignment.folder)
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} seconds"
    return f"{seconds / 60:g} minutes"
