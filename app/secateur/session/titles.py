"""What each job is called in the jobs panel."""

from secateur.engine.requests import (
    AskFormats,
    Autopilot,
    CheckPlan,
    Compare,
    Compress,
    CountSpectra,
    Export,
    FindCouplings,
    MeasureLatency,
    OpenData,
    OpenModel,
    ReadGraph,
    RecordActivations,
    RehearsePlan,
    Request,
    ScoreSensitivity,
    WriteSkeleton,
)
from secateur.engine.timing import TimeOptions
from secateur.targets import target_named

_SCORING = {"estimate": "Estimating", "measure": "Measuring"}


def title_of(request: Request) -> str:
    """What a job is called in the jobs panel."""
    match request:
        case OpenModel():
            return "Opening the model"
        case CountSpectra():
            return "Counting spectra"
        case OpenData():
            return "Opening the data"
        case MeasureLatency():
            return "Measuring milliseconds"
        case CheckPlan():
            return "Checking the plan"
        case TimeOptions():
            return f"Measuring milliseconds in {target_named(request.target).title}"
        case ScoreSensitivity():
            return f"{_SCORING.get(request.depth, 'Scoring')} sensitivity"
        case RecordActivations():
            return "Recording activations"
        case FindCouplings():
            return "Finding coupled channels"
        case ReadGraph():
            return "Reading the graph"
        case RehearsePlan():
            return "Trying how fast the plan will be"
        case Compress():
            return request.name or "Running the plan"
        case Autopilot():
            return request.name or "Autopilot"
        case Compare():
            return "Comparing two models"
        case Export():
            return f"Exporting {request.path.name}"
        case AskFormats():
            return "Asking the formats"
        case WriteSkeleton():
            return "Preparing the graph"
        case _:
            return "Working"
