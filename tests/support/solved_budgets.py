"""The real solver behind an engine that only records: it answers the newest wish there and then. No Qt, no torch."""

from recording_engine import RecordingEngine

from secateur.engine.events import Finished
from secateur.engine.jobs.budgeting import find_least, solve
from secateur.engine.requests import FindLeast, SolveBudget
from secateur.engine.solving import BudgetUnmet, PlanSolved


def newest_solution(engine: RecordingEngine) -> Finished:
    """What the engine's process would say to the newest wish."""
    return Finished(engine.job_of(SolveBudget), solved(engine))


def solved(engine: RecordingEngine) -> PlanSolved | BudgetUnmet:
    """The solver's answer to the newest wish."""
    return solve(engine.asked(SolveBudget)[-1])


def newest_reach(engine: RecordingEngine) -> Finished:
    """What it would say of how far budgets reach."""
    return Finished(engine.job_of(FindLeast), find_least(engine.asked(FindLeast)[-1]))
