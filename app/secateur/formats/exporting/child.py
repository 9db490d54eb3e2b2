"""The process that an exporter runs in: `python -m secateur.formats.exporting.child FOLDER TASK`.

It speaks JSON lines on what was its standard output; what converters print goes to a log file in the folder. It ends
with its parent, also where that is killed.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

from secateur.errors import JobError, UserError
from secateur.formats.base import Runner
from secateur.formats.exporting import telling
from secateur.formats.exporting.staging import (
    INPUTS,
    LOG,
    Task,
    in_order,
    staged_model,
    store_named,
    store_outputs,
)

Answer = dict[str, Any]


def write(folder: Path) -> Answer:
    """Write the staged model; the names of the files, the first at the task's path."""
    task = Task.load(folder)
    telling.tell(0, 1, f"Preparing {task.path.name}")
    model = staged_model(folder)
    telling.tell(0, 1, f"Writing {task.path.name}")
    files = task.format.write(model, task.path, task.options)
    return {"files": [str(file) for file in files]}


def answer(folder: Path) -> Answer:
    """Open the written file anew and run it on the staged inputs."""
    _answers(folder)
    return {}


def run(folder: Path) -> Answer:
    """The same, and time it for one sample."""
    from secateur.formats.proving.running import latency_of

    task, runner, inputs = _answers(folder)
    telling.tell(0, 1, "Measuring milliseconds")
    latency = latency_of(runner, inputs, task.batching, task.format.runtime)
    return {"latency": latency.model_dump(mode="json")}


def _answers(folder: Path) -> tuple[Task, Runner, list[Any]]:
    """Store what the file answers; the task, the opened file and the inputs."""
    from secateur.formats.proving.running import run_in_batches

    task = Task.load(folder)
    telling.tell(0, 1, f"Opening {task.path.name} in {task.format.runtime}")
    runner, inputs = task.format.run(task.path), in_order(folder / INPUTS)
    text = f"Running {task.path.name} in {task.format.runtime}"
    store_outputs(folder, run_in_batches(runner.all, inputs, task.batching, telling.tell, text))
    return task, runner, inputs


def weights(folder: Path) -> Answer:
    """Read back the weights of the written file."""
    task = Task.load(folder)
    telling.tell(0, 1, f"Reading {task.path.name}")
    store_named(folder, dict(task.format.weights(task.path)))
    return {}


TASKS: Final[dict[str, Callable[[Path], Answer]]] = {"write": write, "run": run, "answer": answer, "weights": weights}


def main(folder: Path, task: str) -> int:
    """Do one task and tell how it ended; the exit status."""
    wire = _take_over_output(folder / LOG)
    _end_with_parent()

    def send(message: Answer) -> None:
        wire.write(json.dumps(message) + "\n")
        wire.flush()

    telling.line.send = lambda done, total, text: send({"progress": [done, total, text]})
    try:
        send({"done": TASKS[task](folder)})
    except UserError as error:
        send({"failed": {"sentence": error.sentence, "hint": error.hint, "was_wrong": not isinstance(error, JobError)}})
    except NotImplementedError as error:
        send({"unsupported": str(error)})
    except MemoryError:
        send({"failed": {"sentence": "There was not enough memory.", "hint": "Close other programs.",
                         "was_wrong": False}})  # fmt: skip
    except BaseException as error:  # noqa: BLE001 - whatever a converter raises, SystemExit too, becomes a sentence
        traceback.print_exc()
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        send({"raised": {"kind": type(error).__name__, "line": lines[0][:300] if lines else ""}})
    return 0


def _take_over_output(log: Path) -> TextIO:
    """Keep standard output for our lines, and let everything that is printed, by native code too, go to the log."""
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.set_inheritable(wire.fileno(), False)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    return wire


def _end_with_parent() -> None:
    """The parent holds the other end of our standard input: when it closes, nobody waits for an answer any more."""

    def watch() -> None:
        sys.stdin.buffer.read()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.flush()
    os._exit(status)  # the answer is out: libraries that crash while they are unloaded do not matter any more
