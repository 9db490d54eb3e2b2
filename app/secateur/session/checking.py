"""The plan's check in the session: the plan is measured as a whole, and a better one that was found is taken.

What was measured stands in the state for every plan of the open model on the open data, so that a plan that comes back
(by undo, from a run, another day) is known again, and a changed one is not.
"""

from typing import TYPE_CHECKING

from secateur.engine.events import (
    EngineDied,
    Event,
    Failed,
    Finished,
    KnownPlan,
    Partial,
    PlanChecked,
    PlanMeasured,
    PlanSolved,
    Stopped,
)
from secateur.engine.requests import CheckPlan, FindSensitivity, Request, ScoreSensitivity
from secateur.recipe.check_words import check_sentences, gain_words
from secateur.recipe.chosen import recipe_of
from secateur.recipe.interaction import NOTHING_KNOWN, Interaction, is_same_plan
from secateur.recipe.quality import damages_of, learned_from
from secateur.recipe.recipe import Recipe
from secateur.session import job_states, notices
from secateur.session.keeping import pins_of
from secateur.session.state import Notice

if TYPE_CHECKING:
    from secateur.session.session import Session

MEASURED = "The plan was measured as a whole."
MOST_LEARNED_FROM = 24
"""Measured plans, the last ones, that the prediction of another learns from: it is made anew while a slider moves."""


class Checking:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._found: list[PlanMeasured] = []
        self._known: tuple[object, ...] = ()
        self._damages: tuple[tuple[Recipe, float | None, float], ...] = ()

    def check(self) -> None:
        """Measure the plan as a whole; one that a budget made is solved again around what was measured."""
        session, state = self._session, self._session.state
        if not session.allowed("check") or state.model is None or state.data_source is None or state.on_samples is None:
            return
        pins, _ = pins_of(state)
        session.submit(
            CheckPlan(
                state.model.source,
                state.data_source,
                state.recipe,
                state.on_samples,
                session.budget.in_timed(session.budget.limits),
                pins,
                timings=state.timings,
                samples=state.measured_on,
                target=state.target,
            )
        )

    @property
    def learned(self) -> Interaction:
        """What plans that were measured teach of the present one, itself left out."""
        state = self._session.state
        if state.model is None or state.on_samples is None or not state.checked:
            return NOTHING_KNOWN
        known = (state.model, state.on_samples, state.spectra, state.singular_values, state.checked)
        if len(self._known) != len(known) or any(a is not b for a, b in zip(known, self._known, strict=True)):
            plans = [(one.recipe, one.measured.damage) for one in state.checked[-MOST_LEARNED_FROM:]]
            self._damages = damages_of(state.model.weighted_layers, state.on_samples, state.facts, plans)
            self._known = known
        return learned_from(self._damages, state.recipe)

    def found(self, plans: tuple[KnownPlan, ...], request: Request | None) -> None:
        """Plans that were measured earlier have come with what this request asked for."""
        asked, state = request.what if isinstance(request, FindSensitivity) else request, self._session.state
        if isinstance(asked, ScoreSensitivity) and asked.data == state.data_source:
            self.remember(plans)

    def remember(self, plans: tuple[KnownPlan, ...]) -> None:
        """Plans that were measured; of the same plan what was measured last counts."""
        state = self._session.state
        new = [plan for plan in plans if plan not in state.checked]
        if new:
            kept = (one for one in state.checked if not any(is_same_plan(one.recipe, plan.recipe) for plan in new))
            self._session.update(checked=(*kept, *new))

    # ------------------------------------------------------------------ events

    def hear(self, event: Event) -> None:
        """Note what an event says of a check; the session folds it in besides."""
        match event:
            case Partial(job=job, value=PlanMeasured() as measured) if self._is_here(self._request_of(job)):
                self._found.append(measured)
                self.remember((measured.known,))
            case Finished(job=job, result=PlanChecked() as checked):
                if isinstance(request := self._request_of(job), CheckPlan) and self._is_here(request):
                    self._ended(request, checked)
                self._found = []
            case Stopped(job=job) | Failed(job=job) if isinstance(request := self._request_of(job), CheckPlan):
                self._broke_off(request)
            case EngineDied(lost=lost):
                for one in lost:
                    if isinstance(one, CheckPlan):
                        self._broke_off(one)

    def _request_of(self, job: int) -> Request | None:
        return job_states.request_of(self._session.state, job)

    def _is_here(self, request: Request | None) -> bool:
        """Whether this was asked of the model and the data that are open."""
        state = self._session.state
        is_model = isinstance(request, CheckPlan) and state.model is not None and request.model == state.model.source
        return is_model and isinstance(request, CheckPlan) and request.data == state.data_source

    def _ended(self, request: CheckPlan, found: PlanChecked) -> None:
        check = found.check
        self._session.timing.learn(found.timings)
        if check.best:
            plan = PlanSolved(found.recipe, found.speed_cost, found.binding)
            self._take(request, plan, gain_words(check.first_plan.measured, check.best_plan.measured))
        elif check.notes or len(check.plans) > 1:
            last = [] if len(check.plans) == 1 else [MEASURED, *list(check_sentences(check))[-1:]]
            self._tell(" ".join((*last, *check.notes)))

    def _broke_off(self, request: CheckPlan) -> None:
        """It ended before its end: of the plans that were measured the best counts."""
        found, self._found = self._found, []
        if not found or not self._is_here(request):
            return
        best = min(found, key=lambda one: one.plan.measured.damage)
        if best is not found[0]:
            plan = PlanSolved(recipe_of(best.plan.chosen, request.recipe))
            self._take(request, plan, gain_words(found[0].plan.measured, best.plan.measured))

    def _take(self, request: CheckPlan, plan: PlanSolved, gain: str) -> None:
        """Make the better plan the plan, unless a person has changed it meanwhile."""
        if self._session.state.recipe == request.recipe:
            self._session.budget.take_better(plan)
            self._tell(gain, remedy="undo")
        else:
            self._tell(f"{gain} Your plan has changed meanwhile, and stays as it is.")

    def _tell(self, sentence: str, remedy: str = "") -> None:
        self._session.notify(Notice("info", sentence, "", remedy, subject=notices.CHECKED))
