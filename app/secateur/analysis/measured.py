"""Measured sensitivity: swap one layer for its option, run the rest of the network from cached activations.

Damage is what the data's task says it is, of the network's answers before and after: most often the mean KL
divergence. What each batch of samples says of a cell
is a tally; tallies are sums, so that a cell is put together from batches that were measured at different times, and
a measurement that goes on gives what an unbroken one gives, to the last bit.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.free import cost_row
from secateur.analysis.swapping import CachedNetwork
from secateur.data.batch import Batch, Ragged
from secateur.data.evidence import Evidence
from secateur.data.metrics import kind_of
from secateur.data.task import Task, answers_warning
from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.methods.change import Change, Lowered
from secateur.methods.facts import Facts
from secateur.methods.offers import Option
from secateur.model.description import Layer
from secateur.model.documents import SensitivityRow, SensitivityTable

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.graph.network import TorchModel

BATCH = 64
ALIKE = 16
"""Samples of about the same length that are run at once: of a batch of short and long texts most would be padding."""

CACHE_BYTES = 2_000_000_000
"""Intermediate results held at once; more samples than fit are measured in several passes."""

MEASURING_VERSION = 3
"""Counts up when cells are measured otherwise: what was kept of an earlier version is measured again."""


@dataclass(frozen=True)
class Tally:
    """What one batch says of one cell. Damage is error ÷ weight over all batches.

    `unit`, `error` and `weight` are the task's (`Task.damage`). `before` and `after` are what tells the data's metric
    (`Task.evidence`), None where it is not kept. `seconds` is what it took.
    """

    samples: int
    unit: str
    error: float
    weight: float
    before: Evidence | None
    after: Evidence | None
    seconds: float


class Cell(NamedTuple):
    """A layer's name and an option's id."""

    layer: str
    option: str


class Span(NamedTuple):
    """A batch: the samples from `start` to before `stop` of the validation split."""

    start: int
    stop: int


Tallies = Mapping[Cell, Mapping[Span, Tally]]
Emit = Callable[[tuple[SensitivityRow, ...], str], None]


class Keeper:
    """Where a measurement finds what is known already and leaves what it finds; this one knows nothing."""

    def known(self) -> Tallies:
        return {}

    def keep(self, cell: Cell, tallies: Mapping[Span, Tally]) -> None:
        """Called once for each cell and pass, as soon as it is measured."""


@dataclass(frozen=True)
class Question:
    """What is measured: which options of which layers, on how many validation samples. `task` is the data's."""

    layers: tuple[Layer, ...]
    facts: Mapping[str, Facts]
    options: tuple[Option, ...]
    samples: int
    task: Task

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells whose methods can do something with their layers."""
        return tuple(
            Cell(layer.name, option.id)
            for layer in self.layers
            for option in self.options
            if not option.method.why_not(layer, self.facts[layer.name])
        )

    @property
    def spans(self) -> tuple[Span, ...]:
        """The batches that are measured, in order."""
        starts = range(0, self.samples, BATCH)
        return tuple(Span(start, min(start + BATCH, self.samples)) for start in starts)


def measure_sensitivity(
    model: "TorchModel",
    data: "Dataset",
    question: Question,
    progress: Callable[[int, int, str], None],
    emit: Emit = lambda rows, unit: None,
    keeper: Keeper | None = None,
) -> SensitivityTable:
    """Measure every cell that the keeper does not know; a layer's rows are emitted when all of them are there.

    They come with the unit of their damage, which is empty as long as nothing is measured.

    `model` is a lowered graph with the layers of the question; it is not changed. `progress` is the cancel point:
    what was measured until then is kept.
    """
    return _Measurement(model, data, question, progress, emit, keeper or Keeper()).run()


class _Measurement:
    def __init__(
        self,
        model: "TorchModel",
        data: "Dataset",
        question: Question,
        progress: Callable[[int, int, str], None],
        emit: Emit,
        keeper: Keeper,
    ) -> None:
        self.model, self.data, self.question = model, data, question
        self.progress, self.emit, self.keeper = progress, emit, keeper
        self.options = {option.id: option for option in question.options}
        self.tallies = usable(keeper.known(), question)
        self.refused: dict[Cell, str] = {}
        self.network = Lowered(model, [layer.name for layer in question.layers], self._context(), question.facts)
        self.total = len(question.cells) * len(question.spans)

    def _context(self) -> Context:
        """For what a method has to find out before a cell is measured: its progress is none of the measurement's."""
        return Context(progress=lambda _done, _total, text: self._say(text), data=self.data)

    def run(self) -> SensitivityTable:
        begun, earlier = time.monotonic(), seconds_of(self.tallies)
        known = tuple(layer for layer in self.question.layers if self._is_known(layer))
        told = {layer.name for layer in known}
        self._tell(known)
        for passing in self._passes():
            for layer in self.question.layers:
                for option in self.question.options:
                    self._measure(Cell(layer.name, option.id), passing)
                if layer.name not in told and self._is_known(layer):
                    told.add(layer.name)
                    self._tell((layer,))
        table = table_of(self.question, self.tallies, self.refused)
        return table.model_copy(update={"seconds": earlier + time.monotonic() - begun})

    def _tell(self, layers: tuple[Layer, ...]) -> None:
        table = table_of(replace(self.question, layers=layers), self.tallies, self.refused)
        self.emit(table.rows, unit_of(self.tallies))

    def _lacks(self, cell: Cell, span: Span) -> bool:
        return cell in self.tallies and span not in self.tallies[cell] and cell not in self.refused

    def _is_known(self, layer: Layer) -> bool:
        own = [cell for cell in self.tallies if cell.layer == layer.name]
        return not any(self._lacks(cell, span) for cell in own for span in self.question.spans)

    def _say(self, text: str) -> None:
        self.progress(sum(len(found) for found in self.tallies.values()), self.total, text)

    def _passes(self) -> "Iterator[list[_Batch]]":
        """Batches with their cached results, as many at a time as fit in CACHE_BYTES; only those that are lacking."""
        passing: list[_Batch] = []
        held = 0
        for span in self.question.spans:
            if not any(self._lacks(cell, span) for cell in self.tallies):
                continue
            if passing and held + held // len(passing) > CACHE_BYTES:
                yield passing
                passing, held = [], 0
            self._say("Measuring the original")
            batch = _Batch(span, tuple(map(self._part, self._parts(span))))
            passing.append(batch)
            held += batch.size_bytes
        if passing:
            yield passing

    def _parts(self, span: Span) -> list[Batch]:
        """A span of samples in one batch, or in several where they differ in length."""
        places = range(*span)
        is_ragged = isinstance(self.data.inputs, Ragged)
        groups = self.data.alike("validation", places, ALIKE if is_ragged else len(places))
        return [self.data.batch("validation", group) for group in groups]

    def _part(self, batch: Batch) -> "_Part":
        import torch

        tensors = [torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays]
        cache = CachedNetwork(self.model.module, tensors)  # type: ignore[arg-type]
        reference = self.data.task.scores(cache.reference, batch)
        if warning := answers_warning(self.data.task, self.data.task.answers(reference)):
            sentence = f"The untouched network cannot be compared with: {warning}"
            raise UserError(sentence, "Check data and preprocessing.")
        return _Part(cache, batch, reference)

    def _measure(self, cell: Cell, passing: "list[_Batch]") -> None:
        lacking = [batch for batch in passing if self._lacks(cell, batch.span)]
        if not lacking:
            return
        self._say(f"Measuring {cell.layer}, {cell.option}")
        try:
            change = self.options[cell.option].method.change(cell.layer, self.network)
        except UserError as error:
            self.refused[cell] = error.sentence
            return
        found: dict[Span, Tally] = {}
        for batch in lacking:
            begun = time.monotonic()
            tally = _together([self._tally(part, cell.layer, change) for part in batch.parts])
            found[batch.span] = Tally(len(range(*batch.span)), *tally, time.monotonic() - begun)
        self.keeper.keep(cell, found)
        self.tallies[cell].update(found)

    def _tally(self, part: "_Part", layer: str, change: Change) -> "_Sums":
        task, targets = self.data.task, part.fed.targets
        scores = task.scores(part.cache.outputs_with(layer, change), part.fed)
        unit, error, weight = task.damage(part.reference, scores)
        before, after = (task.evidence(task.answers(given), targets) for given in (part.reference, scores))
        return _Sums(unit, error, weight, before, after)


