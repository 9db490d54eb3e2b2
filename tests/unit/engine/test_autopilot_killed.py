"""Autopilot whose engine is killed: what it had measured is there, and it goes on as if nothing had been."""

import json
import os
import signal

import pytest
from small_instances import make_wide

from secateur.engine.autopilot import Autopilot, AutopilotFound, FindAutopilot, TrialsTold
from secateur.engine.events import EngineDied, Finished, Partial
from secateur.engine.places import run_folder
from secateur.engine.requests import DataSource, ListRuns
from secateur.model.description import ModelSource

pytestmark = pytest.mark.slow

OPENING_SECONDS = 600


@pytest.fixture
def wide(tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    made = make_wide(tmp_path)
    return ModelSource(str(made.network)), DataSource(str(made.data), {"mean": [0.0], "std": [1.0]})


def in_trial(number):
    """Whether an event tells that this trial has begun."""

    def told(event):
        trials = (
            event.value.document.trials if isinstance(event, Partial) and isinstance(event.value, TrialsTold) else ()
        )
        return len(trials) == number and trials[-1].state == "running"

    return told


def test_killed_in_its_second_trial_it_loses_nothing_that_was_measured(wide, engine):
    asked = Autopilot(*wide, "search", drop=0.9, trials=2, samples=24, name="autopilot")
    engine.client.submit(asked)
    engine.wait_for(in_trial(2), OPENING_SECONDS)
    os.kill(engine.client.pid, signal.SIGKILL)
    engine.wait_for(lambda event: isinstance(event, EngineDied))

    journal = json.loads((run_folder("search") / "autopilot.json").read_text())
    found = engine.end_of(FindAutopilot(journal["fingerprint"], wide[1]))
    assert isinstance(found, Finished)
    assert isinstance(found.result, AutopilotFound)
    assert found.result.document.state == "interrupted"
    first = found.result.document.trials[0]
    assert (first.state, first.size is not None) == ("finished", True)
    result = run_folder("search") / "trials" / "01" / "result.json"
    before = result.stat().st_mtime_ns

    again = Autopilot(*wide, "search", drop=0.9, trials=2, samples=24, resume=True)
    ended = engine.end_of(again)
    assert isinstance(ended, Finished), ended
    trials = ended.result.document.trials
    assert trials[0] == first
    assert [one.state for one in trials] == ["finished", "finished"]
    assert result.stat().st_mtime_ns == before
    runs = engine.end_of(ListRuns()).result.runs
    assert {run.run: run.state for run in runs} == {"search-01": "finished", "search-02": "finished"}
