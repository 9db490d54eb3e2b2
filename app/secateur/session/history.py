"""What a person does with the runs of the open model: go on with one, take its plan, name it, throw it away."""

import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from secateur.engine.events import RunRecord, RunsListed
from secateur.engine.requests import ChangeRun, Compress
from secateur.recipe.reading import parse_recipe
from secateur.session import notices
from secateur.session.state import Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session


def new_run() -> str:
    """A name that no run has: when it is begun, and a few letters."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"


BRING_BACK = "bring_back"
"""The remedy of the notice that tells of a deleted run."""


@dataclass
class History:
    """A part of the session."""

    session: "Session"

    def find(self, run: str) -> RunRecord | None:
        return next((record for record in self.session.state.runs if record.run == run), None)

    # ------------------------------------------------------------------ going on, going back

    def resume(self, run: str) -> None:
        """Go on with a stopped or broken run from its last checkpoint; what it needs is opened where it is not."""
        session, record = self.session, self.find(run)
        if record is None:
            session.notify(
                Notice("warn", "That run is not in the history any more.", "Open its model and run it anew.")
            )
            return
        if record.run in running_runs(session.state):
            return
        session.answered(notices.of_run(run))
        session.remembering.resume(record)

    def restore(self, run: str) -> None:
        """Make the plan of an earlier run the plan again (undoable)."""
        record = self.find(run)
        if record is not None:
            self.session.load_recipe(parse_recipe(yaml.safe_load(record.recipe_yaml)))

    # ------------------------------------------------------------------ names, tags, the trash

    def rename(self, run: str, name: str) -> None:
        """Give a run another name; an empty one changes nothing."""
        record, name = self.find(run), " ".join(name.split())
        if record is not None and name and name != record.name:
            self._change(ChangeRun(run, name=name))

    def tag(self, run: str, words: str) -> None:
        """Give a run these tags, written with commas between them."""
        tags = tuple(dict.fromkeys(" ".join(word.split()) for word in words.split(",") if word.strip()))
        record = self.find(run)
        if record is not None and tags != record.tags:
            self._change(ChangeRun(run, tags=tags))

    def annotate(self, run: str, notes: str) -> None:
        """Write about a run whatever a person wants to remember of it."""
        record, notes = self.find(run), notes.strip()
        if record is not None and notes != record.notes:
            self._change(ChangeRun(run, notes=notes))

    def delete(self, run: str) -> None:
        """Put a run into the trash, and say how it comes back; not one that goes on, or whose file is open."""
        record, model = self.find(run), self.session.state.model
        if record is None:
            return
        if record.state == "running":
            self.session.notify(Notice("warn", f"The run {record.name} is going on.", "Stop it, then delete it."))
            return
        if model is not None and model.source.path and Path(model.source.path).is_relative_to(record.folder):
            self.session.notify(
                Notice("warn", f"A file of the run {record.name} is open as a model.", "Open another model first.")
            )
            return
        self._change(ChangeRun(run, deleted=True))

    def bring_back(self, run: str = "") -> None:
        """Take a deleted run out of the trash, the last deleted one where none is named."""
        deleted = self.session.state.deleted
        wanted = run or (deleted[0].run if deleted else "")
        if wanted:
            self._change(ChangeRun(wanted, deleted=False))

    def _change(self, request: ChangeRun) -> None:
        model = self.session.state.model
        self.session.submit(replace(request, fingerprint=model.fingerprint if model else ""))

    # ------------------------------------------------------------------ the engine's answer

    def listed(self, result: RunsListed, asked: object) -> None:
        """Take in the runs: one that waits for its turn to go on is going on already."""
        session = self.session
        running = running_runs(session.state)
        runs = tuple(replace(r, state="running") if r.run in running else r for r in result.runs)
        changes: dict[str, object] = {"runs": runs, "deleted": result.deleted}
        if session.state.shown_run not in {r.run for r in runs}:
            changes |= {"shown_run": "", "run_spectra": {}}
        session.update(**changes)
        if isinstance(asked, ChangeRun) and asked.deleted is not None:
            self._tell_of_trash(asked.run, result)

    def _tell_of_trash(self, run: str, result: RunsListed) -> None:
        session, remedy = self.session, f"{BRING_BACK}:{run}"
        session.answered(remedy)
        record = next((r for r in result.deleted if r.run == run), None)
        if record is None:
            return
        own = Path(record.folder).name == record.run
        hint = "It can be brought back for a day." if own else f"Its files stay in {record.folder}."
        session.notify(Notice("info", f"Deleted the run {record.name}.", hint, remedy, subject=remedy))


def running_runs(state: SessionState) -> frozenset[str]:
    """The runs that are going on, or wait for their turn."""
    return frozenset(job.request.run for job in state.jobs if isinstance(job.request, Compress))
