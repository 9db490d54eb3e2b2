"""Autopilot: analyse, solve, compress, train where it pays, verify, again; the best verified model wins.

Every trial is a run of its own, in the history and in a folder. What was tried stands in a journal beside the result,
written after each trial: a search that was stopped or killed goes on from there, and what it had is there meanwhile.
"""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from secateur.analysis.evaluation import Predictions, predict
from secateur.data.metrics import kind_of
from secateur.engine.autopilot import Autopilot, AutopilotDocument, AutopilotEnded, TrialDocument, TrialsTold
from secateur.engine.couplings import couplings_of
from secateur.engine.events import Event, Progress
from secateur.engine.jobs.compressing import compress
from secateur.engine.jobs.scoring import score_sensitivity
from secateur.engine.jobs.timing import time_options
from secateur.engine.places import run_folder
from secateur.engine.protection import kept_files
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, ScoreSensitivity
from secateur.engine.store import RunStore
from secateur.engine.timing import TimeOptions
from secateur.engine.workshop import Baseline, Bench, Workshop
from secateur.errors import Cancelled, JobError, UserError
from secateur.files import Guard, atomic, write_text
from secateur.model.documents import ExportedFile, RunDocument
from secateur.model.workload import Workload
from secateur.recipe.autopilot import Family, Goal, Outcome, Trial, best_of, next_trial
from secateur.recipe.families import Ground, families_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.speed import to_be_timed
from secateur.targets import target_named
from secateur.targets.timings import Timings

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset

JOURNAL: Final = "autopilot.json"
RESULT: Final = "result.json"
TRIALS: Final = "trials"


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
    search.document = _earlier(request, folder, baseline, begun)
    try:
        search.run()
    except Cancelled:
        search.keep_best("Stopped by hand: the best so far.")
        raise
    search.keep_best(search.why_ended)
    return AutopilotEnded(search.document, str(folder))


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

    @property
    def goal(self) -> Goal:
        return Goal(self.request.drop, self.request.size, self.request.latency)

    def _outcomes(self, families: Sequence[Family]) -> Mapping[tuple[str, int], Outcome]:
        """What is known of these plans; a trial of another plan in the same place says nothing of this one."""
        plans = {(one.id, place): c.recipe.to_document() for one in families for place, c in enumerate(one.candidates)}
        return {
            (trial.family, trial.place): _outcome(trial, self.goal)
            for trial in self.document.trials
            if trial.state != "running" and plans.get((trial.family, trial.place)) == trial.recipe
        }

    def run(self) -> None:
        families = self._families()
        before = self._on_validation(self.workshop.file(self.bench), "the original")
        while True:
            trial = next_trial(families, self._outcomes(families), self.goal)
            if trial is None:
                self.why_ended = "No plan is left that promises more."
                return
            done = sum(one.state != "running" for one in self.document.trials)
            if self.request.trials is not None and done >= self.request.trials:
                self.why_ended = f"As many plans were tried as were allowed ({done}). Next: {trial.candidate.title}."
                return
            self._try(trial, before)

    def _families(self) -> tuple[Family, ...]:
        """The plans to choose among, from damages, milliseconds and couplings; what was measured before is there.

        Estimated damages are enough to tell which plan is milder: each plan itself is measured.
        """
        request, model = self.request, self.request.model
        options = tuple(option.id for option in OPTIONS)
        asked = ScoreSensitivity(model, request.data, "estimate", options, request.samples, request.target)
        table = score_sensitivity(asked, self._beside("Analysing: "), self.workshop).table
        description = self.bench.description
        if description.trainable:
            description = description.with_couplings(couplings_of(self.bench, self.reporter))
        timings = self._timed(options)
        ground = Ground(
            description,
            self.workshop.facts(self.bench, self.reporter, request.target),
            table,
            self.baseline.evaluation,
            timings,
            self.data.size("train"),
            (timings.channel_step if timings else None) or target_named(request.target).channel_step,
        )
        families = families_of(ground)
        if ground.timings is None:
            return families
        narrowed = dict.fromkeys(
            work
            for family in families
            for candidate in family.candidates
            for work in to_be_timed(description, candidate.recipe, ground.timings, ground.facts)
        )
        return families_of(replace(ground, timings=self._timed(options, tuple(narrowed)))) if narrowed else families

    def _timed(self, options: tuple[str, ...], further: tuple[Workload, ...] = ()) -> Timings | None:
        """Milliseconds of the options in the target, and of what plans lead to `further`."""
        asked = TimeOptions(self.request.model, self.request.target, options, further)
        return time_options(asked, self._beside("Measuring milliseconds: "), self.workshop).timings

    # ------------------------------------------------------------------ one trial

    def _try(self, trial: Trial, before: Predictions) -> None:
        """Carry out a plan as a run; one that was broken off goes on. What it came to stands in the journal."""
        broken_off = next((one for one in self.document.trials if one.state == "running"), None)
        number = broken_off.number if broken_off else len(self.document.trials) + 1
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
        begun = time.monotonic()
        own = self.folder / TRIALS / f"{number:02}"
        is_begun = RunStore().find(told.run) is not None and own.is_dir()
        asked = Compress(
            self.request.model,
            self.request.data,
            trial.candidate.recipe,
            told.run,
            folder=own,
            resume=is_begun,
            name=f"{self.request.name or self.folder.name} {number}",
            target=self.request.target,
        )
        try:
            record = compress(asked, self._beside(f"Trial {number}: "), self.workshop).record
        except (UserError, JobError) as error:
            sentence = error.sentence if isinstance(error, UserError) else str(error)
            self._tell(told.model_copy(update={"state": "failed", "error": sentence}))
            self.reporter.log(f"Trial {number} came to nothing. {sentence}")
            return
        assert record.document is not None  # noqa: S101 - a finished run has its document
        ended = self._judged(told, record.document, before)
        ended = ended.model_copy(update={"seconds": told.seconds + time.monotonic() - begun})
        self._tell(ended)
        self.reporter.log(self._words(ended))

    def _judged(self, told: TrialDocument, run: RunDocument, before: Predictions) -> TrialDocument:
        """The trial with what its file does on the samples that choose, and on those that judge."""
        task, kind = self.data.task, kind_of(self.data.task.metric)
        shipped = run.files[0]
        drop, interval = float("nan"), None
        if shipped.verdict != "broken":
            after = self._on_validation(Path(shipped.path), f"trial {told.number}")
            change, low, high = task.change(before.answers, after.answers, before.targets)
            sign = -1.0 if kind.is_higher_better else 1.0
            drop, interval = sign * change, (min(sign * low, sign * high), max(sign * low, sign * high))
        original, result = run.original, run.result
        test_drop = None
        if original.metric is not None and result.metric is not None:
            test_drop = -kind.gain(original.metric.value, result.metric.value)
        is_timed = original.latency_ms is not None and result.latency_ms is not None
        found = told.model_copy(
            update={
                "state": "finished",
                "drop": drop if isfinite(drop) else None,
                "interval": interval,
                "test_drop": test_drop,
                "size": result.bytes / max(original.bytes, 1),
                "latency": result.latency_ms.median / original.latency_ms.median  # type: ignore[union-attr]
                if is_timed
                else None,
                "is_proven": shipped.verified,
            }
        )
        return found.model_copy(update={"keeps": _outcome(found, self.goal).keeps(self.goal)})

    def _on_validation(self, file: Path, name: str) -> Predictions:
        run = self.workshop.session(file)
        return predict(
            run, self.data, self.reporter.progress, text=f"Evaluating {name} on validation", split="validation"
        )

    # ------------------------------------------------------------------ what is told and kept

    def _tell(self, trial: TrialDocument) -> None:
        others = tuple(one for one in self.document.trials if one.number != trial.number)
        trials = tuple(sorted((*others, trial), key=lambda one: one.number))
        document = self.document.model_copy(update={"trials": trials})
        self.document = document
        ended = {(one.family, one.number): _outcome(one, self.goal) for one in trials if one.state == "finished"}
        best = (best_of(ended, self.goal) or ("", 0))[1]
        self.document = document.model_copy(update={"best": best})
        _write(self.folder, self.document)
        self.reporter.emit(TrialsTold(self.document))

    def _words(self, trial: TrialDocument) -> str:
        kind = kind_of(self.document.metric)
        lost = "unknown" if trial.drop is None else kind.write_change(0.0, -trial.drop)
        sizes = f"{1 / trial.size:.1f} times smaller" if trial.size else ""
        speeds = f", {1 / trial.latency:.2f} times faster" if trial.latency else ""
        verdict = "kept" if trial.keeps else "loses too much" if trial.is_proven else "not proven"
        return f"Trial {trial.number}: {sizes}{speeds}, {kind.noun} {lost} on validation ({verdict})."

    def _beside(self, prefix: str) -> Reporter:
        """The voice of one part: its own stages and time left say nothing of the whole search."""

        def send(event: Event) -> None:
            if isinstance(event, Progress):
                event = replace(event, text=f"{prefix}{event.text}")
            self.reporter.send(event)

        return Reporter(self.reporter.job, send, self.reporter.cancelled)

    def keep_best(self, sentence: str) -> None:
        """Leave the best trial's files in the folder, and the journal that says what it is."""
        best = self.document.best_trial
        update: dict[str, object] = {"sentence": sentence}
        if best is not None:
            source = self.folder / TRIALS / f"{best.number:02}"
            record = RunStore().find(best.run)
            if record is not None and record.document is not None:
                files = tuple(_moved(file, source, self.folder) for file in record.document.files)
                _copy_result(source, self.folder, files)
                update |= {"result": record.document.result, "files": files, "original": record.document.original}
            update["meets_goal"] = _outcome(best, self.goal).meets(self.goal)
        else:
            update["sentence"] = f"{sentence} No plan kept the quality: the original is what to ship."
        self.document = self.document.model_copy(update=update)
        _write(self.folder, self.document)


