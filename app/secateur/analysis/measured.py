"""Measured sensitivity: swap one layer for its option, run the rest of the network from cached activations.

Damage is what the data's task says it is, of the network's answers before and after: most often the mean KL
divergence.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.sampling import order_for
from secateur.analysis.swapping import CachedNetwork, Outputs, SwappedNetwork
from secateur.analysis.tallies import (
    BATCH,
    Cell,
    Emit,
    Keeper,
    Question,
    Span,
    Tally,
    joined,
    seconds_of,
    table_of,
    unit_of,
    usable,
)
from secateur.data.batch import Array, Batch, Ragged
from secateur.data.evidence import Evidence
from secateur.data.task import answers_warning
from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.methods.change import Change, Lowered, Narrowed
from secateur.model.description import Layer
from secateur.model.documents import SensitivityTable

if TYPE_CHECKING:
    import torch

    from secateur.data.dataset import Dataset
    from secateur.graph.network import TorchModel

ALIKE = 16
"""Samples of about the same length that are run at once: of a batch of short and long texts most would be padding."""

CACHE_BYTES = 2_000_000_000
"""Intermediate results held at once; more samples than fit are measured in several passes."""

CHANGE_BYTES = 500_000_000
"""Changed weights held for the next pass: what a method makes of a layer may take longer to find than to measure."""

MEASURING_VERSION = 6
"""Counts up when cells are measured otherwise: what was kept of an earlier version is measured again."""

Progress = Callable[[int, int, str], None]


def measure_sensitivity(
    model: "TorchModel",
    data: "Dataset",
    question: Question,
    progress: Progress,
    emit: Emit = lambda rows, unit: None,
    keeper: Keeper | None = None,
) -> SensitivityTable:
    """Measure every cell that the keeper does not know; a layer's rows are emitted when all of them are there.

    They come with the unit of their damage, which is empty as long as nothing is measured.

    `model` is a lowered graph with the layers of the question; it is not changed. `progress` is the cancel point:
    what was measured until then is kept.
    """
    begun = time.monotonic()
    measuring = Measuring(model, data, question, progress, emit, keeper or Keeper())
    question, earlier = measuring.question, seconds_of(measuring.tallies)
    known = {layer.name for layer in question.layers if measuring.knows(layer, question.spans)}
    measuring.tell([layer for layer in question.layers if layer.name in known])
    for passing in measuring.passes(question.cells, question.spans):
        for layer in question.layers:
            measuring.measure([cell for cell in question.cells if cell.layer == layer.name], passing)
            if layer.name not in known and measuring.knows(layer, question.spans):
                known.add(layer.name)
                measuring.tell([layer])
    table = table_of(question, measuring.tallies, measuring.refused)
    return table.model_copy(update={"seconds": earlier + time.monotonic() - begun})


class Measuring:
    """A measurement under way: what is known of every cell, and how more of it is found out."""

    tells_shares = True
    """Whether the weights' share of a damage is told where activations are rounded, too."""
    asks_unsure_first = True
    """Whether the first samples are those that say most."""

    def __init__(
        self,
        model: "TorchModel",
        data: "Dataset",
        question: Question,
        progress: Progress,
        emit: Emit,
        keeper: Keeper,
        depth: str = "measure",
    ) -> None:
        self.model, self.data, self.depth = model, data, depth
        self.progress, self.emit, self.keeper = progress, emit, keeper
        self.question = question = self._ordered(question)
        self.options = {option.id: option for option in question.options}
        self.tallies = usable(keeper.known(), question)
        self.refused: dict[Cell, str] = {}
        methods = [option.method for option in question.options]
        names = [layer.name for layer in question.layers]
        self.layers = Lowered(model, names, self._context(), question.facts, methods)
        self.total = len(question.cells) * len(question.spans)
        self._changes: dict[Cell, Change | Narrowed] = {}
        self._change_bytes = 0

    def _ordered(self, question: Question) -> Question:
        """The question with the order in which its samples are asked, which is found once for a keeper."""
        if not self.asks_unsure_first:
            return question
        order = self.keeper.order()
        if order is None:
            self.progress(0, len(question.cells) * len(question.spans), "Looking for the samples that say most")
            order = self.keeper.ordered(order_for(self.model, self.data, question.layers, question.samples))
        return replace(question, drawn=order)

    def _context(self) -> Context:
        """For what a method has to find out before a cell is measured: its progress is none of the measurement's."""
        return Context(progress=lambda _done, _total, text: self.say(text), data=self.data)

    @cached_property
    def network(self) -> SwappedNetwork:
        return SwappedNetwork(self.model.module)  # type: ignore[arg-type]

    def tell(self, layers: Sequence[Layer]) -> None:
        """Emit what is known of these layers, and of those that share a cell with them."""
        names = {name for layer in layers for name in (layer.name, *self.question.groups.get(layer.name, ()))}
        told = tuple(layer for layer in self.question.layers if layer.name in names)
        table = table_of(replace(self.question, layers=told), self.tallies, self.refused, self.depth)
        self.emit(table.rows, unit_of(self.tallies))

    def lacks(self, cell: Cell, span: Span) -> bool:
        return cell in self.tallies and span not in self.tallies[cell] and cell not in self.refused

    def knows(self, layer: Layer, spans: Iterable[Span]) -> bool:
        """Whether all cells of a layer are known on these spans."""
        own = [cell for cell in self.tallies if cell.layer == layer.name]
        return not any(self.lacks(cell, span) for span in spans for cell in own)

    def say(self, text: str) -> None:
        self.progress(sum(len(found) for found in self.tallies.values()), self.total, text)

    # ------------------------------------------------------------------ batches

    def passes(self, cells: Iterable[Cell], spans: Iterable[Span]) -> "Iterator[list[Block]]":
        """Blocks with their cached results, as many at a time as fit in CACHE_BYTES; only what is lacking."""
        passing: list[Block] = []
        held = 0
        for found in self._blocks(tuple(cells), spans):
            if passing and held + held // len(passing) > CACHE_BYTES:
                yield passing
                passing, held = [], 0
            self.say("Measuring the original")
            positions = range(found[0].start, found[-1].stop)
            block = Block(found, tuple(self._part(group, found) for group in self._groups(positions)))
            passing.append(block)
            held += block.size_bytes
        if passing:
            yield passing

    def _blocks(self, cells: Sequence[Cell], spans: Iterable[Span]) -> Iterator[tuple[Span, ...]]:
        """Spans that are run together: up to `BATCH` samples where all cells lack the same of them, else one span."""
        lacking: dict[int, dict[Span, frozenset[Cell]]] = {}
        for span in spans:
            if by := frozenset(cell for cell in cells if self.lacks(cell, span)):
                lacking.setdefault(span.start // BATCH, {})[span] = by
        for found in lacking.values():
            if len(set(found.values())) == 1 and _adjoin(tuple(found)):
                yield tuple(found)
            else:
                yield from ((span,) for span in found)

    def _groups(self, positions: range) -> Iterable[NDArray[np.intp]]:
        """The places of samples that are run at once: all, or such as are of about the same length."""
        is_ragged, places = isinstance(self.data.inputs, Ragged), self.question.order.places[positions]
        return self.data.alike("validation", places, ALIKE if is_ragged else len(places))

    def _part(self, places: NDArray[np.intp], spans: Sequence[Span]) -> "Part":
        import torch

        task, batch = self.data.task, self.data.batch("validation", places)
        positions = self.question.order.positions[places]
        tensors = [torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays]
        cache = CachedNetwork(self.network, tensors)
        reference = task.scores(self.reference(cache, tensors), batch)
        answers = task.answers(reference)
        if warning := answers_warning(task, answers):
            sentence = f"The untouched network cannot be compared with: {warning}"
            raise UserError(sentence, "Check data and preprocessing.")
        rows = {span: np.flatnonzero((positions >= span.start) & (positions < span.stop)) for span in spans}
        rows = {span: found for span, found in rows.items() if len(found)}
        before = {span: task.evidence(answers[found], batch.targets[found]) for span, found in rows.items()}
        each = task.per_sample(answers, batch.targets) if task.is_scored and not task.own else None
        return Part(cache, positions, rows, batch, reference, before, each)

    def reference(self, cache: CachedNetwork, batch: "Sequence[torch.Tensor]") -> Outputs:
        """What the untouched network gives for a batch."""
        return cache.reference

    # ------------------------------------------------------------------ cells

    def measure(self, cells: Sequence[Cell], passing: "Sequence[Block]") -> None:
        """Measure what is lacking of the cells of one layer on these blocks, and keep it."""
        kept: dict[Cell, dict[Span, Tally]] = {}
        for cell in cells:
            lacking = [block for block in passing if any(self.lacks(cell, span) for span in block.spans)]
            if not lacking:
                continue
            self.say(f"Measuring {cell.layer}, {cell.option}")
            change = self._change(cell)
            if change is not None:
                kept[cell] = {span: tally for block in lacking for span, tally in self._tallies(block, cell, change)}
        if kept:
            self.keeper.keep(kept)
        for cell, found in kept.items():
            self.tallies[cell].update(found)

    def _change(self, cell: Cell) -> Change | Narrowed | None:
        """What the option makes of the layer, or of its group; None where it is refused."""
        if cell in self._changes:
            return self._changes[cell]
        try:
            change = self.change(cell)
        except UserError as error:
            self.refused[cell] = error.sentence
            return None
        if self._change_bytes + change.nbytes <= CHANGE_BYTES:
            self._changes[cell] = change
            self._change_bytes += change.nbytes
        return change

    def change(self, cell: Cell) -> Change | Narrowed:
        """What the option makes of the layer, or of its group; UserError where it makes nothing of it."""
        return self.options[cell.option].method.change(cell.layer, self.layers)

    def _tallies(self, block: "Block", cell: Cell, change: Change | Narrowed) -> Iterator[tuple[Span, Tally]]:
        begun, is_alone = time.monotonic(), self.tells_shares and block.is_first
        found = [self._answered(part, cell.layer, change, alone=is_alone) for part in block.parts]
        seconds = (time.monotonic() - begun) / block.samples
        for span in block.spans:
            count = len(range(*span))
            parts = np.zeros((2, count))
            alone = np.zeros(count) if change.rounded and is_alone else None
            drops = np.zeros(count) if all(part.each is not None for part in block.parts) else None
            before, after = [], []
            for part, said in zip(block.parts, found, strict=True):
                if (rows := part.rows.get(span)) is None:
                    continue
                into = part.positions[rows] - span.start
                parts[:, into] = said.parts[:, rows]
                if alone is not None and said.alone is not None:
                    alone[into] = said.alone[rows]
                before.append(part.before[span])
                after.append(self.data.task.evidence(said.answers[rows], part.fed.targets[rows]))
                if drops is not None and part.each is not None:
                    now = self.data.task.per_sample(said.answers[rows], part.fed.targets[rows])
                    drops[into] = part.each[rows] - (np.nan if now is None else now)
            error, weight = map(float, parts.sum(axis=1))
            of_weights = None if alone is None else float(alone.sum())
            small = parts.astype(np.float32)
            told = joined(before), joined(after), of_weights, seconds * count
            fallen = None if drops is None else Evidence(rows=(drops.astype(np.float32),))
            yield span, Tally(count, found[0].unit, error, weight, small, *told, fallen)

    def _answered(self, part: "Part", layer: str, change: Change | Narrowed, *, alone: bool) -> "Answered":
        """`alone`: whether to tell the weights' share, too, where activations are rounded."""
        task = self.data.task
        scores = task.scores(part.cache.outputs_with(layer, change), part.fed)
        unit, errors, weights = task.damages(part.reference, scores)
        of_weights = None
        if change.rounded and alone and isinstance(change, Change):
            given = part.cache.outputs_with(layer, replace(change, rounded={}))
            of_weights = task.damages(part.reference, task.scores(given, part.fed))[1]
        return Answered(unit, np.stack([errors, weights]), of_weights, task.answers(scores))


@dataclass(frozen=True, eq=False)
class Part:
    """Samples that go through the network at once, and what the untouched one makes of them.

    `positions` are theirs in the order of the question; `rows` says which of them are in a span, `before` is the
    evidence of those, `each` the metric of each where it is a mean over samples.
    """

    cache: CachedNetwork
    positions: NDArray[np.intp]
    rows: Mapping[Span, NDArray[np.intp]]
    fed: Batch
    reference: NDArray[np.float32]
    before: Mapping[Span, Evidence | None]
    each: NDArray[np.float64] | None


class Block(NamedTuple):
    """Adjoining spans that are run together."""

    spans: tuple[Span, ...]
    parts: tuple[Part, ...]

    @property
    def is_first(self) -> bool:
        """Whether it is of the first samples, on which shares are told."""
        return self.spans[0].start < BATCH

    @property
    def samples(self) -> int:
        return self.spans[-1].stop - self.spans[0].start

    @property
    def size_bytes(self) -> int:
        return sum(part.cache.size_bytes for part in self.parts)


class Answered(NamedTuple):
    """What a changed network answers to samples: errors and weights (2, n), those of its weights alone, answers."""

    unit: str
    parts: NDArray[np.float64]
    alone: NDArray[np.float64] | None
    answers: Array


def _adjoin(spans: Sequence[Span]) -> bool:
    return all(one.stop == other.start for one, other in pairwise(spans))
