"""Autopilot: analyse, solve, compress, train where it pays, verify, again; the best verified model wins.

Every trial is a run of its own, in the history and in a folder. What was tried stands in a journal beside the result,
written after each trial: a search that was stopped or killed goes on from there, and what it had is there meanwhile.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from secateur.data.metrics import kind_of
from secateur.engine.autopilot import (
    TRAININGS,
    TRIALS,
    Ahead,
    Autopilot,
    AutopilotDocument,
    AutopilotEnded,
    AutopilotFound,
    FindAutopilot,
    SearchState,
    TrialDocument,
    TrialsTold,
)
from secateur.engine.events import Event, Progress
from secateur.engine.jobs.choosing import Chooser
from secateur.engine.jobs.compressing import compress
from secateur.engine.jobs.scouting import Scouting
from secateur.engine.jobs.trials import best_number, copy_result, judged_anew, moved, outcome_of
from secateur.engine.journal import JOURNAL, data_fields, find_journal, read_journal, write_journal
from secateur.engine.places import run_folder
from secateur.engine.protection import kept_files
from secateur.engine.records import this_process
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress
from secateur.engine.store import RunStore
from secateur.engine.workshop import Baseline, Bench, Workshop
from secateur.errors import Cancelled, JobError, UserError
from secateur.files import Guard
from secateur.model.documents import RunDocument
from secateur.recipe.autopilot import Family, Goal, Outcome, Trial, most_ahead, next_trial
from secateur.recipe.recipe import Recipe

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset


def autopilot(request: Autopilot, reporter: Reporter, workshop: Workshop) -> AutopilotEnded:
    """Try plans until none is left that could be better; the best one's files are left in the folder.

    A cancel leaves the best so far there, and the journal, from which `resume` goes on.
    """
    begun = time.monotonic()
    folder = (request.folder or run_folder(request.run)).absolute()
    bench = workshop.bench(request.model, reporter)
    _claim(request, folder, bench)
    data = workshop.data(bench, request.data, reporter)
    baseline = workshop.baseline(bench, data, reporter)
    if baseline.evaluation.metric is None:
        raise UserError("Autopilot needs data that tells how good a network is.", "Open data with targets.")
    search = _Search(request, bench, data, baseline, reporter, workshop, folder)
    search.document = _begun(request, folder, baseline, bench.description.fingerprint)
    write_journal(folder, search.document)
    try:
        search.run()
    except Cancelled:
        search.keep_best("Stopped by hand: the best so far.", "stopped", begun)
        raise
    except Exception:
        search.keep_best("It broke off: the best so far.", "failed", begun)
        raise
    search.keep_best(search.why_ended, "ended", begun)
    shutil.rmtree(folder / TRIALS / TRAININGS, ignore_errors=True)  # nothing is left that would begin with them
    return AutopilotEnded(search.document, str(folder))


def find_autopilot(request: FindAutopilot) -> AutopilotFound:
    """The newest search of a model on its data, or the one in a folder, from the journals."""
    if not request.folder:
        return find_journal(request.fingerprint, request.data)
    folder = Path(request.folder)
    return AutopilotFound(read_journal(folder), str(folder)) if (folder / JOURNAL).is_file() else AutopilotFound()


@dataclass
class _Search:
    request: Autopilot
    bench: Bench
    data: "Dataset"
    baseline: Baseline
    reporter: Reporter
    workshop: Workshop
    folder: Path
    document: AutopilotDocument = field(init=False)
    why_ended: str = ""
    _trial_begun: float | None = None

    @property
    def goal(self) -> Goal:
        return Goal(self.request.drop, self.request.size, self.request.latency)

    def _outcomes(self, families: Sequence[Family]) -> Mapping[tuple[str, int], Outcome]:
        """What is known of these plans; a trial of another plan in the same place says nothing of this one."""
        plans = {(one.id, place): c.recipe.to_document() for one in families for place, c in enumerate(one.candidates)}
        return {
            (trial.family, trial.place): outcome_of(trial, self.goal)
            for trial in self.document.trials
            if trial.state != "running" and plans.get((trial.family, trial.place)) == trial.recipe
        }

    def run(self) -> None:
        families = Scouting(self.request, self.bench, self.data, self.baseline, self.workshop, self._beside).families()
        chooser = Chooser.of(self.bench, self.data, self.baseline, self.workshop, lambda: self._beside("").progress)
        self._choose_by(chooser)
        while True:
            outcomes = self._outcomes(families)
            ahead = self._ahead(families, outcomes)
            self.document = self.document.model_copy(update={"ahead": ahead})
            trial = next_trial(families, outcomes, self.goal)
            if trial is None:
                self.why_ended = "No plan is left that promises more."
                return
            done = sum(one.state != "running" for one in self.document.trials)
            if self.request.trials is not None and done >= self.request.trials:
                self.why_ended = f"As many plans were tried as were allowed ({done}). To go on: {ahead.words}."
                return
            if done:
                self.reporter.log(f"To go on: {ahead.words}.")
            self._try(trial, chooser)

    def _ahead(self, families: Sequence[Family], outcomes: Mapping[tuple[str, int], Outcome]) -> Ahead:
        """What it would cost to go on: a family's trials take what the median of those tried of it took."""
        counts = most_ahead(families, outcomes, self.goal)
        took: dict[str, list[float]] = {}
        for trial in self.document.trials:
            if trial.seconds:
                took.setdefault(trial.family, []).append(trial.seconds)
        known = [count * median(took[name]) for name, count in counts.items() if name in took]
        is_least = any(name not in took for name in counts)
        seconds = sum(known) if known else None
        return Ahead(trials=sum(counts.values()), seconds=seconds, is_least=is_least)

    # ------------------------------------------------------------------ one trial

    def _try(self, trial: Trial, chooser: Chooser) -> None:
        """Carry out a plan as a run; one that was broken off goes on. What it came to stands in the journal."""
        number = self._number_of(trial)
        told = TrialDocument(
            number=number,
            family=trial.family.id,
            place=trial.place,
            title=trial.candidate.title,
            why=trial.family.why,
            run=f"{self.document.run}-{number:02}",
            recipe=trial.candidate.recipe.to_document(),
        )
        self._tell(told)
        self.reporter.log(f"Trial {number}: {trial.candidate.title}. {trial.family.why}")
        begun = self._trial_begun = time.monotonic()
        try:
            run = self._carried_out(told, trial.candidate.recipe)
        except (UserError, JobError) as error:
            sentence = error.sentence if isinstance(error, UserError) else str(error)
            seconds = time.monotonic() - begun
            self._tell(told.model_copy(update={"state": "failed", "error": sentence, "seconds": seconds}))
            self.reporter.log(f"Trial {number} came to nothing. {sentence}")
            return
        ended = self._judged(told, run, chooser)
        ended = ended.model_copy(update={"seconds": time.monotonic() - begun})
        self._tell(ended)
        self.reporter.log(self._words(ended))

    def _number_of(self, trial: Trial) -> int:
        """That of the trial that was broken off in this plan, else a new one; one of another plan is given up."""
        broken_off = next((one for one in self.document.trials if one.state == "running"), None)
        if broken_off is None:
            return len(self.document.trials) + 1
        if broken_off.recipe == trial.candidate.recipe.to_document():
            return broken_off.number
        given_up = {"state": "failed", "error": "It was broken off, and is not needed any more."}
        self._tell(broken_off.model_copy(update=given_up))
        return len(self.document.trials) + 1

    def _carried_out(self, told: TrialDocument, recipe: Recipe) -> RunDocument:
        """The trial as a run; one that was killed after its end, before the journal had it, is not run again."""
        own = self.folder / TRIALS / f"{told.number:02}"
        known = RunStore().find(told.run) if own.is_dir() else None
        if known is not None and known.state == "finished" and known.document is not None:
            return known.document
        asked = Compress(
            self.request.model,
            self.request.data,
            recipe,
            told.run,
            folder=own,
            resume=known is not None,
            name=f"{self.document.name or self.folder.name}, trial {told.number}",
            target=self.request.target,
            trainings=self.folder / TRIALS / TRAININGS,
        )
        record = compress(asked, self._beside(f"Trial {told.number}: "), self.workshop).record
        assert record.document is not None  # noqa: S101 - a finished run has its document
        return record.document

    def _judged(self, told: TrialDocument, run: RunDocument, chooser: Chooser) -> TrialDocument:
        """The trial with what its file does on the samples that choose, and on those that judge."""
        shipped, name = run.files[0], f"trial {told.number}"
        fall = chooser.unknown(run) if shipped.verdict == "broken" else chooser.fall(run, name)
        before, after = run.original.latency_ms, run.result.latency_ms
        found = told.model_copy(
            update={
                "state": "finished",
                "drop": fall.drop if isfinite(fall.drop) else None,
                "interval": fall.interval,
                "test_drop": fall.judged,
                "size": run.result.bytes / max(run.original.bytes, 1),
                "latency": after.median / before.median if before is not None and after is not None else None,
                "is_proven": shipped.verified,
            }
        )
        return found.model_copy(update={"keeps": outcome_of(found, self.goal).keeps(self.goal)})

    def _choose_by(self, chooser: Chooser) -> None:
        """Say by which samples is chosen; trials of an earlier session that were by others are judged by these."""
        if chooser.sentence:
            self.reporter.log(chooser.sentence)
        was, self.document = self.document.splits, self.document.model_copy(update={"splits": chooser.splits})
        if was == chooser.splits:
            return
        for trial in self.document.trials:
            record = RunStore().find(trial.run) if trial.state == "finished" else None
            if record is not None and record.document is not None and Path(record.document.files[0].path).is_file():
                self._tell(self._judged(trial, record.document, chooser))

    # ------------------------------------------------------------------ what is told and kept

    def _tell(self, trial: TrialDocument) -> None:
        others = tuple(one for one in self.document.trials if one.number != trial.number)
        trials = tuple(sorted((*others, trial), key=lambda one: one.number))
        self.document = self.document.model_copy(update={"trials": trials, "best": best_number(trials, self.goal)})
        write_journal(self.folder, self.document)
        self.reporter.emit(TrialsTold(self.document))

    def _words(self, trial: TrialDocument) -> str:
        noun, lost = kind_of(self.document.metric).noun, self.document.change_words(trial.drop)
        sizes = f"{1 / trial.size:.1f} times smaller" if trial.size else ""
        speeds = f", {1 / trial.latency:.2f} times faster" if trial.latency else ""
        verdict = self.document.verdict_on(trial)
        return f"Trial {trial.number}: {sizes}{speeds}, {noun} {lost} on {self.document.splits.choose} ({verdict})."

    def _beside(self, prefix: str) -> Reporter:
        """The voice of one part, whose progress is told as that of the whole search."""

        def send(event: Event) -> None:
            self.reporter.send(self._of_whole(event, prefix) if isinstance(event, Progress) else event)

        return Reporter(self.reporter.job, send, self.reporter.cancelled)

    def _of_whole(self, event: Progress, prefix: str) -> Progress:
        """How far the search is and how long it takes, as far as that can be told: not before the first trial."""
        text, ahead = f"{prefix}{event.text}", self.document.ahead
        if self._trial_begun is None or ahead is None or not ahead.trials:
            return replace(event, text=text, share=0.0, eta_is_least=True)
        done = sum(one.state != "running" for one in self.document.trials)
        share = (done + (event.share or 0.0)) / (done + ahead.trials)
        if ahead.seconds is None:
            return replace(event, text=text, share=share, eta_is_least=True)
        left = ahead.seconds - (time.monotonic() - self._trial_begun)
        return replace(event, text=text, share=share, eta_s=max(left, event.eta_s or 0.0), eta_is_least=ahead.is_least)

    def keep_best(self, sentence: str, state: SearchState, begun: float) -> None:
        """Leave the best trial's files in the folder, and the journal that says what it is."""
        best = self.document.best_trial
        seconds = self.document.seconds + time.monotonic() - begun
        update: dict[str, object] = {"sentence": sentence, "state": state, "seconds": seconds}
        if best is not None:
            source = self.folder / TRIALS / f"{best.number:02}"
            record = RunStore().find(best.run)
            if record is not None and record.document is not None:
                files = tuple(moved(file, source, self.folder) for file in record.document.files)
                copy_result(source, self.folder, files)
                update |= {"result": record.document.result, "files": files, "original": record.document.original}
            update["meets_goal"] = outcome_of(best, self.goal).meets(self.goal)
        else:
            update["sentence"] = f"{sentence} No plan kept the quality: the original is what to ship."
        self.document = self.document.model_copy(update=update)
        write_journal(self.folder, self.document)


