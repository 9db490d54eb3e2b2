"""Autopilot in the session: what is asked of it, the search that goes on or was there before, what comes of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.data.metrics import kind_of
from secateur.engine.autopilot import (
    TRIALS,
    AutopilotDocument,
    AutopilotEnded,
    AutopilotFound,
    FindAutopilot,
    TrialDocument,
    TrialsTold,
)
from secateur.engine.events import Event, Failed, Finished, Partial, RunRecord, Stopped
from secateur.engine.requests import Autopilot, Request
from secateur.recipe.autopilot import Goal
from secateur.recipe.reading import parse_recipe
from secateur.session import notices
from secateur.session.history import new_run
from secateur.session.piloted import goal_of
from secateur.session.state import JobState, Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session


class Piloting:
    """A part of the session. A search is found again by its journal: by model and data, or by the folder of a trial."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._to_resume: RunRecord | None = None

    def show(self, *, is_open: bool) -> None:
        """Open or close the panel; what autopilot had to say is read then."""
        self._update(is_open=is_open)
        if is_open:
            self._session.answered(notices.PILOTED)

    def ask_for(self, goal: Goal) -> None:
        """What may be lost, and how small and fast it has to be at least, from the next start on."""
        self._update(goal=goal)

    # ------------------------------------------------------------------ started, gone on with

    def start(self) -> None:
        """Begin a new search, in a folder of its own."""
        if self._session.allowed("start_autopilot"):
            self._update(document=None, folder="")
            self._submit(new_run(), resume=False)

    def resume(self) -> None:
        """Go on with the search that is told of, by what is asked for now: what was tried counts."""
        document = self._session.state.pilot.document
        if document is not None and self._session.allowed("resume_autopilot"):
            self._submit(document.run, resume=True)

    def _submit(self, run: str, *, resume: bool) -> None:
        session, state = self._session, self._session.state
        if state.model is None or state.data_source is None:
            return
        goal = state.pilot.goal_on(state.baseline)
        request = Autopilot(
            state.model.source,
            state.data_source,
            run,
            goal.drop,
            goal.size,
            goal.latency,
            folder=Path(state.pilot.folder) if resume and state.pilot.folder else None,
            resume=resume,
            samples=state.measured_on,
            target=state.target,
            name=f"Autopilot, at most {lost_words(goal, _metric(state))} lost",
        )
        session.answered(notices.PILOT, notices.PILOTED)
        session.update(curve=(), answers=None)
        session.submit(request)

    def find(self) -> None:
        """Look for the newest search of the open model on the open data; what is found is told of."""
        state = self._session.state
        if state.model is not None and state.model.fingerprint and state.data_source is not None:
            self._session.submit(FindAutopilot(state.model.fingerprint, state.data_source))

    def belongs(self, record: RunRecord) -> bool:
        """Whether a run is a trial: going on with it is going on with its search."""
        return Path(record.folder).parent.name == TRIALS

    def go_on_with(self, record: RunRecord) -> None:
        """Go on with the search that a trial was of, once its journal is read."""
        source, model = record.data_source or self._session.state.data_source, self._session.state.model
        if model is None or source is None:
            return
        self._to_resume = record
        folder = str(Path(record.folder).parent.parent)
        self._session.submit(FindAutopilot(model.fingerprint, source, folder))

    # ------------------------------------------------------------------ what came of it

    def take(self, number: int) -> None:
        """Make the plan of a trial the plan; can be undone."""
        trial = self._trial(number)
        if trial is not None:
            self._session.load_recipe(parse_recipe(trial.recipe))

    def _trial(self, number: int) -> TrialDocument | None:
        document = self._session.state.pilot.document
        return next((one for one in document.trials if one.number == number), None) if document else None

    # ------------------------------------------------------------------ events

    def hear(self, event: Event) -> None:
        """Note what an event says of autopilot; the session folds it in besides."""
        match event:
            case Partial(job=job, value=TrialsTold(document)) if self._is_here(self._request_of(job)):
                self._told(document)
            case Finished(job=job, result=AutopilotEnded(document, folder)) if self._is_here(self._request_of(job)):
                self._ended(document, folder)
            case Finished(job=job, result=AutopilotFound() as found):
                self._found(found, self._request_of(job))
            case Stopped(job=job) | Failed(job=job):
                request = self._request_of(job)
                if isinstance(request, Autopilot) and self._is_here(request):
                    self._broke_off()

    def _request_of(self, job: int) -> Request | None:
        state = self._session.state
        return next((one.request for one in (*state.jobs, *state.questions) if one.job == job), None)

    def _is_here(self, request: Request | None) -> bool:
        """Whether this was asked of the model and the data that are open."""
        state = self._session.state
        is_model = isinstance(request, Autopilot) and state.model is not None and request.model == state.model.source
        return is_model and isinstance(request, Autopilot) and request.data == state.data_source

    def _told(self, document: AutopilotDocument) -> None:
        self._update(document=document)
        self._session.list_runs()  # every trial is one of them

    def _ended(self, document: AutopilotDocument, folder: str) -> None:
        session, best = self._session, document.best_trial
        self._update(document=document, folder=folder)
        if best is not None:
            session.comparing.show_run(best.run)
        session.list_runs()
        if not session.state.pilot.is_open:
            kind = "info" if best is not None else "warn"
            session.notify(Notice(kind, ended_words(document), "", "autopilot", subject=notices.PILOTED))

    def _broke_off(self) -> None:
        """What it kept stands in its journal."""
        self._session.list_runs()
        self.find()

    def died(self) -> None:
        """The engine is gone, and a search with it."""
        self._broke_off()

    def _found(self, found: AutopilotFound, request: Request | None) -> None:
        session, state = self._session, self._session.state
        waiting, self._to_resume = self._to_resume, None
        is_of_trial = isinstance(request, FindAutopilot) and bool(request.folder)
        if not is_of_trial:
            self._to_resume = waiting
        if not isinstance(request, FindAutopilot) or state.model is None:
            return
        if request.fingerprint != state.model.fingerprint or running_pilot(state) is not None:
            return
        if is_of_trial and found.document is None and waiting is not None:
            session.remembering.start(waiting, alone=True)
        elif is_of_trial and found.document is not None:
            if request.data != state.data_source:
                session.remembering.open_for(request.data)
            self._update(document=found.document, folder=found.folder, goal=goal_of(found.document), is_open=True)
            self._submit(found.document.run, resume=True)
        elif found.document is not None and request.data == state.data_source:
            goal = state.pilot.goal or goal_of(found.document)
            self._update(document=found.document, folder=found.folder, goal=goal)

    def _update(self, **changes: object) -> None:
        pilot = self._session.state.pilot
        self._session.update(pilot=replace(pilot, **changes))  # type: ignore[arg-type]