def _outcome(trial: TrialDocument, goal: Goal) -> Outcome:
    lost = trial.drop if trial.drop is not None else float("nan")
    is_judged = trial.test_drop is not None and trial.test_drop <= goal.drop
    return Outcome(lost, trial.size or 1.0, trial.latency, trial.is_proven and is_judged)


def _claim(request: Autopilot, folder: Path, bench: Bench) -> None:
    """UserError where the folder cannot be this search's."""
    guard = Guard(kept_files(request.model, bench.files, request.data), request.replace or request.resume)
    if folder.is_file():
        raise UserError(f"{folder} is a file, and autopilot needs a folder.", "Choose another name.")
    if request.resume and not (folder / JOURNAL).is_file():
        raise UserError(f"There is nothing to resume in {folder}.", "Leave out --resume to start anew.")
    guard.check(*(sorted(path for path in folder.iterdir()) if folder.is_dir() else ()))
    folder.mkdir(parents=True, exist_ok=True)


def _earlier(request: Autopilot, folder: Path, baseline: Baseline, begun: float) -> AutopilotDocument:
    """The journal of a search that goes on, or an empty one."""
    goal = {"drop": request.drop, "size": request.size, "latency": request.latency}
    asked = {name: value for name, value in goal.items() if value is not None}
    metric = baseline.evaluation.metric
    assert metric is not None  # noqa: S101 - asked by the caller
    fresh = AutopilotDocument(run=request.run, metric=metric.name, goal=asked, original=baseline.evaluation)
    if not request.resume:
        shutil.rmtree(folder / TRIALS, ignore_errors=True)
        return fresh
    try:
        kept = AutopilotDocument.model_validate_json((folder / JOURNAL).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise UserError(f"The journal in {folder} cannot be read.", "Start anew with --force.") from error
    return kept.model_copy(update={"goal": asked})


def _write(folder: Path, document: AutopilotDocument) -> None:
    write_text(folder / JOURNAL, json.dumps(document.model_dump(mode="json"), indent=2) + "\n")


def _moved(file: ExportedFile, source: Path, folder: Path) -> ExportedFile:
    """What is said of a trial's file, of its copy in another folder."""
    path = Path(file.path)
    inside = path.is_relative_to(source)
    return file.model_copy(update={"path": str(folder / path.relative_to(source))}) if inside else file


def _copy_result(source: Path, folder: Path, files: tuple[ExportedFile, ...]) -> None:
    """A trial's files into the folder of the search, each whole or not at all; its result says where they are now."""
    for path in sorted(source.iterdir()):
        target = folder / path.name
        if path.name.startswith((".", "step-")):
            continue
        if path.is_dir():
            with atomic(target.with_suffix(".zip")) as temporary:  # a name beside it that is free
                aside = temporary.with_suffix("")
            shutil.copytree(path, aside)
            shutil.rmtree(target, ignore_errors=True)
            aside.replace(target)
        elif path.name == RESULT:
            told = json.loads(path.read_text(encoding="utf-8"))
            told["files"] = [file.model_dump(mode="json") for file in files]
            write_text(target, json.dumps(told, indent=2) + "\n")
        else:
            with atomic(target) as temporary:
                shutil.copyfile(path, temporary)
