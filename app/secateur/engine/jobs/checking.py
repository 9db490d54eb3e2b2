"""Checking a plan: the whole is measured, then its layers in its context, and the budget is solved again with these.

A check is better than noise or it ends: plans are compared on the same samples, and the best measured one wins.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secateur.analysis.estimated import is_decided
from secateur.analysis.in_context import InContext, Nearby, Whole, measure_whole, ratio
from secateur.analysis.tallies import Cell
from secateur.data.metrics import kind_of
from secateur.engine.checking import CheckPlan, PlanChecked, PlanMeasured
from secateur.engine.jobs.applying import apply_plan
from secateur.engine.jobs.rehearsing import rehearse
from secateur.engine.measurements import MeasurementStore, Subject, data_key, model_key
from secateur.engine.plan_measurements import ContextKeeper, PlanStore
from secateur.engine.reporting import Reporter
from secateur.engine.requests import RehearsePlan
from secateur.engine.workshop import Bench, Workshop
from secateur.errors import UserError
from secateur.graph.network import TorchModel
from secateur.model.plan_check import CheckedPlan, PlanCheck
from secateur.recipe.around import Around, budget_around, choices_in, expected, near
from secateur.recipe.binding import binding
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.interaction import NOTHING_KNOWN, Interaction, interaction_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.prediction import predict_plan
from secateur.recipe.quality import damages_of, learned_from, metric_from
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import require_plan
from secateur.recipe.speed import plan_ms, works_after
from secateur.recipe.speed_cost import speed_cost
from secateur.recipe.trying import ABOVE

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset

MOST_PLANS: Final = 6
"""Plans that are measured at most: the second and third bring nearly all that there is."""


def check(request: CheckPlan, reporter: Reporter, workshop: Workshop) -> PlanChecked:
    """Measure the plan, and better ones near it, within the request's seconds; the first is measured in any case."""
    begun = time.monotonic()
    bench = workshop.bench(request.model, reporter)
    data = workshop.data(bench, request.data, reporter)
    total = min(request.samples, data.size("validation"))
    if not total:
        raise UserError("The data has no validation samples.", "Open data with more samples.")
    search = _Check(request, bench, data, workshop.lowered(bench, reporter), reporter, workshop, total, begun)
    search.run()
    return search.ended()


_OWN_STEPS: Final = "it has steps that no budget chooses"


@dataclass
class _Tried:
    chosen: dict[str, str]
    recipe: Recipe
    whole: Whole
    told: CheckedPlan


