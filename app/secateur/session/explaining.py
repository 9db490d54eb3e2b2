"""Why a layer is planned as it is, the front of plans, how far they reach, and what more damage would buy.

The engine answers; this knows what was asked last, asks again where the answer would be another, and puts it into
words.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secateur import figures
from secateur.data.metrics import MetricKind, kind_of
from secateur.engine.events import Event, Failed, Finished, FrontFound, LeastFound, PlanExplained, Stopped
from secateur.engine.requests import ExplainPlan, FindFront, FindLeast
from secateur.recipe.chosen import channels_can_be_chosen, choice_in
from secateur.recipe.front import Axis, FrontPoint
from secateur.recipe.quality import metric_after, metric_per_damage, quality_of
from secateur.session.keeping import costs_of, pins_of
from secateur.session.state import Front, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session

MORE_POINTS: Final = 0.002
"""Of a metric that is a share, what it is told of what giving up would buy."""


@dataclass(frozen=True)
class FrontPlace:
    """A plan of the front: what it takes as the plan bar shows it, and what is predicted of it."""

    point: FrontPoint
    latency_ms: float | None
    metric: float | None


class Explaining:
    """A part of the session. The answers are `SessionState.explained`, `front` and `least`."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._layer = ""
        self._wants_front = False
        self._axis: Axis = "bytes"
        self._explaining: tuple[int, tuple[object, ...]] = (0, ())
        self._finding: tuple[int, tuple[object, ...]] = (0, ())
        self._reaching: tuple[int, tuple[object, ...]] = (0, ())

    # ------------------------------------------------------------------ asking

    def look_at(self, layer: str) -> None:
        """The layer of whose choice it is to be said why it was made; empty for none."""
        self._layer = layer
        self.renew()

    def show_front(self, axis: Axis | None) -> None:
        """Find the front along this axis, anew whenever it would be another; None where it is not looked at any more.

        A front that is being found for another axis is given up.
        """
        self._wants_front = axis is not None
        if axis is not None:
            self._axis = axis
        self.renew()

    def renew(self) -> None:
        """Ask for what would be answered otherwise by now; nothing while a budget is being solved."""
        state = self._session.state
        if self._session.budget.is_solving:
            return
        if state.model is None or state.table is None:
            if (state.explained, state.front, state.least) != (None, None, None):
                self._session.update(explained=None, front=None, least=None)
            return
        asked = (state.model, state.table, state.timings)
        if not _same(asked, self._reaching[1]):
            self._reaching = self._session.engine.submit(FindLeast(state.model, state.table, state.timings)), asked
        self._explain(state)
        if self._wants_front:
            self._find_front(state)

    def _explain(self, state: SessionState) -> None:
        assert state.model is not None and state.table is not None  # noqa: S101, PT018 - looked at before
        if not self._layer and not self._wants_front:
            return
        limits = self._session.budget.limits
        asked: tuple[object, ...] = (state.model, state.table, state.timings, state.recipe, state.kept, dict(limits))
        asked = (*asked, self._layer, state.baseline, self._wants_front, state.solved)
        if _same(asked, self._explaining[1]):
            return
        names = [layer.name for layer in state.rows]
        request = ExplainPlan(
            state.model,
            state.table,
            state.recipe,
            self._session.budget.in_timed(limits),
            self._layer,
            state.solved is not None and state.recipe == state.solved,
            state.timings,
            state.kept,
            costs_of(state, state.kept.union(name for name in names if choice_in(state.recipe, name) is None)),
            _more_damage(state) if self._wants_front else 0.0,
        )
        self._explaining = self._session.engine.submit(request), asked

    def _find_front(self, state: SessionState) -> None:
        assert state.model is not None and state.table is not None  # noqa: S101, PT018 - looked at before
        pins, costs = pins_of(state)
        narrows = channels_can_be_chosen(state.recipe)
        asked = (state.model, state.table, state.timings, self._axis, pins, costs, narrows)
        if _same(asked, self._finding[1]):
            return
        if self._axis == "latency_ms" and state.timings is None:
            self._session.update(front=None)
            return
        self._cancel_front()
        request = FindFront(state.model, state.table, self._axis, state.timings, pins, costs, narrows)
        self._finding = self._session.engine.submit(request), asked
        before = state.front.points if state.front is not None and state.front.axis == self._axis else ()
        self._session.update(front=Front(self._axis, before, is_waiting=True))

    def _cancel_front(self) -> None:
        job, _ = self._finding
        if job and self._session.state.front is not None and self._session.state.front.is_waiting:
            self._session.engine.cancel(job)

    def forget(self) -> None:
        """Another model, or another engine: what is on its way does not come, and is asked for again."""
        self._explaining, self._finding, self._reaching = (0, ()), (0, ()), (0, ())

    # ------------------------------------------------------------------ the answers

    def receive(self, event: Event) -> bool:
        """Take in an answer; whether it was one, or the end of what is asked no more."""
        match event:
            case Finished(job, PlanExplained() as told):
                if job == self._explaining[0]:
                    self._session.update(explained=told)
                return True
            case Finished(job, FrontFound(axis, points)):
                if job == self._finding[0]:
                    self._session.update(front=Front(axis, points))
                return True
            case Finished(job, LeastFound() as least):
                if job == self._reaching[0]:
                    self._session.update(least=least)
                return True
            case Failed(job, sentence) if job and job == self._finding[0]:
                self._session.update(front=Front(self._axis, problem=sentence))
                return True
            case Failed(job) if job and job == self._reaching[0]:
                return not event.details
            case Failed(job) if job and job == self._explaining[0]:
                self._session.update(explained=None)
                return not event.details  # a bug is reported besides
            case Stopped(job):
                return bool(job) and job in (self._finding[0], self._explaining[0], self._reaching[0])
        return False

    def why(self, layer: str) -> str:
        """Why this layer is planned as it is, as a sentence; empty as long as that is not known."""
        told = self._session.state.explained
        return told.sentence if told is not None and layer and told.layer == layer else ""

    def buys(self) -> str:
        """What giving up a little more would buy, as a sentence; empty as long as that is not known."""
        state = self._session.state
        told = state.explained
        if told is None or told.bought_bytes is None or state.table is None:
            return ""
        kind = _kind(state)
        if _more_damage(state) is not None and kind is not None:
            more = f"Another {figures.points(MORE_POINTS).lstrip('+')} of {kind.noun}"
        else:
            unit = f" {state.table.unit}" if state.table.unit else ""
            more = f"Half as much damage again ({figures.number(told.more_damage)}{unit})"
        if not told.bought_bytes:
            return f"{more} would buy nothing: no plan is smaller for it."
        return f"{more} would make the file {figures.size(told.bought_bytes)} smaller, and no slower."

    def places(self) -> tuple[FrontPlace, ...]:
        """The front with what is predicted of each plan: its metric, and milliseconds as they are shown."""
        state, scale = self._session.state, self._session.budget.shown_per_timed
        found = state.front.points if state.front is not None else ()
        learned = self._session.checking.learned
        return tuple(
            FrontPlace(
                point,
                None if point.latency_ms is None else point.latency_ms * scale,
                metric_after(point.damage, state.on_samples, state.baseline, learned).metric,
            )
            for point in found
        )

    def damage(self) -> float | None:
        """What the present plan does by the table that the front is made of; None where that is not known."""
        state = self._session.state
        if state.model is None:
            return None
        return quality_of(state.model.layers, state.recipe, state.table, state.facts, None).damage

    def take(self, place: FrontPlace) -> None:
        """Make a plan of the front the plan, as if the slider had been moved there (undoable)."""
        state = self._session.state
        if state.front is not None:
            scale = self._session.budget.shown_per_timed if state.front.axis == "latency_ms" else 1.0
            self._session.budget.take({state.front.axis: place.point.limit * scale})


def _kind(state: SessionState) -> MetricKind | None:
    metric = state.baseline.metric if state.baseline is not None else None
    return kind_of(metric.name) if metric is not None else None


def _more_damage(state: SessionState) -> float | None:
    """The damage that costs `MORE_POINTS` of the metric; None where no such metric is known."""
    kind = _kind(state)
    per_damage = metric_per_damage(state.on_samples)
    return MORE_POINTS / per_damage if kind is not None and kind.is_share and per_damage else None


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether all parts are the same; what is large is compared by identity first."""
    return len(one) == len(other) and all(a is b or a == b for a, b in zip(one, other, strict=True))
