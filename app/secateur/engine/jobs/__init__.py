"""The jobs: one function for each request, all with the same shape."""

from secateur.engine.autopilot import Autopilot, FindAutopilot
from secateur.engine.events import Result
from secateur.engine.jobs.autopilot import autopilot, find_autopilot
from secateur.engine.jobs.budgeting import explain, find_front, find_least, solve
from secateur.engine.jobs.checking import check
from secateur.engine.jobs.comparing import compare
from secateur.engine.jobs.compressing import compress
from secateur.engine.jobs.configuring import configure
from secateur.engine.jobs.coupling import find_couplings
from secateur.engine.jobs.evaluating import evaluate
from secateur.engine.jobs.exporting import ask_formats, export
from secateur.engine.jobs.following import follow_sample, read_maps, show_samples
from secateur.engine.jobs.graphing import read_graph
from secateur.engine.jobs.history import change_run, count_run_spectra, list_runs
from secateur.engine.jobs.looking import read_channels, read_filters, read_matrix
from secateur.engine.jobs.opening import count_spectra, open_data, open_model
from secateur.engine.jobs.rehearsing import rehearse
from secateur.engine.jobs.scoring import find_sensitivity, measure_latency, record_activations, score_sensitivity
from secateur.engine.jobs.skeleton import write_skeleton
from secateur.engine.jobs.timing import time_options
from secateur.engine.reporting import Reporter
from secateur.engine.requests import (
    Analysing,
    AskFormats,
    ChangeRun,
    CheckPlan,
    Compare,
    Compress,
    Configure,
    CountRunSpectra,
    CountSpectra,
    Evaluate,
    ExplainPlan,
    Export,
    FindCouplings,
    FindFront,
    FindLeast,
    FindSensitivity,
    FollowSample,
    ListRuns,
    MeasureLatency,
    OpenData,
    Opening,
    OpenModel,
    Planning,
    Proving,
    ReadChannels,
    ReadFilters,
    ReadGraph,
    ReadMaps,
    ReadMatrix,
    RecordActivations,
    RehearsePlan,
    Request,
    Running,
    ScoreSensitivity,
    ShowSamples,
    SolveBudget,
    Viewing,
    WriteSkeleton,
)
from secateur.engine.timing import TimeOptions
from secateur.engine.workshop import Workshop


def perform(request: Request, reporter: Reporter, workshop: Workshop) -> Result:
    """Do what the request asks; raises UserError, Cancelled, or anything else that is a bug."""
    if isinstance(request, Opening):
        return _open(request, reporter, workshop)
    if isinstance(request, Viewing):
        return _view(request, reporter, workshop)
    if isinstance(request, Analysing):
        return _analyse(request, reporter, workshop)
    if isinstance(request, Planning):
        return _plan(request, reporter, workshop)
    if isinstance(request, Running):
        return _run(request, reporter, workshop)
    return _prove(request, reporter, workshop)


def _open(request: Opening, reporter: Reporter, workshop: Workshop) -> Result:
    """Models and data come in, and what everything is computed with."""
    match request:
        case OpenModel():
            return open_model(request, reporter, workshop)
        case OpenData():
            return open_data(request, reporter, workshop)
        case CountSpectra():
            return count_spectra(request, reporter, workshop)
        case Configure():
            return configure(request, workshop)


def _view(request: Viewing, reporter: Reporter, workshop: Workshop) -> Result:
    """What a view shows of weights, graph and samples."""
    match request:
        case ReadGraph():
            return read_graph(request, reporter, workshop)
        case ReadChannels():
            return read_channels(request, reporter, workshop)
        case ReadFilters():
            return read_filters(request, reporter, workshop)
        case ReadMatrix():
            return read_matrix(request, reporter, workshop)
        case FollowSample():
            return follow_sample(request, reporter, workshop)
        case ReadMaps():
            return read_maps(request, reporter, workshop)
        case ShowSamples():
            return show_samples(request, reporter, workshop)


def _analyse(request: Analysing, reporter: Reporter, workshop: Workshop) -> Result:
    """What layers cost, what each option costs of the answers, and which layers lose channels together."""
    match request:
        case MeasureLatency():
            return measure_latency(request, reporter, workshop)
        case TimeOptions():
            return time_options(request, reporter, workshop)
        case RecordActivations():
            return record_activations(request, reporter, workshop)
        case ScoreSensitivity():
            return score_sensitivity(request, reporter, workshop)
        case FindSensitivity():
            return find_sensitivity(request, reporter, workshop)
        case FindCouplings():
            return find_couplings(request, reporter, workshop)


def _plan(request: Planning, reporter: Reporter, workshop: Workshop) -> Result:
    """Plans that keep to limits, and what they are worth."""
    match request:
        case SolveBudget():
            return solve(request)
        case ExplainPlan():
            return explain(request)
        case FindFront():
            return find_front(request, reporter)
        case FindLeast():
            return find_least(request)
        case RehearsePlan():
            return rehearse(request, reporter, workshop)
        case CheckPlan():
            return check(request, reporter, workshop)


def _run(request: Running, reporter: Reporter, workshop: Workshop) -> Result:
    """Plans are carried out; what was run is known."""
    match request:
        case Compress():
            return compress(request, reporter, workshop)
        case Autopilot():
            return autopilot(request, reporter, workshop)
        case FindAutopilot():
            return find_autopilot(request)
        case ListRuns():
            return list_runs(request)
        case ChangeRun():
            return change_run(request)
        case CountRunSpectra():
            return count_run_spectra(request, reporter)


def _prove(request: Proving, reporter: Reporter, workshop: Workshop) -> Result:
    """What a model is worth, beside another one and as a file."""
    match request:
        case Evaluate():
            return evaluate(request, reporter, workshop)
        case Compare():
            return compare(request, reporter, workshop)
        case Export():
            return export(request, reporter, workshop)
        case AskFormats():
            return ask_formats(request, reporter, workshop)
        case WriteSkeleton():
            return write_skeleton(request, reporter, workshop)