class _Part(NamedTuple):
    """Samples that go through the network at once, and what the untouched one makes of them."""

    cache: CachedNetwork
    fed: Batch
    reference: NDArray[np.float32]


class _Batch(NamedTuple):
    span: Span
    parts: tuple[_Part, ...]

    @property
    def size_bytes(self) -> int:
        return sum(part.cache.size_bytes for part in self.parts)


class _Sums(NamedTuple):
    """Over samples: the sums of the task's damage, and what tells the metric before and after."""

    unit: str
    error: float
    weight: float
    before: Evidence | None
    after: Evidence | None


def _together(parts: Sequence[_Sums]) -> _Sums:
    if len(parts) == 1:
        return parts[0]
    before, after = _joined([part.before for part in parts]), _joined([part.after for part in parts])
    return _Sums(parts[0].unit, sum(part.error for part in parts), sum(part.weight for part in parts), before, after)


def _joined(parts: Sequence[Evidence | None]) -> Evidence | None:
    known = [part for part in parts if part is not None]
    return Evidence.joined(known) if known and len(known) == len(parts) else None


# ---------------------------------------------------------------------- from tallies to a table


def usable(known: Tallies, question: Question) -> dict[Cell, dict[Span, Tally]]:
    """By cell of the question: what is known of the batches that it asks for."""
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


