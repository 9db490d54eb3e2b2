"""Which two models stand beside each other: the original, finished runs, or any files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.data.source import DataSource
from secateur.engine.events import Compared, RunRecord
from secateur.engine.requests import Compare
from secateur.model.description import ModelSource
from secateur.session.state import SessionState, Side

if TYPE_CHECKING:
    from secateur.session.session import Session

NO_DATA = DataSource("random")
"""Both get the same numbers: speed and agreement are told, and nothing is scored."""


@dataclass(frozen=True)
class Shown:
    """The two sides that a state shows, and what is known of them.

    `record` is the run where the original stands at the left and a run at the right: its document says it all.
    """

    left: Side
    right: Side
    record: RunRecord | None = None


def shown(state: SessionState) -> Shown | None:
    """The chosen pair; the original and the newest run where nothing was chosen, None where there is neither."""
    left, right = state.left, state.right
    runs = {run.run for run in state.runs}
    if left.run and left.run not in runs:  # it was deleted
        left = Side()
    if right is None or (right.run and right.run not in runs):
        if state.run is None:
            return None
        right = Side(run=state.run.run)
    record = None
    if left.is_original and right.run:
        record = next((run for run in state.runs if run.run == right.run), None)
    return Shown(left, right, record)


def source_of(state: SessionState, side: Side) -> ModelSource | None:
    """How a side is opened: a run by the ONNX file that it shipped, or else its first; None where it has none."""
    if side.source is not None:
        return side.source
    if side.is_original:
        return state.model.source if state.model else None
    record = next((run for run in state.runs if run.run == side.run), None)
    files = record.document.files if record is not None and record.document is not None else ()
    path = next((file.path for file in files if file.format == "onnx"), files[0].path if files else "")
    return ModelSource(path) if path else None


def name_of(state: SessionState, side: Side) -> str:
    """`Original`, the name of a run, or that of a file."""
    if side.source is not None:
        return Path(side.source.label).name
    if side.is_original:
        return "Original"
    return next((run.name for run in state.runs if run.run == side.run), side.run)


class Comparing:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def choose(self, left: Side, right: Side) -> None:
        """Compare these two; a run beside the original needs no job, any other pair is compared in the engine."""
        session = self._session
        self._stop()
        files = [side.source for side in (left, right) if side.source is not None]
        known = tuple(dict.fromkeys((*session.state.compared_files, *files)))
        session.update(left=left, right=right, comparison=None, comparison_failure="", compared_files=known)
        if left.is_original and right.run:
            session.show_run(right.run)
            return
        request = self._request()
        if request is None:
            session.update(comparison_failure="One of the two has no file that could be opened.")
        else:
            session.submit(request)

    def show_run(self, run: str) -> None:
        """A run beside the original, as a click on it wants."""
        self._stop()
        self._session.update(left=Side(), right=None, comparison=None, comparison_failure="")
        self._session.show_run(run)

    def again(self) -> None:
        """Compare the chosen pair once more, as after a failure or on other data."""
        pair = shown(self._session.state)
        if pair is not None:
            self.choose(pair.left, pair.right)

    def compared(self, result: Compared, request: object) -> None:
        """The engine's answer, where it is still of the chosen pair."""
        if request == self._request():
            self._session.update(comparison=result)

    def failed(self, request: object, sentence: str) -> bool:
        """Whether it was this pair that could not be compared: the tab says it where the figures would be."""
        if not isinstance(request, Compare) or request != self._request():
            return False
        self._session.update(comparison_failure=sentence)
        return True

    def _request(self) -> Compare | None:
        state = self._session.state
        pair = shown(state)
        if pair is None or pair.record is not None:
            return None
        a, b = source_of(state, pair.left), source_of(state, pair.right)
        return None if a is None or b is None else Compare(a, b, state.data_source or NO_DATA, spectra=True)

    def _stop(self) -> None:
        for job in self._session.state.jobs:
            if isinstance(job.request, Compare):
                self._session.engine.cancel(job.job)


def is_comparing(state: SessionState) -> bool:
    """Whether the engine is at it, or will be."""
    return any(isinstance(job.request, Compare) for job in state.jobs)


def with_other(pair: Shown | None, side: str, chosen: Side) -> tuple[Side, Side]:
    """(left, right) with `chosen` at the `side` left or right; what stands there twice makes room for the original."""
    left, right = (pair.left, pair.right) if pair is not None else (Side(), Side())
    changed = (chosen, right) if side == "left" else (left, chosen)
    if changed[0] == changed[1]:
        return (chosen, left) if side == "left" else (right, chosen)
    return changed
