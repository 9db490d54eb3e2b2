"""A session's state that notes which of its parts are read, and views that are given one: in every test of a window.

What a view reads, when it is shown or later when a person does something, it must name in `shows`: else it would go
on showing what is gone.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cached_property, partial
from typing import Any

import pytest

from secateur.session.state import SessionState
from secateur.ui.graph.tab import GraphTab
from secateur.ui.netron.tab import NetronTab
from secateur.ui.panels.activations import ActivationsTab
from secateur.ui.panels.autopilot import AutopilotPanel
from secateur.ui.panels.compare import CompareTab
from secateur.ui.panels.distil import DistilTab
from secateur.ui.panels.jobs import JobsPanel
from secateur.ui.panels.layers import LayersPanel
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.panels.plan_bar import PlanBar
from secateur.ui.panels.sensitivity import SensitivityTab
from secateur.ui.panels.weights import WeightsTab

VIEWS = (
    *(LayersPanel, PlanPanel, PlanBar, AutopilotPanel, JobsPanel),
    *(WeightsTab, ActivationsTab, SensitivityTab, CompareTab, DistilTab, GraphTab, NetronTab),
)
PARTS = frozenset(entry.name for entry in fields(SessionState))


class WatchedState:
    """Stands for a state; `note` hears the name of every part that is read, by properties and methods too."""

    def __init__(self, state: SessionState, note: Callable[[str], None]) -> None:
        self._of, self._note = state, note

    def __getattr__(self, name: str) -> Any:
        if name in PARTS:
            self._note(name)
            return getattr(self._of, name)
        member = getattr(SessionState, name)
        if isinstance(member, cached_property):
            return member.func(self)
        return member.fget(self) if isinstance(member, property) else partial(member, self)


def watch_views(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """From now on every view is given watched states; the set fills with `view reads part` where it does not say so."""
    unsaid: set[str] = set()
    for view in VIEWS:
        monkeypatch.setattr(view, "show_state", _watching(view, view.show_state, unsaid))
    return unsaid


def _watching(view: type, show_state: Callable[..., None], unsaid: set[str]) -> Callable[..., None]:
    def note(part: str) -> None:
        if part not in view.shows:
            unsaid.add(f"{view.__name__} reads {part}")

    def shown(self: Any, state: Any, *rest: Any, **named: Any) -> None:
        show_state(self, state if isinstance(state, WatchedState) else WatchedState(state, note), *rest, **named)

    return shown
