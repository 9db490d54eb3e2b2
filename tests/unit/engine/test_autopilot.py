"""Autopilot on a small network: the best verified file is left, it is repeatable, and nothing measured is lost."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_instances import make_wide

from secateur.engine.autopilot import HALVES, OWN_SPLITS, Autopilot, AutopilotEnded, TrialsTold
from secateur.engine.events import Failed, Finished, Partial, Progress, Stopped
from secateur.engine.journal import write_journal
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, DataSource
from secateur.engine.store import RunStore
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.model.description import ModelSource
from secateur.recipe.reading import load_recipe

WIDE = ("model.onnx", "recipe.yaml", "result.json", "report.html", "autopilot.json")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelSource, DataSource]:
    made = make_wide(tmp_path_factory.mktemp("wide"))
    return ModelSource(str(made.network)), DataSource(str(made.data), {"mean": [0.0], "std": [1.0]})


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return Workshop(1)


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECATEUR_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def asked(wide: tuple[ModelSource, DataSource], folder: Path, **changes: object) -> Autopilot:
    request = Autopilot(*wide, folder.name, drop=0.9, folder=folder, trials=2, samples=24)
    return replace(request, **changes)


def ended(
    request: object, workshop: Workshop, stop_in_trial: int = 0, progress: list[tuple[int, Progress]] | None = None
) -> tuple[object, list[TrialsTold]]:
    """The last event of a job, and what it told of its trials; it is cancelled once it begins that trial."""
    told: list[TrialsTold] = []

    def hear(event: object) -> None:
        if isinstance(event, Progress) and progress is not None:
            progress.append((len(told), event))
        if isinstance(event, Partial) and isinstance(event.value, TrialsTold):
            told.append(event.value)
            if stop_in_trial and len(event.value.document.trials) >= stop_in_trial:
                reporter.cancelled.set()

    reporter = Reporter(1, hear)
    return run_job(request, reporter, workshop), told


@pytest.fixture(scope="module")
def whole(
    wide: tuple[ModelSource, DataSource], workshop: Workshop, at_home: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, AutopilotEnded]:
    folder = tmp_path_factory.mktemp("whole") / "best"
    event, _ = ended(asked(wide, folder), workshop)
    assert isinstance(event, Finished), event
    assert isinstance(event.result, AutopilotEnded)
    return folder, event.result


def test_the_best_trial_is_left_with_all_that_a_run_leaves(whole: tuple[Path, AutopilotEnded]) -> None:
    folder, result = whole
    document = result.document
    assert [trial.state for trial in document.trials] == ["finished", "finished"]
    best = document.best_trial
    assert best is not None
    assert best.keeps
    assert best.is_proven
    assert document.result is not None
    assert document.result.bytes < document.original.bytes
    assert document.ahead is not None
    assert document.ahead.trials > 0, "two trials do not exhaust the plans"
    assert document.state == "ended"
    assert document.ahead.words in document.sentence
    assert {path.name for path in folder.iterdir()} >= set(WIDE)
    own = folder / "trials" / f"{best.number:02}" / "model.onnx"
    assert (folder / "model.onnx").read_bytes() == own.read_bytes()
    assert document.files[0].path == str(folder / "model.onnx")
    assert json.loads((folder / "result.json").read_text())["files"][0]["path"] == str(folder / "model.onnx")


def test_every_trial_is_a_run_of_the_history(whole: tuple[Path, AutopilotEnded]) -> None:
    for trial in whole[1].document.trials:
        record = RunStore().find(trial.run)
        assert record is not None
        assert record.state == "finished"
        assert record.document is not None
        assert record.document.result.bytes / record.document.original.bytes == pytest.approx(trial.size)


def test_its_recipe_repeated_by_hand_gives_the_same_file(
    whole: tuple[Path, AutopilotEnded], wide: tuple[ModelSource, DataSource], tmp_path: Path
) -> None:
    folder, _ = whole
    request = Compress(*wide, load_recipe(folder / "recipe.yaml"), "by-hand", folder=tmp_path / "by-hand")
    event, _ = ended(request, Workshop(1))
    assert isinstance(event, Finished), event
    hashes = [
        hashlib.sha256((where / "model.onnx").read_bytes()).hexdigest() for where in (folder, tmp_path / "by-hand")
    ]
    assert hashes[0] == hashes[1]


def test_a_search_that_is_stopped_keeps_the_best_and_goes_on_from_there(
    wide: tuple[ModelSource, DataSource], workshop: Workshop, at_home: None, tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    event, _ = ended(asked(wide, folder), workshop, stop_in_trial=2)
    assert isinstance(event, Stopped)
    kept = json.loads((folder / "autopilot.json").read_text())
    assert [trial["state"] for trial in kept["trials"]] == ["finished", "running"]
    first = folder / "trials" / "01" / "result.json"
    before = first.stat().st_mtime_ns
    if kept["best"]:
        assert (folder / "model.onnx").read_bytes() == (folder / "trials" / "01" / "model.onnx").read_bytes()

    progress: list[tuple[int, Progress]] = []
    event, told = ended(asked(wide, folder, run="another", resume=True), workshop, progress=progress)
    assert isinstance(event, Finished), event
    assert first.stat().st_mtime_ns == before, "what was tried is not tried again"
    assert [trial.number for trial in told[-1].document.trials] == [1, 2]
    analysing = [one for trials, one in progress if not trials and "Analysing" in one.text]
    trying = [one for trials, one in progress if trials and "Trial 2" in one.text]
    assert analysing
    assert all(one.share == 0.0 and one.eta_is_least for one in analysing), "how many plans follow is not known yet"
    assert trying
    assert all(0.0 < one.share < 1.0 and one.eta_s is not None for one in trying), "the first trial told what one takes"
    again = event.result.document.model_dump(mode="json")["trials"]
    assert again[0] == kept["trials"][0], "what was tried stands there as it was"
    assert [trial["state"] for trial in again] == ["finished", "finished"]
    assert (again[1]["family"], again[1]["number"]) == (kept["trials"][1]["family"], 2)


def test_trials_that_were_chosen_by_other_samples_are_judged_by_those_of_now(
    wide: tuple[ModelSource, DataSource], workshop: Workshop, whole: tuple[Path, AutopilotEnded]
) -> None:
    folder, result = whole
    was = result.document
    others = was.model_copy(
        update={"splits": HALVES, "trials": tuple(one.model_copy(update={"drop": 0.5}) for one in was.trials)}
    )
    write_journal(folder, others)
    event, _ = ended(asked(wide, folder, resume=True), workshop)
    assert isinstance(event, Finished), event
    assert event.result.document.splits == OWN_SPLITS
    assert [one.drop for one in event.result.document.trials] == [one.drop for one in was.trials]


def test_a_folder_that_holds_something_else_is_not_written_into(
    wide: tuple[ModelSource, DataSource], workshop: Workshop, at_home: None, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    event, _ = ended(asked(wide, tmp_path), workshop)
    assert isinstance(event, Failed)
    assert "notes.txt" in event.sentence
    event, _ = ended(asked(wide, tmp_path / "new", resume=True), workshop)
    assert isinstance(event, Failed)
    assert "nothing to resume" in event.sentence


def test_data_that_tells_nothing_of_quality_is_refused(
    wide: tuple[ModelSource, DataSource], workshop: Workshop, at_home: None, tmp_path: Path
) -> None:
    event, _ = ended(asked((wide[0], DataSource("random")), tmp_path / "new"), workshop)
    assert isinstance(event, Failed)
    assert "how good a network is" in event.sentence
