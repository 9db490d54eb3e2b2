"""The jobs: one function for each request, all with the same shape."""

from secateur.engine.autopilot import Autopilot, FindAutopilot
from secateur.engine.events import Result
from secateur.engine.jobs.autopilot import autopilot, find_autopilot
from secateur.engine.jobs.budgeting import explain, find_front, solve
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
    FindSensitivity,
    FollowSample,
    ListRuns,
    MeasureLatency,
    OpenData,
    OpenModel,
    ReadChannels,
    ReadFilters,
    ReadGraph,
    ReadMaps,
    ReadMatrix,
    RecordActivations,
    RehearsePlan,
    Request,
    ScoreSensitivity,
    ShowSamples,
    SolveBudget,
    WriteSkeleton,
)
from secateur.engine.timing import TimeOptions
from secateur.engine.workshop import Workshop


def perform(request: Request, reporter: Reporter, workshop: Workshop) -> Result:
    """Do what the request asks; raises UserError, Cancelled, or anything else that is a bug."""
    match request:
        case OpenModel():
            return open_model(request, reporter, workshop)
        case CountSpectra():
            return count_spectra(request, reporter, workshop)
        case OpenData():
            return open_data(request, reporter, workshop)
        case Autopilot():
            return autopilot(request, reporter, workshop)
        case FindAutopilot():
            return find_autopilot(request)
        case CheckPlan():
            return check(request, reporter, workshop)
        case TimeOptions():
            return time_options(request, reporter, workshop)
        case MeasureLatency():
            return measure_latency(request, reporter, workshop)
        case ScoreSensitivity():
            return score_sensitivity(request, reporter, workshop)
        case FindSensitivity():
            return find_sensitivity(request, reporter, workshop)
        case ReadGraph():
            return read_graph(request, reporter, workshop)
        case FindCouplings():
            return find_couplings(request, reporter, workshop)
        case Evaluate():
            return evaluate(request, reporter, workshop)
        case RecordActivations():
            return record_activations(request, reporter, workshop)
        case Compress():
            return compress(request, reporter, workshop)
        case Configure():
            return configure(request, workshop)
        case Compare():
            return compare(request, reporter, workshop)
        case Export():
            return export(request, reporter, workshop)
        case AskFormats():
            return ask_formats(request, reporter, workshop)
        case ListRuns():
            return list_runs(request)
        case ChangeRun():
            return change_run(request)
        case CountRunSpectra():
            return count_run_spectra(request, reporter)
        case WriteSkeleton():
            return write_skeleton(request, reporter, workshop)
        case RehearsePlan():
            return rehearse(request, reporter, workshop)
        case FollowSample():
            return follow_sample(request, reporter, workshop)
        case ReadMaps():
            return read_maps(request, reporter, workshop)
        case ShowSamples():
            return show_samples(request, reporter, workshop)
        case SolveBudget():
            return solve(request)
        case ExplainPlan():
            return explain(request)
        case FindFront():
            return find_front(request, reporter)
        case ReadChannels():
            return read_channels(request, reporter, workshop)
        case ReadFilters():
            return read_filters(request, reporter, workshop)
        case ReadMatrix():
            return read_matrix(request, reporter, workshop)