def running_pilot(state: SessionState) -> JobState | None:
    """The job of a search that goes on, or waits for its turn."""
    return next((job for job in state.jobs if isinstance(job.request, Autopilot)), None)


def lost_words(goal: Goal, metric: str) -> str:
    """`1.0 pt`, or a number in the metric's own units."""
    return kind_of(metric).write_change(0.0, goal.drop).lstrip("+")


def _metric(state: SessionState) -> str:
    """What is measured on the open data."""
    if state.baseline is not None and state.baseline.metric is not None:
        return state.baseline.metric.name
    return state.pilot.document.metric if state.pilot.document is not None else ""


def ended_words(document: AutopilotDocument) -> str:
    """What a search came to, in a sentence."""
    best = document.best_trial
    if best is None:
        return "Autopilot found no plan that keeps the quality: the original is what to ship."
    kind = kind_of(document.metric)
    words = [f"{1 / best.size:.1f}× smaller" if best.size else ""]
    words.append(f"{1 / best.latency:.1f}× faster" if best.latency and best.latency < 1 else "")
    if best.test_drop is not None:
        sign = -1.0 if kind.is_higher_better else 1.0
        words.append(f"{kind.noun} {kind.write_change(0.0, sign * best.test_drop)}")
    wanted = "" if document.meets_goal else " It is not as small or as fast as was wanted at least."
    return f"Autopilot found a model: {', '.join(word for word in words if word)}.{wanted}"
