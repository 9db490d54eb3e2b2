"""Layers while they are looked at: their weights as matrices, what the plan makes of them, and in which orders.

What was read or worked out of the layers looked at last is kept, so that a zoom, another order or another variant is
answered from memory. A weight too large for that is read from its file again, row by row.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.filters import (
    Check,
    Places,
    Rows,
    Similarities,
    by_norm,
    can_be_compared,
    filters_of,
    norms_of,
    similarities,
)
from secateur.engine.reporting import Reporter
from secateur.engine.requests import WeightPlan
from secateur.errors import UserError
from secateur.figures import thousands
from secateur.graph.context import Context
from secateur.graph.kept import Kept
from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.model.description import Layer
from secateur.model.stored import StoredTensor, read_values
from secateur.model.values import values_of_tensor
from secateur.model.weight_views import ChannelFigures, Order

if TYPE_CHECKING:
    from secateur.engine.workshop import Bench
    from secateur.recipe.recipe import Step

MOST_HELD: Final = 1 << 27
"""Values of a weight up to which it is held in memory while it is looked at: half a gigabyte."""

MOST_KEPT: Final = 1 << 28
"""Values that all kept layers may have together, what the plan makes of them included."""

_STREAMED: Final = 1 << 22
_SAMPLED: Final = 1 << 20


@dataclass(eq=False)
class LayerLook:
    """One layer's weight, float32 rows (filters, numbers), in memory or taken from the file; what follows from it."""

    layer: Layer
    take: Callable[[Places], Rows]
    shape: tuple[int, int]
    weight: NDArray[np.float32] | None
    """The whole weight in its own shape; None where it is too large to be held."""
    channel_axis: int
    afters: "OrderedDict[tuple[Any, ...], After]" = field(default_factory=OrderedDict)
    _figures: ChannelFigures | None = None
    _similar: dict[str, Similarities] = field(default_factory=dict)

    @cached_property
    def rows(self) -> Rows:
        if self.weight is None:
            raise UserError(
                f"{self.layer.name} has {thousands(self.shape[0] * self.shape[1])} weights, too many to be held.",
                "It is shown in its own order, as it is.",
            )
        return filters_of(self.weight, self.channel_axis)

    @property
    def size(self) -> int:
        """Values that are held."""
        held = 0 if self.weight is None else 2 * self.weight.size if self.channel_axis else self.weight.size
        return held + sum(after.rows.size for after in self.afters.values())

    @cached_property
    def limit(self) -> float:
        """The magnitude that all but a thousandth of a sample keep within."""
        step = max(self.shape[0] * self.shape[1] // _SAMPLED, 1)
        sample = np.abs(self.rows.reshape(-1)[::step])
        sample = sample[np.isfinite(sample)]
        return float(np.quantile(sample, 0.999)) if len(sample) else 0.0

    def chunks(self, check: Check) -> "Sequence[tuple[int, Rows]]":
        """Rows in order, some million values at a time, each with the place of its first."""
        step = max(_STREAMED // max(self.shape[1], 1), 1)

        def each() -> Any:
            for first in range(0, self.shape[0], step):
                check(first, self.shape[0])
                yield first, self.take(np.arange(first, min(first + step, self.shape[0]), dtype=np.int32))

        found: Sequence[tuple[int, Rows]] = each()
        return found

    def figures(self, check: Check) -> ChannelFigures:
        """What one pass over the weight says of its channels; kept."""
        if self._figures is None:
            self._figures = self._counted(check)
        return self._figures

    def _counted(self, check: Check) -> ChannelFigures:
        count = self.shape[0]
        norm, low, high = (np.zeros(count, np.float32) for _ in range(3))
        zeros = np.zeros(count, np.int64)
        for first, part in self.chunks(check):
            own = slice(first, first + len(part))
            norm[own], zeros[own] = norms_of(part), (part == 0).sum(axis=1)
            if part.shape[1]:
                low[own], high[own] = part.min(axis=1), part.max(axis=1)
        none = np.zeros(count, np.bool_)
        return ChannelFigures(norm, low, high, zeros, self.shape[1], by_norm(norm), none, np.zeros(count, np.int64))

    @property
    def why_unordered(self) -> str:
        """Why its filters are not compared, as a sentence; empty where they are."""
        if self.weight is None or not can_be_compared(*self.shape):
            return f"Comparing {thousands(self.shape[0])} channels with each other would take too long."
        return "" if self.shape[0] > 1 else "It has one channel."

    def similar(self, check: Check, axis: str = "rows") -> Similarities:
        """Which filters (or, for `columns`, which inputs) are alike; kept. UserError where they are too many."""
        if axis not in self._similar:
            count, numbers = self.shape if axis == "rows" else self.shape[::-1]
            if self.weight is None or not can_be_compared(count, numbers):
                words = f"Comparing {thousands(count)} {axis} with each other would take too long."
                raise UserError(words, "Sort them by norm.")
            values = self.rows if axis == "rows" else np.ascontiguousarray(self.rows.T)
            self._similar[axis] = similarities(values, check)
        return self._similar[axis]

    def order(self, name: Order, check: Check, axis: str = "rows") -> Places:
        """The rows or columns of the matrix in an order."""
        if name == "similarity":
            return self.similar(check, axis).order
        if name == "norm":
            if axis == "rows":
                return self.figures(check).by_norm
            squares = np.zeros(self.shape[1], np.float64)
            for _, part in self.chunks(check):
                squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)
            return by_norm(np.sqrt(squares).astype(np.float32))
        return np.arange(self.shape[0 if axis == "rows" else 1], dtype=np.int32)


@dataclass(frozen=True, eq=False)
class After:
    """What the plan makes of a weight: rows as those before, NaN for what leaves with channels of any layer."""

    rows: Rows
    gone: NDArray[np.bool_]
    zeros: NDArray[np.int64]
    change_limit: float


class WeightLooks:
    """The layers that were looked at last, and which channels plans remove."""

    def __init__(self) -> None:
        self._layers: OrderedDict[tuple[Any, ...], LayerLook] = OrderedDict()
        self._kept: OrderedDict[tuple[Any, ...], Mapping[str, Kept] | str] = OrderedDict()

    def look(self, bench: "Bench", name: str, reporter: Reporter) -> LayerLook:
        """The layer of this name, read where it was not; UserError where it has no weight that can be read."""
        key = (id(bench), bench.description.fingerprint, name)
        if key not in self._layers:
            reporter.progress(0, 1, f"Reading {name}")
            self._layers[key] = _read(bench, name)
        self._layers.move_to_end(key)
        self._shed()
        return self._layers[key]

    def _shed(self) -> None:
        while len(self._layers) > 1 and sum(look.size for look in self._layers.values()) > MOST_KEPT:
            self._layers.popitem(last=False)

    def after(self, bench: "Bench", look: LayerLook, plan: WeightPlan, reporter: Reporter) -> After | None:
        """What the plan makes of the layer; None where it leaves it as it is. UserError where that cannot be told."""
        kept = self._kept_channels(bench, plan.channel_steps, reporter).get(look.layer.name)
        if not plan.methods and kept is None:
            return None
        key = (plan.methods, plan.channel_steps)
        if key not in look.afters:
            look.rows  # noqa: B018 - a weight that is not held is refused here, with the reason
            reporter.progress(0, 1, f"Planning {look.layer.name}")
            look.afters[key] = _changed(look, plan.methods, kept)
            while len(look.afters) > 2:
                look.afters.popitem(last=False)
            self._shed()
        return look.afters[key]

    def _kept_channels(self, bench: "Bench", steps: "tuple[Step, ...]", reporter: Reporter) -> Mapping[str, Kept]:
        if not steps:
            return {}
        key = (id(bench), bench.description.fingerprint, steps)
        if key not in self._kept:
            self._kept[key] = _kept_after(bench, steps, reporter)
            while len(self._kept) > 4:
                self._kept.popitem(last=False)
        found = self._kept[key]
        if isinstance(found, str):
            raise UserError(found)
        return found

    def planned_figures(self, bench: "Bench", look: LayerLook, plan: WeightPlan, reporter: Reporter) -> ChannelFigures:
        """The layer's figures with what the plan does to its channels, without similarities."""
        figures = look.figures(lambda done, total: reporter.progress(done, total, f"Reading {look.layer.name}"))
        figures = replace(figures, why_unordered=look.why_unordered)
        try:
            after = self.after(bench, look, plan, reporter)
        except UserError as error:
            return replace(figures, why_not_marked=f"{error.sentence} {error.hint}".strip())
        if after is None:
            return figures
        zeroed = np.where(after.gone, 0, np.maximum(after.zeros - figures.zeros, 0))
        return replace(figures, gone=after.gone, zeroed=zeroed)


def with_similarities(figures: ChannelFigures, found: Similarities) -> ChannelFigures:
    return replace(figures, similarity=found.cosine, nearest=found.nearest, by_similarity=found.order)


# ---------------------------------------------------------------------- reading and planning


def _read(bench: "Bench", name: str) -> LayerLook:
    layer = next((layer for layer in bench.description.layers if layer.name == name), None)
    if layer is None or layer.weight is None:
        raise UserError(f"{bench.description.name} has no layer {name} with a weight.", "Choose another layer.")
    found = bench.tensors.get(name)
    if found is not None:
        tensor, axis = found
        if tensor.count > MOST_HELD:
            return _streamed(layer, tensor, axis)
        return _held(layer, read_values(tensor).reshape(tensor.shape), axis)
    if bench.description.is_deferred:
        raise UserError(
            f"The weight of {name} is not stored as plain numbers.", "It is read once the network is loaded for a job."
        )
    return _held(layer, bench.weights[name], layer.channel_axis)


def _held(layer: Layer, weight: NDArray[np.float32], axis: int) -> LayerLook:
    axis = axis if weight.ndim > 1 else 0
    shape = (weight.shape[axis], weight.size // max(weight.shape[axis], 1)) if weight.ndim > 1 else (weight.size, 1)
    look = LayerLook(layer, lambda places: look.rows[_span(places)], shape, np.asarray(weight, np.float32), axis)
    return look


def _span(places: Places) -> Places | slice:
    """Consecutive places as a slice: a view instead of a copy."""
    is_run = len(places) and int(places[-1]) - int(places[0]) == len(places) - 1 and bool((np.diff(places) == 1).all())
    return slice(int(places[0]), int(places[-1]) + 1) if is_run else places


def _streamed(layer: Layer, tensor: StoredTensor, axis: int) -> LayerLook:
    if axis or tensor.load is not None or tensor.scale is not None or len(tensor.shape) < 2:
        raise UserError(f"{layer.name} has {thousands(tensor.count)} weights, too many to be shown one by one.")
    values = values_of_tensor(tensor)
    count, numbers = tensor.shape[0], tensor.count // tensor.shape[0]

    def take(places: Places) -> Rows:
        span = _span(places)
        if isinstance(span, slice):
            return values.floats(span.start * numbers, span.stop * numbers).reshape(-1, numbers)
        rows = [values.floats(int(place) * numbers, (int(place) + 1) * numbers) for place in places]
        return np.stack(rows) if rows else np.empty((0, numbers), np.float32)

    return LayerLook(layer, take, (count, numbers), None, axis)


def _changed(look: LayerLook, methods: Sequence[Method], kept: Kept | None) -> After:
    """The methods in the order in which they run, on what stays of the weight."""
    weight = look.weight
    assert weight is not None  # noqa: S101 - its rows were asked for before
    axis = look.channel_axis
    changed = weight if kept is None else np.ascontiguousarray(kept.part_of(weight, axis))
    for method in methods:
        changed = method.perturb(changed, Facts(channel_axis=axis))
    if kept is not None:
        places = kept.part_of(np.arange(weight.size).reshape(weight.shape), axis)
        whole = np.full(weight.size, np.nan, np.float32)
        whole[places.reshape(-1)] = changed.reshape(-1)
        changed = whole.reshape(weight.shape)
    rows = filters_of(changed, axis)
    limit, zeros, gone = 0.0, np.zeros(look.shape[0], np.int64), np.zeros(look.shape[0], np.bool_)
    for first in range(0, len(rows), 256):
        part = rows[first : first + 256]
        zeros[first : first + 256] = (part == 0).sum(axis=1)
        gone[first : first + 256] = np.isnan(part).all(axis=1) if kept is not None else False
    for first in range(0, len(rows), 256):
        change = np.abs(rows[first : first + 256] - look.rows[first : first + 256])
        limit = max(limit, float(np.max(change, initial=0.0, where=np.isfinite(change))))
    return After(rows, gone, zeros, limit)


def _kept_after(bench: "Bench", steps: "tuple[Step, ...]", reporter: Reporter) -> Mapping[str, Kept] | str:
    """Layer → the channels that are left after the steps that change widths, or why that is not known."""
    from secateur.graph.network import TorchModel

    model = bench.model
    names = [layer.name for layer in bench.description.weighted_layers]
    for step in steps:
        if not isinstance(model, TorchModel):
            return "Channels are only removed from a network."
        method = step.method.without_data()
        if isinstance(method, str):
            return method
        reporter.progress(0, 1, f"Planning {step.method.title}")
        try:
            chosen = [name for name in names if step.selects(name)]
            model = method.apply(model, chosen, Context(progress=reporter.progress, original=bench.model))
        except UserError as error:
            return f"{error.sentence} {error.hint}".strip()
    return model.kept if isinstance(model, TorchModel) else {}
