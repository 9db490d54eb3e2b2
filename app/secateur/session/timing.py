"""Milliseconds of the plan's options in the target: asked for while nothing else goes on, and made way for the rest."""

from dataclasses import replace
from typing import TYPE_CHECKING

from secateur.engine.events import PlanRehearsed
from secateur.engine.requests import NEEDS_NOTHING_OPEN, QUICK, RehearsePlan, Request
from secateur.engine.timing import OptionsTimed, TimeOptions
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.model.workload import Workload
from secateur.recipe.choices import untimed
from secateur.recipe.options import OPTIONS
from secateur.recipe.speed import plan_ms, to_be_timed, works_after
from secateur.session import tables
from secateur.targets import target_named
from secateur.targets.timings import Timings

if TYPE_CHECKING:
    from secateur.session.session import Session

STOPPED = "Measuring milliseconds was stopped. Choose the target again to go on."


class Timing:
    """A part of the session. What was measured is kept on disk, so that giving way costs nothing but time."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._job: int | None = None
        self._gives_way = False
        self._asked: TimeOptions | None = None
        self._looked: tuple[SensitivityTable, Timings, tuple[Workload, ...]] | None = None

    def wanted(self) -> TimeOptions | None:
        """What would be asked now; None where all is known, nothing can be, or it was asked in vain."""
        state = self._session.state
        model = state.model
        if model is None or model.is_deferred or not model.runnable or self._job is not None:
            return None
        request = TimeOptions(model.source, state.target, tuple(each.id for each in OPTIONS))
        if state.timed is not None:
            if state.timings is None:
                return None
            lacking = list(to_be_timed(model, state.recipe, state.timings, state.facts))
            if state.table is not None:
                lacking += self._together(model, state.table, state.timings)
            if not lacking:
                return None
            earlier = self._asked.further if self._asked else ()  # what an answer lacks is not known any more
            request = replace(request, further=tuple(dict.fromkeys((*earlier, *lacking))))
        return None if request == self._asked else request

    def _together(self, model: ModelDescription, table: SensitivityTable, timings: Timings) -> tuple[Workload, ...]:
        """What is to be timed of two methods on one layer: found once for a table and what is timed already."""
        if self._looked is None or self._looked[0] is not table or self._looked[1] is not timings:
            self._looked = (table, timings, untimed(model, table, timings))
        return self._looked[2]

    def ask(self) -> None:
        """Ask for what is missing, where nothing else is going on: whoever shows the session calls this in its rest."""
        request = None if self._session.state.jobs else self.wanted()
        if request is not None:
            self._asked, self._gives_way = request, False
            self._job = self._session.submit(request)

    def choose(self, target: str) -> None:
        """Plan for this runtime from now on; the same once more measures what was stopped. UserError for an unknown."""
        target_named(target)
        self.forget(target=target)
        tables.judge(self._session)
        self.ask()

    def forget(self, **changes: object) -> None:
        """What was measured counts no more: of another model, other shapes, other threads, another target."""
        if self._job is not None:
            self._gives_way = True
            self._session.engine.cancel(self._job)
        self._job, self._asked = None, None
        if changes or self._session.state.timed is not None:
            self._session.update(timed=None, **changes)

    def make_way(self, request: Request) -> None:
        """Something else is asked of the engine: the measurement stops, and is taken up once that is done."""
        if self._job is None or isinstance(request, (TimeOptions, *QUICK, *NEEDS_NOTHING_OPEN)):
            return
        self._gives_way = True
        self._session.engine.cancel(self._job)

    def answered(self, result: OptionsTimed, request: Request | None) -> None:
        """The engine's answer; one of another target than the chosen one is passed over."""
        self._job = None
        if isinstance(request, TimeOptions) and request.target == self._session.state.target:
            known = self._session.state.timings
            if known is not None and known.learned and result.timings is not None:
                result = replace(result, timings=replace(result.timings, learned=known.learned))
            self._session.update(timed=result)
            tables.judge(self._session)
            self._session.budget.solve_what_was_timed()

    def learn(self, found: Timings | None) -> None:
        """What plans that were tried have taught of milliseconds: those that are predicted from now on know it."""
        timed = self._session.state.timed
        if found is None or timed is None or timed.timings is None or timed.timings.target != found.target:
            return
        self._session.update(timed=replace(timed, timings=replace(timed.timings, learned=found.learned)))

    def tried(self, request: RehearsePlan, found: PlanRehearsed) -> None:
        """A plan was tried before its run: the next ones are predicted with what it took."""
        state = self._session.state
        known, model = state.timings, state.model
        if known is None or model is None or not known.whole or found.before is None or found.after is None:
            return
        if (request.model, request.target) != (model.source, known.target):
            return
        told = plan_ms(model, request.recipe, known, facts=state.facts)
        if told is not None:
            works = works_after(model, request.recipe, known, facts=state.facts)
            self.learn(known.having_tried(works, told, known.whole * found.after.median / found.before.median))

    def ended(self, job: int, request: Request | None) -> None:
        """It ended without an answer: stopped by a person, by another wish, or because it failed."""
        if job != self._job:
            return
        self._job = None
        if self._gives_way:
            self._asked = None
        elif self._session.state.timed is None:
            self._session.update(timed=OptionsTimed(None, STOPPED))
