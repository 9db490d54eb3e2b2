"""By which samples autopilot chooses among plans, and by which the chosen ones are judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.evaluation import Predictions, Progress, predict
from secateur.data.metrics import kind_of
from secateur.engine.autopilot import HALVES, OWN_SPLITS, Splits
from secateur.engine.workshop import Baseline, Bench, Workshop
from secateur.model.documents import Metric, RunDocument

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.data.splits import Split


@dataclass(frozen=True)
class Fall:
    """What the metric falls by, in its own unit: on the samples that choose, with its interval, and that judge.

    NaN and None where that is not known.
    """

    drop: float
    interval: tuple[float, float] | None
    judged: float | None


@dataclass(frozen=True, eq=False)
class Chooser:
    """Validation samples choose and test samples judge, unless the original was trained on the former.

    Then it answers them better than it answers any others, and every network that is trained anew seems to lose what
    none can keep. One half of the test samples chooses instead, the other half judges.
    """

    data: "Dataset"
    workshop: Workshop
    progress: Callable[[], Progress]
    before: Predictions
    splits: Splits
    sentence: str = ""

    @classmethod
    def of(
        cls, bench: Bench, data: "Dataset", baseline: Baseline, workshop: Workshop, progress: Callable[[], Progress]
    ) -> "Chooser":
        own = cls(data, workshop, progress, baseline.predictions, OWN_SPLITS)
        before = own._answers(workshop.file(bench), "the original")
        known, other = data.task.measure(before.answers, before.targets), baseline.evaluation.metric
        if known is None or other is None or not _is_surely_better(known, other):
            return replace(own, before=before)
        kind = kind_of(known.name)
        sentence = (
            f"The original has {kind.noun} {kind.write(known.value)} on the validation samples and "
            f"{kind.write(other.value)} on the test samples: it seems to have been trained on the former. "
            "Plans are chosen by one half of the test samples, and judged by the other."
        )
        return replace(own, splits=HALVES, sentence=sentence)

    def fall(self, run: RunDocument, name: str) -> Fall:
        """What a result lost."""
        after = self._answers(Path(run.files[0].path), name)
        if self.splits == OWN_SPLITS:
            drop, interval = self._fall(after, np.arange(len(after.answers)))
            return Fall(drop, interval, _between(run))
        places = np.arange(len(after.answers))
        drop, interval = self._fall(after, places[::2])
        return Fall(drop, interval, self._fall(after, places[1::2])[0])

    def unknown(self, run: RunDocument) -> Fall:
        """Of a result that is not to be run."""
        return Fall(float("nan"), None, _between(run))

    def _fall(self, after: Predictions, rows: NDArray[np.intp]) -> tuple[float, tuple[float, float]]:
        before, task = self.before, self.data.task
        change, low, high = task.change(before.answers[rows], after.answers[rows], before.targets[rows])
        sign = -1.0 if kind_of(task.metric).is_higher_better else 1.0
        return sign * change, (min(sign * low, sign * high), max(sign * low, sign * high))

    def _answers(self, file: Path, name: str) -> Predictions:
        split: Split = "validation" if self.splits == OWN_SPLITS else "test"
        return predict(
            self.workshop.session(file), self.data, self.progress(), text=f"Evaluating {name} on {split}", split=split
        )


def _between(run: RunDocument) -> float | None:
    """What the metric fell by on all test samples."""
    before, after = run.original.metric, run.result.metric
    return None if before is None or after is None else -kind_of(before.name).gain(before.value, after.value)


def _is_surely_better(one: Metric, other: Metric) -> bool:
    """Whether one value is better than another, and their intervals lie apart."""
    if kind_of(one.name).is_higher_better:
        return one.ci95[0] > other.ci95[1]
    return one.ci95[1] < other.ci95[0]
