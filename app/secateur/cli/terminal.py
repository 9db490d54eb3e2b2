"""Driving the engine in this process: progress on standard error, the result back, exit codes as promised.

0 done, 1 the job failed, 2 the request was wrong, 130 cancelled.
"""

import json
import os
import signal
import sys
import threading
from contextlib import redirect_stdout
from math import isfinite
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from secateur import figures
from secateur.engine.autopilot import Autopilot
from secateur.engine.events import (
    Event,
    Failed,
    Finished,
    Live,
    Log,
    Partial,
    Progress,
    Result,
    SpectraReady,
)
from secateur.engine.requests import CheckPlan, Compress, CountSpectra, Request, ScoreSensitivity
from secateur.errors import UserError
from secateur.methods.facts import Facts, facts_of
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.device import DeviceChoice
from secateur.model.spectrum import Spectra
from secateur.targets import target_named

if TYPE_CHECKING:
    from secateur.engine.workshop import Workshop

DONE, FAILED, WRONG, CANCELLED = 0, 1, 2, 130

errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False)
if not output.is_terminal:
    output = Console(highlight=False, width=160)  # tables in a file or a pipe are not cut to 80 columns


class Terminal:
    """One command's engine. `debug` prints the traceback of a bug; `--device` and `--threads` are set for all."""

    device: ClassVar[DeviceChoice] = "auto"
    threads: ClassVar[int] = 0

    def __init__(self, *, debug: bool = False, quiet: bool = False) -> None:
        self.debug, self.quiet = debug, quiet
        self._workshop: Workshop | None = None
        self._partials: list[Live] = []

    def do(self, request: Request) -> Result:
        """Do one request; returns its result or leaves the program with the exit status that fits."""
        event = self._end_of(request)
        if isinstance(event, Finished):
            return event.result
        if isinstance(event, Failed):
            self.fail(event)
        errors.print(cancelled_words(request), markup=False)
        raise SystemExit(CANCELLED)

    def attempt(self, request: Request) -> Result | None:
        """The result of a request that the command can do without; None, and a sentence, where it fails."""
        event = self._end_of(request)
        if isinstance(event, Failed):
            errors.print(f"{event.sentence} {event.hint}".strip(), markup=False)
            return None
        if isinstance(event, Finished):
            return event.result
        errors.print(cancelled_words(request), markup=False)
        raise SystemExit(CANCELLED)

    def _end_of(self, request: Request) -> Event:
        from secateur.engine.reporting import Reporter
        from secateur.engine.worker import engine_threads, run_job, set_threads
        from secateur.engine.workshop import Workshop

        if self._workshop is None:
            set_threads(self.threads or os.cpu_count() or 1)
            self._workshop = Workshop(engine_threads(self.threads))
            self._choose_device()
        with _ProgressLine(self.quiet) as line:

            def show(event: Event) -> None:
                if isinstance(event, Partial):
                    self._partials.append(event.value)
                line.show(event)

            reporter = Reporter(1, show)
            # a person's own code may print: standard output is for the answer alone
            with _cancelled_by_ctrl_c(reporter.cancelled), redirect_stdout(sys.stderr):
                return run_job(request, reporter, self._workshop)

    def _choose_device(self) -> None:
        from secateur.model import device

        device.choose(self.device)
        if self.device in {"cuda", "mps"} and device.current().id != self.device:
            wrong(UserError(f"There is no {self.device} device here.", "Leave --device out, or choose cpu."))

    def spectra(self, source: ModelSource) -> dict[str, Spectra]:
        """Spectra of every weighted layer, as they are sent while they are counted."""
        self._partials.clear()
        self.do(CountSpectra(source))
        return {
            name: spectra
            for value in self._partials
            if isinstance(value, SpectraReady)
            for name, spectra in value.spectra.items()
        }

    def facts(self, source: ModelSource, model: ModelDescription, target: str) -> dict[str, Facts]:
        """All that is known of every layer without running anything; `target` is where it will run."""
        spectra = self.spectra(source)
        ready = [value for value in self._partials if isinstance(value, SpectraReady)]
        values = {name: found for value in ready for name, found in value.singular_values.items()}
        return facts_of(model.layers, spectra, singular_values=values, target=target_named(target))

    def fail(self, event: Failed) -> NoReturn:
        """Print the sentence (and with --debug the traceback) and leave."""
        errors.print(f"{event.sentence} {event.hint}".strip(), markup=False)
        for wanted in event.wants:
            errors.print(f"  wants {wanted.name}{f': {wanted.danger}' if wanted.danger else ''}", markup=False)
        if self.debug and event.details:
            errors.print(event.details, markup=False)
        raise SystemExit(WRONG if event.was_wrong else FAILED)


def cancelled_words(request: Request) -> str:
    """What is left of work that was cancelled."""
    match request:
        case ScoreSensitivity(depth="estimate" | "measure"):
            return "Cancelled. What was measured is kept: the same command goes on from there."
        case CheckPlan():
            return "Cancelled. What was measured is kept: the same command goes on from there."
        case Autopilot():
            return "Cancelled. The best so far is in the folder; --resume with the same -o goes on from there."
        case Compress():
            return "Cancelled. The run goes on from its last checkpoint with --resume and the same -o."
        case _:
            return "Cancelled. Nothing was changed."


def wrong(error: UserError) -> NoReturn:
    """Leave because the request was wrong."""
    errors.print(str(error), markup=False)
    raise SystemExit(WRONG)


def print_json(document: BaseModel | dict[str, object]) -> None:
    """One JSON document on standard output."""
    plain = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    sys.stdout.write(json.dumps(_without_nan(plain), indent=2, allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: what is no number is null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


class _ProgressLine:
    """The progress bar on standard error; plain lines now and then where that is no terminal."""

    def __init__(self, quiet: bool) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Bar(*columns, console=errors, transient=True, disable=quiet or not errors.is_terminal)
        self._task: TaskID | None = None
        self._quiet = quiet

    def __enter__(self) -> "_ProgressLine":
        self._bar.start()
        self._task = self._bar.add_task("Starting", total=None, left="")
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, event: Event) -> None:
        match event:
            case Progress() if self._task is not None:
                done, total = (event.done, event.total) if event.share is None else (event.share, 1.0)
                words = "" if event.eta_s is None else f"{figures.duration(event.eta_s)} left"
                left = f"at least {words}" if words and event.eta_is_least else words
                self._bar.update(self._task, description=event.text, completed=done, total=total, left=left)
            case Log() if not self._quiet:
                self._bar.console.print(event.text, markup=False)
            case _:
                return


class _cancelled_by_ctrl_c:  # noqa: N801 - reads as a clause
    """The first Ctrl+C asks the job to stop at its next cancel point, the second one ends the program."""

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled

    def __enter__(self) -> None:
        self._earlier = signal.signal(signal.SIGINT, self._interrupt)

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._earlier)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._cancelled.is_set():
            raise SystemExit(CANCELLED)
        self._cancelled.set()
