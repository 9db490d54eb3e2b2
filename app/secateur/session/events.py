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
    LeastFound,
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
    Compress,
    OpenData,
    OpenModel,
    ReadGraph,
    RehearsePlan,
    Request,
)
from secateur.engine.timing import OptionsTimed
from secateur.model.description import ModelDescription
from secateur.session import coupling, failures, job_states, notices, reasons, tables
from secateur.session.state import Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session

LOG_LINES = 400
PROGRESS = ("done", "total", "text", "eta_s", "eta_is_least", "share")


def fold(session: "Session", event: Event) -> None:
    """Take one event in."""
    if any(part.receive(event) for part in (session.looking, session.following, session.explaining)):
        return
    session.piloting.hear(event)
    session.checking.hear(event)
    state = session.state
    match event:
        case EngineReady():
            words = engine_words(event.device, event.threads)
            session.update(engine=words, engine_ready=True, devices=event.devices)
            session.answered(notices.ENGINE)
        case EngineDied():
            failures.engine_died(session, event)
        case Started():
            job_states.started(session, event)
        case Progress():
            progress = {name: getattr(event, name) for name in PROGRESS}
            job_states.change_job(session, event.job, **progress)
        case Log():
            lines = next((job.log for job in state.jobs if job.job == event.job), ())
            job_states.change_job(session, event.job, log=(*lines, event.text)[-LOG_LINES:])
        case Partial():
            if not job_states.is_foreign(state, job_states.request_of(state, event.job)):
                _live(session, event)
        case Finished():
            request = job_states.request_of(state, event.job)
            job_states.end_job(session, event.job)
            session.answered(notices.of_request(request))
            if not job_states.is_foreign(state, request):
                _result(session, event.result, request)
        case Failed():
            failures.failed(session, event)
        case Stopped():
            request = job_states.request_of(state, event.job)
            job_states.end_job(session, event.job)
            session.timing.ended(event.job, request)
            if isinstance(request, OpenModel) and job_states.is_loading(state, request):
                session.update(loading="")
                session.remembering.model_not_opened()
            if isinstance(request, ReadGraph) and not job_states.is_foreign(state, request):
                session.update(graph_failure=("Reading the graph was stopped.", ""))
            failures.look_for_the_rest(session, request)
            if isinstance(request, Compress):
                session.list_runs()


def engine_words(device: str, threads: int) -> str:
    return f"Engine: {device}, {threads} thread{'s' if threads != 1 else ''}"


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
        case SpectraCounted() | SensitivityScored() | SensitivityFound():
            _scored(session, result, request)
        case PlanRehearsed(warnings=warnings):
            if isinstance(request, RehearsePlan):
                session.timing.tried(request, result)
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
        case (
            PlanExplained()
            | FrontFound()
            | LeastFound()
            | Evaluated()
            | LatencyMeasured()
            | RunSpectraCounted()
            | FormatsAnswered()
        ):
            return


def _scored(
    session: "Session", result: SpectraCounted | SensitivityScored | SensitivityFound, request: Request | None
) -> None:
    """Tables that were made or found; those of samples come with the plans that were measured on them."""
    match result:
        case SpectraCounted(table):
            tables.take(session, table)
        case SensitivityScored(table, plans):
            tables.take(session, table)
            session.checking.found(plans, request)
        case SensitivityFound(table, estimate, plans):
            tables.sensitivity_found(session, table, estimate)
            session.checking.found(plans, request)


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
        free = {key: state.tables[key] for key in ("free",) if key in state.tables}
        session.update(tables=free, activations=None, checked=())
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
