"""Journals of autopilot: found again by model and data, and honest about whether somebody is still at it."""

from pathlib import Path

import pytest
from piloted_searches import search, trial

from secateur.data.source import DataSource
from secateur.engine.autopilot import Ahead, AutopilotDocument, FindAutopilot
from secateur.engine.jobs.autopilot import find_autopilot
from secateur.engine.jobs.trials import judged_anew
from secateur.engine.journal import JOURNAL, data_fields, find_journal, read_journal, write_journal
from secateur.engine.places import runs_folder
from secateur.engine.records import this_process
from secateur.errors import UserError
from secateur.recipe.autopilot import Goal

DATA = DataSource("d.npz", {"mean": (0.5,)})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))


def kept(run: str, **changes: object) -> AutopilotDocument:
    """A journal that lies where runs lie."""
    told = {"run": run, "fingerprint": "f", "data_source": data_fields(DATA), **changes}
    folder = runs_folder() / run
    folder.mkdir(parents=True)
    document = search(trial(1), **told)
    write_journal(folder, document)
    return document


def test_the_newest_of_this_model_on_this_data_is_found() -> None:
    kept("early", created=1.0)
    late = kept("late", created=2.0)
    kept("of another network", created=3.0, fingerprint="g")
    kept("on other data", created=4.0, data_source=data_fields(DataSource("e.npz")))
    found = find_journal("f", DATA)
    assert found.document == late
    assert found.folder == str(runs_folder() / "late")


def test_where_none_was_begun_none_is_found() -> None:
    assert find_journal("f", DATA).document is None
    assert find_autopilot(FindAutopilot("f", DATA, str(runs_folder() / "nowhere"))).document is None


def test_one_in_a_folder_is_found_whatever_it_is_of() -> None:
    document = kept("one", fingerprint="g")
    assert find_autopilot(FindAutopilot("f", DATA, str(runs_folder() / "one"))).document == document


def test_what_cannot_be_read_is_passed_over() -> None:
    document = kept("whole")
    for name, text in (("torn", '{"run": "torn", "fing'), ("strange", "[]"), ("later", '{"fingerprint": "f"}')):
        (runs_folder() / name).mkdir()
        (runs_folder() / name / JOURNAL).write_text(text)
    assert find_journal("f", DATA).document == document
    with pytest.raises(UserError, match="cannot be read"):
        read_journal(runs_folder() / "torn")


def test_one_whose_process_is_gone_was_interrupted_and_one_that_lives_runs() -> None:
    kept("dead", state="running", process="1234567:0.00")
    assert read_journal(runs_folder() / "dead").state == "interrupted"
    kept("alive", state="running", process=this_process())
    assert read_journal(runs_folder() / "alive").state == "running"


def test_another_goal_judges_what_was_tried_anew() -> None:
    document = search(trial(1), trial(2, drop=0.004), trial(3, state="failed", keeps=False))
    strict = judged_anew(document, Goal(drop=0.003))
    assert ([one.keeps for one in strict.trials], strict.best) == ([True, False, False], 1)
    lax = judged_anew(strict, Goal(drop=0.05))
    assert ([one.keeps for one in lax.trials], lax.best) == ([True, True, False], 2)


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (Ahead(trials=0), "no more plans"),
        (Ahead(trials=1, seconds=12.0), "at most 1 more plan, about 12 s"),
        (Ahead(trials=5, seconds=130.0, is_least=True), "at most 5 more plans, at least 2 min 10 s"),
        (Ahead(trials=5), "at most 5 more plans, of a kind that was not tried yet"),
    ],
)
def test_what_it_would_cost_to_go_on_is_said_no_surer_than_it_is_known(ahead: Ahead, words: str) -> None:
    assert ahead.words.replace("\u00a0", " ") == words
