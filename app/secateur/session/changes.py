"""What is new in a state, by name: whoever shows it repaints for that and for nothing else."""

from collections.abc import Callable
from dataclasses import fields
from typing import Final

from secateur.session.state import SessionState

EVERYTHING: Final = frozenset(entry.name for entry in fields(SessionState))
PROGRESS: Final = "progress"
"""The same jobs and questions as before, farther on: twenty times a second, so it has a name of its own."""

Changed = Callable[[SessionState, frozenset[str]], None]
"""Hears the newest state and which of its parts are new."""

_WITH_PROGRESS: Final = ("jobs", "questions")


def changed_parts(before: SessionState, after: SessionState) -> frozenset[str]:
    """The names of the fields that hold another object; `PROGRESS` in place of jobs that are the same jobs."""
    changed = {name for name in EVERYTHING if getattr(before, name) is not getattr(after, name)}
    for name in _WITH_PROGRESS:
        if name in changed and [j.job for j in getattr(before, name)] == [j.job for j in getattr(after, name)]:
            changed.remove(name)
            changed.add(PROGRESS)
    return frozenset(changed)
