"""What a running job tells: progress with time left, log lines, live values. Progress is the cancel point."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secateur.engine.course import Course, Stage, StageTimes
from secateur.engine.events import Event, Log, Partial, Progress
from secateur.errors import Cancelled
from secateur.graph.context import Context
from secateur.model import device

MOST_PER_SECOND = 20


@dataclass
class Reporter:
    """One job's voice. `send` gets the events; `cancelled` is set from another thread."""

    job: int
    send: Callable[[Event], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    course: Course | None = None
    """The stages of the job, where it has named them."""
    _last: float = 0.0
    _phase: tuple[str, int] = ("", 0)
    _phase_start: tuple[float, int] = (0.0, 0)

    def progress(self, done: int, total: int, text: str) -> None:
        """Say how far the job is; raises Cancelled after a cancel. At most 20 events a second get through."""
        if self.cancelled.is_set():
            raise Cancelled
        now = time.monotonic()
        phase = (text.split(" ", 1)[0], total)
        if phase != self._phase or done < self._phase_start[1]:
            self._phase, self._phase_start, self._last = phase, (now, done), 0.0
        if now - self._last < 1 / MOST_PER_SECOND and done < total:
            return
        self._last = now
        phase_left = self._eta(now, done, total)
        if self.course is None:  # one stage, as far as is known
            self.send(Progress(self.job, done, total, text, phase_left))
            return
        left = self.course.left(done, total, phase_left)
        self.send(Progress(self.job, done, total, text, left.seconds, left.is_least, left.share))

    def set_out(self, stages: Sequence[Stage], subject: str) -> None:
        """Name the stages of this job, which works on the model of this fingerprint; again, when more is known."""
        if self.course is None:
            self.course = Course(stages, StageTimes(f"{subject} on {device.current().id}"))
        else:
            self.course.plan(stages)

    def enter(self, kind: str, *, resumed: bool = False) -> None:
        """The job's next stage of this kind begins."""
        self._phase = ("", 0)
        if self.course is not None:
            self.course.enter(kind, resumed=resumed)

    def arrive(self) -> None:
        """The last stage is done."""
        if self.course is not None:
            self.course.leave()

    def _eta(self, now: float, done: int, total: int) -> float | None:
        begun, first = self._phase_start
        if done <= first or now - begun < 1.0:
            return None
        return (now - begun) / (done - first) * (total - done)

    def log(self, text: str) -> None:
        self.send(Log(self.job, text))

    def emit(self, value: Any) -> None:
        self.send(Partial(self.job, value))

    def context(self, **changes: Any) -> Context:
        """The context that a method gets."""
        folder: Path | None = changes.pop("folder", None)
        return Context(progress=self.progress, log=self.log, emit=self.emit, folder=folder, **changes)
