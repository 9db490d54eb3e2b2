"""How far a job of several stages is as a whole, and how long it still takes: from its plan and from earlier runs.

A stage's own progress says little about the job: a minute of training may be followed by ten of proving. So a job
names its stages before it begins. What a stage takes is known from its own progress once that has moved, else from what
the same stage took before, by its amount of work; where neither is known the time that is told is the least.
"""

import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secateur.engine.database import opened
from secateur.engine.places import home

MOST_KEPT = 2000
LOOKED_AT = 5
_TABLE = """
CREATE TABLE IF NOT EXISTS stages (
    kind TEXT NOT NULL, subject TEXT NOT NULL, work REAL NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL
)
"""


@dataclass(frozen=True)
class Stage:
    """One stage of a job: `kind` is what is done, `work` how much of it (in any unit; 0: unknown).

    `is_one_phase`: its progress goes once from nothing to all, so that its speed tells its time.
    """

    kind: str
    work: float = 1.0
    is_one_phase: bool = False


@dataclass(frozen=True)
class TimeLeft:
    """`seconds` until the whole job is done; `is_least` where a stage to come is not known. `share` is 0 to 1."""

    seconds: float | None
    is_least: bool
    share: float


class StageTimes:
    """What stages took, in a file of the program's home. `subject` is the model: what it took there counts first.

    Where the file cannot be read or written nothing is known, and no job fails for it.
    """

    def __init__(self, subject: str, path: Path | None = None) -> None:
        self._subject, self._path = subject, path or home() / "stages.sqlite"
        try:
            with opened(self._path) as database:
                database.execute(_TABLE)
        except (sqlite3.Error, OSError) as error:
            print(f"secateur engine: what stages took is not known: {error}")

    def expected(self, stage: Stage) -> float | None:
        """Seconds for this much work: the median of what the last ones took, of this model where there are any."""
        if stage.work <= 0:  # not known yet
            return None
        try:
            return self._from_earlier(stage)
        except (sqlite3.Error, OSError):
            return None

    def _from_earlier(self, stage: Stage) -> float | None:
        with opened(self._path) as database:
            for where, values in (("AND subject = ?", (self._subject,)), ("", ())):
                rows = database.execute(
                    f"SELECT work, seconds FROM stages WHERE kind = ? AND work > 0 {where} ORDER BY at DESC LIMIT ?",  # noqa: S608
                    (stage.kind, *values, LOOKED_AT),
                ).fetchall()
                if rows:
                    rates = [float(row["seconds"]) / float(row["work"]) for row in rows]
                    return statistics.median(rates) * stage.work
        return None

    def took(self, stage: Stage, seconds: float) -> None:
        """Remember it; where the disk refuses, the next estimate is simply worse."""
        if stage.work <= 0:
            return
        try:
            with opened(self._path) as database:
                values = (stage.kind, self._subject, stage.work, seconds, time.time())
                database.execute("INSERT INTO stages VALUES (?, ?, ?, ?, ?)", values)
                database.execute("DELETE FROM stages WHERE rowid <= (SELECT MAX(rowid) FROM stages) - ?", (MOST_KEPT,))
        except (sqlite3.Error, OSError) as error:
            print(f"secateur engine: the time of a stage was not kept: {error}")


@dataclass
class Course:
    """Where a job is among its stages. `now` is a clock in seconds; without `times` no earlier run is known."""

    stages: Sequence[Stage]
    times: StageTimes | None = None
    now: Callable[[], float] = time.monotonic
    _at: int = -1
    _begun: float = 0.0
    _resumed: bool = False
    _spent: list[float] = field(default_factory=list)
    _rests: set[int] = field(default_factory=set)
    """Places of stages of which only the rest was done: it says nothing of what others take."""
    _expected: list[float | None] = field(default_factory=list)
    _share: float = 0.0

    def __post_init__(self) -> None:
        self._expect()

    def plan(self, stages: Sequence[Stage]) -> None:
        """The same stages with the work that is known by now, and perhaps further ones."""
        self.stages = stages
        self._expect()

    def _expect(self) -> None:
        self._expected = [self.times.expected(stage) if self.times else None for stage in self.stages]

    def enter(self, kind: str, *, resumed: bool = False) -> None:
        """The next stage of this kind begins, and the one before is over; `resumed`: a part of it was done before."""
        self.leave()
        places = range(self._at + 1, len(self.stages))
        place = next((place for place in places if self.stages[place].kind == kind), None)
        if place is not None:
            self._spent += [0.0] * (place - len(self._spent))
            self._at, self._begun, self._resumed = place, self.now(), resumed

    def leave(self) -> None:
        """The present stage is done: what it took is remembered, unless only the rest of it was done."""
        if self._at < 0 or len(self._spent) > self._at:
            return
        seconds = self.now() - self._begun
        self._spent.append(seconds)
        if self._resumed:
            self._rests.add(self._at)
        if self.times is not None and not self._resumed:
            self.times.took(self.stages[self._at], seconds)

    def left(self, done: int, total: int, phase_left_s: float | None) -> TimeLeft:
        """For the whole job, from the progress of its present stage and what its phase will still take by its speed."""
        if self._at < 0:
            return TimeLeft(None, True, 0.0)
        stage, expected, passed = self.stages[self._at], self._expected[self._at], self.now() - self._begun
        is_known = expected is not None and not self._resumed
        from_earlier = max(0.0, expected - passed) if is_known and expected is not None else None
        if phase_left_s is None or (from_earlier is not None and not stage.is_one_phase):
            known = [value for value in (phase_left_s, from_earlier) if value is not None]
            here = max(known) if known else None
        else:
            here = phase_left_s
        is_here_known = from_earlier is not None or (stage.is_one_phase and phase_left_s is not None)
        after = self._expected[self._at + 1 :]
        parts = [value for value in (here, *after) if value is not None]
        is_least = not is_here_known or None in after
        return TimeLeft(sum(parts) if parts else None, is_least, self._share_done(done, total, here, passed))

    def _share_done(self, done: int, total: int, here: float | None, passed: float) -> float:
        """Stages by what they take, one that is not known as long as the mean of the others; it never goes back."""
        weights = [
            self._spent[place] if place < len(self._spent) else self._expected[place]
            for place in range(len(self.stages))
        ]
        if here is not None:
            weights[self._at] = passed + here
        known = [weight for place, weight in enumerate(weights) if weight and place not in self._rests]
        usual = sum(known) / len(known) if known else 1.0
        filled = [usual if weight is None else weight for weight in weights]
        within = passed / (passed + here) if here is not None and passed + here > 0 else done / total if total else 0.0
        whole = sum(filled) or 1.0
        share = (sum(filled[: self._at]) + filled[self._at] * min(within, 1.0)) / whole
        self._share = max(self._share, min(share, 1.0))
        return self._share