@dataclass
class _Check:
    request: CheckPlan
    bench: Bench
    data: "Dataset"
    lowered: TorchModel
    reporter: Reporter
    workshop: Workshop
    samples: int
    begun: float
    tried: list[_Tried] = field(default_factory=list)
    best: int = 0
    cells: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MeasurementStore()
        self.subject = Subject(model_key(self.bench.description), data_key(self.data))
        self.known = PlanStore(self.store, self.subject)
        self.timings = self.request.timings

    @property
    def wish(self) -> Wish:
        return Wish(self.request.limits, self.request.least, self.request.pins)

    def run(self) -> None:
        request, model = self.request, self.bench.description
        plain = _untrained(request.recipe)
        if plain != request.recipe:
            self.notes.append("The plan was measured without its training.")
        chosen = choices_in(plain, model)
        self._try(plain, chosen or {}, self._predicted(plain), self._learned(plain))
        if not request.limits:
            return
        if chosen is None:
            narrows = any(step.method.changes_widths for step in plain.final)
            told = "beside channels that leave, layers are not measured one by one" if narrows else _OWN_STEPS
            self.notes.append(f"The plan was not solved again: {told}.")
            return
        try:
            while len(self.tried) < MOST_PLANS and not self._is_late():
                if not self._better(Budget(model, request.table, self.timings)):
                    break
        except NoPlan:  # nothing near the plan is within the limits: it was the nearest
            return
        except UserError as error:
            self.notes.append(f"The plan was not solved again. {error.sentence}")

    def _is_late(self) -> bool:
        return time.monotonic() - self.begun > self.request.seconds

    # ------------------------------------------------------------------ one round

    def _better(self, budget: Budget) -> bool:
        """Solve around the best plan; whether the new one does surely less damage."""
        best = self.tried[self.best]
        around = self._around(budget, best)
        chosen = budget_around(budget, around).solve(self.wish)
        if any(chosen == one.chosen for one in self.tried):
            return False
        learned = interaction_of((one.told.predicted, one.whole.told.damage) for one in self.tried[1:])
        self._try(recipe_of(chosen), chosen, expected(around, chosen), learned)
        new, old = self.tried[-1].whole.parts, best.whole.parts
        newest = self.tried[-1].told
        if self._exceeds(best.told) > self._exceeds(newest):
            self.best = len(self.tried) - 1
            return True
        if self._exceeds(newest) > self._exceeds(best.told) or not ratio(new) < ratio(old):
            return self._exceeds(newest) > 0  # what it took is known now: the next one is solved with it
        self.best = len(self.tried) - 1
        return is_decided(new, old)

    def _exceeds(self, plan: CheckedPlan) -> float:
        """By what share of the original's milliseconds a plan, tried, is above their limit; 0 where it keeps it."""
        limit, whole = self.request.limits.get("latency_ms"), self.timings.whole if self.timings else None
        if limit is None or not whole or plan.latency is None:
            return 0.0
        return max(0.0, plan.latency - ABOVE * limit / whole)

    def _around(self, budget: Budget, best: _Tried) -> Around:
        """What the layers do in the context of a plan, as far as there is time to measure it."""
        request, model = self.request, self.bench.description
        neighbours = near(budget, best.chosen, self.wish)
        last = budget.programme.layers[-1]
        planned = Cell(last, best.chosen.get(last, ""))  # the network as planned, run from its last layer on
        order = sorted(neighbours, key=lambda layer: -self._planned_damage(layer, best.chosen))
        asked = (planned, *(Cell(layer, choice) for layer in order for choice in neighbours[layer][1:]))
        facts = self.workshop.facts(self.bench, self.reporter, request.target)
        question = Nearby(model.weighted_layers, facts, OPTIONS, self.samples, self.data.task, asked=asked)
        keeper = ContextKeeper(self.store, self.subject, best.chosen, {cell.option for cell in asked})
        measuring = InContext(self.lowered, self.data, question, best.chosen, self.reporter.progress, keeper)
        left = max(0.0, request.seconds - (time.monotonic() - self.begun))
        measuring.run([last, *(layer for layer in order if layer != last)], left)
        self.cells += sum(bool(found) for found in measuring.tallies.values())
        simulated, cells = measuring.damages(planned)
        return Around(best.chosen, best.whole.told.damage, simulated, cells)

    def _planned_damage(self, layer: str, chosen: Mapping[str, str]) -> float:
        row = self.request.table.row(layer, chosen.get(layer, ""))
        return (row.damage or 0.0) if row is not None else 0.0

    def _predicted(self, recipe: Recipe) -> float | None:
        """The sum of what the layers do one at a time; None where the table knows their weights alone."""
        if self.request.table.depth == "free":
            return None
        facts = self.workshop.facts(self.bench, self.reporter, self.request.target)
        return predict_plan(self.bench.description, facts, recipe, self.request.table, None).damage

    def _learned(self, recipe: Recipe) -> Interaction:
        """What other plans that were measured earlier teach."""
        if self.request.table.depth == "free":
            return NOTHING_KNOWN
        facts = self.workshop.facts(self.bench, self.reporter, self.request.target)
        plans = [(one.recipe, one.measured.damage) for one in self.known.known()]
        layers = self.bench.description.weighted_layers
        return learned_from(damages_of(layers, self.request.table, facts, plans), recipe)

    # ------------------------------------------------------------------ one plan

    def _try(self, recipe: Recipe, chosen: Mapping[str, str], predicted: float | None, learned: Interaction) -> None:
        """Measure a plan of which so much damage is predicted, and tell both."""
        whole = self._measured(recipe)
        told = CheckedPlan(chosen=dict(chosen), predicted=predicted, measured=whole.told)
        before = whole.told.before
        if predicted is not None and before is not None:
            after = metric_from(before, kind_of(whole.told.metric), predicted, self.request.table, learned)
            change = None if after.metric is None else after.metric - before
            ends = None if after.interval is None else (after.interval[0] - before, after.interval[1] - before)
            told = told.model_copy(update={"predicted_change": change, "predicted_interval": ends})
        told = told.model_copy(update=self._timed(recipe))
        self.tried.append(_Tried(dict(chosen), recipe, whole, told))
        self.reporter.emit(PlanMeasured(told, recipe))

    def _timed(self, recipe: Recipe) -> dict[str, float]:
        """What the plan takes in the target beside what was told, from which the milliseconds of others are learned."""
        before, model = self.timings, self.bench.description
        if before is None or not before.whole or not recipe.steps:
            return {}
        facts = self.workshop.facts(self.bench, self.reporter, self.request.target)
        told = plan_ms(model, recipe, before, facts=facts)
        tried = rehearse(RehearsePlan(self.request.model, recipe, self.request.target), self.reporter, self.workshop)
        if tried.before is None or tried.after is None:
            return {}
        share = tried.after.median / tried.before.median
        if told is None:
            return {"latency": share}
        self.timings = before.having_tried(works_after(model, recipe, before, facts=facts), told, share * before.whole)
        return {"latency": share, "predicted_latency": told / before.whole}

    def _measured(self, recipe: Recipe) -> Whole:
        found = self.known.find(recipe, self.samples)
        if found is None:
            plan = require_plan(recipe, self.bench.description)
            folder = self.workshop.folder / "checked"
            after, left_out = apply_plan(self.lowered, plan, self.reporter, folder, data=self.data)
            self.notes += left_out
            assert isinstance(after, TorchModel)  # noqa: S101 - methods keep the kind of a model
            found = measure_whole(self.lowered, after, self.data, self.samples, self.reporter.progress)
            self.known.keep(recipe, found)
        return found

    # ------------------------------------------------------------------ what it came to

    def ended(self) -> PlanChecked:
        request, best, first = self.request, self.tried[self.best], self.tried[0].told
        told = PlanCheck(
            recipe={},
            plans=tuple(one.told for one in self.tried),
            best=self.best,
            interaction=first.measured.damage / first.predicted if first.predicted else None,
            cells=self.cells,
            seconds=time.monotonic() - self.begun,
            notes=tuple(dict.fromkeys(self.notes)),
        )
        if self.best == 0:
            kept = told.model_copy(update={"recipe": request.recipe.to_document()})
            return PlanChecked(kept, request.recipe, timings=self.timings)
        recipe = recipe_of(best.chosen, request.recipe)
        budget = Budget(self.bench.description, request.table, self.timings)
        cost = speed_cost(budget, best.chosen, request.limits)
        bound = binding(budget, best.chosen, request.limits, request.pins)
        return PlanChecked(told.model_copy(update={"recipe": recipe.to_document()}), recipe, cost, bound, self.timings)


def _untrained(recipe: Recipe) -> Recipe:
    """The plan without the steps that train."""

    def keep(step: Step) -> Step | None:
        return None if step.method.training_epochs else step

    return recipe.mapped(keep)
