"""Estimated sensitivity: measured on few samples at first, on more where the order of the cells is uncertain.

Sixteen samples for every cell, layer by layer in an order that spreads over the network. Then rounds, each of which
doubles the samples of the cells whose place beside a neighbour is not decided: layers of one option that follow each
other by damage, and options of one layer that do. All cells see the same samples, so that what is compared is paired.
A round begins with the layers in which most is undecided, for the time may not suffice for all of it.

The samples are those that say most (`sampling.py`): 16 of them order the layers of an option on ResNet-20 as well as
40 of the first ones.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.correlation import split_half
from secateur.analysis.measured import Measuring, Progress
from secateur.analysis.sampling import Order
from secateur.analysis.tallies import (
    Cell,
    Emit,
    Keeper,
    Question,
    Span,
    Tallies,
    known_spans,
    parts_of,
    seconds_of,
    student,
    table_of,
)
from secateur.model.description import Layer
from secateur.model.documents import SensitivityTable

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.graph.network import TorchModel

FIRST: Final = (16, 8, 4)
"""Samples of the first round: the most that are not too much work."""
FIRST_MACS: Final = 5e11
"""Multiply-accumulates of the first round: half a minute on one busy core for the shape of MobileNetV2 (53 layers × 16
options at 224², 9e11: 64 s)."""


@dataclass(frozen=True)
class Limits:
    """When an estimate is good enough: after so many `seconds` (None: no limit), or at this within-option correlation.

    `goal` is the correlation with what endless samples would say, told by splitting the samples
    (`correlation.split_half`).
    """

    seconds: float | None = None
    goal: float = 0.9


def estimate_sensitivity(
    model: "TorchModel",
    data: "Dataset",
    question: Question,
    limits: Limits,
    progress: Progress,
    emit: Emit = lambda rows, unit: None,
    keeper: Keeper | None = None,
) -> SensitivityTable:
    """Every cell on as many samples as its place needs, at most those of the question.

    The first round is not cut short by the time unless it is far exceeded: at four times the limit the table ends with
    the cells that it has. `progress` is the cancel point; what was measured until then is kept. A later estimate or
    measurement goes on from it.
    """
    measuring = Measuring(model, data, question, progress, emit, keeper or Keeper(), depth="estimate")
    return _Estimation(measuring, limits).run()


class _Estimation:
    def __init__(self, measuring: Measuring, limits: Limits) -> None:
        self.measuring, self.question, self.limits = measuring, measuring.question, limits
        self.begun, self.earlier = time.monotonic(), seconds_of(measuring.tallies)

    def run(self) -> SensitivityTable:
        question, measuring = self.question, self.measuring
        order = spread(question.layers)
        first = [span for span in question.spans if span.stop <= first_samples(question)] or [question.spans[0]]
        told = [layer for layer in order if measuring.knows(layer, first)]
        measuring.tell(told)
        self._round(question.cells, first, order, patience=4.0)
        table = self._table()
        for spans in _doublings(question.spans, first[-1].stop):
            if self._is_late() or self._is_good(table):
                break
            undecided = undecided_cells(measuring, spans[0].start)
            if not undecided:
                break
            weight = {layer.name: sum(cell.layer == layer.name for cell in undecided) for layer in order}
            self._round(undecided, spans, sorted(order, key=lambda layer: -weight[layer.name]))
            table = self._table()
        return table

    def _round(
        self, cells: Sequence[Cell], spans: Sequence[Span], order: Sequence[Layer], patience: float = 1.0
    ) -> None:
        measuring = self.measuring
        lacking = sum(measuring.lacks(cell, span) for cell in cells for span in spans)
        measuring.total = sum(map(len, measuring.tallies.values())) + lacking
        for passing in measuring.passes(cells, spans):
            for layer in order:
                if self._is_late(patience):
                    return
                own = [cell for cell in cells if cell.layer == layer.name]
                if any(measuring.lacks(cell, span) for cell in own for span in spans):
                    measuring.measure(own, passing)
                    measuring.tell([layer])

    def _is_late(self, patience: float = 1.0) -> bool:
        seconds = self.limits.seconds
        return seconds is not None and time.monotonic() - self.begun > patience * seconds

    def _is_good(self, table: SensitivityTable) -> bool:
        within = table.within_option_correlation
        return within is not None and within.mean >= self.limits.goal

    def _table(self) -> SensitivityTable:
        table = estimated_table(self.question, self.measuring.tallies, self.measuring.refused)
        return table.model_copy(update={"seconds": self.earlier + time.monotonic() - self.begun})


def estimated_table(question: Question, tallies: Tallies, refused: Mapping[Cell, str]) -> SensitivityTable:
    """The table of what is known, with its correlation told by splitting the samples."""
    table = table_of(question, tallies, refused, depth="estimate")
    parts = {cell: question.order.weighted(parts_of(found, question)) for cell, found in tallies.items() if found}
    return table.model_copy(update={"within_option_correlation": split_half(parts)})


def first_samples(question: Question) -> int:
    """How many samples every cell is measured on first: fewer where the network is large, the same on any machine."""
    macs = sum(layer.macs for layer in question.layers)
    work = 0.5 * macs * len(question.cells)  # on average half of the network lies behind a layer
    return next((count for count in FIRST if count * work <= FIRST_MACS), FIRST[-1])


def spread(layers: Sequence[Layer]) -> list[Layer]:
    """The layers in an order of which every beginning is spread evenly over the network (van der Corput, base 2)."""
    bits = max(1, (len(layers) - 1).bit_length())
    places = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [layers[place] for place in places if place < len(layers)]


def undecided_cells(measuring: Measuring, samples: int) -> list[Cell]:
    """Cells known on so many samples whose place beside a neighbour by damage, in their option or layer, is open."""
    question, found = measuring.question, {}
    for cell, tallies in measuring.tallies.items():
        known = known_spans(tallies, question)
        if known and known[-1].stop >= samples and cell not in measuring.refused:
            found[cell] = parts_of(tallies, question)
    cells = list(found)
    of_options = [[c for c in cells if c.option == option.id] for option in question.options]
    of_layers = [[c for c in cells if c.layer == layer.name] for layer in question.layers]
    open_ones: set[Cell] = set()
    for group in (*of_options, *of_layers):
        ordered = sorted(group, key=lambda cell: _ratio(question.order.weighted(found[cell])))
        for one, other in pairwise(ordered):
            if not is_decided(found[one], found[other], question.order):
                open_ones |= {one, other}
    return [cell for cell in cells if cell in open_ones]


def is_decided(one: NDArray[np.float64], other: NDArray[np.float64], order: Order | None = None) -> bool:
    """Whether two cells' damages differ for sure (95 %), from what each sample adds to error and weight (2, samples).

    A paired t on the logarithm of their ratio, over the samples that both know; the ratio linearised. `order` says what
    the samples count for.
    """
    count = min(one.shape[1], other.shape[1])
    ours, theirs = one[:, :count], other[:, :count]
    if order is not None:
        ours, theirs = order.weighted(ours), order.weighted(theirs)
    if count < 2 or ours[0].sum() <= 0 or theirs[0].sum() <= 0:
        return False
    difference = np.log(_ratio(ours) / _ratio(theirs))
    residual = _relative_residual(ours) - _relative_residual(theirs)
    reach = student(count) * np.sqrt(count / (count - 1) * (residual**2).sum())
    return bool(abs(difference) > reach)


def _relative_residual(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    return (parts[0] - _ratio(parts) * parts[1]) / parts[0].sum()  # type: ignore[no-any-return]


def _ratio(parts: NDArray[np.float64]) -> float:
    error, weight = parts.sum(axis=1)
    return float(error / weight) if weight else 0.0


def _doublings(spans: Sequence[Span], known: int) -> Iterator[list[Span]]:
    """What lies beyond the known samples, in rounds that each double them."""
    while rest := [span for span in spans if known <= span.start < 2 * known]:
        yield rest
        known = rest[-1].stop
