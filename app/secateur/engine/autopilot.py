"""Autopilot: what is asked, what is told on the way, and the answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.data.source import DataSource
from secateur.model.description import ModelSource
from secateur.model.documents import Document, Evaluation, ExportedFile
from secateur.targets import TARGETS

TRIALS: Final = "trials"
"""The folder, in that of a search, with a folder for each trial by its number."""
TRAININGS: Final = "trainings"
"""The folder among those of the trials with the trainings that several of them begin with."""


class Splits(NamedTuple):
    """The samples that choose among plans, and those that judge the chosen ones, in words."""

    choose: str
    judge: str


OWN_SPLITS: Final = Splits("validation", "test")
HALVES: Final = Splits("half of test", "other half")
"""Where the original was trained on the validation samples."""


@dataclass(frozen=True)
class Autopilot:
    """The smallest and fastest model that loses no more than `drop` → `AutopilotEnded`.

    `drop` is in the metric's unit (0.01: a point of a share); `size` and `latency`, shares of the original, are what
    is wanted at least. `run` names it, and with a number each of its trials, which are runs of the history. The best
    one's files go to `folder`, its trials into a folder there. With `resume` what was tried there counts.
    `trials` is the most that are tried, None: as long as one may be better. `replace` as of `Compress`. `seed` is that
    of all trainings.
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
    seed: int = 0


class TrialDocument(Document):
    """One plan that was tried.

    `drop` is what the metric loses on the samples by which is chosen, with its paired 99.9 % interval;
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


class Ahead(Document):
    """What it would cost to go on: at most so many `trials`, and `seconds` from what trials of the same kind took.

    `seconds` is None where no kind of them was tried yet; with `is_least` that of some was not, and it takes longer.
    """

    trials: int
    seconds: float | None = None
    is_least: bool = False

    @property
    def words(self) -> str:
        """`at most 5 more plans, about 2 min 10 s`."""
        plans = f"at most {figures.counted(self.trials, 'more plan')}"
        if not self.trials or self.seconds is None:
            return f"{plans}, of a kind that was not tried yet" if self.trials else "no more plans"
        return f"{plans}, {'at least' if self.is_least else 'about'} {figures.duration(self.seconds)}"


SearchState = Literal["running", "stopped", "interrupted", "failed", "ended"]


class AutopilotDocument(Document):
    """What autopilot came to. `best` is the number of the best trial, 0 where none kept the quality.

    `fingerprint` and `data_source` (the fields of a `DataSource`) say what it was of, `process` which one is at it,
    `splits` by which samples is chosen and judged.
    """

    run: str
    metric: str
    goal: dict[str, float]
    splits: Splits = OWN_SPLITS
    original: Evaluation
    name: str = ""
    fingerprint: str = ""
    data_source: dict[str, object] | None = None
    created: float = 0.0
    state: SearchState = "stopped"
    process: str = ""
    ahead: Ahead | None = None
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

    def change_words(self, drop: float | None) -> str:
        """How the metric changes where it loses `drop`: `−0.3 pt`, `+0.02` of an error; a dash where it is unknown."""
        if drop is None:
            return figures.UNKNOWN
        kind = kind_of(self.metric)
        return kind.write_change(0.0, -drop if kind.is_higher_better else drop)

    def verdict_on(self, trial: TrialDocument) -> str:
        """What to make of a trial, in two or three words."""
        if trial.state == "running":
            return "being tried" if self.state == "running" else "broken off"
        if trial.state == "failed":
            return "came to nothing"
        if trial.keeps:
            return "best, proven" if trial.number == self.best else "kept, proven"
        if not trial.is_proven:
            return "not proven"
        return "loses too much" if (trial.drop or 0.0) > self.goal["drop"] else "too much on test"


@dataclass(frozen=True)
class TrialsTold:
    """What was tried so far, what is being tried now among it, and the best of it."""

    document: AutopilotDocument


@dataclass(frozen=True)
class AutopilotEnded:
    document: AutopilotDocument
    folder: str


@dataclass(frozen=True)
class FindAutopilot:
    """The newest search of the model of this fingerprint on this data → `AutopilotFound`; none is begun or changed.

    With a `folder` the one that lies there.
    """

    fingerprint: str
    data: DataSource
    folder: str = ""


@dataclass(frozen=True)
class AutopilotFound:
    """`document` is None where there was none; its state is `interrupted` where the process that was at it is gone."""

    document: AutopilotDocument | None = None
    folder: str = ""