def _claim(request: Autopilot, folder: Path, bench: Bench) -> None:
    """UserError where the folder cannot be this search's."""
    guard = Guard(kept_files(request.model, bench.files, request.data), request.replace or request.resume)
    if folder.is_file():
        raise UserError(f"{folder} is a file, and autopilot needs a folder.", "Choose another name.")
    if request.resume and not (folder / JOURNAL).is_file():
        raise UserError(f"There is nothing to resume in {folder}.", "Leave out --resume to start anew.")
    guard.check(*(sorted(path for path in folder.iterdir()) if folder.is_dir() else ()))
    folder.mkdir(parents=True, exist_ok=True)


def _begun(request: Autopilot, folder: Path, baseline: Baseline, fingerprint: str) -> AutopilotDocument:
    """The journal of a search that goes on, judged by what is asked now, or an empty one."""
    goal = {"drop": request.drop, "size": request.size, "latency": request.latency}
    asked = {name: value for name, value in goal.items() if value is not None}
    metric = baseline.evaluation.metric
    assert metric is not None  # noqa: S101 - asked by the caller
    now: dict[str, object] = {
        "goal": asked, "state": "running", "process": this_process(), "sentence": "", "meets_goal": False,
        "fingerprint": fingerprint, "data_source": data_fields(request.data),
    }  # fmt: skip
    fresh = AutopilotDocument(run=request.run, metric=metric.name, goal=asked, original=baseline.evaluation)
    if not request.resume:
        shutil.rmtree(folder / TRIALS, ignore_errors=True)
        return fresh.model_copy(update={**now, "name": request.name, "created": time.time()})
    kept = read_journal(folder)
    if kept.state == "running":
        raise UserError(f"The search in {folder} is going on.", "Wait for it, or stop it.")
    was, known = kept.original.metric, kept.fingerprint
    if (known and known != fingerprint) or was is None or (was.name, was.value) != (metric.name, metric.value):
        raise UserError(
            f"What was tried in {folder} was of another model, or measured on other data.",
            "Open those it was begun with, or leave out --resume to start anew.",
        )
    return judged_anew(kept.model_copy(update=now), Goal(request.drop, request.size, request.latency))