def table_of(question: Question, tallies: Tallies, refused: Mapping[Cell, str]) -> SensitivityTable:
    """The table of the cells that are known; the others have no row, and are counted in `pending`.

    `refused` says why cells could not be measured.
    """
    rows: list[SensitivityRow] = []
    pending = 0
    for layer in question.layers:
        for option in question.options:
            cell, row = Cell(layer.name, option.id), cost_row(layer, question.facts[layer.name], option)
            found = tallies.get(cell, {})
            if cell in refused:
                rows.append(row.model_copy(update={"damage": None, "unavailable": refused[cell]}))
            elif row.unavailable:
                rows.append(row)
            elif all(span in found for span in question.spans):
                rows.append(_measured_row(row, [found[span] for span in question.spans], question.task))
            else:
                pending += 1
    return SensitivityTable(
        depth="measure",
        metric=question.task.metric,
        unit=unit_of(tallies),
        samples=question.samples,
        seconds=seconds_of(tallies),
        rank_correlation=None,
        rows=tuple(rows),
        pending=pending,
    )


def _measured_row(row: SensitivityRow, tallies: Sequence[Tally], task: Task) -> SensitivityRow:
    error, weight = sum(tally.error for tally in tallies), sum(tally.weight for tally in tallies)
    damage = error / weight if weight else 0.0
    if not isfinite(damage):
        reason = "With this option the network's answers are no finite numbers."
        return row.model_copy(update={"damage": None, "measured": True, "unavailable": reason})
    before, after = _metric([t.before for t in tallies], task), _metric([t.after for t in tallies], task)
    drop = kind_of(task.metric).gain(after, before) if before is not None and after is not None else None
    return row.model_copy(update={"damage": max(0.0, damage), "measured": True, "metric_drop": drop})


def _metric(parts: Sequence[Evidence | None], task: Task) -> float | None:
    whole = _joined(parts)
    return None if whole is None else task.told_by(whole)
