"""The run store survives restarts and tells a broken run from one that goes on."""

import sqlite3
from dataclasses import replace

import pytest

from secateur.engine.events import RunRecord
from secateur.engine.store import RunStore


def record(run="r1", created=1.0):
    return RunRecord(run, "int8", "net.onnx", "abc", "data", "schema: 1\nsteps: []\n", "running", created, "/tmp/x")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs.sqlite")


def test_runs_are_still_there_after_a_restart(store):
    store.begin(record())
    store.end("r1", "stopped")
    again = RunStore(store.path)
    assert [(r.run, r.state) for r in again.runs("abc")] == [("r1", "stopped")]


def test_a_run_of_a_process_that_is_gone_is_interrupted(store):
    store.begin(record())
    assert store.find("r1").state == "running"
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE runs SET process = '999999999:1.00'")
    assert store.find("r1").state == "interrupted"


def test_a_resumed_run_keeps_its_place_in_the_history(store):
    store.begin(record(created=5.0))
    store.end("r1", "stopped")
    store.begin(record(created=9.0))
    assert store.find("r1").created == 5.0
    assert store.find("r1").state == "running"


def test_runs_come_newest_first_and_by_model(store):
    for index in range(3):
        store.begin(record(f"r{index}", float(index)))
    assert [r.run for r in store.runs("abc")] == ["r2", "r1", "r0"]
    assert store.runs("other") == ()


def test_a_run_that_is_resumed_with_another_recipe_is_filed_under_it(store):
    store.begin(record())
    store.end("r1", "stopped")
    store.begin(replace(record(), recipe_yaml="schema: 1\nsteps: [x]\n"))
    assert store.find("r1").recipe_yaml == "schema: 1\nsteps: [x]\n"


def test_one_result_that_cannot_be_read_does_not_hide_the_others(store):
    store.begin(record("old"))
    store.begin(record("new"))
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE runs SET document = '{}' WHERE run = 'old'")
    assert [r.run for r in store.runs()] == ["new"]
