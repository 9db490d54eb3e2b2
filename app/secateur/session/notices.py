"""Which notices stand: each has a subject, and whatever answers the subject takes the notice away."""

from collections.abc import Sequence
from typing import Final

from secateur.engine.requests import Autopilot, Compress, Export, OpenData, Request
from secateur.session.reasons import why_not
from secateur.session.state import Notice, SessionState

MOST_KEPT: Final = 20
"""So many can be asked for; the oldest go first."""

DATA, BUDGET, RECIPE, HEADLINE, REHEARSED, ENGINE = "data", "budget", "recipe", "headline", "rehearsed", "engine"
PILOT, PILOTED = "pilot", "piloted"
"""What went wrong with autopilot, and what it came to."""
CHECKED: Final = "checked"
"""What the check of a plan found."""
KEPT: Final = "kept"
"""Layers whose choice is kept."""
REFUSED: Final = "refused:"
"""Before the name of an action: it stands until that can be done."""
REFUSAL: Final = "refusal"
"""What could not be done as the window stood, such as with nothing selected: until something else is done."""

_SEVERITY: Final = {"error": 0, "warn": 1}


def of_run(run: str) -> str:
    """The subject of what a run waits for."""
    return f"run:{run}"


def of_request(request: Request | None) -> str:
    """The subject of what went wrong with a request: it is answered by the same one that goes well."""
    match request:
        case Compress(run=run):
            return of_run(run)
        case Autopilot():
            return PILOT
        case OpenData():
            return DATA
        case Export(path=path):
            return f"export:{path}"
        case None:
            return ""
        case _:
            return f"job:{type(request).__name__}"


def with_notice(notices: Sequence[Notice], notice: Notice) -> tuple[Notice, ...]:
    """`notices` and a new one; what said the same, or spoke of the same subject, goes."""
    others = [
        known
        for known in notices
        if known.sentence != notice.sentence and not (notice.subject and known.subject == notice.subject)
    ]
    return (*others, notice)[-MOST_KEPT:]


def without(notices: tuple[Notice, ...], *subjects: str) -> tuple[Notice, ...]:
    """`notices` but for those of these subjects; the very same where there are none."""
    kept = tuple(notice for notice in notices if not notice.subject or notice.subject not in subjects)
    return notices if len(kept) == len(notices) else kept


def still_open(state: SessionState) -> tuple[Notice, ...]:
    """The notices of `state` but for refusals of what can be done by now."""
    possible = [
        notice.subject
        for notice in state.notices
        if notice.subject.startswith(REFUSED) and not why_not(state, notice.subject.removeprefix(REFUSED))
    ]
    return without(state.notices, *possible) if possible else state.notices


def in_order(notices: Sequence[Notice]) -> list[int]:
    """Their places, errors before warnings before information, and the newest of a kind first."""
    return sorted(range(len(notices)), key=lambda place: (_SEVERITY.get(notices[place].kind, 2), -place))
