"""Autopilot: what is asked, what is told on the way, and the answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from secateur.data.source import DataSource
from secateur.model.description import ModelSource
from secateur.model.documents import Document, Evaluation, ExportedFile
from secateur.targets import TARGETS


@dataclass(frozen=True)
class Autopilot:
    """The smallest and fastest model that loses no more than `drop` → `AutopilotEnded`.

    `drop` is in the metric's unit (0.01: a point of a share); `size` and `latency`, shares of the original, are what
    is wanted at least. `run` names it, and with a number each of its trials, which are runs of the history. The best
    one's files go to `folder`, its trials into a folder there. With `resume` what was tried there counts.
    `trials` is the most that are tried, None: as long as one may be better. `replace` as of `Compress`.
    """

    model: ModelSource
    data: DataSource
    run: str
    drop: float
    size: float | None = None
    latency: float | None = None
    folder: Path | None = None
    resume: bool = False
    replace: bool = False
    trials: int | None = None
    samples: int = 512
    target: str = TARGETS[0].id
    name: str = ""


class TrialDocument(Document):
    """One plan that was tried.

    `drop` is what the metric loses on the validation samples, by which is chosen, with its paired 95 % interval;
    `test_drop` on those that judge. `size` and `latency` are shares of the original. `keeps` is whether it loses no
    more than allowed, `error` why it came to nothing.
    """

    number: int
    family: str
    place: int
    title: str
    why: str
    run: str
    recipe: dict[str, object]
    state: Literal["running", "finished", "failed"] = "running"
    drop: float | None = None
    interval: tuple[float, float] | None = None
    test_drop: float | None = None
    size: float | None = None
    latency: float | None = None
    is_proven: bool = False
    keeps: bool = False
    error: str = ""
    seconds: float = 0.0


class AutopilotDocument(Document):
    """What autopilot came to. `best` is the number of the best trial, 0 where none kept the quality."""

    run: str
    metric: str
    goal: dict[str, float]
    original: Evaluation
    trials: tuple[TrialDocument, ...] = ()
    best: int = 0
    result: Evaluation | None = None
    files: tuple[ExportedFile, ...] = ()
    meets_goal: bool = False
    sentence: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def best_trial(self) -> TrialDocument | None:
        return next((trial for trial in self.trials if trial.number == self.best), None)


@dataclass(frozen=True)
class TrialsTold:
    """What was tried so far, what is being tried now among it, and the best of it."""

    document: AutopilotDocument


@dataclass(frozen=True)
class AutopilotEnded:
    document: AutopilotDocument
    folder: str
