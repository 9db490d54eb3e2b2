"""A plan measured as a whole, and its layers in its context: with one changed, the others as planned.

The whole is the network that carrying out the plan leaves, biases corrected in order. In context each layer is changed
as measured sensitivity changes it, its bias corrected for itself: what counts there is how plans differ.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.measured import Measuring, Progress
from secateur.analysis.swapping import CachedNetwork, Outputs, SwappedNetwork
from secateur.analysis.tallies import BATCH, Cell, Keeper, Question, interval, known_spans, parts_of
from secateur.data.metric_values import Z95, Z999
from secateur.errors import UserError
from secateur.methods.base import Method
from secateur.methods.change import Change, Narrowed
from secateur.model.plan_check import MeasuredPlan
from secateur.recipe.choices import FLOAT, methods_in

if TYPE_CHECKING:
    import torch

    from secateur.data.dataset import Dataset
    from secateur.graph.network import TorchModel
    from secateur.methods.change import Lowered

SAYING = "Measuring the plan as a whole"


@dataclass(frozen=True, eq=False)
class Whole:
    """What a whole plan does: in numbers, and by sample (`parts` as in `Tally`), so that plans are compared paired."""

    told: MeasuredPlan
    parts: NDArray[np.float64]


def measure_whole(
    before: "TorchModel", after: "TorchModel", data: "Dataset", samples: int, progress: Progress
) -> Whole:
    """What the answers of `after` lie off those of `before`, on the first `samples` validation samples.

    Damage is infinite where answers are no finite numbers.
    """
    task, total = data.task, min(samples, data.size("validation"))
    parts = np.zeros((2, total))
    found: list[tuple[NDArray[np.intp], Any, Any, Any]] = []
    unit, done = "", 0
    for places in data.alike("validation", range(total), BATCH):
        progress(done, total, SAYING)
        batch = data.batch("validation", places)
        one, other = (task.scores(model.run_all_on_device(*batch.arrays), batch) for model in (before, after))
        unit, *seen = task.damages(one, other)
        parts[:, places] = np.stack(seen)
        found.append((places, task.answers(one), task.answers(other), batch.targets))
        done += len(places)
    progress(total, total, SAYING)
    order = np.argsort(np.concatenate([places for places, *_ in found]))
    answers = (np.concatenate([one[n] for one in found])[order] for n in (1, 2, 3))
    return Whole(_told(data, unit, parts, *answers), parts)


def _told(
    data: "Dataset", unit: str, parts: NDArray[np.float64], before: Any, after: Any, targets: Any
) -> MeasuredPlan:
    task = data.task
    error, weight = parts.sum(axis=1)
    damage = max(0.0, float(error / weight)) if weight else 0.0
    if not isfinite(damage):
        return MeasuredPlan(damage=inf, damage_interval=None, unit=unit, samples=parts.shape[1], metric=task.metric)
    low, high = interval(parts)
    found = MeasuredPlan(
        damage=damage,
        damage_interval=(min(low, damage), max(high, damage)) if isfinite(high) else None,
        unit=unit,
        samples=parts.shape[1],
        metric=task.metric,
        before=task.score(before, targets),
        after=task.score(after, targets),
    )
    if found.before is None or found.after is None:
        return found
    change, *ends = (float(number) for number in task.change(before, after, targets))
    narrow = [change + (end - change) * Z95 / Z999 for end in ends]
    is_known = all(isfinite(end) for end in narrow)
    return found.model_copy(update={"change": change, "change_interval": tuple(narrow) if is_known else None})


# ---------------------------------------------------------------------- one layer at a time


def changed(choice: str, layer: str, network: "Lowered") -> Change:
    """What a choice, of one option, of two or of none, makes of a layer alone; UserError where it makes nothing."""
    from secateur.methods.quantize.calibration import recorded
    from secateur.methods.quantize.correction import SAMPLES, corrected_alone

    methods = methods_in(choice)
    if not methods:
        return Change(network.weights[layer])
    if len(methods) == 1:
        return _alone(methods[0], layer, network)
    weight = before = network.weights[layer]
    for method in methods:
        before, weight = weight, method.perturb(weight, network.facts(layer))
    whole = _alone(methods[-1], layer, network)
    if whole.bias is None:
        return Change(weight, None, whole.rounded)
    moved = network.weights[layer] + (weight - before)  # it brings back what the last one does, which is corrected
    return Change(weight, corrected_alone(layer, moved, network, recorded(network, SAMPLES).inputs), whole.rounded)


def _alone(method: Method, layer: str, network: "Lowered") -> Change:
    """What a method makes of this layer and no other; UserError where others go with it."""
    change = method.change(layer, network)
    if isinstance(change, Narrowed):
        raise UserError("Channels leave several layers together: they are not measured among other choices.")
    return change


@dataclass(frozen=True)
class Nearby(Question):
    """Of which layers which choices are measured: `asked`."""

    asked: tuple[Cell, ...] = ()

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        return self.asked


class InContext(Measuring):
    """Cells with the other layers as `planned`, layer → choice. Their options are choices."""

    tells_shares = False
    asks_unsure_first = False  # the samples of the plan as a whole, paired with it

    def __init__(
        self,
        model: "TorchModel",
        data: "Dataset",
        question: Nearby,
        planned: Mapping[str, str],
        progress: Progress,
        keeper: Keeper,
    ) -> None:
        super().__init__(model, data, question, progress, lambda rows, unit: None, keeper)
        self.planned = planned

    @cached_property
    def network(self) -> SwappedNetwork:
        base = {layer: self.change(Cell(layer, choice)) for layer, choice in self.planned.items() if choice != FLOAT}
        return SwappedNetwork(self.model.module, base)  # type: ignore[arg-type]

    def reference(self, cache: CachedNetwork, batch: "Sequence[torch.Tensor]") -> Outputs:
        return self.model.run_all_on_device(*(values.numpy() for values in batch))

    def change(self, cell: Cell) -> Change:
        return changed(cell.option, cell.layer, self.layers)

    def run(self, order: Sequence[str], seconds: float | None) -> None:
        """Measure layer by layer in this order, until all is known or the time is over."""
        begun = time.monotonic()
        for passing in self.passes(self.question.cells, self.question.spans):
            for layer in order:
                if seconds is not None and time.monotonic() - begun > seconds:
                    return
                self.measure([cell for cell in self.question.cells if cell.layer == layer], passing)

    def damages(self, planned: Cell) -> tuple[float, dict[tuple[str, str], float]]:
        """The damage of the plan, which the cell `planned` leaves as it is, and that of each cell, of those that are
        known on the samples that are; of the others, in proportion to the plan on the samples that they know."""
        question = self.question
        plan = parts_of(self.tallies[planned], question)
        whole = ratio(plan)
        found: dict[tuple[str, str], float] = {}
        for cell, tallies in self.tallies.items():
            if cell in self.refused or not known_spans(tallies, question):
                continue
            parts = parts_of(tallies, question)
            own = ratio(plan[:, : parts.shape[1]])
            damage = ratio(parts) * (whole / own if own > 0 else 1.0)
            if isfinite(damage):
                found[cell.layer, cell.option] = damage
        return whole, found


def ratio(parts: NDArray[np.float64]) -> float:
    """Damage of what samples add to error and weight, (2, samples)."""
    error, weight = parts.sum(axis=1)
    return float(max(0.0, error / weight)) if weight else 0.0
