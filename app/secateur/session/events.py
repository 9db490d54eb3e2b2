"""How each event of the engine changes the state. One `match`, one small function per result."""

from dataclasses import replace
from typing import TYPE_CHECKING

from secateur.engine.events import (
    ActivationsRecorded,
    BudgetUnmet,
    Compared,
    Configured,
    CouplingsFound,
    CurvePoint,
    DataOpened,
    EngineDied,
    EngineReady,
    Evaluated,
    Event,
    Exported,
    Failed,
    Finished,
    FormatsAnswered,
    FrontFound,
    GraphRead,
    LatencyMeasured,
    Log,
    ModelOpened,
    Partial,
    PlanExplained,
    PlanRehearsed,
    PlanSolved,
    Progress,
    Result,
    RowsMeasured,
    RunFinished,
    RunRecord,
    RunsListed,
    RunSpectraCounted,
    SensitivityFound,
    SensitivityScored,
    SkeletonWritten,
    SoftAnswers,
    SpectraCounted,
    SpectraReady,
    Started,
    Stopped,
)
from secateur.engine.requests import (
    QUESTIONS,
    QUICK,
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
from secateur.engine.timing import OptionsTimed
from secateur.model.description import ModelDescription, ModelSource
from secateur.session import coupling, notices, reasons, tables
from secateur.session.state import JobState, Notice, SessionState, TrustQuestion
from secateur.session.titles import title_of

if TYPE_CHECKING:
    from secateur.session.session import Session

LOG_LINES = 400
PROGRESS = ("done", "total", "text", "eta_s", "eta_is_least", "share")


def fold(session: "Session", event: Event) -> None:
    """Take one event in."""
    if any(part.receive(event) for part in (session.looking, session.following, session.explaining)):
        return
    session.piloting.hear(event)
    state = session.state
    match event:
        case EngineReady():
            words = engine_words(event.device, event.threads)
            session.update(engine=words, engine_ready=True, devices=event.devices)
            session.answered(notices.ENGINE)
        case EngineDied():
            _engine_died(session, event)
        case Started():
            _started(session, event)
        case Progress():
            progress = {name: getattr(event, name) for name in PROGRESS}
            _change_job(session, event.job, **progress)
        case Log():
            lines = next((job.log for job in state.jobs if job.job == event.job), ())
            _change_job(session, event.job, log=(*lines, event.text)[-LOG_LINES:])
        case Partial():
            if not _is_foreign(state, _request_of(state, event.job)):
                _live(session, event)
        case Finished():
            request = _request_of(state, event.job)
            _end_job(session, event.job)
            session.answered(notices.of_request(request))
            if not _is_foreign(state, request):
                _result(session, event.result, request)
        case Failed():
            _failed(session, event)
        case Stopped():
            request = _request_of(state, event.job)
            _end_job(session, event.job)
            session.timing.ended(event.job, request)
            if isinstance(request, OpenModel) and _is_loading(state, request):
                session.update(loading="")
                session.remembering.model_not_opened()
            if isinstance(request, ReadGraph) and not _is_foreign(state, request):
                session.update(graph_failure=("Reading the graph was stopped.", ""))
            _look_for_the_rest(session, request)
            if isinstance(request, Compress):
                session.list_runs()


def engine_words(device: str, threads: int) -> str:
    return f"Engine: {device}, {threads} thread{'s' if threads != 1 else ''}"


def _started(session: "Session", event: Started) -> None:
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


def _request_of(state: SessionState, job: int) -> Request | None:
    return next((known.request for known in (*state.jobs, *state.questions) if known.job == job), None)


def _is_loading(state: SessionState, request: OpenModel) -> bool:
    """Whether it is this model that is awaited, and not one that was wanted after it."""
    return state.loading in ("", request.source.label)


def _is_foreign(state: SessionState, request: Request | None) -> bool:
    """Whether this was asked of a model that is not open any more: layers of two models may share their names."""
    asked = getattr(request, "model", None)
    return state.model is not None and isinstance(asked, ModelSource) and asked != state.model.source


def _look_for_the_rest(session: "Session", request: Request | None) -> None:
    """A measurement ended before its end: what it kept is a part of a table, from which it can go on."""
    if isinstance(request, ScoreSensitivity) and request.depth != "free" and not _is_foreign(session.state, request):
        session.find_sensitivity()


def _change_job(session: "Session", number: int, **changes: object) -> None:
    for name in ("jobs", "questions"):
        known: tuple[JobState, ...] = getattr(session.state, name)
        if any(j.job == number for j in known):
            changed = tuple(replace(j, **changes) if j.job == number else j for j in known)  # type: ignore[arg-type]
            session.update(**{name: changed})


def _end_job(session: "Session", number: int) -> None:
    session.stopped(number)
    state = session.state
    session.update(
        jobs=tuple(job for job in state.jobs if job.job != number),
        questions=tuple(asked for asked in state.questions if asked.job != number),
    )


def _live(session: "Session", event: Partial) -> None:
    state = session.state
    match event.value:
        case SpectraReady(spectra, values):
            session.update(
                spectra={**state.spectra, **spectra} if spectra else state.spectra,
                singular_values={**state.singular_values, **values} if values else state.singular_values,
            )
        case RowsMeasured() as measured:
            tables.rows_measured(session, measured)
        case CurvePoint() as point:
            earlier = state.curve if not state.curve or point.follows(state.curve[-1]) else ()
            session.update(curve=(*earlier, point))
        case SoftAnswers() as answers:
            session.update(answers=answers)


def _result(session: "Session", result: Result, request: Request | None) -> None:
    state = session.state
    match result:
        case Configured():
            session.update(engine=engine_words(result.device, result.threads))
        case ModelOpened(model):
            _model_opened(session, model)
        case OptionsTimed():
            session.timing.answered(result, request)
        case SpectraCounted(table) | SensitivityScored(table):
            tables.take(session, table)
        case PlanRehearsed(warnings=warnings):
            for warning in warnings[:1]:
                session.notify(
                    Notice("warn", warning, "Stop the run where that is not what you want.", subject=notices.REHEARSED)
                )
        case PlanSolved() | BudgetUnmet():
            session.budget.answered(result)
        case DataOpened():
            _data_opened(session, result, request)
        case LatencyMeasured() if state.model is not None:
            layers = tuple(replace(layer, latency_ms=result.layers.get(layer.name)) for layer in state.model.layers)
            session.update(model=replace(state.model, layers=layers))
        case SensitivityFound(table, estimate):
            tables.sensitivity_found(session, table, estimate)
        case ActivationsRecorded():
            session.update(activations=result)
        case CouplingsFound(found):
            coupling.couplings_found(session, found)
        case GraphRead(graph):
            session.update(graph=graph)
        case RunFinished(record):
            others = tuple(run for run in state.runs if run.run != record.run)
            session.update(runs=(record, *others))
            session.comparing.show_run(record.run)
            session.answered(notices.of_run(record.run), notices.REHEARSED, notices.HEADLINE)
            if record.document and record.document.headline and state.view.tab != "compare":  # which says it itself
                session.notify(Notice("warn", record.document.headline, "", "compare", subject=notices.HEADLINE))
        case Exported(file):
            kinds = {"proven": "info", "differs": "warn", "broken": "error"}
            session.notify(Notice(kinds[file.verdict], file.sentence, subject=notices.of_request(request)))
        case RunsListed(runs):
            session.history.listed(result, request)
            _runs_listed(session, runs)
        case SkeletonWritten(path):
            session.update(skeleton=path)
        case RunSpectraCounted(run, spectra) if state.run is not None and state.run.run == run:
            session.update(run_spectra=spectra)
        case Compared():
            session.comparing.compared(result, request)
        case PlanExplained() | FrontFound() | Evaluated() | LatencyMeasured() | RunSpectraCounted() | FormatsAnswered():
            return


def _runs_listed(session: "Session", runs: tuple[RunRecord, ...]) -> None:
    session.answered(*(notices.of_run(run.run) for run in runs if run.state in ("running", "finished")))
    if session.state.model is None:
        session.remembering.offer(runs)
    elif session.state.run is not None and not session.state.shown_run:
        session.show_run(session.state.run.run)


def _model_opened(session: "Session", model: ModelDescription) -> None:
    session.remembering.keep()
    session.plans.forget()
    session.explaining.forget()
    session.timing.forget()
    before = session.state
    session.state = SessionState(
        model=model,
        engine=before.engine,
        engine_ready=before.engine_ready,
        devices=before.devices,
        target=before.target,
        measured_on=before.measured_on,
        settings=before.settings,
        jobs=before.jobs,
        questions=before.questions,
    )
    said = tuple(Notice("info", note) for note in model.notes[:2])
    if model.blocked:
        said = (Notice("warn", model.blocked, "It can be inspected, and not run, compressed or exported."), *said)
    elif not model.trainable:
        said = (_why_no_network(session.state, model), *said)
    session.update(notices=said)
    session.list_runs()
    session.count_spectra()
    session.remembering.model_opened(before)
    coupling.find_couplings(session)
    session.measure_latency()


def _why_no_network(state: SessionState, model: ModelDescription) -> Notice:
    """Why a model is no torch network, with what can be done all the same, and what would make it one."""
    can = "run and re-weighted as a file" if model.runnable else "pruned and stored in few bits as weights"
    remedy = "" if model.runnable else "install" if reasons.install_for(state) else "open_code"
    return Notice("info", model.reason, f"It can be inspected, {can}.", remedy)


def _data_opened(session: "Session", result: DataOpened, request: Request | None) -> None:
    state = session.state
    source = request.data if isinstance(request, OpenData) else state.data_source
    if state.data is not None and source != state.data_source:  # measured on other samples
        session.update(tables={key: state.tables[key] for key in ("free",) if key in state.tables}, activations=None)
    session.update(data=result.data, data_source=source, previews=result.previews, baseline=result.baseline)
    if result.model is not None:  # the data's shape took the place of a guessed one
        session.update(model=result.model, graph=None)
        session.timing.forget()
        coupling.find_couplings(session)
        session.measure_latency()
        if state.graph is not None:
            session.read_graph()
    if result.data.warning:
        session.notify(
            Notice(
                "warn", result.data.warning, "Look at the preview and the preprocessing.", "data", subject=notices.DATA
            )
        )
    session.remembering.data_opened()
    session.piloting.find()
    session.find_sensitivity()
    if state.comparison is not None or state.comparison_failure:  # of other samples
        session.comparing.again()


def _failed(session: "Session", event: Failed) -> None:
    request = _request_of(session.state, event.job)
    if session.budget.is_job(event.job):
        session.budget.answered(None)
        session.notify(Notice("warn", event.sentence, event.hint, subject=notices.BUDGET))
        return
    _end_job(session, event.job)
    session.timing.ended(event.job, request)
    if isinstance(request, OpenModel) and _is_loading(session.state, request):
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
    _look_for_the_rest(session, request)
    if isinstance(request, OpenData) and session.state.data is None:
        session.update(data_source=None)
    if isinstance(request, WriteSkeleton) and not _is_foreign(session.state, request):
        session.update(skeleton_problem=f"{event.sentence} {event.hint}".strip())
        if not event.details:  # the tab that asked says it, a bug can be reported besides
            return
    if isinstance(request, ReadGraph):  # said in the tab itself, where the graph would be
        if not _is_foreign(session.state, request):
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


def _engine_died(session: "Session", event: EngineDied) -> None:
    if any(isinstance(request, ReadGraph) for request in event.lost):
        session.update(graph_failure=("The engine ended before the graph was read.", ""))
    if not event.was_working:
        for number in event.jobs:
            _end_job(session, number)
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
        _look_for_the_rest(session, request)
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
