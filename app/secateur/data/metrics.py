"""What can be measured: each metric with its direction, its unit, and how values and changes of it are written.

The one definition that every comparison, prediction, sentence and plot asks, so that nothing takes a squared error
for a share of right answers. How a metric is computed stands with its task (`data.tasks`). Plain values: the window
reads this too.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

from secateur import figures

TASK_IDS: Final = ("classification", "multilabel", "regression", "similarity", "segmentation", "none")


UNSEEN: Final = 5e-5
"""Share of a number below which a change of it is none to a person."""


@dataclass(frozen=True)
class MetricKind:
    """One metric of the tasks in `tasks`.

    `unit` is `share` (a fraction 0..1: shown in percent, its changes in points) or `number` (in the data's own
    units). `low` and `high` are the least and greatest value there can be, None where there is none.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    is_higher_better: bool
    unit: Literal["share", "number"]
    low: float | None
    high: float | None

    @property
    def is_share(self) -> bool:
        return self.unit == "share"

    @property
    def noun(self) -> str:
        """The title in the middle of a sentence: `top-1`, `mean IoU`; `F1` and `Spearman` as they are."""
        first = self.title.partition(" ")[0]
        return self.title if first in _NAMES else self.title[:1].lower() + self.title[1:]

    # ------------------------------------------------------------------ compared

    def gain(self, before: float, after: float) -> float:
        """How much better `after` is than `before`, in the metric's unit; negative where it is worse."""
        return after - before if self.is_higher_better else before - after

    def is_better(self, value: float, than: float) -> bool:
        return self.gain(than, value) > 0

    def is_beyond_noise(self, after: float, ci95: tuple[float, float]) -> bool:
        """Whether `after` is worse than the worse end of the interval of what was before; NaN and infinity are."""
        low, high = ci95
        return not isfinite(after) or self.is_better(low if self.is_higher_better else high, after)

    def worsened(self, value: float, by: float) -> float:
        """`value` made worse by `by`, kept within what is possible."""
        moved = value - by if self.is_higher_better else value + by
        moved = moved if self.low is None else max(self.low, moved)
        return moved if self.high is None else min(self.high, moved)

    # ------------------------------------------------------------------ written

    @property
    def axis_factor(self) -> float:
        """What a value is multiplied with on an axis: percent for shares."""
        return 100.0 if self.is_share else 1.0

    def write(self, value: float | None) -> str:
        """`81.0 %` or `0.00734`."""
        return figures.share(value) if self.is_share else figures.number(value)

    def write_pair(self, before: float | None, after: float | None) -> tuple[str, str]:
        """(`81.0`, `80.7 %`) or (`0.00734`, `3.83`)."""
        if self.is_share:
            return figures.share_pair(before, after)
        return figures.number(before), figures.number(after)

    def write_change(self, before: float, after: float) -> str:
        """`−0.3 pt` or `+3.82`: positive is up, better or not; `0` where no digit of the value moves."""
        delta = after - before
        if self.is_share:
            return figures.points(delta)
        return figures.signed_number(0.0 if abs(delta) < UNSEEN * abs(before) else delta)

    def write_spread(self, ci95: tuple[float, float]) -> str:
        """Half the interval's width: `±0.9` (points) or `±0.0004`."""
        half = (ci95[1] - ci95[0]) / 2
        return f"±{half * 100:.1f}" if self.is_share else f"±{figures.number(half)}"

    def write_range(self, low: float, high: float) -> str:
        """`79.9 … 81.0 %` or `0.0071 … 0.0120`; one value where both ends are written alike."""
        if not self.is_share:
            return figures.span(low, high)
        return (
            figures.share(low)
            if figures.share(low) == figures.share(high)
            else " … ".join(figures.share_pair(low, high))
        )


_NAMES: Final = ("F1", "AUC", "Spearman", "Pearson")
"""First words of titles that are names or abbreviations."""
_BOTH = ("classification", "multilabel")
_ORDERED = ("regression", "similarity")
METRIC_KINDS: Final = (
    MetricKind("top1", "Top-1", ("classification",), True, "share", 0.0, 1.0),
    MetricKind("top5", "Top-5", ("classification",), True, "share", 0.0, 1.0),
    MetricKind("f1", "F1", _BOTH, True, "share", 0.0, 1.0),
    MetricKind("auc", "AUC", _BOTH, True, "share", 0.0, 1.0),
    MetricKind("average_precision", "Average precision", _BOTH, True, "share", 0.0, 1.0),
    MetricKind("mse", "Squared error", ("regression",), False, "number", 0.0, None),
    MetricKind("mae", "Absolute error", ("regression",), False, "number", 0.0, None),
    MetricKind("spearman", "Spearman", _ORDERED, True, "number", -1.0, 1.0),
    MetricKind("pearson", "Pearson", _ORDERED, True, "number", -1.0, 1.0),
    MetricKind("mean_iou", "Mean IoU", ("segmentation",), True, "share", 0.0, 1.0),
    MetricKind("pixel_accuracy", "Pixel accuracy", ("segmentation",), True, "share", 0.0, 1.0),
    MetricKind("agreement", "Agreement", TASK_IDS, True, "share", 0.0, 1.0),
)
"""Every metric; the first one of a task is its usual one."""

LOWER: Final = ":lower"


@dataclass(frozen=True)
class OwnMetric:
    """A person's own metric: `reference` is `file.py:function` with the file's whole path."""

    reference: str
    is_higher_better: bool = True

    @property
    def name(self) -> str:
        """What it is called in documents: file and function, and `:lower` where less of it is better."""
        file, _, function = self.reference.rpartition(":")
        name = f"{file.replace(chr(92), '/').rpartition('/')[2]}:{function}"
        return name if self.is_higher_better else f"{name}{LOWER}"


def is_own(name: str) -> bool:
    """Whether this names a metric of a person's own."""
    return ".py:" in name


def kind_of(name: str) -> MetricKind:
    """The metric called `name`; a person's own, and one that is not listed (of an older run), is a number.

    More of it is better, unless the name says `:lower`.
    """
    known = next((kind for kind in METRIC_KINDS if kind.name == name), None)
    if known is not None:
        return known
    plain = name.removesuffix(LOWER)
    title = (plain.rpartition(":")[2] or plain).replace("_", " ").capitalize() or "Metric"
    return MetricKind(name, title, (), plain == name, "number", None, None)


def metrics_of_task(task: str) -> tuple[str, ...]:
    """Names of what can be measured for a task, the usual one first."""
    return tuple(kind.name for kind in METRIC_KINDS if task in kind.tasks)
