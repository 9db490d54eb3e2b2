"""What measurements say of cells, batch by batch, and the table that is put together from it.

Tallies are sums over samples, so that a cell is put together from batches that were measured at different times, and a
measurement that goes on gives what an unbroken one gives. They keep what each sample says, too: intervals, and the
comparison of cells on the same samples, come from that. NumPy alone, but for quantiles.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import exp, inf, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.free import cost_row
from secateur.analysis.sampling import Order
from secateur.data.evidence import Evidence
from secateur.data.metrics import kind_of
from secateur.data.task import Task
from secateur.methods.facts import Facts
from secateur.methods.offers import Option
from secateur.model.description import Layer
from secateur.model.documents import SensitivityRow, SensitivityTable

BATCH = 64
SMALL = (0, 4, 8, 16, 32)
"""Where the spans before `BATCH` begin: each as long as all before it, so that an estimate may stop at any of them."""


class Cell(NamedTuple):
    """A layer's name and an option's id."""

    layer: str
    option: str


class Span(NamedTuple):
    """Samples from `start` to before `stop`, in the order in which the validation split is asked."""

    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Tally:
    """What one span of samples says of one cell. Damage is error ÷ weight over all of them.

    `unit`, `error` and `weight` are the task's (`Task.damage`); `parts` float32 (2, samples) is what each sample adds
    to error and weight. `before` and `after` are what tells the data's metric (`Task.evidence`), None where it is not
    kept. `weights_error` is the error with the layer's weights rounded and nothing else, None where nothing else is and
    beyond the first `BATCH` samples. `drops` has what each sample's metric falls by, a row of (samples,), None where
    the metric is no mean over samples. `seconds` is what it took.
    """

    samples: int
    unit: str
    error: float
    weight: float
    parts: NDArray[np.float32]
    before: Evidence | None
    after: Evidence | None
    weights_error: float | None
    seconds: float
    drops: Evidence | None = None


Tallies = Mapping[Cell, Mapping[Span, Tally]]
Emit = Callable[[tuple[SensitivityRow, ...], str], None]


class Keeper:
    """Where a measurement finds what is known already and leaves what it finds; this one knows nothing."""

    def known(self) -> Tallies:
        return {}

    def keep(self, found: Tallies) -> None:
        """Called with the cells of a layer as soon as they are measured."""

    def order(self) -> Order | None:
        """The order in which the samples were asked; None where none was."""
        return None

    def ordered(self, order: Order) -> Order:
        """The order in which they are asked from now on: this one, or one that somebody else kept meanwhile."""
        return order


@dataclass(frozen=True)
class Question:
    """What is measured: which options of which layers, on how many validation samples. `task` is the data's.

    `groups` says with which layers a layer loses channels (`groups_of`): they have one cell, that of the first.
    """

    layers: tuple[Layer, ...]
    facts: Mapping[str, Facts]
    options: tuple[Option, ...]
    samples: int
    task: Task
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drawn: Order | None = None
    """In which order the samples are asked; None where they stand as in the data."""

    @cached_property
    def order(self) -> Order:
        return self.drawn or Order(self.samples)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells whose methods can do something with their layers, those that layers share once."""
        return tuple(
            Cell(layer.name, option.id)
            for layer in self.layers
            for option in self.options
            if not option.method.why_not(layer, self.facts[layer.name])
            and self.measured_as(layer.name, option).layer == layer.name
        )

    def measured_as(self, layer: str, option: Option) -> Cell:
        """The cell that tells what the option does to the layer: of layers that lose channels together, the first's."""
        group = self.groups.get(layer, ()) if option.method.changes_widths else ()
        return Cell(group[0] if group else layer, option.id)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The spans that are told apart, in order."""
        return spans_of(self.samples)


def spans_of(samples: int) -> tuple[Span, ...]:
    """4, 4, 8, 16 and 32 samples, then 64 each; the last one ends with the samples."""
    starts = [start for start in (*SMALL, *range(BATCH, samples, BATCH)) if start < samples]
    return tuple(Span(start, stop) for start, stop in zip(starts, [*starts[1:], samples], strict=True))


def usable(known: Tallies, question: Question) -> dict[Cell, dict[Span, Tally]]:
    """By cell of the question: what is known of the spans that it asks for."""
    return {
        cell: {span: known[cell][span] for span in question.spans if span in known.get(cell, {})}
        for cell in question.cells
    }


def unit_of(tallies: Tallies) -> str:
    """Unit of the damage of all of them; empty where there are none."""
    return next((tally.unit for found in tallies.values() for tally in found.values()), "")


def seconds_of(tallies: Tallies) -> float:
    """How long it took to measure these."""
    return sum(tally.seconds for found in tallies.values() for tally in found.values())


def known_spans(found: Mapping[Span, Tally], question: Question) -> tuple[Span, ...]:
    """The spans of a cell that are known without a gap from the first sample on."""
    known: list[Span] = []
    for span in question.spans:
        if span not in found:
            break
        known.append(span)
    return tuple(known)


def parts_of(found: Mapping[Span, Tally], question: Question) -> NDArray[np.float64]:
    """(2, samples): what each sample adds to error and weight of a cell, from the first sample on without a gap.

    Samples are not weighted: see `Order.weighted`.
    """
    known = known_spans(found, question)
    return np.concatenate([np.zeros((2, 0)), *(found[span].parts for span in known)], axis=1)


# ---------------------------------------------------------------------- from tallies to a table


def table_of(
    question: Question, tallies: Tallies, refused: Mapping[Cell, str], depth: str = "measure"
) -> SensitivityTable:
    """The table of the cells that are known; the others have no row, and are counted in `pending`.

    Measured cells are known on all samples of the question; those of an `estimate` on as many as it came to.
    `refused` says why cells could not be measured.
    """
    rows: list[SensitivityRow] = []
    pending = 0
    for layer in question.layers:
        for option in question.options:
            cell, row = question.measured_as(layer.name, option), cost_row(layer, question.facts[layer.name], option)
            found = tallies.get(cell, {})
            known = known_spans(found, question)
            if cell in refused:
                rows.append(row.model_copy(update={"damage": None, "unavailable": refused[cell]}))
            elif row.unavailable:
                rows.append(row)
            elif known and (depth == "estimate" or known == question.spans):
                rows.append(_measured_row(row, [found[span] for span in known], question))
            else:
                pending += 1
    return SensitivityTable(
        depth=depth,
        metric=question.task.metric,
        unit=unit_of(tallies),
        samples=question.samples if depth == "measure" else max((row.samples or 0 for row in rows), default=0),
        seconds=seconds_of(tallies),
        rank_correlation=None,
        rows=tuple(rows),
        pending=pending,
    )


def _measured_row(row: SensitivityRow, tallies: Sequence[Tally], question: Question) -> SensitivityRow:
    task, samples = question.task, sum(tally.samples for tally in tallies)
    parts = np.concatenate([tally.parts for tally in tallies], axis=1, dtype=np.float64)
    weights = None if question.order.is_plain(samples) else question.order.weights(samples)
    if weights is None:
        error, weight = sum(tally.error for tally in tallies), sum(tally.weight for tally in tallies)
    else:
        parts = parts * weights
        error, weight = (float(total) for total in parts.sum(axis=1))
    damage = error / weight if weight else 0.0
    known = {"measured": True, "samples": samples}
    if not isfinite(damage):
        reason = "With this option the network's answers are no finite numbers."
        return row.model_copy(update={**known, "damage": None, "unavailable": reason})
    drop = _drop(tallies, task) if weights is None else _drop_of_weighted(tallies, task, weights)
    low, high = interval(parts)
    damage = max(0.0, damage)
    alone = [(tally.weights_error, tally.error) for tally in tallies if tally.weights_error is not None]
    whole = sum(part for _, part in alone)
    of_weights = damage * max(0.0, sum(part for part, _ in alone) / whole) if whole > 0 else None
    within = {"low": min(low, damage), "high": max(high, damage)} if isfinite(high) else {}  # one sample tells none
    told = {"damage": damage, "metric_drop": drop, **within}
    return row.model_copy(update={**known, **told, "weights_damage": of_weights})


def _drop(tallies: Sequence[Tally], task: Task) -> float | None:
    """What the metric falls by; None where it has no value."""
    before, after = _metric([t.before for t in tallies], task), _metric([t.after for t in tallies], task)
    return kind_of(task.metric).gain(after, before) if before is not None and after is not None else None


def _drop_of_weighted(tallies: Sequence[Tally], task: Task, weights: NDArray[np.float64]) -> float | None:
    """The same where samples count for more than themselves; None where the metric is no mean over samples."""
    known = joined(tally.drops for tally in tallies)
    if known is None:
        return None
    fallen = float((known.rows[0] * weights).sum() / weights.sum())
    return kind_of(task.metric).gain(0.0, fallen) if isfinite(fallen) else None


def interval(parts: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of Σ errors ÷ Σ weights, from what each sample adds to both (2, samples).

    Student's t on the linearised ratio (delta method; Cochran, Sampling Techniques, 3rd ed., eq. 6.13), on the
    logarithm: damages are positive and skewed. From nothing to infinity where there is but one sample.
    """
    count = parts.shape[1]
    error, weight = parts.sum(axis=1)
    if error <= 0 or weight <= 0:
        return 0.0, 0.0
    if count < 2:
        return 0.0, inf
    ratio = error / weight
    residuals = parts[0] - ratio * parts[1]
    relative = float(np.sqrt(count / (count - 1) * (residuals**2).sum())) / error
    reach = exp(min(student(count) * relative, 50.0))
    return float(ratio / reach), float(ratio * reach)


@lru_cache(maxsize=256)
def student(count: int) -> float:
    """The 97.5 % quantile of Student's t for a mean of `count` values."""
    from scipy.special import stdtrit  # scipy.stats takes half a second to load

    return float(stdtrit(count - 1, 0.975))


def _metric(parts: Sequence[Evidence | None], task: Task) -> float | None:
    whole = joined(parts)
    return None if whole is None else task.told_by(whole)


def joined(parts: Iterable[Evidence | None]) -> Evidence | None:
    """The evidence of all parts; None where one of them has none."""
    given = list(parts)
    known = [part for part in given if part is not None]
    return Evidence.joined(known) if known and len(known) == len(given) else None
