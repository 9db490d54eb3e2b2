"""What becomes of the state when a job fails, or the engine ends: what was kept, and how to go on."""

from typing import TYPE_CHECKING

from secateur.engine.events import EngineDied, Failed
from secateur.engine.requests import (
    Autopilot,
    Compress,
    Export,
    OpenData,
    OpenModel,
    ReadGraph,
    Request,
    ScoreSensitivity,
    WriteSkeleton,
)
from secateur.session import coupling, job_states, notices
from secateur.session.state import Notice, TrustQuestion

if TYPE_CHECKING:
    from secateur.session.session import Session


def look_for_the_rest(session: "Session", request: Request | None) -> None:
    """A measurement ended before its end: what it kept is a part of a table, from which it can go on."""
    if (
        isinstance(request, ScoreSensitivity)
        and request.depth != "free"
        and not job_states.is_foreign(session.state, request)
    ):
        session.find_sensitivity()


def failed(session: "Session", event: Failed) -> None:
    request = job_states.request_of(session.state, event.job)
    if session.budget.is_job(event.job):
        session.budget.answered(None)
        session.notify(Notice("warn", event.sentence, event.hint, subject=notices.BUDGET))
        return
    job_states.end_job(session, event.job)
    session.timing.ended(event.job, request)
    if isinstance(request, OpenModel) and job_states.is_loading(session.state, request):
        session.update(loading="")
        if not event.wants:
            session.remembering.forget_resuming()
        if event.wants and not request.source.trusted:
            session.update(trust=TrustQuestion(request.source, event.sentence, event.wants))
            return
        session.remembering.model_not_opened()
    if event.existing and isinstance(request, Export):  # a dialog that is still open asks
        hint = "Nothing was written: agree to replace it, or choose a name."
        session.notify(Notice("warn", event.sentence, hint, subject=notices.of_request(request)))
        return
    look_for_the_rest(session, request)
    if isinstance(request, OpenData) and session.state.data is None:
        session.update(data_source=None)
    if isinstance(request, WriteSkeleton) and not job_states.is_foreign(session.state, request):
        session.update(skeleton_problem=f"{event.sentence} {event.hint}".strip())
        if not event.details:  # the tab that asked says it, a bug can be reported besides
            return
    if isinstance(request, ReadGraph):  # said in the tab itself, where the graph would be
        if not job_states.is_foreign(session.state, request):
            session.update(graph_failure=(event.sentence, event.hint))
        if not event.details:
            return
    if session.comparing.failed(request, f"{event.sentence} {event.hint}".strip()) and not event.details:
        return
    remedy = "data" if isinstance(request, OpenData) else ""
    subject = notices.of_request(request)
    session.notify(Notice("error", event.sentence, event.hint, remedy, event.details, subject))
    if isinstance(request, Compress):
        session.list_runs()


def _subject_of_lost(event: EngineDied) -> str:
    """The run or the job that was lost and can be asked for again; the engine alone, which comes back by itself."""
    if event.given_up or not event.lost:
        return notices.ENGINE
    runs = [request for request in event.lost if isinstance(request, (Compress, Autopilot))]
    return notices.of_request(runs[0] if runs else event.lost[0])


def engine_died(session: "Session", event: EngineDied) -> None:
    if any(isinstance(request, ReadGraph) for request in event.lost):
        session.update(graph_failure=("The engine ended before the graph was read.", ""))
    if not event.was_working:
        for number in event.jobs:
            job_states.end_job(session, number)
        session.notify(Notice("warn", event.sentence, "Ask again.", subject=_subject_of_lost(event)))
        return
    engine = "Engine: does not start" if event.given_up else "Engine: starting again"
    jobs, questions = (
        tuple(asked for asked in known if asked.job not in event.jobs and asked.request not in event.lost)
        for known in (session.state.jobs, session.state.questions)
    )  # what is left is answered by the other process
    session.update(jobs=jobs, questions=questions, engine=engine, engine_ready=False, loading="")
    session.remembering.model_not_opened()
    session.budget.forget()
    session.explaining.forget()
    session.timing.forget()
    for request in event.lost:
        look_for_the_rest(session, request)
    if session.state.data is None:
        session.update(data_source=None)
    run = next((request.run for request in event.lost if isinstance(request, Compress)), "")
    if run:
        hint, remedy = "The run can go on from its last checkpoint.", f"resume:{run}"
    elif any(isinstance(request, Autopilot) for request in event.lost):
        session.piloting.died()
        hint, remedy = "What autopilot tried is kept, and it can go on from there.", "resume_autopilot"
    else:
        hint, remedy = "Start the job again." if event.lost else "", ""
    session.notify(Notice("error", event.sentence, hint, remedy, subject=_subject_of_lost(event)))
    if not event.given_up:
        session.list_runs()
        coupling.find_couplings(session)
