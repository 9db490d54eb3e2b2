"""The jobs and questions in the state, from their start to their end, and what each was asked with."""

from dataclasses import replace
from typing import TYPE_CHECKING

from secateur.engine.events import Started
from secateur.engine.requests import QUESTIONS, QUICK, OpenData, OpenModel, Request
from secateur.model.description import ModelSource
from secateur.session import notices
from secateur.session.state import JobState, SessionState
from secateur.session.titles import title_of

if TYPE_CHECKING:
    from secateur.session.session import Session


def started(session: "Session", event: Started) -> None:
    """What the engine has begun stands first; a question is none of the jobs, and spectra come beside them."""
    state = session.state
    if not isinstance(event.request, OpenData):  # the data that is open keeps its warning until the other is
        session.answered(notices.of_request(event.request))
    if any(asked.job == event.job for asked in state.questions) or isinstance(event.request, QUESTIONS):
        return
    started = next((job for job in state.jobs if job.job == event.job), None)
    started = started or JobState(event.job, event.request, title_of(event.request))
    others = tuple(job for job in state.jobs if job.job != event.job)
    is_beside = isinstance(event.request, QUICK)
    session.update(jobs=(*others, started) if is_beside else (started, *others))


def request_of(state: SessionState, job: int) -> Request | None:
    return next((known.request for known in (*state.jobs, *state.questions) if known.job == job), None)


def is_loading(state: SessionState, request: OpenModel) -> bool:
    """Whether it is this model that is awaited, and not one that was wanted after it."""
    return state.loading in ("", request.source.label)


def is_foreign(state: SessionState, request: Request | None) -> bool:
    """Whether this was asked of a model that is not open any more: layers of two models may share their names."""
    asked = getattr(request, "model", None)
    return state.model is not None and isinstance(asked, ModelSource) and asked != state.model.source


def change_job(session: "Session", number: int, **changes: object) -> None:
    for name in ("jobs", "questions"):
        known: tuple[JobState, ...] = getattr(session.state, name)
        if any(j.job == number for j in known):
            changed = tuple(replace(j, **changes) if j.job == number else j for j in known)  # type: ignore[arg-type]
            session.update(**{name: changed})


def end_job(session: "Session", number: int) -> None:
    session.stopped(number)
    state = session.state
    session.update(
        jobs=tuple(job for job in state.jobs if job.job != number),
        questions=tuple(asked for asked in state.questions if asked.job != number),
    )
