"""Why an action is unavailable and what would make it available: one sentence each, one place."""

from secateur.engine.protection import kept_files
from secateur.engine.requests import Autopilot, CheckPlan, Compress, Export, RecordActivations, ScoreSensitivity
from secateur.files import Guard
from secateur.formats import FORMATS
from secateur.installing import install_command
from secateur.session.piloted import goal_of
from secateur.session.state import JobState, SessionState

PILOT = ("autopilot", "start_autopilot", "resume_autopilot")
NEEDS_MODEL = frozenset(
    {
        "compare",
        "data",
        "analyse",
        "measure",
        "run",
        "export",
        "budget",
        "reset",
        "filter",
        "record",
        "recipe",
        "load_recipe",
        "check",
        *PILOT,
    }
)
NEEDS_NETWORK = frozenset({"data", "measure", "record", "check", *PILOT})
NEEDS_RUNNING = frozenset({"data", "measure", "record", "run", "export", "check", *PILOT})
NEEDS_DATA = frozenset({"measure", "run", "record", "check", *PILOT})


def why_not(state: SessionState, action: str) -> str:
    """The sentence for this action in this state; empty where the action can be done."""
    if action == "data" and state.loading:
        return ""  # it waits for that model
    if action in NEEDS_MODEL and state.model is None:
        return "Open a model first."
    if action in NEEDS_RUNNING and state.model is not None and state.model.blocked:
        return f"{state.model.name} can be inspected alone. {state.model.blocked}"
    if action in NEEDS_NETWORK and state.model is not None and not state.model.runnable:
        return f"It needs a network, and {state.model.name} is weights alone: {state.model.reason}"
    if action in NEEDS_DATA and not _runs_without(state, action) and state.data_source is None:
        return "Choose data first: measuring and running need samples."
    match action:
        case "undo":
            return "" if state.can_undo else "Nothing to undo: the plan has not been changed."
        case "redo":
            return "" if state.can_redo else "Nothing to redo."
        case "run":
            return _why_not_run(state)
        case "budget":
            return "" if state.table else "Wait for the sensitivity table: the budget is solved from it."
        case "free":
            return "" if state.kept else "No choice is kept: the budget chooses for every layer."
        case "nearest":
            return "" if state.unmet and state.unmet.nearest else "The budget that was asked for last can be met."
        case "reset":
            return "" if state.recipe.steps else "The plan is empty already."
        case "measure" | "record":
            if state.model is not None and not state.model.trainable:
                return f"Measuring needs a torch network. {state.model.reason}"
            return ""
        case "check":
            return _why_not_checked(state)
        case "autopilot":
            return _why_no_autopilot(state)
        case "start_autopilot":
            return _why_no_autopilot(state) or _why_busy(state)
        case "resume_autopilot":
            return _why_no_autopilot(state) or _why_busy(state) or _why_not_go_on(state)
        case "recipe":
            return "" if state.recipe.steps else "The plan is empty: choose a method for a layer first."
        case "install":
            return "" if install_for(state) else "Nothing that the open model needs is missing."
        case "bring_back":
            return "" if state.deleted else "No run was deleted within the last day."
        case "use_data":
            return "" if state.proposed else "No data of another model is at hand."
        case "stop":
            return "" if state.jobs else "No job is running."
        case _:
            return ""


def _why_not_run(state: SessionState) -> str:
    if not state.recipe.steps:
        return "The plan is empty: choose a method for a layer, or move the budget."
    if any(isinstance(job.request, Compress) for job in state.jobs):
        return "A run is going on: wait for it or stop it."
    if state.data is None and not _runs_without(state, "run"):
        return "Wait until the data is open."
    return ""


def _why_not_checked(state: SessionState) -> str:
    methods = [step.method for step in state.recipe.final]
    if state.model is not None and not state.model.trainable:
        return f"Measuring needs a torch network. {state.model.reason}"
    if not methods:
        return "The plan is empty: choose a method for a layer, or move the budget."
    if any(isinstance(job.request, CheckPlan) for job in state.jobs):
        return "The plan is being checked: wait for it or stop it."
    if any(method.training_epochs or method.scope == "model" for method in methods):
        return "The plan trains the network, which a check leaves out: run it to see what comes of it."
    if any(method.changes_widths for method in methods):
        return "The plan takes channels away, which a check does not measure yet: run it to see what comes of it."
    if state.on_samples is None:
        return "Analyse first (Ctrl+M): a check compares the plan with what its layers do one by one."
    return ""


def _why_no_autopilot(state: SessionState) -> str:
    if state.model is not None and not state.model.trainable:
        return f"Autopilot needs a torch network. {state.model.reason}"
    if state.baseline is None:
        return "Wait until the data is open: autopilot keeps to what the original scores on it."
    if state.baseline.metric is None:
        return "Open data with targets: without a metric nothing tells what a plan loses."
    return ""


def _why_busy(state: SessionState) -> str:
    is_on = any(isinstance(job.request, Autopilot) for job in state.jobs)
    return "Autopilot is going on: stop it first." if is_on else ""


def _why_not_go_on(state: SessionState) -> str:
    """Why the search that is told of cannot go on: there is none, another window is at it, or nothing is left."""
    document = state.pilot.document
    if document is None:
        return "Autopilot was not begun with this model and this data."
    if document.state == "running":
        return "Another window is at it: wait until it has ended there."
    if document.state == "ended" and goal_of(document) == state.pilot.goal_on(state.baseline):
        return "No plan is left that promises more: let more be lost, or change a limit, to go on."
    return ""


def _runs_without(state: SessionState, action: str) -> bool:
    """Whether a plan is carried out without data: weights alone cannot be tried on any."""
    return action == "run" and state.model is not None and not state.model.runnable


def install_for(state: SessionState) -> str:
    """The command that installs what would make a network of the open weights; empty where nothing is missing."""
    if state.model is None or state.model.runnable:
        return ""
    kind = next((known for known in FORMATS if known.id == state.model.format), None)
    return install_command(kind.extra) if kind is not None and kind.extra and kind.missing() else ""


def lost_on_closing(state: SessionState) -> tuple[str, ...]:
    """What becomes of each job that is going on when the window is closed, a sentence each; quick ones do not count."""
    return tuple(said for job in state.jobs if (said := _on_closing(job, is_running=job is state.running)))


def _on_closing(job: JobState, *, is_running: bool) -> str:
    match job.request:
        case Compress() if not is_running:
            return f"The run {job.title} waits for its turn: it has not begun, and has to be started again."
        case Compress(recipe=recipe) if any(step.method.scope == "model" for step in recipe.final):
            return f"The run {job.title} is going on. Its checkpoint is kept, and it can be resumed next time."
        case Compress():
            return (
                f"The run {job.title} is going on. It can be resumed next time; its steps are short, and begin again."
            )
        case Autopilot() if is_running:
            return "Autopilot is going on. What it tried is kept, and it goes on from there next time."
        case ScoreSensitivity(depth="estimate" | "measure"):
            return "Sensitivity is being measured. What was measured is kept, and it goes on from there next time."
        case CheckPlan():
            return "The plan is being checked. What was measured is kept, and checking it again goes on from there."
        case RecordActivations():
            return "Activations are being recorded. They are lost, and have to be recorded again."
        case Export(path=path):
            return f"{path.name} is being written. It is not there before it is proven, and has to be exported again."
        case _:
            return ""


def guard_of(state: SessionState) -> Guard:
    """What nothing is written over: the open model with its data and plan, and what its runs left."""
    if state.model is None:
        return Guard()
    return Guard(kept_files(state.model.source, state.model.files, state.data_source, state.recipe, state.runs))
