"""Trials of an autopilot: judged by what may be lost, and the best one's files left for the person."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from secateur.engine.autopilot import AutopilotDocument, TrialDocument
from secateur.files import atomic, write_text
from secateur.model.documents import ExportedFile
from secateur.recipe.autopilot import Goal, Outcome, best_of

RESULT: Final = "result.json"


def outcome_of(trial: TrialDocument, goal: Goal) -> Outcome:
    """What a trial came to; sound where its file was proven and loses no more on the samples that judge."""
    lost = trial.drop if trial.drop is not None else float("nan")
    is_judged = trial.test_drop is not None and trial.test_drop <= goal.drop
    return Outcome(lost, trial.size or 1.0, trial.latency, trial.is_proven and is_judged)


def judged_anew(document: AutopilotDocument, goal: Goal) -> AutopilotDocument:
    """What was tried, judged by what may be lost now."""
    trials = tuple(
        one.model_copy(update={"keeps": one.state == "finished" and outcome_of(one, goal).keeps(goal)})
        for one in document.trials
    )
    return document.model_copy(update={"trials": trials, "best": best_number(trials, goal)})


def best_number(trials: Sequence[TrialDocument], goal: Goal) -> int:
    """The number of the best trial, 0 where none keeps the quality."""
    ended = {(one.family, one.number): outcome_of(one, goal) for one in trials if one.state == "finished"}
    return (best_of(ended, goal) or ("", 0))[1]


def moved(file: ExportedFile, source: Path, folder: Path) -> ExportedFile:
    """What is said of a trial's file, of its copy in another folder."""
    path = Path(file.path)
    inside = path.is_relative_to(source)
    return file.model_copy(update={"path": str(folder / path.relative_to(source))}) if inside else file


def copy_result(source: Path, folder: Path, files: tuple[ExportedFile, ...]) -> None:
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
